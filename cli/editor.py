"""Changing a text in the person's own editor."""

import asyncio
import os
import shlex
import tempfile
from pathlib import Path


class EditorError(RuntimeError):
    """The editor does not do its work."""


async def edit_text(text: str, suffix: str = ".txt") -> str:
    """What a person makes of a text; the text itself where they leave it as it is.

    Args:
        text: The text.
        suffix: Of the file's name, which tells an editor what is in it.

    Raises:
        EditorError: There is no such editor, or it ended with an error.
    """
    command = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    with tempfile.TemporaryDirectory(prefix="ark-temporal-") as directory:
        file = Path(directory) / f"edit{suffix}"
        ended_with_line = text.endswith("\n")
        file.write_text(text if ended_with_line else f"{text}\n", encoding="utf-8")
        try:
            editor = await asyncio.create_subprocess_exec(*shlex.split(command), str(file))
        except (OSError, ValueError) as error:
            raise EditorError(
                f'The editor "{command}" cannot be started: {error}. Name another one in EDITOR.'
            ) from None
        if code := await editor.wait():
            raise EditorError(f'The editor "{command}" ended with code {code}; nothing was changed.')
        try:
            edited = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            raise EditorError(f'The editor "{command}" left no UTF-8 text; nothing was changed.') from None
    return edited if ended_with_line else edited.removesuffix("\n")
