"""What goes wrong in a template, and where."""

from __future__ import annotations


class TemplateError(ValueError):
    """A template cannot be parsed or rendered.

    Attributes:
        message: The reason, a full sentence.
        line: 1-based line inside the template's source.
        column: 1-based column inside that line, in characters.
    """

    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(message, line, column)
        self.message = message
        self.line = line
        self.column = column

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}: {self.message}"


class TemplateSyntaxError(TemplateError):
    """The source is not a template."""


class TemplateExecutionError(TemplateError):
    """The template is well formed, but cannot be rendered with this data or within its limits."""


class UnplacedError(Exception):
    """A failure that does not know its position yet; never leaves the package."""


class PlacedError(UnplacedError):
    """A failure that knows its offset in the source; never leaves the package.

    Attributes:
        offset: 0-based, in characters.
    """

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.offset = offset


def line_and_column(source: str, offset: int) -> tuple[int, int]:
    """The 1-based line and column of a 0-based offset.

    Args:
        source: The whole text.
        offset: Position in characters; may be one past the end.
    """
    before = source.rfind("\n", 0, offset)
    return source.count("\n", 0, offset) + 1, offset - before
