"""`ark-temporal approvals`: what runs wait for people to decide, and deciding it."""

from typing import TYPE_CHECKING, Annotated

import typer

from cli import complete, options
from cli.errors import CommandError
from cli.loop import run_async
from cli.output import parse_format, write_json, write_text
from cli.terminal import say

if TYPE_CHECKING:
    from ark_temporal.plan.record import Verdict
    from ark_temporal.runs.connection import Connection, ConnectOptions
    from ark_temporal.runs.decide import Question

app = typer.Typer(
    name="approvals",
    help="List, show and decide what runs wait for people to decide.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_Id = Annotated[
    str | None,
    typer.Argument(
        metavar="ID",
        help="What it is about; may be left out where the run waits for one decision only.",
        show_default=False,
    ),
]
_By = Annotated[
    str | None,
    typer.Option("--by", metavar="NAME", help="Who decides.", show_default="your login name"),
]
_Comment = Annotated[
    str, typer.Option("--comment", metavar="TEXT", help="Why; kept in the run's record.", show_default=False)
]


@app.command("list")
@options.connects
def list_(
    connect: "ConnectOptions",
    run: Annotated[
        str | None,
        typer.Argument(
            metavar="RUN",
            help='Only of this run: its id, or "latest".',
            show_default=False,
            autocompletion=complete.runs,
        ),
    ] = None,
    output: options.PlainOutput = "text",
) -> None:
    """List what runs wait for people to decide."""
    form = parse_format(output)
    found = run_async(_of_run(connect, run) if run is not None else _of_all(connect))
    if form == "json":
        write_json([each.model_dump(mode="json") for each in found])
    elif found:
        from cli.approval_text import describe_questions

        write_text(describe_questions(found))
    else:
        say("Nothing waits for a person.")


@app.command()
@options.connects
def show(
    run: options.Run, connect: "ConnectOptions", id: _Id = None, output: options.PlainOutput = "text"
) -> None:
    """Show what a run waits for: what happened, what was called, and how to decide."""
    form = parse_format(output)
    question = run_async(_one(connect, run, id))
    if form == "json":
        write_json(question.model_dump(mode="json"))
        return
    from cli.approval_text import describe_question

    write_text(describe_question(question, connect))


@app.command()
@options.connects
def retry(
    run: options.Run, connect: "ConnectOptions", id: _Id = None, by: _By = None, comment: _Comment = ""
) -> None:
    """Call the tool again, with the same idempotency key."""
    run_async(_decide(connect, run, id, "retry", by=by, comment=comment))


@app.command()
@options.connects
def answer(
    run: options.Run,
    connect: "ConnectOptions",
    text: Annotated[
        str,
        typer.Option(
            "--text",
            metavar="TEXT",
            help="What the tool is taken to have answered: text, @FILE with it, or - for standard input.",
            show_default=False,
        ),
    ],
    id: _Id = None,
    by: _By = None,
    comment: _Comment = "",
) -> None:
    """Go on with an answer that you give in the tool's place."""
    from cli.inputs import read_text

    run_async(_decide(connect, run, id, "answer", text=read_text(text, "--text"), by=by, comment=comment))


@app.command()
@options.connects
def reject(
    run: options.Run, connect: "ConnectOptions", id: _Id = None, by: _By = None, comment: _Comment = ""
) -> None:
    """Fail the step, and with it the run (whose exit code is 5)."""
    run_async(_decide(connect, run, id, "reject", by=by, comment=comment))


async def _of_all(connect: "ConnectOptions") -> "list[Question]":
    from ark_temporal.runs.decide import list_awaiting
    from cli.connecting import connect as connected

    return [each async for each in list_awaiting(await connected(connect))]


async def _of_run(connect: "ConnectOptions", name: str) -> "list[Question]":
    from ark_temporal.runs.decide import questions_of
    from ark_temporal.runs.watch import read_record

    connection, run_id = await _found(connect, name)
    return questions_of(await read_record(connection, run_id))


async def _one(connect: "ConnectOptions", name: str, id: str | None) -> "Question":
    connection, run_id = await _found(connect, name)
    return await _choose(connection, run_id, id)


async def _decide(
    connect: "ConnectOptions",
    name: str,
    id: str | None,
    verdict: "Verdict",
    *,
    text: str = "",
    by: str | None,
    comment: str,
) -> None:
    from ark_temporal.plan.record import Decision
    from ark_temporal.runs.decide import decide
    from cli.asking import login_name

    connection, run_id = await _found(connect, name)
    about = id or (await _choose(connection, run_id, None)).awaiting.id
    who = login_name() if by is None else by
    decision = Decision(id=about, decision=verdict, text=text, by=who, comment=comment)
    await decide(connection, run_id, decision)
    say(f"{about} of the run {run_id}: {verdict}.")


async def _choose(connection: "Connection", run_id: str, id: str | None) -> "Question":
    """What the run waits for under that id, or the one thing that it waits for."""
    from ark_temporal.runs.decide import questions_of
    from ark_temporal.runs.watch import read_record

    record = await read_record(connection, run_id)
    waiting = questions_of(record)
    found = [each for each in waiting if id in (None, each.awaiting.id)]
    if len(found) == 1:
        return found[0]
    known = ", ".join(each.awaiting.id for each in waiting)
    if not waiting:
        now = f"it has ended: {record.phase}" if record.ended else "it goes on by itself"
        raise CommandError(f"The run {run_id} waits for no decision; {now}.")
    if id is None:
        raise CommandError(f"The run {run_id} waits for several decisions; name one of them: {known}.")
    raise CommandError(f'The run {run_id} does not wait for a decision about "{id}"; it waits for: {known}.')


async def _found(connect: "ConnectOptions", name: str) -> "tuple[Connection, str]":
    from ark_temporal.runs.find import find_run
    from cli.connecting import connect as connected

    connection = await connected(connect)
    return connection, await find_run(connection, name)
