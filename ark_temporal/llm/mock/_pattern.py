"""Text that matches a regular expression, for the part of the syntax that schemas use."""

import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ark_temporal.llm.mock._budget import Budget

_DIGITS = string.digits
_WORD = string.ascii_lowercase + string.ascii_uppercase + string.digits + "_"
_ANY = string.ascii_lowercase + string.digits + string.ascii_uppercase + " -_.,:;/!?@#%&+=~'\"()[]{}<>|\\^$*`"
_CLASSES = {"d": _DIGITS, "w": _WORD, "s": " \t\n"}
_CONTROLS = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "v": "\v", "0": "\0"}
_MAX_DEPTH = 40
_MAX_RANGE = 256


class PatternSyntaxError(ValueError):
    """The pattern uses syntax that no text is made up for."""


@dataclass(frozen=True)
class _Chars:
    allowed: str


@dataclass(frozen=True)
class _Repeat:
    node: "_Node"
    least: int
    most: int | None


@dataclass(frozen=True)
class _Sequence:
    nodes: "tuple[_Node, ...]"


@dataclass(frozen=True)
class _Either:
    options: "tuple[_Node, ...]"


_Node = _Chars | _Repeat | _Sequence | _Either


def texts_matching(pattern: str, least: int, seed: int, limit: int, budget: Budget) -> Iterator[str]:
    """Candidates, most of which match: the caller checks.

    Args:
        pattern: The regular expression.
        least: Length wanted, in characters; candidates grow toward it where the pattern lets them.
        seed: Other seeds give other texts, where the pattern lets them.
        limit: No candidate is much longer.
        budget: Pays for each character.

    Raises:
        PatternSyntaxError: The pattern uses syntax that is not known here.
    """
    tree = _Parser(pattern).parse()
    for variant in range(seed, seed + 4):
        shortest = _written(tree, variant, 0, limit, budget)
        missing = max(0, least - len(shortest))
        pools = dict.fromkeys([-(-missing // part) for part in (1, 2, 3, 4)] + [0, 1, 2])
        for pool in pools if missing else [0, 1, 2]:
            text = _written(tree, variant, pool, limit, budget)
            if seed:
                yield f"{text}{seed + 1}"
            yield text
            gap = "x" * (least - len(text))
            yield from (text + gap, gap + text) if gap else ()


def _written(tree: _Node, seed: int, pool: int, limit: int, budget: Budget) -> str:
    """One text; `pool` repetitions beyond the least are given to whoever takes them first."""
    out: list[str] = []

    def write(node: _Node) -> None:
        nonlocal pool
        budget.spend()
        if len(out) >= limit:
            return
        if isinstance(node, _Chars):
            out.append(node.allowed[(seed + len(out)) % len(node.allowed)])
        elif isinstance(node, _Either):
            write(node.options[seed % len(node.options)])
        elif isinstance(node, _Sequence):
            for each in node.nodes:
                write(each)
        else:
            most = limit if node.most is None else node.most
            extra = min(pool, most - node.least)
            pool -= extra
            for _ in range(min(limit, node.least + extra)):
                write(node.node)

    write(tree)
    return "".join(out)


class _Parser:
    def __init__(self, pattern: str) -> None:
        self._text = pattern
        self._at = 0
        self._depth = 0

    def parse(self) -> _Node:
        node = self._either()
        if self._at < len(self._text):
            raise PatternSyntaxError(f"unexpected {self._peek()!r}")
        return node

    def _peek(self, length: int = 1) -> str:
        return self._text[self._at : self._at + length]

    def _take(self, length: int = 1) -> str:
        taken = self._peek(length)
        if len(taken) < length:
            raise PatternSyntaxError("it ends too early")
        self._at += length
        return taken

    def _skip(self, literal: str) -> bool:
        found = self._text.startswith(literal, self._at)
        self._at += len(literal) if found else 0
        return found

    def _either(self) -> _Node:
        options = [self._sequence()]
        while self._skip("|"):
            options.append(self._sequence())
        return _Either(tuple(options))

    def _sequence(self) -> _Node:
        nodes: list[_Node] = []
        while self._peek() not in ("", "|", ")"):
            nodes.append(self._repeated(self._atom()))
        return _Sequence(tuple(nodes))

    def _atom(self) -> _Node:
        char = self._take()
        atoms: dict[str, Callable[[], _Node]] = {
            "(": self._group,
            "[": self._class,
            "\\": self._escape,
            ".": lambda: _Chars(_WORD),
            "^": lambda: _Sequence(()),
            "$": lambda: _Sequence(()),
        }
        if char in "*+?":
            raise PatternSyntaxError(f"nothing to repeat before {char!r}")
        return atoms[char]() if char in atoms else _Chars(char)

    def _repeated(self, node: _Node) -> _Node:
        while (counts := self._quantifier()) is not None:
            self._skip("?")
            node = _Repeat(node, *counts)
        return node

    def _quantifier(self) -> tuple[int, int | None] | None:
        for sign, counts in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self._skip(sign):
                return counts
        end = self._text.find("}", self._at)
        if self._peek() != "{" or end < 0:
            return None
        least, comma, most = self._text[self._at + 1 : end].partition(",")
        if not _is_count(least) or not (_is_count(most) or not most):
            return None
        self._at = end + 1
        if not comma:
            return int(least), int(least)
        return int(least), int(most) if most else None

    def _group(self) -> _Node:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise PatternSyntaxError("it is nested too deeply")
        if self._skip("?"):
            self._group_kind()
        node = self._either() if self._peek() != ")" else _Sequence(())
        if not self._skip(")"):
            raise PatternSyntaxError("a group is not closed")
        self._depth -= 1
        return node

    def _group_kind(self) -> None:
        if self._skip(":"):
            return
        if self._peek() in ("=", "!") or self._peek(2) in ("<=", "<!"):
            raise PatternSyntaxError("it looks around")
        if self._skip("P<") or self._skip("<"):
            while self._take() != ">":
                pass
            return
        while self._peek() not in (":", ")"):
            self._take()
        self._skip(":")

    def _escape(self) -> _Node:
        char = self._take()
        if char in "bBAzZ":
            return _Sequence(())
        return _Chars(self._escaped(char))

    def _escaped(self, char: str) -> str:
        """The characters that an escape such as `d` or `u0041` stands for."""
        if char.lower() in _CLASSES:
            named = _CLASSES[char.lower()]
            return named if char.islower() else _others(named)
        if char in "xu" and self._peek() != "{":
            return chr(_hex(self._take(2 if char == "x" else 4)))
        if char in "pP":
            return self._category(negated=char == "P")
        if char.isalnum() and char not in _CONTROLS:
            raise PatternSyntaxError(f"\\{char} is not known here")
        return _CONTROLS.get(char, char)

    def _category(self, *, negated: bool) -> str:
        name = self._take()
        if name == "{":
            end = self._text.find("}", self._at)
            name = self._take(end - self._at) if end >= 0 else ""
            self._take()
        known = {
            "L": string.ascii_letters,
            "Lu": string.ascii_uppercase,
            "Ll": string.ascii_lowercase,
            "N": _DIGITS,
            "Nd": _DIGITS,
        }
        if name not in known:
            raise PatternSyntaxError(f"\\p{{{name}}} is not known here")
        return _others(known[name]) if negated else known[name]

    def _class(self) -> _Node:
        negated = self._skip("^")
        allowed: dict[str, None] = {}
        first = True
        while first or self._peek() != "]":
            first = False
            allowed |= dict.fromkeys(self._class_item())
        self._take()
        chars = "".join(allowed)
        chars = _others(chars) if negated else chars
        if not chars:
            raise PatternSyntaxError("a character class holds nothing that is known here")
        return _Chars(chars)

    def _class_item(self) -> str:
        start = self._class_char()
        if len(start) != 1 or self._peek() != "-" or self._peek(2) == "-]":
            return start
        self._take()
        end = self._class_char()
        if len(end) != 1:
            return start + "-" + end
        last = min(ord(end), ord(start) + _MAX_RANGE)
        return "".join(map(chr, range(ord(start), last + 1)))

    def _class_char(self) -> str:
        char = self._take()
        if char == "[" and self._peek() == ":":
            raise PatternSyntaxError("named character classes are not known here")
        return self._escaped(self._take()) if char == "\\" else char


def _others(excluded: str) -> str:
    left = "".join(char for char in _ANY if char not in excluded)
    return "".join(filter(str.isalnum, left)) or left


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 6


def _hex(digits: str) -> int:
    try:
        code = int(digits, 16)
    except ValueError:
        raise PatternSyntaxError(f"{digits!r} is no hexadecimal number") from None
    if 0xD800 <= code <= 0xDFFF:
        raise PatternSyntaxError("half of a surrogate pair is no character")
    return code
