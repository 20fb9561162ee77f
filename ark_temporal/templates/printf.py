"""Go's `printf`: a format and its arguments."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from ark_temporal.templates.limits import Budget, Buffer
from ark_temporal.templates.printing import NIL, PLAIN, Flags, Printer
from ark_temporal.templates.values import Value, type_name

_FLAGS: Final = {"#": "sharp", "0": "zero", "+": "plus", "-": "minus", " ": "space"}
_FLAG_RUN = re.compile(r"[#0+\- ]*+")
_DIGITS = re.compile(r"[0-9]++")
_MAX_SIZE: Final = 1_000_000
"""Widths and precisions past this are malformed, as in Go."""


def sprintf(form: str, arguments: Sequence[Value], budget: Budget) -> str:
    """Format arguments as Go does; what does not fit is written as `%!verb(...)`, never raised.

    Args:
        form: The format.
        arguments: What its verbs take in turn, or by number.
        budget: Bounds the text.
    """
    return _Formatting(form, arguments, budget).run()


class _Formatting:
    def __init__(self, form: str, arguments: Sequence[Value], budget: Budget) -> None:
        self._form = form
        self._arguments = arguments
        self._budget = budget
        self._buffer = Buffer(budget)
        self._printer = Printer(self._buffer, budget)
        self._position = 0
        self._next = 0
        self._good_number = True
        self._after_number = False
        self._reordered = False

    def run(self) -> str:
        form = self._form
        while (percent := form.find("%", self._position)) >= 0:
            self._budget.spend()
            self._buffer.write(form[self._position : percent])
            self._position = percent + 1
            self._directive()
        self._buffer.write(form[self._position :])
        if not self._reordered and self._next < len(self._arguments):
            self._extra()
        return self._buffer.text()

    def _extra(self) -> None:
        self._buffer.write("%!(EXTRA ")
        for index, argument in enumerate(self._arguments[self._next :]):
            self._buffer.write(", " if index else "")
            if argument is None:
                self._buffer.write(NIL)
                continue
            self._buffer.write(type_name(argument) + "=")
            self._printer.argument(argument, "v", PLAIN)
        self._buffer.write(")")

    def _directive(self) -> None:
        """One verb with its flags; the position is after the percent sign."""
        self._good_number, self._after_number = True, False
        names = {_FLAGS[flag] for flag in self._take(_FLAG_RUN)}
        self._argument_number()
        minus, zero = "minus" in names, "zero" in names
        width, was_star = self._width()
        if width is not None and width < 0:
            width, minus, zero = -width, True, False
        elif was_star and width is None:
            self._buffer.write("%!(BADWIDTH)")
        precision = self._precision()
        if not self._after_number:
            self._argument_number()
        if self._position >= len(self._form):
            self._buffer.write("%!(NOVERB)")
            return
        verb = self._form[self._position]
        self._position += 1
        is_value = verb in "vw"
        go_syntax = is_value and "sharp" in names
        self._verb(
            verb,
            Flags(
                sharp="sharp" in names and not go_syntax,
                zero=zero,
                plus="plus" in names and not is_value,
                minus=minus,
                space="space" in names,
                go_syntax=go_syntax,
                width=width,
                precision=precision,
            ),
        )

    def _verb(self, verb: str, flags: Flags) -> None:
        if verb == "%":
            self._buffer.write("%")
        elif not self._good_number:
            self._buffer.write(f"%!{verb}(BADINDEX)")
        elif self._next >= len(self._arguments):
            self._buffer.write(f"%!{verb}(MISSING)")
        else:
            argument = self._arguments[self._next]
            self._next += 1
            self._printer.argument(argument, verb, flags)

    def _take(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._form, self._position)
        if found is None:
            return ""
        self._position = found.end()
        return found[0]

    def _takes(self, char: str) -> bool:
        if not self._form.startswith(char, self._position):
            return False
        self._position += 1
        return True

    def _number(self) -> int | None:
        """Digits as a number; one that is too large swallows the rest of the format, as in Go."""
        digits = self._take(_DIGITS)
        if not digits:
            return None
        if _too_large(digits):
            self._position = len(self._form)
            return None
        return int(digits)

    def _width(self) -> tuple[int | None, bool]:
        if self._takes("*"):
            self._after_number = False
            return self._size_argument(), True
        width = self._number()
        if self._after_number and width is not None:
            self._good_number = False
        return width, False

    def _precision(self) -> int | None:
        # A point that ends the format is no precision but a (wrong) verb.
        if self._position + 1 >= len(self._form) or not self._takes("."):
            return None
        if self._after_number:
            self._good_number = False
        self._argument_number()
        if not self._takes("*"):
            return self._number() or 0
        self._after_number = False
        precision = self._size_argument()
        if precision is None or precision < 0:
            self._buffer.write("%!(BADPREC)")
            return None
        return precision

    def _size_argument(self) -> int | None:
        """An argument that is a width or precision; None when it is no integer of a sane size."""
        if self._next >= len(self._arguments):
            return None
        argument = self._arguments[self._next]
        self._next += 1
        if not isinstance(argument, int) or isinstance(argument, bool) or abs(argument) > _MAX_SIZE:
            return None
        return argument

    def _argument_number(self) -> None:
        """Take `[n]`, if it comes next."""
        self._after_number = False
        if not self._form.startswith("[", self._position):
            return
        self._reordered = True
        closing = self._form.find("]", self._position)
        if closing < 0 or len(self._form) - self._position < 3:
            self._good_number = False
            self._position += 1
            return
        digits = self._form[self._position + 1 : closing]
        self._position = closing + 1
        if not _DIGITS.fullmatch(digits) or _too_large(digits):
            self._good_number = False
            return
        self._after_number = True
        if not 0 < int(digits) <= len(self._arguments):
            self._good_number = False
            return
        self._next = int(digits) - 1


def _too_large(digits: str) -> bool:
    """Whether Go gives up on a number in a format: it looks before it takes the next digit, not after."""
    return len(digits) > 8 or int(digits[:-1] or 0) > _MAX_SIZE
