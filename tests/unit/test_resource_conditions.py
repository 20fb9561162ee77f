"""What can be known of an applied resource from what is applied beside it."""

import pytest

from ark_temporal.resources.conditions import errors_of
from ark_temporal.resources.model import ResourceName
from ark_temporal.resources.status import conditions_in
from tests.unit.manifests.marked import document, load_text, team

AGENT = document("ArkAgent", "model: mock\nsystemPrompt: Hi.", "poet")
GOOD = team("entry: a\nroles: [{name: a, model: mock, systemPrompt: Hi.}]", "blog")
BAD = team("entry: b\nroles: [{name: a, model: mock, systemPrompt: Hi.}]", "blog-two")


def conditions(text: str, kind: str, name: str) -> list[tuple[str, str, str]]:
    found = conditions_in(load_text(text), ResourceName(kind, "default", name))
    return [(each.type, each.status, each.reason) for each in found]


@pytest.mark.parametrize(
    ("text", "kind", "name", "told"),
    [
        (GOOD, "ArkTeam", "blog", [("Ready", "True", "Accepted")]),
        (GOOD + BAD, "ArkTeam", "blog", [("Ready", "True", "Accepted")]),
        (GOOD + BAD, "ArkTeam", "blog-two", [("Ready", "False", "InvalidSpec")]),
        (AGENT, "ArkAgent", "poet", [("Ready", "True", "Accepted"), ("Available", "True", "Accepted")]),
        (
            document("ArkAgent", "model: mock", "poet"),
            "ArkAgent",
            "poet",
            [("Ready", "False", "InvalidSpec"), ("Available", "False", "InvalidSpec")],
        ),
        (
            document("ArkMemory", "backend: in-context", "m"),
            "ArkMemory",
            "m",
            [("Ready", "True", "Accepted")],
        ),
        (document("ArkMemory", "backend: redis", "m"), "ArkMemory", "m", [("Ready", "False", "InvalidSpec")]),
        (
            AGENT + document("ArkService", "selector: {arkAgent: poet}", "s"),
            "ArkService",
            "s",
            [("Ready", "True", "Reconciled")],
        ),
        (
            document("ArkService", "selector: {arkAgent: poet}", "s"),
            "ArkService",
            "s",
            [("Ready", "False", "DeploymentNotFound")],
        ),
        (document("ArkService", "ports: []", "s"), "ArkService", "s", [("Ready", "False", "NoSelector")]),
    ],
)
def test_conditions(text: str, kind: str, name: str, told: list[tuple[str, str, str]]) -> None:
    assert conditions(text, kind, name) == told


def test_a_condition_says_what_is_wrong_and_where() -> None:
    bundle = load_text(GOOD + BAD)
    [condition] = conditions_in(bundle, ResourceName("ArkTeam", "default", "blog-two"))
    assert condition.message.startswith("spec.entry: ")
    assert errors_of(bundle, ResourceName("ArkTeam", "default", "blog")) == []
    assert errors_of(bundle, ResourceName("ArkTeam", "default", "blog-two"), codes={"no-such-code"}) == []
