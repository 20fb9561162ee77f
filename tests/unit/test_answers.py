"""What of an answer its step does not accept."""

import json
import socket
import time

import pytest
from pydantic import JsonValue
from temporalio.exceptions import ApplicationError

from activities.answers import MAX_PROBLEMS, find_problems
from ark_temporal.plan.calls import OutputChecks

LIST: JsonValue = {
    "type": "array",
    "minItems": 1,
    "items": {
        "type": "object",
        "required": ["name"],
        "properties": {"name": {"type": "string"}, "n": {"type": "integer", "minimum": 1}},
        "additionalProperties": False,
    },
}


def problems(text: str, schema: JsonValue) -> tuple[str, ...]:
    """What is wrong by an `outputSchema`."""
    found, about_schema = find_problems(text, OutputChecks(output_schema=schema))
    assert about_schema == bool(found)
    return found


def value_problems(value: JsonValue, schema: JsonValue) -> tuple[str, ...]:
    return problems(json.dumps(value), schema)


def test_an_answer_that_matches_has_no_problems() -> None:
    assert value_problems([{"name": "a", "n": 2}], LIST) == ()
    assert problems('Sure:\n```json\n[{"name": "a"}]\n```', LIST) == ()


def test_each_violation_is_told_with_its_place() -> None:
    found = value_problems([{"name": "a", "n": 0}, {"n": "x", "extra": 1}], LIST)
    text = "\n".join(found)
    assert len(found) == 4
    assert "$[0].n: 0 is less than the minimum of 1" in text
    assert "$[1]: 'name' is a required property" in text
    assert "$[1].n: 'x' is not of type 'integer'" in text
    assert "'extra' was unexpected" in text


def test_many_violations_are_cut_short() -> None:
    wrong: list[JsonValue] = [{"name": 1}] * 1000
    found = value_problems(wrong, LIST)
    assert len(found) == MAX_PROBLEMS + 1
    assert found[-1] == "And more."


def test_a_huge_value_or_place_is_not_repeated_in_full() -> None:
    found = value_problems([{"name": ["x" * 100_000]}], LIST)
    deep = value_problems({"k" * 100_000: 1}, {"additionalProperties": {"type": "string"}})
    assert max(len(each) for each in (*found, *deep)) < 700


def test_an_answer_without_json_is_told_so() -> None:
    [found] = problems("I do not know.", LIST)
    assert "not JSON" in found
    assert find_problems("No.", OutputChecks(json_schema=LIST))[0] == (found,)


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("date", "2026-03-01", "yesterday"),
        ("email", "a@b.example", "nobody"),
        ("ipv4", "127.0.0.1", "127.0.0.256"),
        ("uuid", "123e4567-e89b-12d3-a456-426614174000", "123"),
    ],
)
def test_formats_are_checked(name: str, good: str, bad: str) -> None:
    schema: JsonValue = {"type": "string", "format": name}
    assert value_problems(good, schema) == ()
    assert len(value_problems(bad, schema)) == 1


def test_boolean_schemas_and_inner_references_work() -> None:
    tree: JsonValue = {
        "$defs": {"node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}},
        "$ref": "#/$defs/node",
    }
    assert value_problems({"next": {"next": {}}}, tree) == ()
    assert value_problems({"next": {"next": 3}}, tree) == ("At $.next.next: 3 is not of type 'object'.",)
    assert value_problems(3, True) == ()
    assert len(value_problems(3, False)) == 1


def test_an_answer_nested_too_deeply_is_a_problem_and_no_crash() -> None:
    tree: JsonValue = {"type": "array", "items": {"$ref": "#"}}
    deep = "[" * 600 + "]" * 600
    assert problems(deep, tree) == ("It is nested too deeply to be checked.",)


def test_a_reference_to_elsewhere_is_never_fetched() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/schema.json"
        with pytest.raises(ApplicationError, match="refers to") as caught:
            problems("{}", {"$ref": url})
        with pytest.raises(TimeoutError):
            server.accept()
    assert (caught.value.type, caught.value.non_retryable) == ("SchemaUnusable", True)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "strin"},
        {"$ref": "#/$defs/ghost"},
        {"minLength": -1},
        {"type": "string", "pattern": "^(?!draft)"},
        {"patternProperties": {"(": True}},
    ],
)
def test_a_schema_that_fits_no_answer_fails_for_good(schema: JsonValue) -> None:
    with pytest.raises(ApplicationError) as caught:
        value_problems(
            {"a": "b"} if isinstance(schema, dict) and "patternProperties" in schema else "text", schema
        )
    assert (caught.value.type, caught.value.non_retryable) == ("SchemaUnusable", True)


