"""Templates that are one action have a value, not only a text."""

import json
import math

import pytest

from ark_temporal.templates import (
    NOT_A_VALUE,
    Limits,
    TemplateExecutionError,
    TemplateSyntaxError,
    Untrusted,
    parse,
    value_of,
)

DATA: dict[str, object] = {
    "list": [1, "two", {"b": 3.5, "a": None}],
    "map": {"z": [True], "a": {}},
    "text": "[1, 2]",
    "none": None,
    "zero": 0,
}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ .list }}", [1, "two", {"b": 3.5, "a": None}]),
        ("\n  {{- .map.z -}}\t ", [True]),
        ("{{/* which */}} {{ .map }}", {"z": [True], "a": {}}),
        ("{{ .text }}", "[1, 2]"),
        ("{{ .text | fromJson }}", [1, 2]),
        ("{{ list 1 .zero | reverse }}", [0, 1]),
        ("{{ index .list 2 }}", {"b": 3.5, "a": None}),
        ("{{ .none }}", None),
        ("{{ .missing.further }}", None),
        ("{{ eq .zero 0 }}", True),
        ('{{ define "t" }}x{{ end }}{{ .zero }}', 0),
        ('{{ index "é" 0 }}', 195),
        ('{{ slice "é" 0 1 }}', "\ufffd"),
    ],
)
def test_one_action_has_a_value(source: str, expected: object) -> None:
    value = value_of(source, DATA)
    assert value == expected
    assert type(value) is type(expected)
    assert parse(source).is_value
    json.dumps(value, allow_nan=False)


@pytest.mark.parametrize(
    "source",
    [
        "",
        "  ",
        "plain",
        "{{ .list }}.",
        "{{ .list }}{{ .map }}",
        "{{ if .list }}1{{ end }}",
        "{{ range .list }}{{ . }}{{ end }}",
        "{{ $x := .list }}",
        "{{ $x := .list }}{{ $x }}",
        '{{ define "t" }}{{ end }}{{ template "t" }}',
    ],
)
def test_anything_else_has_a_text_only(source: str) -> None:
    assert value_of(source, DATA) is NOT_A_VALUE
    template = parse(source)
    assert not template.is_value
    with pytest.raises(ValueError, match="no value"):
        template.value(DATA)


def test_what_is_untrusted_stays_so() -> None:
    data = {"data": [{"name": Untrusted("x", "find")}, Untrusted("é", "find")]}
    value = value_of("{{ .data }}", data)
    assert isinstance(value, list)
    first, second = value
    assert isinstance(first, dict)
    assert isinstance(first["name"], Untrusted)
    assert isinstance(second, Untrusted)
    assert second.origin == "find"


def test_a_value_shares_nothing_with_the_data() -> None:
    inner = [1]
    value = value_of("{{ .x }}", {"x": {"inner": inner, "pair": (1, 2)}})
    assert value == {"inner": [1], "pair": [1, 2]}
    inner.append(2)
    assert value == {"inner": [1], "pair": [1, 2]}


@pytest.mark.parametrize("value", [math.inf, math.nan, [1, -math.inf], object(), {"a": {1: 2}}, {"a": b"x"}])
def test_a_value_is_json(value: object) -> None:
    with pytest.raises(TemplateExecutionError) as raised:
        value_of("\n {{ .x }}", {"x": value})
    assert (raised.value.line, raised.value.column) == (2, 5)


def test_errors_say_where() -> None:
    with pytest.raises(TemplateSyntaxError):
        value_of("{{ .x", DATA)
    with pytest.raises(TemplateExecutionError, match="No such thing") as raised:
        value_of(' {{ fail "No such thing." }}', DATA)
    assert (raised.value.line, raised.value.column) == (1, 5)


def test_a_value_has_limits() -> None:
    nested: list[object] = []
    for _ in range(200):
        nested = [nested]
    with pytest.raises(TemplateExecutionError, match="max_depth"):
        value_of("{{ .x }}", {"x": nested})
    with pytest.raises(TemplateExecutionError, match="max_operations"):
        value_of("{{ .x }}", {"x": [0] * 10_000}, limits=Limits(max_operations=100))


def test_a_hundred_thousand_objects_are_within_them() -> None:
    items = [{"name": f"n{number}", "tags": ["a", "b"]} for number in range(100_000)]
    assert value_of("{{ .items }}", {"items": items}) == items
