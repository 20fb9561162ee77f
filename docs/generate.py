"""Writes the pages of docs/ that come from the code. Run with `make docs`; a test holds them up to date."""

from pathlib import Path

from ark_temporal.manifests import render_reference
from cli.reference import render_commands

HERE = Path(__file__).parent


def pages() -> dict[Path, str]:
    """The generated pages by file."""
    return {HERE / "manifests.md": render_reference(), HERE / "cli.md": render_commands()}


def main() -> None:
    """Write them."""
    for file, text in pages().items():
        file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
