"""The template engine's own promises: references, untrusted text, positions of errors, values."""

from __future__ import annotations

import copy
import pickle

import pytest

from ark_temporal.templates import (
    Limits,
    Reference,
    TemplateError,
    TemplateExecutionError,
    TemplateSyntaxError,
    Untrusted,
    parse,
)


def paths(source: str) -> list[str]:
    return [".".join(reference.path) for reference in parse(source).references]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("plain", []),
        ("{{ .steps.draft.output }}", ["steps.draft.output"]),
        ("{{ $.input.topic }}", ["input.topic"]),
        (
            "{{ if eq .a 1 }}{{ .b }}{{ else if .c }}{{ .d }}{{ else }}{{ .e }}{{ end }}",
            ["a", "b", "c", "d", "e"],
        ),
        (
            "{{ range .list }}{{ .inner }}{{ $.outer }}{{ else }}{{ .other }}{{ end }}",
            ["list", "outer", "other"],
        ),
        ("{{ with .m }}{{ .inner }}{{ $.outer }}{{ else }}{{ .other }}{{ end }}", ["m", "outer", "other"]),
        ("{{ with .m }}{{ else with .n }}{{ .x }}{{ end }}", ["m", "n"]),
        ('{{ index .steps "a-b" }}', ["steps.a-b"]),
        ('{{ index . "steps" "a-b" "output" }}', ["steps.a-b.output"]),
        ('{{ (index .steps "a-b").output }}', ["steps.a-b.output"]),
        ('{{ (index (index .steps "a") "data").field | printf "%v" }}', ["steps.a.data.field"]),
        ('{{ index .steps "a" .key "b" }}', ["steps.a", "key"]),
        ("{{ (index .steps .key).output }}", ["steps", "key"]),
        ('{{ get .m "k" }}', ["m.k"]),
        ("{{ index .list 0 }}", ["list"]),
        ("{{ (.a.b).c }}", ["a.b.c"]),
        ("{{ (.a | print).c }}", ["a"]),
        ("{{ .a | default .b | printf `%s%s` .c }}", ["a", "b", "c"]),
        ("{{ $x := .a }}{{ $x.b }}", ["a"]),
        ("{{ range $i, $e := .a.b }}{{ $e.x }}{{ end }}", ["a.b"]),
        ('{{ define "t" }}{{ .x }}{{ $.y }}{{ end }}{{ template "t" . }}', ["x", "y"]),
        ('{{ define "t" }}{{ .x }}{{ end }}{{ template "t" .a }}', ["a"]),
        ('{{ define "t" }}{{ .x }}{{ end }}', []),
        ('{{ block "t" $ }}{{ .x }}{{ template "t" . }}{{ end }}', ["x"]),
        ("{{ . }}{{ $ }}{{ toJson . }}", []),
        ("{{ range 3 }}{{ range .a }}{{ end }}{{ end }}", []),
    ],
)
def test_references(source: str, expected: list[str]) -> None:
    assert paths(source) == expected


def test_references_know_where_they_stand() -> None:
    template = parse('é {{ .a }}\n  {{ (index .steps "b").output }}{{ .a }}')
    assert template.references == (
        Reference(("a",), 1, 6),
        Reference(("steps", "b", "output"), 2, 6),
        Reference(("a",), 2, 37),
    )


def envelope(value: Untrusted) -> str:
    return f"<{value.origin}|{value}>"


