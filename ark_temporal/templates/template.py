"""A parsed template, and how it is rendered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, TypeVar, cast

from ark_temporal.templates import syntax
from ark_temporal.templates.errors import (
    PlacedError,
    TemplateExecutionError,
    TemplateSyntaxError,
    UnplacedError,
    line_and_column,
)
from ark_temporal.templates.evaluate import Evaluation
from ark_temporal.templates.limits import DEFAULT, MAX_SOURCE_CHARS, Budget, Limits
from ark_temporal.templates.parser import parse_tree
from ark_temporal.templates.references import Reference, references
from ark_temporal.templates.values import Untrusted, Value

if TYPE_CHECKING:
    from pydantic import JsonValue

T = TypeVar("T")


class _Not(Enum):
    A_VALUE = auto()


NOT_A_VALUE: Final = _Not.A_VALUE
"""Stands for the value of a template that has none, only a text; a value may well be None."""
NotAValue: TypeAlias = Literal[_Not.A_VALUE]

_CACHED_TEMPLATES = 256
_CACHED_SOURCE_CHARS = 64 * 1024


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed template; made by `parse`, immutable, safe to share between threads.

    Attributes:
        source: The text that was parsed.
        references: What it reads from its data, in the order of the source.
    """

    source: str
    references: tuple[Reference, ...]
    _tree: syntax.Tree = field(repr=False, compare=False)

    def render(
        self,
        data: Mapping[str, object],
        *,
        wrap: Callable[[Untrusted], str] | None = None,
        limits: Limits = DEFAULT,
    ) -> str:
        """Render the template.

        Args:
            data: What `.` and `$` stand for: JSON values (dict, list, str, int, float, bool, None), with
                `Untrusted` strings anywhere among them.
            wrap: Called for every action that writes untrusted text, with all that the action would
                write; what it returns is written instead.
            limits: How much the rendering may do.

        Returns:
            The text. It holds no lone surrogates: bytes that are no UTF-8 are U+FFFD.

        Raises:
            TemplateExecutionError: An action fails, or a limit is reached.
        """
        # JSON values are the documented contract; any other type is refused where it is used.
        evaluation = Evaluation(self._tree, cast("Mapping[str, Value]", data), Budget(limits), wrap)
        return self._placed(evaluation, evaluation.run)

    @property
    def is_value(self) -> bool:
        """Whether it is exactly one action that writes something, `{{ pipeline }}`, and so has a value."""
        return self._only_pipeline is not None

    def value(self, data: Mapping[str, object], *, limits: Limits = DEFAULT) -> JsonValue:
        """The value of the only action: a list stays a list, a number a number.

        Args:
            data: As for `render`.
            limits: How much may be done.

        Returns:
            A JSON value; None where there is no value. Strings in it are `Untrusted` where they were.

        Raises:
            TemplateExecutionError: The action fails, its value is none of JSON's, or a limit is reached.
            ValueError: It is not exactly one action; see `is_value`.
        """
        pipeline = self._only_pipeline
        if pipeline is None:
            raise ValueError("The template is not exactly one action, so it has a text and no value.")
        evaluation = Evaluation(self._tree, cast("Mapping[str, Value]", data), Budget(limits), None)
        return self._placed(evaluation, lambda: evaluation.value(pipeline))

    @property
    def _only_pipeline(self) -> syntax.Pipeline | None:
        nodes = [
            node for node in self._tree.body if not isinstance(node, syntax.Text) or not node.text.isspace()
        ]
        match nodes:
            case [syntax.Action(pipeline=pipeline)] if not pipeline.variables:
                return pipeline
            case _:
                return None

    def _placed(self, evaluation: Evaluation, work: Callable[[], T]) -> T:
        """What `work` gives; where it fails, the error says where in the source."""
        try:
            return work()
        except UnplacedError as fault:
            message = str(fault)
        except RecursionError:
            message = "The template nests deeper than the caller's stack allows; nest less."
        raise TemplateExecutionError(message, *line_and_column(self.source, evaluation.offset))


def parse(source: str) -> Template:
    """Parse a template. The same short source is parsed once.

    Args:
        source: Go text/template source, at most 1 Mi characters.

    Raises:
        TemplateSyntaxError: The source is no template, or is too long or too deeply nested.
    """
    return _parse_cached(source) if len(source) <= _CACHED_SOURCE_CHARS else _parse(source)


def _parse(source: str) -> Template:
    if len(source) > MAX_SOURCE_CHARS:
        raise TemplateSyntaxError(
            f"The template has {len(source)} characters; at most {MAX_SOURCE_CHARS} are parsed.", 1, 1
        )
    try:
        tree = parse_tree(source)
        return Template(source, references(source, tree), tree)
    except PlacedError as fault:
        message, offset = str(fault), fault.offset
    except RecursionError:
        message, offset = "The template nests deeper than the caller's stack allows; nest less.", 0
    raise TemplateSyntaxError(message, *line_and_column(source, offset))


_parse_cached = lru_cache(maxsize=_CACHED_TEMPLATES)(_parse)


def value_of(source: str, data: Mapping[str, object], *, limits: Limits = DEFAULT) -> JsonValue | NotAValue:
    """The value of a template that is exactly one action, blanks around it allowed.

    Args:
        source: As for `parse`.
        data: As for `Template.render`.
        limits: How much may be done.

    Returns:
        As `Template.value`; `NOT_A_VALUE` where the template is anything else, and has a text to be rendered.

    Raises:
        TemplateError: The source is no template, or the action fails.
    """
    template = parse(source)
    return template.value(data, limits=limits) if template.is_value else NOT_A_VALUE
