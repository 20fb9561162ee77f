"""Writes the pages of docs/ that come from the code. Run with `make docs`; a test holds them up to date."""

from collections.abc import Iterator
from pathlib import Path

from typer._click import Command, Context

HERE = Path(__file__).parent
WIDTH = 100

_COMMANDS_INTRO = """# The command line

Result on stdout, progress on stderr. Every command has `--help`; the [README](../README.md#exit-codes)
has the exit codes. `latest` stands for the run that started last, wherever a run is asked for. `NO_COLOR` is
honoured.
"""


def pages() -> dict[Path, str]:
    """The generated pages by file."""
    from ark_temporal.manifests import render_reference

    return {HERE / "manifests.md": render_reference(), HERE / "cli.md": _commands()}


def _commands() -> str:
    """The help of every command."""
    import typer.main

    from cli.main import app

    root = typer.main.get_command(app)
    return "\n".join([_COMMANDS_INTRO, *_sections(root, "ark-temporal", None)])


def _sections(command: Command, name: str, parent: Context | None) -> Iterator[str]:
    context = command.make_context(
        name.rpartition(" ")[2],
        [],
        parent=parent,
        resilient_parsing=True,
        terminal_width=WIDTH,
        max_content_width=WIDTH,
    )
    inside: dict[str, Command] = getattr(command, "commands", {})
    if parent is not None and (not inside or getattr(command, "invoke_without_command", False)):
        yield f"## `{name}`\n\n```\n{command.get_help(context)}\n```\n"
    for child, its_command in inside.items():
        yield from _sections(its_command, f"{name} {child}", context)


def main() -> None:
    """Write them."""
    for file, text in pages().items():
        file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
