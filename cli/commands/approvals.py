"""`ark-temporal approvals`: what runs wait for people to decide, and deciding it."""

from typing import TYPE_CHECKING, Annotated

import typer

from cli import complete, options
from cli.errors import CommandError
from cli.loop import run_async
from cli.output import parse_format, write_json, write_text
from cli.terminal import say

if TYPE_CHECKING:
    from pydantic import JsonValue

    from ark_temporal.runs.connection import ConnectOptions
    from ark_temporal.runs.questions import Question

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
        help="What it is about; may be left out where the run, with those under it, waits for one decision.",
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
_Digest = Annotated[
    str,
    typer.Option(
        "--digest",
        metavar="DIGEST",
        help="What you saw, by its digest or the first 8 characters and more: nothing else is approved. "
        "Without it, what is there now.",
        show_default=False,
    ),
]
_Text = Annotated[
    str | None,
    typer.Option(
        "--text",
        metavar="TEXT",
        help="What you give: text, @FILE with it, or - for standard input.",
        show_default=False,
    ),
]
_Json = Annotated[
    str | None,
    typer.Option(
        "--json",
        metavar="JSON",
        help="The same as JSON: a value, @FILE with one, or - for standard input.",
        show_default=False,
    ),
]


@app.command("list")
@options.connects
def list_(
    connect: "ConnectOptions",
    run: Annotated[
        str | None,
        typer.Argument(
            metavar="RUN",
            help='Only of this run and those under it: its id, or "latest".',
            show_default=False,
            autocompletion=complete.runs,
        ),
    ] = None,
    team: Annotated[
        str | None,
        typer.Option("--team", "-t", metavar="NAME", help="Only of this team's runs.", show_default=False),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option("--by", metavar="NAME", help="Only what this person may decide.", show_default=False),
    ] = None,
    mine: Annotated[bool, typer.Option("--mine", help="Only what you may decide.")] = False,
    output: options.PlainOutput = "text",
) -> None:
    """List what runs wait for people to decide, each with the run that waits."""
    form = parse_format(output)
    if mine and by is not None:
        raise CommandError("--mine and --by exclude each other: --mine is --by with your login name.")
    found = run_async(_list(connect, run, team or "", _login_name() if mine else by))
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
    """Show what a run waits for: what happened, what exactly is decided about, and how to decide."""
    form = parse_format(output)
    question = run_async(_show(connect, run, id))
    if form == "json":
        write_json(question.model_dump(mode="json"))
        return
    from cli.approval_text import describe_question

    write_text(describe_question(question, connect))


@app.command()
@options.connects
def approve(
    run: options.Run,
    connect: "ConnectOptions",
    id: _Id = None,
    digest: _Digest = "",
    by: _By = None,
    comment: _Comment = "",
) -> None:
    """Let the run go on with what it shows: a step, an output, a tool call."""
    from cli.deciding import Reply, decide_about

    reply = Reply("approve", digest=digest, by=by, comment=comment)
    run_async(decide_about(connect, run, id, reply))


@app.command()
@options.connects
def edit(
    run: options.Run,
    connect: "ConnectOptions",
    id: _Id = None,
    text: _Text = None,
    json: _Json = None,
    digest: _Digest = "",
    by: _By = None,
    comment: _Comment = "",
) -> None:
    """Change what the run shows, and let it go on with that: a prompt, an output, a tool call's arguments."""
    from cli.deciding import Reply, decide_about

    given, value = _content(text, json)
    reply = Reply("edit", digest=digest, text=given, value=value, by=by, comment=comment)
    run_async(decide_about(connect, run, id, reply))


@app.command()
@options.connects
def answer(
    run: options.Run,
    connect: "ConnectOptions",
    id: _Id = None,
    text: _Text = None,
    json: _Json = None,
    by: _By = None,
    comment: _Comment = "",
) -> None:
    """Answer a question, or go on with an answer in the place of a tool or of a step that failed."""
    from cli.deciding import Reply, decide_about

    given, value = _content(text, json)
    reply = Reply("answer", text=given, value=value, by=by, comment=comment)
    run_async(decide_about(connect, run, id, reply))


@app.command()
@options.connects
def retry(
    run: options.Run,
    connect: "ConnectOptions",
    id: _Id = None,
    prompt: Annotated[
        str,
        typer.Option(
            "--prompt",
            metavar="TEXT",
            help="Another prompt for a step that failed: text, @FILE with it, or - for standard input.",
            show_default=False,
        ),
    ] = "",
    model: Annotated[
        str,
        typer.Option(
            "--model", metavar="MODEL", help="Another model for a step that failed.", show_default=False
        ),
    ] = "",
    by: _By = None,
    comment: _Comment = "",
) -> None:
    """Call the tool again, with the same idempotency key; or do a step again that failed."""
    from cli.deciding import Reply, decide_about
    from cli.inputs import read_text

    reply = Reply("retry", text=read_text(prompt, "--prompt"), model=model, by=by, comment=comment)
    run_async(decide_about(connect, run, id, reply))


@app.command()
@options.connects
def reject(
    run: options.Run, connect: "ConnectOptions", id: _Id = None, by: _By = None, comment: _Comment = ""
) -> None:
    """Say no. The model is told of a tool call that was not made yet; else the run fails (exit code 5)."""
    from cli.deciding import Reply, decide_about

    run_async(decide_about(connect, run, id, Reply("reject", by=by, comment=comment)))


async def _list(connect: "ConnectOptions", name: str | None, team: str, by: str | None) -> "list[Question]":
    from ark_temporal.runs.inbox import list_awaiting
    from ark_temporal.runs.watch import read_record
    from cli.connecting import connect as connected
    from cli.deciding import questions_under
    from cli.finding import found

    if name is None:
        asked = [each async for each in list_awaiting(await connected(connect), team=team)]
    else:
        connection, run_id = await found(connect, name)
        under = await questions_under(connection, await read_record(connection, run_id))
        asked = [each for each in under if team in ("", each.team)]
    return [each for each in asked if by is None or each.wants(by)]


async def _show(connect: "ConnectOptions", name: str, id: str | None) -> "Question":
    from cli.deciding import choose
    from cli.finding import found

    connection, run_id = await found(connect, name)
    return await choose(connection, run_id, id)


def _content(text: str | None, json: str | None) -> "tuple[str, JsonValue]":
    """What was given, as text and as JSON.

    Raises:
        CommandError: Neither was, or both were, or it cannot be read.
    """
    from cli.inputs import read_json, read_text

    if (text is None) == (json is None):
        raise CommandError("Give either --text TEXT or --json JSON; each takes @FILE and - as well.")
    if text is not None:
        return read_text(text, "--text"), None
    value = read_json(json or "", "--json")
    return ("null" if value is None else ""), value


def _login_name() -> str:
    from cli.asking import login_name

    return login_name()