UNTRUSTED = {
    "u": Untrusted("  Text ", "draft"),
    "v": Untrusted("other", "review"),
    "word": "trusted",
    "data": {"items": [Untrusted("x", "draft"), "y", Untrusted("z", "review")], "n": 3},
    "json": Untrusted('{"k": ["a", 1]}', "draft"),
    "empty": Untrusted("", "draft"),
}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ .u }}", "<draft|  Text >"),
        ("{{ .word }}{{ .data.n }}", "trusted3"),
        ("{{ trim .u }}", "<draft|Text>"),
        ("{{ .u | trim | upper | printf `%s!` }}", "<draft|TEXT!>"),
        ("{{ $v := upper .v }}{{ $v }}", "<review|OTHER>"),
        ("{{ print .v .u .v }}", "<review,draft|other  Text other>"),
        ("{{ .data.items }}", "<draft,review|[x y z]>"),
        ("{{ .data }}", "<draft,review|map[items:[x y z] n:3]>"),
        ("{{ printf `%v` .data }}", "<draft,review|map[items:[x y z] n:3]>"),
        ("{{ toJson .data.items }}", '<draft,review|["x","y","z"]>'),
        ("{{ range .data.items }}{{ . }}{{ end }}", "<draft|x>y<review|z>"),
        ("{{ join `,` .data.items }}", "<draft,review|x,y,z>"),
        ("{{ index (splitList `e` .v) 0 }}", "<review|oth>"),
        ("{{ range splitList `e` .v }}{{ . }}{{ end }}", "<review|oth><review|r>"),
        ("{{ (fromJson .json).k }}", "<draft|[a 1]>"),
        ("{{ range $k, $v := fromJson .json }}{{ $k }}{{ end }}", "<draft|k>"),
        ("{{ slice .v 1 3 }}", "<review|th>"),
        ("{{ first .data.items }}{{ index .data.items 1 }}{{ last .data.items }}", "<draft|x>y<review|z>"),
        ("{{ list `t` .v }}", "<review|[t other]>"),
        ("{{ index (list `t` .v) 0 }}", "t"),
        ("{{ get (dict `a` .v `b` `t`) `b` }}{{ get (dict `a` .v) `a` }}", "t<review|other>"),
        ("{{ index (keys (dict (list .v) 1)) 0 }}", "<review|[other]>"),
        ("{{ range sortAlpha (list (list .v) `a`) }}{{ . }}{{ end }}", "<review|[other]>a"),
        ("{{ default `none` .empty }}{{ default `none` .v }}", "none<review|other>"),
        ("{{ and .word .v }}{{ or .empty .word }}", "<review|other>trusted"),
        ("{{ len .u }}{{ eq .v `other` }}{{ contains `t` .v }}{{ int .v }}", "7truetrue0"),
        ("{{ if .v }}yes{{ end }}", "yes"),
        ("{{ with .v }}{{ . }}{{ end }}", "<review|other>"),
        ('{{ define "t" }}{{ . }}{{ end }}{{ template "t" .v }}', "<review|other>"),
        ("{{ html .v }}{{ .v | js }}{{ urlquery .v }}", "<review|other><review|other><review|other>"),
        ("{{ quote .v }}{{ repeat 2 .v }}", '<review|"other"><review|otherother>'),
        ("{{ replace `o` .word .v }}", "<review|trustedther>"),
        ("{{ ternary .v .word true }}{{ ternary .v .word false }}", "<review|other>trusted"),
        ("{{ .empty }}", "<draft|>"),
    ],
)  # fmt: skip
def test_untrusted_text_is_wrapped_where_it_is_written(source: str, expected: str) -> None:
    assert parse(source).render(UNTRUSTED, wrap=envelope) == expected


def test_without_wrap_untrusted_text_is_text() -> None:
    assert parse("{{ trim .u }} {{ .data.items }}").render(UNTRUSTED) == "Text [x y z]"


def test_wrap_gets_well_formed_text() -> None:
    seen: list[str] = []

    def wrap(value: Untrusted) -> str:
        seen.append(value)
        return value

    template = parse("{{ slice .a 0 1 }}{{ .b }}")
    assert (
        template.render({"a": Untrusted("é", "x"), "b": Untrusted("\udca9", "x")}, wrap=wrap)
        == "\ufffd\ufffd"
    )
    assert seen == ["\ufffd", "\ufffd"]


def test_untrusted_survives_copying() -> None:
    value = Untrusted("text", "step")
    for twin in (copy.deepcopy(value), pickle.loads(pickle.dumps(value))):
        assert (twin, twin.origin) == ("text", "step")