HOSTILE, VICTIM = "^(a+)+$", "a" * 40 + "!"


@pytest.mark.parametrize(
    ("value", "schema", "count"),
    [
        (VICTIM, {"pattern": HOSTILE}, 1),
        ({VICTIM: 1}, {"propertyNames": {"pattern": HOSTILE}}, 1),
        ({VICTIM: 1}, {"patternProperties": {HOSTILE: False}}, 0),
        ({VICTIM: 1}, {"patternProperties": {HOSTILE: True}, "additionalProperties": False}, 1),
        ({"a": [VICTIM]}, {"properties": {"a": {"items": {"anyOf": [{"pattern": HOSTILE}]}}}}, 1),
    ],
)
def test_no_pattern_of_a_schema_runs_away(value: JsonValue, schema: JsonValue, count: int) -> None:
    began = time.process_time()
    assert len(value_problems(value, schema)) == count
    assert time.process_time() - began < 2


def test_no_pattern_of_a_validation_runs_away() -> None:
    began = time.process_time()
    found, _ = find_problems(
        VICTIM * 1000, OutputChecks(contains=HOSTILE, reject_patterns=(HOSTILE, "(x+x+)+y"))
    )
    assert len(found) == 1
    assert time.process_time() - began < 2


def test_properties_by_pattern_are_told_from_additional_ones() -> None:
    schema: JsonValue = {
        "properties": {"id": True},
        "patternProperties": {"^n_": {"type": "integer"}},
        "additionalProperties": {"type": "string"},
    }
    assert value_problems({"id": None, "n_a": 1, "other": "x"}, schema) == ()
    found = value_problems({"n_a": "x", "other": 1}, schema)
    assert found == ("At $.n_a: 'x' is not of type 'integer'.", "At $.other: 1 is not of type 'string'.")


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        ("^[\\u00e4-\\u00fc]+$", "äöü", "abc"),
        ("^\\\\u00e4$", "\\u00e4", "ä"),
        ("^\\p{L}+$", "Straße", "12"),
        ("b", "abc", "acd"),
    ],
)
def test_patterns_are_those_of_json_schema(pattern: str, good: str, bad: str) -> None:
    assert value_problems(good, {"pattern": pattern}) == ()
    assert len(value_problems(bad, {"pattern": pattern})) == 1


def test_validations_are_told_in_their_order_after_the_output_schema() -> None:
    checks = OutputChecks(
        output_schema={"type": "object"},
        json_schema={"type": "string"},
        contains="DONE",
        reject_patterns=("TODO", "(?i)lorem", "absent"),
    )
    found, about_schema = find_problems("Lorem TODO", checks)
    kinds = ["not JSON", "'TODO'", "'(?i)lorem'", "'DONE'", "not JSON"]
    assert [kind in each for kind, each in zip(kinds, found, strict=True)] == [True] * 5
    assert about_schema


def test_a_problem_of_a_validation_schema_is_none_of_the_output_schema() -> None:
    found, about_schema = find_problems("{}", OutputChecks(json_schema={"required": ["n"]}))
    assert len(found) == 1
    assert not about_schema


def test_patterns_look_at_the_text_and_not_at_the_json_in_it() -> None:
    checks = OutputChecks(output_schema={}, contains="^Here", reject_patterns=("^{",))
    assert find_problems('Here:\n```\n{"n": 1}\n```', checks) == ((), False)
