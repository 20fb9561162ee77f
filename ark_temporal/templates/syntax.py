"""The parsed form of a template. Every node knows the offset of its first character in the source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Dot:
    """`.`."""

    offset: int


@dataclass(frozen=True, slots=True)
class Nil:
    """`nil`."""

    offset: int


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant: `"text"`, `'c'`, `12`, `1.5`, `true`."""

    offset: int
    value: str | int | float


@dataclass(frozen=True, slots=True)
class Field:
    """`.a.b`: keys looked up from dot."""

    offset: int
    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Variable:
    """`$name.a.b`; the name keeps its dollar sign, and `$` alone is the data the template was called with."""

    offset: int
    name: str
    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Function:
    """A function's name."""

    offset: int
    name: str


@dataclass(frozen=True, slots=True)
class Chain:
    """`(pipeline).a.b`: keys looked up from a computed value."""

    offset: int
    base: Operand
    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Command:
    """One stage of a pipeline: an operand, or a function and its arguments."""

    offset: int
    operands: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Commands joined by `|`, each getting the value before it as its last argument.

    Attributes:
        offset: Where it starts.
        commands: At least one.
        variables: Names that take the value, with their dollar signs; two only in a `range`.
        assigns: Whether `=` sets existing variables; `:=` declares new ones.
    """

    offset: int
    commands: tuple[Command, ...]
    variables: tuple[str, ...]
    assigns: bool


Operand: TypeAlias = Dot | Nil | Literal | Field | Variable | Function | Chain | Pipeline


@dataclass(frozen=True, slots=True)
class Text:
    """Text outside actions."""

    offset: int
    text: str


@dataclass(frozen=True, slots=True)
class Action:
    """`{{ pipeline }}`."""

    offset: int
    pipeline: Pipeline


@dataclass(frozen=True, slots=True)
class Branch:
    """One condition and what it guards."""

    pipeline: Pipeline
    body: Body


@dataclass(frozen=True, slots=True)
class Conditional:
    """`if` or `with`, with its `else if` or `else with` branches in order.

    Attributes:
        offset: Where it starts.
        rebinds: Whether dot becomes the condition's value (`with`).
        branches: At least one.
        otherwise: The `else` part, perhaps empty.
    """

    offset: int
    rebinds: bool
    branches: tuple[Branch, ...]
    otherwise: Body


@dataclass(frozen=True, slots=True)
class Range:
    """`range`, and its `else` part for when there is nothing to loop over."""

    offset: int
    pipeline: Pipeline
    body: Body
    otherwise: Body


@dataclass(frozen=True, slots=True)
class Break:
    """`{{break}}`."""

    offset: int


@dataclass(frozen=True, slots=True)
class Continue:
    """`{{continue}}`."""

    offset: int


@dataclass(frozen=True, slots=True)
class Invoke:
    """`{{template "name" pipeline}}`; without a pipeline, dot is no value there."""

    offset: int
    name: str
    pipeline: Pipeline | None


Node: TypeAlias = Text | Action | Conditional | Range | Break | Continue | Invoke
Body: TypeAlias = tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Tree:
    """A whole template.

    Attributes:
        body: What renders.
        definitions: Bodies of `define` and `block`, by name; the whole template itself is named "".
    """

    body: Body
    definitions: dict[str, Body]
