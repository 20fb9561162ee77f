"""`ark-temporal runs`: what there is, what it did, and how to end it."""

from typing import TYPE_CHECKING, Annotated

import typer

from cli import complete, options
from cli.commands.again import diff, fork, pause, resume, retry
from cli.errors import CommandError
from cli.exit_codes import ExitCode
from cli.finding import found
from cli.loop import run_async
from cli.output import Output, parse_format, parse_output, to_json, write_json, write_text
from cli.terminal import say

if TYPE_CHECKING:
    from ark_temporal.plan.record import RunRecord
    from ark_temporal.runs.connection import Connection, ConnectOptions
    from ark_temporal.runs.find import RunSummary
    from ark_temporal.runs.lineage import Line

app = typer.Typer(
    name="runs",
    help="List, show, watch, end, retry and compare runs.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("list")
@options.connects
def list_(
    connect: "ConnectOptions",
    team: Annotated[
        str | None, typer.Option("--team", "-t", metavar="NAME", help="Of this team.", show_default=False)
    ] = None,
    phase: Annotated[
        str | None,
        typer.Option(
            metavar="PHASE", help="In this phase.", show_default=False, autocompletion=complete.phases
        ),
    ] = None,
    event: Annotated[
        str | None,
        typer.Option("--event", metavar="NAME", help="Started by this event.", show_default=False),
    ] = None,
    query: Annotated[
        str | None,
        typer.Option(metavar="QUERY", help="Temporal's list filter, on top.", show_default=False),
    ] = None,
    limit: Annotated[int, typer.Option(metavar="N", min=1, help="At most so many.")] = 20,
    all_: Annotated[bool, typer.Option("--all", help="With the runs that other runs have started.")] = False,
    output: options.PlainOutput = "text",
) -> None:
    """List runs, the latest first."""
    from ark_temporal.runs.find import quoted

    form = parse_format(output)
    wanted = " AND ".join(
        [*([f"ArkTrigger = '{quoted(event)}'"] if event else []), *([f"({query})"] if query else [])]
    )
    runs = run_async(_list(connect, team or "", phase or "", wanted, limit, parts=all_))
    if form == "json":
        write_json([each.model_dump(mode="json") for each in runs])
    elif runs:
        from cli.record_text import describe_runs

        write_text(describe_runs(runs))
    else:
        say("There are no such runs.")


@app.command()
@options.connects
def show(
    run: options.Run,
    connect: "ConnectOptions",
    full: Annotated[bool, typer.Option("--full", help="With every prompt and output.")] = False,
    output: options.PlainOutput = "text",
) -> None:
    """Show what a run did so far, or did."""
    form = parse_format(output)
    record, url, chain = run_async(_read(connect, run, chained=form != "json"))
    if form == "json":
        write_json(to_json(record))
        return
    from cli.record_text import describe_record

    write_text(describe_record(record, url, connect, full=full, chain=chain))


@app.command()
@options.connects
def watch(
    run: options.Run,
    connect: "ConnectOptions",
    timeout: options.WatchSeconds = None,
    no_wait: options.NoWait = False,
    output: options.ResultOutput = "text",
) -> None:
    """Follow a run to its end and print its result.

    The exit code is the run's. When the run waits for a person, you are asked on a terminal; else it is said
    how to decide. Ctrl-C detaches: the run goes on (exit code 3). Another one within three seconds cancels
    the run.
    """
    target = parse_output(output)
    raise typer.Exit(run_async(_follow(connect, run, target, timeout, quiet=False, wait=not no_wait)))


@app.command()
@options.connects
def result(
    run: options.Run,
    connect: "ConnectOptions",
    timeout: options.WatchSeconds = None,
    output: options.ResultOutput = "text",
) -> None:
    """Wait for a run's end and print only its result.

    The exit code is the run's.
    """
    target = parse_output(output)
    raise typer.Exit(run_async(_follow(connect, run, target, timeout, quiet=target.format != "jsonl")))


@app.command()
@options.connects
def cancel(
    run: options.Run,
    connect: "ConnectOptions",
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the run has ended.")] = False,
) -> None:
    """Ask a run to stop. A run that has ended already is left as it is, which is no error."""
    run_async(_cancel(connect, run, wait=wait))


@app.command()
@options.connects
def terminate(
    run: options.Run,
    connect: "ConnectOptions",
    reason: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Why; kept in the run's record.", show_default=False)
    ] = None,
) -> None:
    """End a run at once, without its own code having a say. Prefer `cancel`."""
    run_async(_terminate(connect, run, reason))


async def _list(
    connect: "ConnectOptions", team: str, phase: str, query: str, limit: int, *, parts: bool
) -> "list[RunSummary]":
    from ark_temporal.runs.find import list_runs
    from cli import connecting

    connection = await connecting.connect(connect)
    runs = list_runs(connection, team=team, phase=phase, query=query, limit=limit, parts=parts)
    try:
        return [each async for each in runs]
    except ValueError as error:
        raise CommandError(str(error)) from None


async def _read(
    connect: "ConnectOptions", name: str, *, chained: bool
) -> "tuple[RunRecord, str | None, list[Line]]":
    from ark_temporal.runs.lineage import lineage_of
    from ark_temporal.runs.watch import read_record

    connection, run_id = await found(connect, name)
    record = await read_record(connection, run_id)
    chain = await lineage_of(connection, record) if chained else []
    return record, connection.run_url(run_id), chain


async def _follow(
    connect: "ConnectOptions",
    name: str,
    output: Output,
    seconds: float | None,
    *,
    quiet: bool,
    wait: bool = True,
) -> ExitCode:
    from ark_temporal.runs.watch import read_record
    from cli.following import QuietView, follow_submitted

    connection, run_id = await found(connect, name)
    if quiet:
        view = QuietView()
        code = await follow_submitted(connection, connect, run_id, output, seconds=seconds, view=view)
        if code not in (ExitCode.SUCCEEDED, ExitCode.GOES_ON):
            _explain_end(await read_record(connection, run_id))
        return code
    return await follow_submitted(connection, connect, run_id, output, seconds=seconds, wait=wait)


def _explain_end(record: "RunRecord") -> None:
    from cli.progress.words import closing
    from cli.terminal import stderr

    terminal = stderr()
    terminal.write(closing(terminal, record))


async def _cancel(connect: "ConnectOptions", name: str, *, wait: bool) -> None:
    from ark_temporal.runs.end import cancel_run
    from ark_temporal.runs.watch import watch

    connection, run_id = await found(connect, name)
    if not await cancel_run(connection, run_id):
        await _say_how_it_ended(connection, run_id, "has ended already")
        return
    if not wait:
        say(f"The run {run_id} was asked to stop.")
        return
    async for _ in watch(connection, run_id, notice=say):
        pass
    await _say_how_it_ended(connection, run_id, "has ended")


async def _terminate(connect: "ConnectOptions", name: str, reason: str | None) -> None:
    from ark_temporal.runs.end import terminate_run

    connection, run_id = await found(connect, name)
    if await terminate_run(connection, run_id, reason):
        say(f"The run {run_id} was terminated.")
    else:
        await _say_how_it_ended(connection, run_id, "has ended already")


async def _say_how_it_ended(connection: "Connection", run_id: str, what: str) -> None:
    from ark_temporal.runs.watch import read_record

    record = await read_record(connection, run_id)
    say(f"The run {run_id} {what}: {record.phase}.")


for _command in (retry, fork, diff, pause, resume):
    app.command(_command.__name__)(_command)
