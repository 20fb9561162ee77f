"""Manifests damaged at random: always findings, never an exception, never long."""

import io
import json
import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ark_temporal.manifests import load
from tests.unit.manifests.marked import load_text
from tests.unit.manifests.samples import FULL, PEOPLE, ROUTED

WHOLE = [FULL, ROUTED, FULL + "---\n" + ROUTED, PEOPLE]
VALUES = [
    "[]",
    "{}",
    "1",
    "true",
    "null",
    "'x'",
    "[1, [2]]",
    "{a: {b: c}}",
    "*x",
    "&x y",
    "!!int z",
    "|",
    ">-",
    '"',
    "{{ .x }}",
]


def damaged(text: str, chance: random.Random) -> str:
    """The text with one to four pieces of damage."""
    for _ in range(chance.randint(1, 4)):
        text = chance.choice(DAMAGES)(text, chance) or "x"
    return text


def _lines(text: str, chance: random.Random) -> str:
    lines = text.split("\n")
    one, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    what = chance.randrange(5)
    if what == 0:
        del lines[one]
    elif what == 1:
        lines.insert(one, lines[other])
    elif what == 2:
        lines[one], lines[other] = lines[other], lines[one]
    elif what == 3:
        lines[one] = " " * chance.randint(0, 12) + lines[one].lstrip()
    else:
        del lines[one : one + chance.randint(1, 30)]
    return "\n".join(lines)


def _value(text: str, chance: random.Random) -> str:
    lines = text.split("\n")
    spot = chance.randrange(len(lines))
    key, colon, _ = lines[spot].partition(":")
    lines[spot] = key + colon + " " + chance.choice(VALUES)
    return "\n".join(lines)


def _name(text: str, chance: random.Random) -> str:
    spot = chance.randrange(len(text))
    length = chance.randint(0, 3)
    return (
        text[:spot]
        + "".join(chance.choice("aZ9_-.:{}[]\"'|>&*!%#\\\n\t é\0") for _ in range(length))
        + text[spot + 1 :]
    )


def _cut(text: str, chance: random.Random) -> str:
    return text[: chance.randrange(len(text) + 1)]


DAMAGES = (_lines, _lines, _value, _value, _name, _name, _cut)


def check_damaged(seed: int) -> None:
    chance = random.Random(seed)
    text = damaged(chance.choice(WHOLE), chance)
    start = time.perf_counter()
    bundle = load_text(text)
    assert time.perf_counter() - start < 1
    count = text.count("\n") + 1
    for each in bundle.diagnostics:
        assert str(each)
        assert each.line <= count + 1
        assert each.message.strip().endswith((".", "?", "…")), str(each)
    if bundle.ok:
        assert bundle.teams is not None
        for resource in bundle.resources:
            assert bundle.location(resource, "metadata", "name").line > 0


@pytest.mark.parametrize("start", range(0, 300, 50))
def test_damaged_manifests(start: int) -> None:
    for seed in range(start, start + 50):
        check_damaged(seed)


@pytest.mark.slow
@pytest.mark.parametrize("start", range(1000, 3000, 100))
def test_many_damaged_manifests(start: int) -> None:
    for seed in range(start, start + 100):
        check_damaged(seed)


@given(st.binary(max_size=400))
@settings(max_examples=100, deadline=1000)
def test_bytes(data: bytes) -> None:
    stdin = io.TextIOWrapper(io.BytesIO(b"apiVersion: v1\nkind: Secret\n" + data), encoding="utf-8")
    assert load(["-"], stdin=stdin).diagnostics


LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)
FIELDS = st.sampled_from(
    [
        "roles",
        "pipeline",
        "entry",
        "routing",
        "inputs",
        "output",
        "name",
        "model",
        "role",
        "dependsOn",
        "if",
        "loop",
    ]
)


@given(
    st.dictionaries(
        FIELDS,
        st.recursive(JSON, lambda inner: st.lists(st.dictionaries(FIELDS, inner, max_size=4), max_size=3)),
    )
)
@settings(max_examples=50, deadline=1000)
def test_specs_of_wrong_shapes(spec: dict[str, object]) -> None:
    text = json.dumps(
        {"apiVersion": "arkonis.dev/v1alpha1", "kind": "ArkTeam", "metadata": {"name": "t"}, "spec": spec}
    )
    for each in load_text(text).diagnostics:
        assert str(each)


def test_three_hundred_lines_are_quick() -> None:
    text = FULL + "---\n" + ROUTED.replace("namespace: press", "namespace: other")
    assert text.count("\n") > 200
    load_text(text)
    best = 1.0
    for _ in range(3):
        start = time.perf_counter()
        load_text(text)
        best = min(best, time.perf_counter() - start)
    assert best < 0.3
