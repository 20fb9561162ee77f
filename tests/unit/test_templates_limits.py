"""Hostile templates: nothing but TemplateError, and never for long."""
# ruff: noqa: E501 - a template stays on one line

from __future__ import annotations

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ark_temporal.templates import Limits, TemplateError, TemplateExecutionError, TemplateSyntaxError, parse

LIMITS = Limits(max_output_chars=100_000, max_operations=10_000)
DATA: dict[str, object] = {
    "s": "héllo",
    "n": 3,
    "f": 0.5,
    "l": [1, "a", None, [True]],
    "m": {"a": {"b": "c"}, "z": ""},
    "lone": "\ud800\udcff",
}
PIECES = (
    *("{{", "}}", "{{-", "-}}", " ", "\n", "(", ")", "|", ".", "$", ":=", "=", ",", '"', "`", "'", "\\", "/*", "*/"),
    *("if ", "else ", "end", "range ", "with ", "define ", "template ", "block ", "break", "continue", "nil", "true"),
    *(".s", ".n", ".f", ".l", ".m", ".m.a.b", ".lone", ".missing.x", "$x", "$", "0", "1", "-7", "1.5", "1e9", "'c'"),
    *("printf ", "`%[2]*.3d %v %x`", "print ", "index ", "slice ", "len ", "eq ", "lt ", "and ", "or ", "not ", "js "),
    *("repeat ", "replace ", "splitList ", "join ", "indent ", "toJson ", "fromJson ", "dict ", "list ", "trunc "),
    *("int ", "float64 ", "round ", "mul ", "div ", "quote ", "title ", "keys ", "sortAlpha ", "default ", '"t"', "text"),
)  # fmt: skip


def try_it(source: str) -> None:
    """Render; only a TemplateError may come of it, with a position inside the source."""
    started = time.monotonic()
    failure: TemplateError | None = None
    try:
        parse(source).render(DATA, limits=LIMITS).encode("utf-8")
    except TemplateError as error:
        failure = error
    assert time.monotonic() - started < 5
    if failure is not None:
        lines = source.split("\n")
        assert 1 <= failure.line <= len(lines)
        assert 1 <= failure.column <= len(lines[failure.line - 1]) + 1


@settings(deadline=None)
@given(st.text())
def test_any_text_renders_or_is_an_error(source: str) -> None:
    try_it(source)
    try_it("{{" + source + "}}")


@settings(deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
@example("{{ .lone }}{{ printf `%q` .lone }}{{ toJson .lone }}{{ quote .lone }}{{ js .lone }}{{ len .lone }}")
def test_any_mix_of_pieces_renders_or_is_an_error(source: str) -> None:
    try_it(source)


@settings(deadline=None)
@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=12).map("".join))
def test_any_action_renders_or_is_an_error(inside: str) -> None:
    try_it("{{ $x := 1 }}{{ " + inside + " }}")


@settings(deadline=None)
@given(st.text(alphabet=st.characters(codec="utf-8")).filter(lambda text: "{{" not in text))
def test_text_without_actions_renders_to_itself(source: str) -> None:
    assert parse(source).render({}) == source


@settings(deadline=None)
@given(st.text(alphabet=st.characters(codec="utf-8")))
def test_a_string_renders_as_it_is(value: str) -> None:
    assert parse("{{ .v }}").render({"v": value}) == value


@settings(deadline=None)
@given(st.text(alphabet=st.characters(codec="utf-8")), st.integers(0, 20), st.integers(0, 20))
def test_slices_are_slices_of_bytes(text: str, start: int, stop: int) -> None:
    template = parse("{{ slice .v .a .b }}")
    data: dict[str, object] = {"v": text, "a": start, "b": stop}
    encoded = text.encode()
    if start <= stop <= len(encoded):
        whole = encoded[start:stop].decode("utf-8", "surrogateescape")
        assert template.render(data) == "".join("\ufffd" if "\udc80" <= c <= "\udcff" else c for c in whole)
    else:
        with pytest.raises(TemplateExecutionError):
            template.render(data)


