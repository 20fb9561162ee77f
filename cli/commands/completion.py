"""`ark-temporal completion`: completion in the shell, with run ids as they are now."""

from typing import Annotated, Literal

import typer

from cli.errors import CommandError
from cli.output import write_text
from cli.terminal import say

PROGRAM = "ark-temporal"
VARIABLE = "_ARK_TEMPORAL_COMPLETE"


def completion(
    shell: Annotated[Literal["bash", "zsh", "fish"], typer.Argument(help="The shell.", show_default=False)],
    install: Annotated[
        bool, typer.Option("--install", help="Put it where the shell finds it, instead of printing it.")
    ] = False,
) -> None:
    """Print the completion script of a shell.

    For example: source <(ark-temporal completion bash)
    """
    from typer.completion import get_completion_script  # pyright: ignore[reportPrivateImportUsage]
    from typer.completion import install as install_script  # pyright: ignore[reportPrivateImportUsage]

    if not install:
        write_text(get_completion_script(prog_name=PROGRAM, complete_var=VARIABLE, shell=shell))
        return
    try:
        _, path = install_script(shell=shell, prog_name=PROGRAM, complete_var=VARIABLE)
    except OSError as error:
        raise CommandError(f"The completion cannot be installed: {error}.") from None
    say(f"Installed in {path}; a new shell has it.")
