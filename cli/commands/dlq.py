"""`ark-temporal dlq`: the runs that could not be done, and what to do about them."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cli import complete, options
from cli.commands.again import Plan
from cli.errors import CommandError
from cli.exit_codes import ExitCode
from cli.finding import found
from cli.loop import run_async
from cli.output import parse_format, write_json, write_text
from cli.terminal import complain, say

if TYPE_CHECKING:
    from ark_temporal.plan.record import RunRecord
    from ark_temporal.runs.connection import Connection, ConnectOptions
    from ark_temporal.runs.dead_letters import Letter
    from ark_temporal.runs.replay import Mend, Replayed

app = typer.Typer(
    name="dlq",
    help="Dead letters: list, show, replay and discard runs that could not be done.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_Runs = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="RUN",
        help="The ids of runs; or use --all or --query.",
        show_default=False,
        autocompletion=complete.dead_letters,
    ),
]
_All = Annotated[bool, typer.Option("--all", help="All dead letters.")]
_Query = Annotated[
    str | None,
    typer.Option(
        metavar="QUERY", help="Those that this list filter of Temporal's leaves.", show_default=False
    ),
]
_Team = Annotated[
    str | None, typer.Option("--team", "-t", metavar="NAME", help="Of this team.", show_default=False)
]
_Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
_AtOnce = Annotated[
    int, typer.Option(metavar="N", min=1, max=100, help="How many are dealt with at the same time.")
]


@app.command("list")
@options.connects
def list_(
    connect: "ConnectOptions", team: _Team = None, query: _Query = None, output: options.PlainOutput = "text"
) -> None:
    """List runs that failed and that nobody has retried, and steps that are parked.

    A run that failed because a person rejected it is no dead letter.
    """
    form = parse_format(output)
    letters = run_async(_list(connect, team, query))
    if form == "json":
        write_json([each.model_dump(mode="json") for each in letters])
    elif letters:
        from cli.letter_text import describe_letters

        write_text(describe_letters(letters))
    else:
        say("There are no dead letters.")


@app.command()
@options.connects
def show(
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN",
            help='The id of a run, or "latest".',
            show_default=False,
            autocompletion=complete.dead_letters,
        ),
    ],
    connect: "ConnectOptions",
    output: options.PlainOutput = "text",
) -> None:
    """Show what failed and how, what of the run stays, and the commands that deal with it."""
    form = parse_format(output)
    record, letters, kept = run_async(_show(connect, run))
    if form == "json":
        write_json([{**each.model_dump(mode="json"), "kept": kept} for each in letters])
        return
    from cli.letter_text import describe_letter

    write_text("\n\n".join(describe_letter(each, record, kept, connect) for each in letters))


@app.command()
@options.connects
def replay(
    connect: "ConnectOptions",
    runs: _Runs = None,
    all_: _All = False,
    query: _Query = None,
    team: _Team = None,
    prompt: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="What the failed step is asked instead: text, @FILE with it, or - for standard input. May "
            "hold templates, as in a manifest; not for a parked step.",
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="The model that the failed step asks.", show_default=False),
    ] = None,
    plan: Plan = None,
    by: options.By = None,
    yes: _Yes = False,
    concurrency: _AtOnce = 10,
    ignore_unsupported: options.IgnoreUnsupported = False,
    output: options.PlainOutput = "text",
) -> None:
    """Do again what could not be done.

    A run that failed is started again from its failed step, as `runs retry` does; a parked step is done once
    more in its run. Each is replayed once, however often it is asked for. Exit code 1: some could not be
    replayed.
    """
    form = parse_format(output)
    chosen = _Chosen("replay", tuple(runs or ()), all_, query, team, yes, concurrency)
    mend = _mend(prompt, model, plan, by, ignore_unsupported=ignore_unsupported)
    raise typer.Exit(run_async(_deal(connect, chosen, mend, form)))


@app.command()
@options.connects
def discard(
    connect: "ConnectOptions",
    runs: _Runs = None,
    all_: _All = False,
    query: _Query = None,
    team: _Team = None,
    by: options.By = None,
    yes: _Yes = False,
    concurrency: _AtOnce = 10,
    output: options.PlainOutput = "text",
) -> None:
    """Be done with dead letters: reject parked steps, and delete runs that failed.

    A run that failed is deleted from Temporal with its history and, where it is a retry, with the failed runs
    that it retried. That cannot be undone. A parked step is rejected, which fails its run.
    """
    form = parse_format(output)
    chosen = _Chosen("discard", tuple(runs or ()), all_, query, team, yes, concurrency)
    raise typer.Exit(run_async(_deal(connect, chosen, _mend(None, None, None, by), form)))


@dataclass(frozen=True)
class _Chosen:
    """Which dead letters, and what is to be done about them."""

    what: Literal["replay", "discard"]
    runs: tuple[str, ...]
    all: bool
    query: str | None
    team: str | None
    yes: bool
    at_once: int

    def __post_init__(self) -> None:
        if self.runs and (self.all or self.query or self.team):
            raise CommandError(f"Name the runs to {self.what}, or use --all, --query and --team; not both.")
        if not (self.runs or self.all or self.query):
            raise CommandError(f"Name the runs to {self.what}, or use --all or --query.")


def _mend(
    prompt: str | None,
    model: str | None,
    plan: str | None,
    by: str | None,
    *,
    ignore_unsupported: bool = False,
) -> "Mend":
    from ark_temporal.runs.replay import Mend
    from ark_temporal.templates import TemplateError, parse
    from cli.asking import login_name
    from cli.inputs import read_text

    text = read_text(prompt, "--prompt") if prompt is not None else ""
    if prompt is not None and not text.strip():
        raise CommandError("--prompt: the prompt is empty. Say what the step is to be asked.")
    try:
        parse(text)
    except TemplateError as error:
        raise CommandError(f"--prompt: this template cannot be read: {error}.") from None
    plan_for = None
    if plan is not None:
        from cli.replanning import Replanning

        plan_for = Replanning.read(plan, None, ignore_unsupported=ignore_unsupported).plan_for
    return Mend(plan_for, text, model or "", login_name() if by is None else by)


async def _list(connect: "ConnectOptions", team: str | None, query: str | None) -> "list[Letter]":
    from cli import connecting

    return await _letters(await connecting.connect(connect), team, query)


async def _letters(connection: "Connection", team: str | None, query: str | None) -> "list[Letter]":
    from ark_temporal.runs.dead_letters import list_letters

    try:
        return [each async for each in list_letters(connection, team=team or "", query=query or "")]
    except ValueError as error:
        raise CommandError(str(error)) from None


async def _show(connect: "ConnectOptions", name: str) -> "tuple[RunRecord, list[Letter], list[str]]":
    from ark_temporal.runs.dead_letters import letters_of, retries_of
    from ark_temporal.runs.retry import read_origin
    from ark_temporal.runs.seeds import kept_steps

    connection, run_id = await found(connect, name)
    origin = await read_origin(connection, run_id)
    letters = letters_of(origin.record)
    if not letters:
        raise CommandError(
            f"The run {run_id} is no dead letter: {origin.record.phase}. `ark-temporal runs show` shows it."
        )
    if origin.record.ended and (later := await retries_of(connection, run_id)):
        complain(f"The run {run_id} is no dead letter any more: it was replayed, as {later[-1]}.", "warning")
    failed = [each.step for each in letters if each.step]
    kept = kept_steps(origin.record, origin.start.plan, failed)
    return origin.record, letters, [step.name for step in kept]


async def _deal(
    connect: "ConnectOptions", chosen: _Chosen, mend: "Mend", form: Literal["text", "json"]
) -> ExitCode:
    from ark_temporal.runs.find import find_run
    from ark_temporal.runs.replay import discard_letters, replay_letters
    from cli import connecting

    connection = await connecting.connect(connect)
    if chosen.runs:
        runs = [await find_run(connection, name) for name in chosen.runs]
    else:
        letters = await _letters(connection, chosen.team, chosen.query)
        runs = list(dict.fromkeys(each.run for each in letters))
    if runs and (chosen.what == "discard" or not chosen.runs):
        _ask(chosen, runs)
    if chosen.what == "discard":
        outcomes = discard_letters(connection, runs, mend.by, at_once=chosen.at_once)
    else:
        outcomes = replay_letters(connection, runs, mend, at_once=chosen.at_once)
    done = await _show_progress(outcomes, len(runs), chosen.what)
    refused = [each for each in done if each.done == "refused"]
    for each in refused:
        complain(f"{each.run}: {each.message}")
    if any(each.done == "deleted" for each in done):
        say("Temporal may take a minute to delete them; until then they are listed still.")
    if form == "json":
        write_json([each.model_dump(mode="json") for each in done])
    else:
        write_text(_sum_up(done, chosen.what))
    return ExitCode.FAILED if refused else ExitCode.SUCCEEDED


def _ask(chosen: _Chosen, runs: Sequence[str]) -> None:
    """Have a person at the terminal say that it is meant so; without one, it has to be said with --yes."""
    from cli.amounts import plural
    from cli.asking import can_ask

    if chosen.yes:
        return
    named = f" ({', '.join(runs)})" if len(runs) <= 3 else ""
    if not can_ask():
        raise CommandError(f"This would {chosen.what} {plural(len(runs), 'run')}{named}: add --yes to do it.")
    if chosen.what == "discard":
        say("Runs that failed are deleted from Temporal with their histories, which cannot be undone.")
    if not typer.confirm(f"{chosen.what.capitalize()} {plural(len(runs), 'run')}{named}?", err=True):
        raise CommandError("Nothing was done.")


async def _show_progress(
    outcomes: "AsyncIterator[Replayed]", count: int, what: Literal["replay", "discard"]
) -> "list[Replayed]":
    """Show how far it is: on a terminal in one line, else in a line for each run."""
    from cli.letter_text import describe_outcome
    from cli.terminal import stderr

    terminal, done = stderr(), list["Replayed"]()
    async for outcome in outcomes:
        done.append(outcome)
        if terminal.live:
            ended = len({each.run for each in done})
            refused = sum(each.done == "refused" for each in done)
            failures = f", {refused} could not be" if refused else ""
            terminal.write(f"\r\x1b[K{what}: {ended} of {count}{failures}")
        elif outcome.done != "refused":
            say(describe_outcome(outcome))
    if terminal.live and done:
        terminal.write("\r\x1b[K")
    return done


def _sum_up(done: "Sequence[Replayed]", what: Literal["replay", "discard"]) -> str:
    from cli.amounts import plural

    if not done:
        return "There are no dead letters."
    counts = {kind: sum(each.done == kind for each in done) for kind in {each.done for each in done}}
    parts = [
        f"{plural(counts['retried'], 'run')} started again" if "retried" in counts else "",
        f"{plural(counts['decided'], 'parked step')} going on" if "decided" in counts else "",
        f"{counts['before']} replayed before" if "before" in counts else "",
        f"{plural(counts['rejected'], 'parked step')} rejected" if "rejected" in counts else "",
        f"{plural(counts['deleted'], 'run')} deleted" if "deleted" in counts else "",
        f"{counts['refused']} that could not be {what}ed" if "refused" in counts else "",
    ]
    return ", ".join(part for part in parts if part)