@pytest.mark.parametrize(
    ("source", "limit"),
    [
        ("{{ range 1000000000 }}{{ end }}", "max_operations"),
        ("{{ range 9000 }}{{ range 9000 }}{{ range 9000 }}x{{ end }}{{ end }}{{ end }}", "max_operations"),
        ('{{ repeat 1000000000000 "x" }}', "max_output_chars"),
        ('{{ repeat 1000000000000000000 "" }}{{ indent 999999999999 "x" }}', "max_output_chars"),
        ('{{ range 1000 }}{{ printf "%1000000d" 1 }}{{ end }}', "max_output_chars"),
        ('{{ range 1000 }}{{ printf "%.1000000f" 1.5 }}{{ end }}', "max_output_chars"),
        ('{{ $s := "x" }}{{ range 100 }}{{ $s = print $s $s }}{{ end }}', "max_output_chars|max_operations"),
        ("{{ $l := list 1 }}{{ range 60 }}{{ $l = list $l $l }}{{ end }}{{ $l }}", "max_operations"),
        ("{{ $l := list 1 }}{{ range 60 }}{{ $l = list $l $l }}{{ end }}{{ toJson $l }}", "max_operations"),
        ("{{ $l := list 1 }}{{ range 999 }}{{ $l = list $l }}{{ end }}{{ $l }}", "max_depth"),
        ("{{ $l := list 1 }}{{ range 999 }}{{ $l = list $l }}{{ end }}{{ toJson $l }}", "max_depth"),
        ('{{ define "a" }}{{ template "a" }}{{ end }}{{ template "a" }}', "max_depth"),
        ('{{ define "a" }}{{ template "a" }}{{ template "a" }}{{ end }}{{ template "a" }}', "max_depth"),
        ('{{ fromJson .deep }}', "max_depth"),
        ('{{ fromJson .deepest }}', "max_depth"),
        ('{{ $s := repeat 9000000 "a" }}{{ range 100000 }}{{ $x := contains "b" $s }}{{ end }}', "max_operations"),
        ('{{ $s := repeat 900000 "<" }}{{ range 100000 }}{{ $x := js $s }}{{ end }}', "max_output_chars|max_operations"),
        ('{{ $l := splitList "" (repeat 99999 "a") }}{{ range 99999 }}{{ $x := slice $l 1 }}{{ end }}', "max_operations"),
        ('{{ $s := repeat 4000 "a" }}{{ replace "a" $s $s }}{{ replace "a" $s (replace "a" $s $s) }}', "max_output_chars|max_operations"),
    ],
)  # fmt: skip
def test_bombs_hit_a_limit(source: str, limit: str) -> None:
    data: dict[str, object] = {"deep": "[" * 200 + "]" * 200, "deepest": "[" * 100_000 + "]" * 100_000}
    started = time.monotonic()
    with pytest.raises(TemplateExecutionError, match=limit):
        parse(source).render(data)
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    "source",
    [
        "{{ if true }}" * 5000,
        "{{ if true }}" * 5000 + "{{ end }}" * 5000,
        "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
        "{{ " + "(" * 5000,
        "x" * 2_000_000,
        "{{" * 100_000,
        "{{ " + "'" * 100_000 + " }}",
        '{{ "' + "\\" * 99_999,
        "{{/*" * 100_000,
    ],
)
def test_oversized_sources_are_syntax_errors(source: str) -> None:
    started = time.monotonic()
    with pytest.raises(TemplateSyntaxError):
        parse(source)
    assert time.monotonic() - started < 5


def test_long_but_flat_sources_are_fine() -> None:
    chain = (
        "{{ if eq .n 0 }}0" + "".join(f"{{{{ else if eq .n {i} }}}}{i}" for i in range(1, 2000)) + "{{ end }}"
    )
    assert parse(chain).render({"n": 1999}) == "1999"
    fields = "{{ ." + ".".join(["a"] * 5000) + " }}"
    assert parse(fields).render({}) == ""
    deep = "{{ if true }}" * 90 + "x" + "{{ end }}" * 90
    assert parse(deep).render({}) == "x"
