"""`ark-temporal runs retry`, `fork`, `diff`, `pause` and `resume`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cli import complete, options
from cli.errors import CommandError
from cli.exit_codes import ExitCode
from cli.finding import found
from cli.loop import run_async
from cli.output import Output, parse_format, parse_output, write_json, write_text
from cli.terminal import complain, say

if TYPE_CHECKING:
    from ark_temporal.plan.model import Plan as FrozenPlan
    from ark_temporal.runs.connection import Connection, ConnectOptions
    from ark_temporal.runs.diff import RunDiff
    from ark_temporal.runs.retry import Changes, Resumed
    from ark_temporal.runs.seeds import Edit

Plan = Annotated[
    str | None,
    typer.Option(
        metavar="SOURCE",
        help="Manifests that were edited since, a file or a directory: what of them is run instead.",
        show_default=False,
    ),
]
PlanTeam = Annotated[
    str | None,
    typer.Option(
        "--team",
        "-t",
        metavar="NAME",
        help="The team of --plan; else the one of the run's team's name.",
        show_default=False,
    ),
]
_Given = Annotated[
    list[str] | None,
    typer.Option(
        "--input",
        "-i",
        metavar="INPUT",
        help="Input that is different: key=value, a JSON object, @FILE with one, or -. Steps that stay have "
        "seen the input of before. May be repeated.",
        show_default=False,
    ),
]
_From = typer.Option(
    "--from",
    metavar="STEP",
    help="The step to start from: it and all that depend on it are done again.",
    show_default=False,
    autocompletion=complete.steps,
)
_Watch = Annotated[bool, typer.Option("--watch", "-w", help="Follow the run and print its result.")]
_Comment = Annotated[
    str, typer.Option("--comment", metavar="TEXT", help="Why; kept in the run's record.", show_default=False)
]


@dataclass(frozen=True)
class _Job:
    """What retry and fork have in common."""

    run: str
    step: str | None
    edits: "Sequence[Edit] | None"
    plan: str | None
    team: str | None
    given: Sequence[str]
    by: str | None
    id: str | None
    ignore_unsupported: bool
    watch: bool
    output: Output


@options.connects
def retry(
    run: options.Run,
    connect: "ConnectOptions",
    step: Annotated[str | None, _From] = None,
    plan: Plan = None,
    team: PlanTeam = None,
    given: _Given = None,
    id: options.RunId = None,
    by: options.By = None,
    watch: _Watch = False,
    timeout: options.WatchSeconds = None,
    no_wait: options.NoWait = False,
    ignore_unsupported: options.IgnoreUnsupported = False,
    output: options.ResultOutput = "text",
) -> None:
    """Start an ended run again from the step that failed, and print the new run's id.

    What was done before that step is taken over, and no model is asked for it again. The new run has the id
    RUN-retry-1, then RUN-retry-2: asked twice while the first one runs, it is one. A prompt is corrected in
    the manifest, with --plan.
    """
    job = _Job(
        run, step, None, plan, team, given or (), by, id, ignore_unsupported, watch, parse_output(output)
    )
    _check(job, timeout, no_wait=no_wait)
    raise typer.Exit(run_async(_start(connect, job, timeout, wait=not no_wait)))


@options.connects
def fork(
    run: options.Run,
    connect: "ConnectOptions",
    step: Annotated[str, _From],
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="STEP.output=TEXT",
            help="Another result for a step that stays: STEP.output=TEXT or STEP.data=JSON, each as @FILE "
            "too. May be repeated.",
            show_default=False,
        ),
    ] = None,
    plan: Plan = None,
    team: PlanTeam = None,
    given: _Given = None,
    id: options.RunId = None,
    by: options.By = None,
    watch: _Watch = False,
    timeout: options.WatchSeconds = None,
    no_wait: options.NoWait = False,
    ignore_unsupported: options.IgnoreUnsupported = False,
    output: options.ResultOutput = "text",
) -> None:
    """Start another run from any step of a run, ended or not, and print the new run's id.

    The run itself goes on as it was. The new one takes over all that does not depend on the step, with the
    results that --set gives in place of those that were.
    """
    edits = [_edit(each) for each in set_ or ()]
    job = _Job(
        run, step, edits, plan, team, given or (), by, id, ignore_unsupported, watch, parse_output(output)
    )
    _check(job, timeout, no_wait=no_wait)
    raise typer.Exit(run_async(_start(connect, job, timeout, wait=not no_wait)))


@options.connects
def diff(
    a: Annotated[
        str,
        typer.Argument(
            metavar="A", help="The id of a run.", show_default=False, autocompletion=complete.runs
        ),
    ],
    b: Annotated[
        str,
        typer.Argument(metavar="B", help="Another one.", show_default=False, autocompletion=complete.runs),
    ],
    connect: "ConnectOptions",
    full: Annotated[bool, typer.Option("--full", help="With all of every output that differs.")] = False,
    output: options.PlainOutput = "text",
) -> None:
    """Compare two runs step by step.

    Exit code 0: all outputs are the same; 1: some differ; 2: there is no such run.
    """
    form = parse_format(output)
    found_out = run_async(_diff(connect, a, b))
    if form == "json":
        write_json(found_out.model_dump(mode="json"))
    else:
        from cli.diff_text import describe_diff

        write_text(describe_diff(found_out, full=full))
    raise typer.Exit(ExitCode.SUCCEEDED if found_out.same else ExitCode.FAILED)


@options.connects
def pause(run: options.Run, connect: "ConnectOptions", by: options.By = None, comment: _Comment = "") -> None:
    """Hold a run up, and all runs below it: what is under way is finished, and nothing new is started."""
    run_async(_control(connect, run, "pause", by, comment))


@options.connects
def resume(
    run: options.Run, connect: "ConnectOptions", by: options.By = None, comment: _Comment = ""
) -> None:
    """Let a run go on that was paused, and all runs below it."""
    run_async(_control(connect, run, "resume", by, comment))


def _check(job: _Job, timeout: float | None, *, no_wait: bool) -> None:
    about_end = timeout is not None or no_wait or job.output.path is not None or job.output.format == "jsonl"
    if about_end and not job.watch:
        raise CommandError("--timeout, --no-wait, -o jsonl and -o PATH are about the run's end: add --watch.")
    if job.team is not None and job.plan is None:
        raise CommandError("--team is about the manifests of --plan: add --plan, or leave out --team.")


def _edit(given: str) -> "Edit":
    from ark_temporal.runs.seeds import Edit
    from cli.inputs import read_json, read_text

    place, separator, value = given.partition("=")
    step, _, field = place.rpartition(".")
    if not separator or not step or field not in ("output", "data"):
        raise CommandError(
            f'--set: "{given}" says neither which result nor what it is to be: write STEP.output=TEXT or '
            "STEP.data=JSON."
        )
    if field == "output":
        return Edit(step, "output", read_text(value, "--set"))
    return Edit(step, "data", read_json(value, "--set"))


async def _start(connect: "ConnectOptions", job: _Job, seconds: float | None, *, wait: bool) -> ExitCode:
    from ark_temporal.runs.retry import fork_run, read_origin, retry_run

    replanning = None
    if job.plan is not None:
        from cli.replanning import Replanning

        replanning = Replanning.read(
            job.plan, job.team, inputs=job.given, ignore_unsupported=job.ignore_unsupported
        )
    connection, run_id = await found(connect, job.run)
    origin = await read_origin(connection, run_id)
    changes = _changes(job, replanning.plan_for(origin) if replanning else None)
    if job.edits is None:
        resumed = await retry_run(connection, origin, step=job.step, changes=changes, id=job.id)
    else:
        assert job.step is not None, "a fork has a step to start from"
        resumed = await fork_run(
            connection, origin, step=job.step, edits=job.edits, changes=changes, id=job.id
        )
    return await _tell(connection, connect, job, resumed, seconds, wait=wait)


def _changes(job: _Job, plan: "FrozenPlan | None") -> "Changes":
    from ark_temporal.runs.retry import Changes
    from cli.asking import login_name
    from cli.inputs import read_input

    return Changes(plan, read_input(job.given), login_name() if job.by is None else job.by)


async def _tell(
    connection: "Connection",
    connect: "ConnectOptions",
    job: _Job,
    resumed: "Resumed",
    seconds: float | None,
    *,
    wait: bool,
) -> ExitCode:
    run = resumed.run
    if job.output.format != "jsonl":
        _explain(resumed)
    if job.watch:
        from cli.following import follow_submitted

        if not run.existed and job.output.format != "jsonl":
            say(f"submitted {run.id}")
        return await follow_submitted(connection, connect, run.id, job.output, seconds=seconds, wait=wait)
    url = connection.run_url(run.id)
    if job.output.format == "json":
        facts = {"id": run.id, "existed": run.existed, "kept": list(resumed.kept)}
        write_json(
            {
                **facts,
                "partly": list(resumed.partly),
                "changed": list(resumed.changed),
                "otherPlan": run.other_plan,
                "ui": url,
            }
        )
        return ExitCode.SUCCEEDED
    write_text(run.id)
    if url:
        say(url, "dim")
    return ExitCode.SUCCEEDED


def _explain(resumed: "Resumed") -> None:
    """Say what is taken over, and what its author should know about that."""
    from cli.amounts import plural

    run = resumed.run
    if run.existed:
        say(f"{run.id} was started before; nothing new was started.")
        if run.other_plan:
            complain(
                f"The run {run.id} follows another plan. Choose another --id to run this one.", "warning"
            )
        return
    if resumed.kept:
        say(f"takes over {plural(len(resumed.kept), 'step')}: {', '.join(resumed.kept)}")
    else:
        say("takes over no whole step")
    if resumed.partly:
        say(f"takes over the parts that were done of: {', '.join(resumed.partly)}")
    if resumed.changed:
        complain(
            f"The new plan would do {', '.join(resumed.changed)} differently, and the results of before are "
            "kept. Name the first step that is to be done again with --from.",
            "warning",
        )


async def _diff(connect: "ConnectOptions", a: str, b: str) -> "RunDiff":
    from ark_temporal.runs.diff import diff_runs
    from ark_temporal.runs.find import find_run
    from ark_temporal.runs.watch import read_record

    connection, first = await found(connect, a)
    second = await find_run(connection, b)
    return diff_runs(await read_record(connection, first), await read_record(connection, second))


async def _control(
    connect: "ConnectOptions", name: str, action: Literal["pause", "resume"], by: str | None, comment: str
) -> None:
    from ark_temporal.plan.record import Control
    from ark_temporal.runs.pause import control_run
    from cli.amounts import plural
    from cli.asking import login_name

    connection, run_id = await found(connect, name)
    control = Control(action=action, by=login_name() if by is None else by, comment=comment)
    told = await control_run(connection, run_id, control)
    if not told:
        say(f"The run {run_id} has ended already; there is nothing to {action}.")
        return
    below = f" and {plural(len(told) - 1, 'run')} below it" if len(told) > 1 else ""
    say(f"The run {run_id}{below} {'will hold' if action == 'pause' else 'will go on'}.")
