"""`ark-temporal template`: a template as a run would render it."""

from typing import TYPE_CHECKING, Annotated

import typer

from cli.errors import CommandError
from cli.inputs import read_json, read_text
from cli.output import write_text

if TYPE_CHECKING:
    from ark_temporal.templates import TemplateError


def template(
    source: Annotated[
        str,
        typer.Argument(
            metavar="TEMPLATE",
            help="The template, @FILE with one, or - for standard input.",
            show_default=False,
        ),
    ],
    data: Annotated[
        str,
        typer.Option(
            metavar="DATA",
            help="What it sees: a JSON object, @FILE with one, or -. A run's templates see "
            '{"input": {...}, "steps": {"NAME": {"output": "...", "data": ...}}}.',
        ),
    ] = "{}",
) -> None:
    """Render a template as a run would."""
    if source == data == "-":
        raise CommandError("Standard input can be read only once: use - for the template or for --data.")
    text = read_text(source, "TEMPLATE")
    values = read_json(data, "--data")
    if not isinstance(values, dict):
        raise CommandError('--data must be a JSON object, such as {"input": {"topic": "tea"}}.')

    from ark_temporal.templates import TemplateError, parse

    try:
        write_text(parse(text).render(values))
    except TemplateError as error:
        raise CommandError(_point_out(text, error)) from None


def _point_out(source: str, error: "TemplateError") -> str:
    """The error, the line it is in, and a caret under the place."""
    from cli.terminal import width

    lines = source.split("\n")
    line = lines[error.line - 1] if error.line <= len(lines) else ""
    before = line[: error.column - 1]
    shown, space = line.expandtabs(4), " " * width(before.expandtabs(4))
    return f"{error}\n  {shown}\n  {space}^"
