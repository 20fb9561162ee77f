"""JSON in a model's answer."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from ark_temporal.plan.output import NoJsonError, extract_json

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(values, st.sampled_from([None, 2]), st.sampled_from(["", "json", "JSON5", "json title=x"]))
def test_any_value_is_read_bare_and_out_of_a_fence(
    value: JsonValue, indent: int | None, language: str
) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    assert extract_json(text) == value
    assert extract_json(f"Here you are:\n```{language}\n{text}\n```\nAnything else?") == value


@pytest.mark.parametrize(
    "text",
    [
        '  {"n": 1}\n',
        '```json\n{"n": 1}\n```',
        '```\r\n{"n": 1}\r\n```\r\n',
        '```json\n{"n": 1}```',
        '  ```json\n  {"n": 1}\n  ```',
        'First code:\n```sh\nls -l\n```\nthen\n```json\n{"n": 1}\n```',
        '```json\n{"n": 1}\n```\n```json\n{"n": 2}\n```',
        '````json\n{"n": 1}\n````',
    ],
)
def test_the_first_json_is_found(text: str) -> None:
    assert extract_json(text) == {"n": 1}


def test_a_fence_inside_of_a_string_does_not_end_the_fence_around_it() -> None:
    value = {"page": "Try:\n```sh\nls\n```\nDone."}
    assert extract_json(f"```json\n{json.dumps(value)}\n```") == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "No.",
        'The answer is {"n": 1}.',
        '```json\n{"n": 1} and more\n```',
        '```json\n{"n": 1\n```',
        "NaN",
        '{"n": Infinity}',
        "1e999",
        "```\n1e999\n```",
        '"\\ud800"',
        '```\n{"a\\udfff": 1}\n```',
        "[" * 200_000,
        "```\n" + "[" * 200_000 + "\n```",
        "9" * 5000,
    ],
)
def test_what_is_no_json_is_told_in_a_sentence(text: str) -> None:
    with pytest.raises(NoJsonError, match=r"^The answer is not JSON: .*\.$"):
        extract_json(text)


def test_an_escaped_pair_is_one_character() -> None:
    assert extract_json('"\\ud83d\\ude00"') == "\U0001f600"


@pytest.mark.parametrize(
    "text",
    ["```\n" + " " * 300_000, "```\n[1,\n" * 50_000, "`" * 300_000, "```x" * 100_000, "```\n" * 100_000],
)
def test_hostile_fences_cost_no_time(text: str) -> None:
    began = time.process_time()
    with pytest.raises(NoJsonError):
        extract_json(text)
    assert time.process_time() - began < 2
