"""Which of the caller's data a template reads, found without running it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from ark_temporal.templates import syntax

_LOOKUPS: Final = ("index", "get")
"""Functions that look keys up in their first argument."""

_Path: TypeAlias = tuple[str, ...]
_Found: TypeAlias = Iterator[tuple[int, _Path]]


@dataclass(frozen=True)
class Reference:
    """A chain of keys that starts at the template's data, as in `.steps.draft.output`.

    Attributes:
        path: The keys, at least one.
        line: 1-based line where it starts.
        column: 1-based column where it starts, in characters.
    """

    path: tuple[str, ...]
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class _Scope:
    """Whether `.` and `$` are the template's data here."""

    dot: bool
    dollar: bool


def references(source: str, tree: syntax.Tree) -> tuple[Reference, ...]:
    """All references of a template, in the order of the source.

    A `define` counts where it is called with `.` or `$` that is the template's data.
    """
    starts = [0, *(index + 1 for index, char in enumerate(source) if char == "\n")]
    found: list[Reference] = []
    for offset, path in sorted(set(_in_bodies(tree))):
        line = bisect_right(starts, offset)
        found.append(Reference(path, line, offset - starts[line - 1] + 1))
    return tuple(found)


def _in_bodies(tree: syntax.Tree) -> _Found:
    root = _Scope(dot=True, dollar=True)
    called: set[str] = set()
    pending = [(tree.body, root)]
    while pending:
        body, scope = pending.pop()
        for node in body:
            match node:
                case syntax.Action():
                    yield from _in_pipeline(node.pipeline, scope)
                case syntax.Conditional():
                    inner = _Scope(scope.dot and not node.rebinds, scope.dollar)
                    for branch in node.branches:
                        yield from _in_pipeline(branch.pipeline, scope)
                        pending.append((branch.body, inner))
                    pending.append((node.otherwise, scope))
                case syntax.Range():
                    yield from _in_pipeline(node.pipeline, scope)
                    pending.append((node.body, _Scope(dot=False, dollar=scope.dollar)))
                    pending.append((node.otherwise, scope))
                case syntax.Invoke() if node.pipeline is not None:
                    yield from _in_pipeline(node.pipeline, scope)
                    if node.name not in called and _path(node.pipeline, scope) == ():
                        called.add(node.name)
                        pending.append((tree.definitions.get(node.name, ()), root))
                case _:
                    pass


def _in_pipeline(pipeline: syntax.Pipeline, scope: _Scope) -> _Found:
    for command in pipeline.commands:
        path, rest = _split(command, scope)
        if path:
            yield command.offset, path
        for operand in rest:
            yield from _in_operand(operand, scope)


def _in_operand(operand: syntax.Operand, scope: _Scope) -> _Found:
    path = _path(operand, scope)
    if path:
        yield operand.offset, path
    elif isinstance(operand, syntax.Pipeline):
        yield from _in_pipeline(operand, scope)
    elif isinstance(operand, syntax.Chain):
        yield from _in_operand(operand.base, scope)


def _path(operand: syntax.Operand, scope: _Scope) -> _Path | None:
    """The path that an operand always reads; () for the data itself, None for anything else."""
    match operand:
        case syntax.Dot() if scope.dot:
            return ()
        case syntax.Field() if scope.dot:
            return operand.path
        case syntax.Variable(name="$") if scope.dollar:
            return operand.path
        case syntax.Chain():
            base = _path(operand.base, scope)
            return None if base is None else base + operand.path
        case syntax.Pipeline(commands=(command,)):
            path, rest = _split(command, scope)
            return None if rest else path
        case _:
            return None


def _split(command: syntax.Command, scope: _Scope) -> tuple[_Path | None, Sequence[syntax.Operand]]:
    """The path that a command starts from, and the operands that are no part of it."""
    first, *others = command.operands
    if isinstance(first, syntax.Function) and first.name in _LOOKUPS and others:
        base, keys = _path(others[0], scope), others[1:]
        if base is not None:
            fixed = _leading_keys(keys)
            return base + fixed, keys[len(fixed) :]
    path = _path(first, scope)
    return path, command.operands if path is None else others


def _leading_keys(operands: Sequence[syntax.Operand]) -> _Path:
    """The literal strings that come before any other operand."""
    keys: list[str] = []
    for operand in operands:
        if not isinstance(operand, syntax.Literal) or not isinstance(operand.value, str):
            break
        keys.append(operand.value)
    return tuple(keys)
