"""What a template function takes, checked before it is called."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ark_temporal.templates.errors import UnplacedError
from ark_temporal.templates.limits import CHARS_PER_OPERATION, ITEMS_PER_OPERATION, Budget
from ark_temporal.templates.values import Untrusted, Value, described, origins, taint

_EXPECTED: Final = {
    "s": "a string",
    "i": "an integer",
    "b": "a boolean",
    "l": "a list",
    "m": "a map",
}
_MENDS: Final = {"s": "; convert it with toString", "i": "; convert it with int"}


@dataclass(frozen=True, slots=True)
class Function:
    """A function that templates may call.

    Attributes:
        parameters: One letter for each parameter: s string, i integer, b boolean, l list, m map, a any value.
            A last `*` lets the parameter before it be given any number of times, none included.
        call: Takes the budget and the arguments. It may raise `UnplacedError`.
        selects: Whether it gives back one of its arguments or a part of one, or nothing made from
            their texts. All others make new texts, as untrusted as what they were made from.
    """

    parameters: str
    call: Callable[..., Value]
    selects: bool = False

    def __call__(self, name: str, arguments: Sequence[Value], budget: Budget) -> Value:
        """Check the arguments, call, and keep track of where texts came from.

        Raises:
            UnplacedError: Too few or too many arguments, one of a wrong type, or the function's own failure.
        """
        self.require_count(name, len(arguments))
        if not self.selects:
            budget.spend(sum(map(_reading_cost, arguments)))
        result = self.call(budget, *self._checked(name, arguments))
        if isinstance(result, str):
            budget.spend_on_text(len(result))
        if self.selects or not isinstance(result, (str, list, dict)):
            return result
        sources = _sources(arguments, result, budget)
        return taint(result, sources) if sources else result

    def require_count(self, name: str, count: int) -> None:
        """`UnplacedError` unless the function can be called with so many arguments."""
        variadic = self.parameters.endswith("*")
        fixed = len(self.parameters) - 2 if variadic else len(self.parameters)
        if count < fixed or (count > fixed and not variadic):
            least = "at least " if variadic else ""
            raise UnplacedError(
                f"{name} takes {least}{fixed} {'argument' if fixed == 1 else 'arguments'}, not {count}."
            )

    def _checked(self, name: str, arguments: Sequence[Value]) -> list[Value]:
        letters = self.parameters.removesuffix("*")
        last = len(letters) - 1
        return [_as_parameter(name, letters[min(i, last)], i, value) for i, value in enumerate(arguments)]


def _reading_cost(value: Value) -> int:
    """Operations for going once through a text, or once along a list without looking into it."""
    if isinstance(value, str):
        return len(value) // CHARS_PER_OPERATION
    return len(value) // ITEMS_PER_OPERATION if isinstance(value, (list, tuple)) else 0


def _as_parameter(name: str, letter: str, index: int, value: Value) -> Value:
    """An argument as its parameter wants it; no value is the empty string, list or map, or false."""
    match letter:
        case "a":
            return value
        case "s" if value is None or isinstance(value, str):
            return value or ""
        case "l" if value is None or isinstance(value, (list, tuple)):
            return value or []
        case "m" if value is None or isinstance(value, Mapping):
            return value or {}
        case "b" if value is None or isinstance(value, bool):
            return value or False
        case "i" if isinstance(value, int) and not isinstance(value, bool):
            return value
        case _:
            raise UnplacedError(
                f"{name} takes {_EXPECTED[letter]} as argument {index + 1}, "
                f"not {described(value)}{_MENDS.get(letter, '')}."
            )


def _sources(arguments: Sequence[Value], result: Value, budget: Budget) -> tuple[str, ...]:
    """The origins of a new text; of a new list or map, those of the texts that it was made from."""
    if not isinstance(result, str):
        arguments = [argument for argument in arguments if isinstance(argument, Untrusted)]
    found: dict[str, None] = {}
    for argument in arguments:
        found.update(dict.fromkeys(origins(argument, budget)))
    return tuple(found)
