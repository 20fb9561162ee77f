"""The command `ark-temporal`: its commands, and the one place where errors become exit codes.

Commands import what they need when they run: `--help` and completion must not wait for an SDK.
"""

import io
import os
import sys
from typing import Annotated, NoReturn

import typer
from typer.completion import completion_init  # pyright: ignore[reportPrivateImportUsage]

from cli import debugging
from cli.commands import approvals, dlq, events, gateway, notify, runs, secrets, storage
from cli.commands.apply import apply, diff
from cli.commands.codec_server import codec_server
from cli.commands.completion import PROGRAM, VARIABLE, completion
from cli.commands.dev import dev
from cli.commands.doctor import doctor
from cli.commands.plan import plan
from cli.commands.reference import explain, schema
from cli.commands.resources import delete, describe, get, history, rollback
from cli.commands.run import run
from cli.commands.submit import submit
from cli.commands.template import template
from cli.commands.validate import validate
from cli.commands.version import version
from cli.commands.worker import worker
from cli.errors import explain as explain_error
from cli.exit_codes import EXIT_CODES_HELP, ExitCode
from cli.output import forget_stdout
from cli.terminal import complain, one_line, say

app = typer.Typer(
    name=PROGRAM,
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EXIT_CODES_HELP,
)


@app.callback()
def _root(
    debug: Annotated[
        bool, typer.Option("--debug", help="Show tracebacks and all logs (or ARK_DEBUG=1).")
    ] = False,
) -> None:
    """Run teams of LLM agents durably: ark manifests on Temporal."""
    if debug:
        debugging.enable()


for _command in (
    validate,
    plan,
    run,
    dev,
    submit,
    apply,
    diff,
    get,
    describe,
    history,
    rollback,
    delete,
    worker,
    template,
    schema,
    explain,
    doctor,
    version,
    completion,
):
    app.command(_command.__name__)(_command)
app.command("codec-server")(codec_server)
app.add_typer(runs.app)
app.add_typer(approvals.app)
app.add_typer(gateway.app)
app.add_typer(events.app)
app.add_typer(dlq.app)
app.add_typer(notify.app)
app.add_typer(storage.app)
app.add_typer(secrets.app)


def main() -> None:
    """Run the command and end the process with its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # never fail for a character that cannot be shown
    if VARIABLE in os.environ:
        completion_init()
    _leave(_run())


def _leave(code: int) -> NoReturn:
    """End the process.

    Once Temporal's engine runs, without taking the interpreter down: the engine's threads may still call into
    it, which crashes every few times (temporalio/sdk-python#300).
    """
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        forget_stdout()
    sys.stderr.flush()
    if "temporalio.bridge.runtime" in sys.modules:
        os._exit(code)
    sys.exit(code)


def _run() -> int:
    """Run the command; whatever goes wrong becomes a sentence and an exit code."""
    try:
        app(prog_name=PROGRAM)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else ExitCode.SUCCEEDED
    except Exception as error:
        if VARIABLE in os.environ:
            return ExitCode.INTERNAL  # a shell that completes a line has no place for words
        if debugging.enabled():
            raise
        return _report(error)
    return ExitCode.SUCCEEDED


def _report(error: Exception) -> ExitCode:
    known = explain_error(error)
    if known is None:
        import shlex

        complain(f"This is a bug in ark-temporal: {type(error).__name__}: {one_line(str(error))}")
        again = shlex.join([PROGRAM, "--debug", *sys.argv[1:]])
        say(f"Please report it, with the traceback that `{again}` shows.")
        return ExitCode.INTERNAL
    if known.message:
        complain(known.message)
    return known.code


if __name__ == "__main__":
    main()
