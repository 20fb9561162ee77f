"""The engine gives what Go gave, case by case; and where it differs, what is written down."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NotRequired, TypedDict

import pytest

from ark_temporal.templates import TemplateExecutionError, TemplateSyntaxError, parse

GOLDEN = Path(__file__).parent / "templates" / "golden"


class Outcome(TypedDict):
    output: NotRequired[str]
    error: NotRequired[str]


class ListedCase(TypedDict):
    name: str
    template: str


class Corpus(TypedDict):
    data: dict[str, object]
    cases: list[ListedCase]


class Deviation(ListedCase):
    data: dict[str, object]
    reason: str
    ours: Outcome
    go: Outcome


CORPUS: Corpus = json.loads((GOLDEN / "cases.json").read_text("utf-8"))
EXPECTED: dict[str, Outcome] = json.loads((GOLDEN / "expected.json").read_text("utf-8"))
DEVIATIONS: list[Deviation] = json.loads((GOLDEN / "deviations.json").read_text("utf-8"))
TOPICS = sorted({case["name"].rpartition("-")[0] for case in CORPUS["cases"]})


def outcome(template: str, data: dict[str, object]) -> Outcome:
    try:
        return {"output": parse(template).render(data)}
    except TemplateSyntaxError:
        return {"error": "parse"}
    except TemplateExecutionError:
        return {"error": "exec"}


@pytest.mark.parametrize("topic", TOPICS)
def test_same_as_go(topic: str) -> None:
    cases = [case for case in CORPUS["cases"] if case["name"].rpartition("-")[0] == topic]
    ours = {case["template"]: outcome(case["template"], CORPUS["data"]) for case in cases}
    assert ours == {case["template"]: EXPECTED[case["name"]] for case in cases}


def test_every_case_has_an_answer_of_go() -> None:
    assert len(CORPUS["cases"]) > 350
    assert {case["name"] for case in CORPUS["cases"]} == set(EXPECTED)
    kinds = [answer.get("error", "output") for answer in EXPECTED.values()]
    assert min(kinds.count(kind) for kind in ("output", "parse", "exec")) > 100


@pytest.mark.parametrize("case", DEVIATIONS, ids=[case["name"] for case in DEVIATIONS])
def test_deviates_as_documented(case: Deviation) -> None:
    assert outcome(case["template"], case["data"]) == case["ours"], case["reason"]
    assert case["go"] != case["ours"], "no deviation any more: move the case to the corpus"
