"""Strings and numbers within their bounds."""

import math
from collections.abc import Iterator
from fractions import Fraction

from ark_temporal.llm.mock._budget import Budget, DeadEndError
from ark_temporal.llm.mock._facts import Facts
from ark_temporal.llm.mock._pattern import PatternSyntaxError, texts_matching
from ark_temporal.llm.mock._regex import matches
from ark_temporal.llm.mock._words import NUMBERS, Setting, formatted, readable

MAX_TEXT = 100_000
_GRID_TRIES = 100


def make_text(facts: Facts, name: str, setting: Setting, seed: int, budget: Budget) -> str:
    """A string for a property of that name.

    Raises:
        DeadEndError: No candidate fits.
    """
    least, most = facts.at_least("minLength"), facts.at_most("maxLength")
    if least > MAX_TEXT:
        raise DeadEndError(f"{facts.at}/minLength", f"{least} characters are more than the mock writes")
    patterns = facts.texts("pattern")
    budget.spend(1 + least // 100)
    for candidate in _texts(facts, name, setting, seed, budget):
        if _within(candidate, least, most) and all(matches(pattern, candidate) for pattern in patterns):
            return candidate
    raise DeadEndError(
        f"{facts.at}/{'pattern' if patterns else 'minLength'}", "the mock found no text that fits"
    )


def _texts(facts: Facts, name: str, setting: Setting, seed: int, budget: Budget) -> Iterator[str]:
    least, most = facts.at_least("minLength"), facts.at_most("maxLength")
    for format_name in facts.texts("format"):
        text = formatted(format_name, name, seed)
        if text is not None:
            yield text
    preferred = setting.preferred.get(name)
    if isinstance(preferred, str) and preferred:
        yield preferred
    yield _fitted(readable(name, setting, seed), least, most, seed)
    for pattern in facts.texts("pattern"):
        try:
            matches(pattern, "")  # RE2 bounds the repetitions before anything is written out.
            yield from texts_matching(pattern, least, seed, min(MAX_TEXT, most or MAX_TEXT), budget)
        except PatternSyntaxError as error:
            raise DeadEndError(f"{facts.at}/pattern", f"the mock cannot read {pattern!r}: {error}") from None


def _within(text: str, least: int, most: int | None) -> bool:
    return len(text) >= least and (most is None or len(text) <= most)


def _fitted(text: str, least: int, most: int | None, seed: int) -> str:
    """The text, cut or repeated to its bounds; a cut text keeps its number, so that several stay distinct."""
    if most is not None and len(text) > most:
        text = f"{seed + 1} {text}" if seed else text
        text = text[:most].rstrip()
    if len(text) < least:
        text = ". ".join([text or "mock"] * (1 + least // max(1, len(text))))[:least]
    return text[:-1] + "." if text.endswith(" ") else text


def make_number(facts: Facts, name: str, seed: int, *, whole: bool) -> int | float:
    """A number for a property of that name.

    Raises:
        DeadEndError: No candidate fits.
    """
    bounds = _Bounds(facts)
    step = bounds.step or Fraction(1)
    if whole:
        step = Fraction(step.numerator)  # of p/q in lowest terms, the whole multiples are those of p
    gridded = whole or bounds.step is not None
    start = bounds.clipped(_preferred(bounds, name, whole=whole))
    for index in range(_GRID_TRIES):
        value = bounds.nth(start, seed + index, step if gridded else None)
        for number in _written(value):
            if bounds.allow(number):
                return number
    raise DeadEndError(f"{facts.at}/minimum", "the mock found no number within the bounds")


def _preferred(bounds: "_Bounds", name: str, *, whole: bool) -> Fraction:
    low, high = bounds.low, bounds.high
    named = NUMBERS.get(name.lower())
    if named is not None and bounds.allow(named) and (not whole or named == int(named)):
        return Fraction(str(named))
    if low is not None and high is not None:
        return low + (high - low) * Fraction(3, 4)
    if low is not None:
        return low + 1
    return min(high - 1, Fraction(1)) if high is not None else Fraction(1)


class _Bounds:
    """What a number must obey, in exact arithmetic."""

    def __init__(self, facts: Facts) -> None:
        self.lows = [_exact(facts, n) for n in facts.numbers("minimum")]
        self.highs = [_exact(facts, n) for n in facts.numbers("maximum")]
        self.over = [_exact(facts, n) for n in facts.numbers("exclusiveMinimum")]
        self.under = [_exact(facts, n) for n in facts.numbers("exclusiveMaximum")]
        # Draft 4 says `exclusiveMinimum: true` beside `minimum`.
        if any(value is True for _, value in facts.every("exclusiveMinimum")):
            self.over += self.lows
        if any(value is True for _, value in facts.every("exclusiveMaximum")):
            self.under += self.highs
        self.divisors = facts.numbers("multipleOf")
        self.low = max(self.lows + self.over, default=None)
        self.high = min(self.highs + self.under, default=None)

    @property
    def step(self) -> Fraction | None:
        """The least common multiple of all `multipleOf`; None without one."""
        steps = [Fraction(str(n)) for n in self.divisors]
        if not steps:
            return None
        bottom = math.lcm(*(each.denominator for each in steps))
        return Fraction(math.lcm(*(int(each * bottom) for each in steps)), bottom)

    def clipped(self, value: Fraction) -> Fraction:
        if self.high is not None and value > self.high:
            value = self.high
        return self.low if self.low is not None and value < self.low else value

    def nth(self, start: Fraction, index: int, step: Fraction | None) -> Fraction:
        """The value `index` places on from start, and round again from the lower bound past the upper."""
        if step is None:
            return self._nth_free(start, index)
        first = math.ceil(self.low / step) if self.low is not None else None
        last = math.floor(self.high / step) if self.high is not None else None
        place = math.floor(start / step) + index
        if first is not None and last is not None and last >= first:
            return (first + (place - first) % (last - first + 1)) * step
        if last is not None and place > last:
            return (2 * last - place) * step
        return (max(place, first) if first is not None else place) * step

    def _nth_free(self, start: Fraction, index: int) -> Fraction:
        if self.low is not None and self.high is not None:
            share = Fraction((3 + index * 5) % 32, 32) if index else None
            return start if share is None else self.low + (self.high - self.low) * share
        return start - index if self.high is not None else start + index

    def allow(self, number: int | float) -> bool:
        """Whether the number, as it will be written, obeys."""
        value = Fraction(number)
        return (
            all(value >= low for low in self.lows)
            and all(value <= high for high in self.highs)
            and all(value > low for low in self.over)
            and all(value < high for high in self.under)
            and all(_divides(divisor, number) for divisor in self.divisors)
        )


def _divides(divisor: int | float, number: int | float) -> bool:
    """As jsonschema decides it: by float division where the divisor is a float."""
    if isinstance(divisor, float):
        quotient = number / divisor
        return math.isfinite(quotient) and int(quotient) == quotient
    return number % divisor == 0


def _exact(facts: Facts, number: int | float) -> Fraction:
    if isinstance(number, float) and not math.isfinite(number):
        raise DeadEndError(facts.at, "a bound is not finite")
    return Fraction(number)


def _written(value: Fraction) -> tuple[int | float, ...]:
    """The value as JSON can hold it: with few decimals first, then as near as a float comes."""
    if value.denominator == 1:
        return (int(value),)
    try:
        return (round(float(value), 2), float(value))
    except OverflowError:
        return (int(value),)
