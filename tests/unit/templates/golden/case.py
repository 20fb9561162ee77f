"""What a case is, and the data that most cases render."""

from __future__ import annotations

from typing import TypedDict

DATA: dict[str, object] = {
    "s": "héllo",
    "empty": "",
    "n": 5,
    "neg": -7,
    "zero": 0,
    "f": 2.5,
    "fzero": 0.0,
    "big": 9007199254740993,
    "yes": True,
    "no": False,
    "null": None,
    "l": [1, "a", 2.5, True, "z"],
    "holes": [1, None, {"k": None}],
    "el": [],
    "nums": [1, 2, 3],
    "strs": ["b", "a", "é"],
    "nested": [[1, 2], {"k": ["v"]}],
    "m": {"a": "A", "deep": {"x": {"y": "Y"}}},
    "m2": {"b": 2, "a": 1, "B": 3, "é": 4, "_": 5},
    "em": {},
    "html": '<a href="x">\'&\x00\u2028</a>=\\',
    "objs": [{"name": "p", "tags": ["x", "y"]}, {"name": "q", "tags": []}],
    "chain": {"n": 1, "next": {"n": 2, "next": {"n": 3, "next": False}}},
    "é": "accent",
    "true": "t",
    "if": "i",
    "end": "e",
    "nil": "n",
}


class Case(TypedDict):
    """A template and its data."""

    name: str
    template: str
    data: dict[str, object]


def group(topic: str, *templates: str) -> list[Case]:
    """Cases on one topic, numbered, on `DATA`."""
    return [
        Case(name=f"{topic}-{number:03d}", template=template, data=DATA)
        for number, template in enumerate(templates, start=1)
    ]