@pytest.mark.parametrize(
    ("source", "line", "column"),
    [
        ("abc {{ .x", 1, 5),
        ("a\nbé{{ nosuch }}", 2, 6),
        ("{{ if true }}\n\n  {{ else }}", 1, 4),
        ("x\n{{ end }}", 2, 4),
        ("{{ $x }}", 1, 4),
        ('{{ "a\\q" }}', 1, 4),
        ("{{ 1 2x }}", 1, 6),
        ("{{ /* x */ }}", 1, 4),
        ("\n\n{{/* x", 3, 1),
        ("{{ (1 }}", 1, 7),
    ],
)
def test_syntax_errors_say_where(source: str, line: int, column: int) -> None:
    with pytest.raises(TemplateSyntaxError) as caught:
        parse(source)
    error = caught.value
    assert (error.line, error.column) == (line, column)
    assert str(error) == f"line {line}, column {column}: {error.message}"


@pytest.mark.parametrize(
    ("source", "line", "column"),
    [
        ("a\n{{ .s.x }}", 2, 4),
        ("{{ print 1 (index .l 9) }}", 1, 13),
        ("{{ range .s }}{{ end }}", 1, 10),
        ("{{ eq .s 1 }}", 1, 4),
        ('{{ if true }}\n{{ template "nosuch" }}{{ end }}', 2, 4),
        ("{{ .s | len | index .l }}", 1, 15),
    ],
)
def test_execution_errors_say_where(source: str, line: int, column: int) -> None:
    with pytest.raises(TemplateExecutionError) as caught:
        parse(source).render({"s": "text", "l": [1]})
    assert (caught.value.line, caught.value.column) == (line, column)


@pytest.mark.parametrize(
    ("name", "near"), [("uper", "upper"), ("tojson", "toJson"), ("printff", "printf"), ("Len", "len")]
)
def test_unknown_function_names_the_nearest(name: str, near: str) -> None:
    with pytest.raises(TemplateSyntaxError, match=f"There is no function {name}; did you mean {near}\\?"):
        parse(f"{{{{ {name} .x }}}}")


def test_errors_can_be_pickled() -> None:
    error = TemplateSyntaxError("Reason.", 2, 3)
    twin = pickle.loads(pickle.dumps(error))
    assert (str(twin), twin.line, twin.column) == (str(error), 2, 3)
    assert isinstance(twin, TemplateError)


def test_data_that_is_no_json_is_refused() -> None:
    for source in (
        "{{ .x }}",
        "{{ if .x }}{{ end }}",
        "{{ toJson .x }}",
        "{{ upper .x }}",
        "{{ range .x }}{{ end }}",
    ):
        with pytest.raises(TemplateExecutionError):
            parse(source).render({"x": object()})
    with pytest.raises(TemplateExecutionError, match="no string"):
        parse("{{ .x }}").render({"x": {1: "a", "b": 2}})


def test_tuples_are_lists() -> None:
    assert parse("{{ .x }} {{ len .x }} {{ index .x 1 }}").render({"x": (1, "a")}) == "[1 a] 2 a"


def test_rendering_changes_nothing() -> None:
    data = {"l": [3, 1], "m": {"b": 1, "a": 2}}
    before = copy.deepcopy(data)
    parse("{{ range $k, $v := .m }}{{ $k }}{{ end }}{{ reverse .l }}{{ sortAlpha .l }}{{ .l }}").render(data)
    assert data == before
    assert list(data["m"]) == ["b", "a"]


def test_a_stray_byte_renders_as_a_replacement_character() -> None:
    assert parse("{{ slice .s 0 1 }}|{{ slice .s 0 2 }}|{{ len .s }}").render({"s": "é"}) == "\ufffd|é|2"


def test_limits_can_be_chosen() -> None:
    template = parse("{{ range 10 }}{{ . }}{{ end }}")
    assert template.render({}, limits=Limits(max_output_chars=10)) == "0123456789"
    with pytest.raises(TemplateExecutionError, match="max_output_chars"):
        template.render({}, limits=Limits(max_output_chars=9))
    with pytest.raises(TemplateExecutionError, match="max_operations"):
        template.render({}, limits=Limits(max_operations=20))
