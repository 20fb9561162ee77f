"""Templates where we differ from Go on purpose: why, and what we give."""

from __future__ import annotations

from typing import TypedDict

from tests.unit.templates.golden.case import Case

_INTEGERS = "Integers and floats compare as numbers (deviation 1)."
_MISSING = "What is missing is no value: empty, false, of length 0 (deviation 2)."
_NULL = "A null of the data is no value, as a missing key is (deviation 2)."
_NIL = "nil is no value, as a missing key is (deviation 2)."
_BEFORE = "Found when the template is parsed, before anything runs."
_COMPLEX = "Complex numbers are not supported."
_PLACES = "Go's slice refuses a place that comes straight from JSON data; an integer is an integer here."
_BEYOND = "Integers stay integers, also beyond 64 bits (deviation 1)."


class Deviation(TypedDict):
    """A case, why we differ, and what we give: {"output": text} or {"error": kind}."""

    case: Case
    reason: str
    ours: dict[str, str]


_DATA: dict[str, object] = {
    "n": 2,
    "f": 2.0,
    "null": None,
    "s": "text",
    "l": [1, None],
    "m": {"null": None, "a": "A"},
    "objs": [None, {"a": 1}],
    "huge": 123456789012345678901234567890,
}


def _deviations(
    reason: str, prefix: str, pairs: dict[str, str | None], kind: str = "exec"
) -> list[Deviation]:
    return [
        Deviation(
            case=Case(name=f"{prefix}-{number:02d}", template=template, data=_DATA),
            reason=reason,
            ours={"error": kind} if output is None else {"output": output},
        )
        for number, (template, output) in enumerate(pairs.items(), start=1)
    ]


DEVIATIONS: list[Deviation] = [
    *_deviations(
        _INTEGERS,
        "number",
        {
            "{{eq .n 2.0}}": "true",
            "{{eq .n .f}}": "true",
            "{{ne .n 2.5}}": "true",
            "{{lt .n 2.5}}": "true",
            "{{le 2.0 .n}}": "true",
            "{{gt 3 2.5}}": "true",
            "{{ge 1.5 2}}": "false",
            "{{eq 'a' 97.0}}": "true",
        },
    ),
    *_deviations(_PLACES, "place", {"{{slice .s .n}}": "xt", "{{slice .l 0 .n}}": "[1 <nil>]"}),
    *_deviations(_BEYOND, "beyond", {"{{.huge}}": "123456789012345678901234567890"}),
    *_deviations(
        _MISSING,
        "missing",
        {
            "[{{.x}}]": "[]",
            "[{{.x.y.z}}]": "[]",
            "[{{.m.x.y}}]": "[]",
            "[{{$.x.y}}]": "[]",
            "[{{(index .m `x`).y}}]": "[]",
            "[{{index .m `x`}}]": "[]",
            "[{{index .x `y`}}]": "[]",
            "[{{index .x 0}}]": "[]",
            "[{{index .m .x}}]": "[]",
            "[{{slice .x 0 1}}]": "[]",
            "{{len .x}}": "0",
            "{{eq .x ``}}": "true",
            "{{eq `` .x.y}}": "true",
            "{{ne .x ``}}": "false",
            "{{lt .x `a`}}": "true",
            "{{if .x.y}}a{{else}}b{{end}}": "b",
            "{{with .x.y}}a{{else}}b{{end}}": "b",
            "{{range .x.y}}a{{else}}b{{end}}": "b",
            "{{and .x.y 1}}|{{or .x.y 1}}": "|1",
            "{{not .x.y}}": "true",
            "[{{print .x}}]": "[]",
            "[{{print 1 .x 2}}]": "[12]",
            "[{{printf `%s` .x}}]": "[]",
            "[{{printf `%v|%d|%5s|%-5v|%q` .x .x .x .x .x}}]": '[||     |     |""]',
            "[{{printf .x}}]": "[]",
            "[{{html .x}}{{js .x}}{{urlquery .x}}]": "[]",
            "{{$v := .x}}[{{$v}}][{{$v.y}}]": "[][]",
            '{{define "t"}}[{{.}}{{.a}}]{{end}}{{template "t"}}': "[]",
            "{{range .objs}}[{{.a}}]{{end}}": "[][1]",
        },
    ),
    *_deviations(
        _NULL,
        "null",
        {
            "[{{.null}}]": "[]",
            "[{{.null.x}}]": "[]",
            "[{{.m.null}}]": "[]",
            "{{range .l}}[{{.}}]{{end}}": "[1][]",
            "{{eq .null ``}}": "true",
            "[{{index .l 1}}]": "[]",
            "{{len .null}}": "0",
        },
    ),
    *_deviations(
        _NIL,
        "nil",
        {
            "[{{print nil}}]": "[]",
            "{{len nil}}": "0",
            "{{eq nil ``}}": "true",
            "[{{and nil 1}}]": "[]",
            "[{{index nil 1}}]": "[]",
            "[{{printf nil}}]": "[]",
        },
    ),
    *_deviations(
        _BEFORE,
        "early",
        {"{{18446744073709551615}}": None, "{{if false}}{{9223372036854775808}}{{end}}": None},
        "parse",
    ),
    *_deviations(_COMPLEX, "complex", {"{{1i}}": None, "{{1+2i}}": None}, "parse"),
]
