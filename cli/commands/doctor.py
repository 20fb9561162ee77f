"""`ark-temporal doctor`: whether everything is in place, and how to mend what is not."""

from typing import TYPE_CHECKING, Annotated

import typer

from cli import options
from cli.exit_codes import ExitCode
from cli.loop import run_async
from cli.output import parse_format, write_json, write_text

if TYPE_CHECKING:
    from ark_temporal.runs.connection import ConnectOptions
    from cli.checks import Check


@options.connects
def doctor(
    connect: "ConnectOptions",
    fix: Annotated[bool, typer.Option("--fix", help="Mend what can be: register search attributes.")] = False,
    task_queue: options.TaskQueue = "ark",
    output: options.PlainOutput = "text",
) -> None:
    """Check that everything is in place, and say how to mend it.

    The exit code is 1 where something fails; warnings do not count.
    """
    from cli.checks import check_all

    form = parse_format(output)
    checks = run_async(check_all(connect, task_queue, fix=fix))
    failed = any(check.status == "fail" for check in checks)
    if form == "json":
        from dataclasses import asdict

        write_json({"ok": not failed, "checks": [asdict(check) for check in checks]})
    else:
        write_text(_describe(checks))
    raise typer.Exit(ExitCode.FAILED if failed else ExitCode.SUCCEEDED)


def _describe(checks: "list[Check]") -> str:
    widest = max(len(check.name) for check in checks)
    lines: list[str] = []
    for check in checks:
        lines.append(f"{check.status:<5}{check.name:<{widest}}  {check.found}")
        if check.mend:
            lines.append(f"{'':<5}{'':<{widest}}  -> {check.mend}")
    return "\n".join(lines)
