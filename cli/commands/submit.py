"""`ark-temporal submit`: start a run on a Temporal that others keep."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from cli import options
from cli.errors import CommandError
from cli.exit_codes import ExitCode
from cli.loop import run_async
from cli.output import Output, parse_output, write_json, write_text
from cli.terminal import complain, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import JsonValue

    from ark_temporal.manifests import Bundle
    from ark_temporal.plan.causes import Listener
    from ark_temporal.plan.model import Plan
    from ark_temporal.runs.connection import Connection, ConnectOptions
    from ark_temporal.runs.submit import Submitted


@options.connects
def submit(
    connect: "ConnectOptions",
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SOURCES]",
            help="Manifests: files, directories with their subdirectories, or - for standard input. Without "
            "them, --team or --agent names one that is applied.",
            show_default=False,
        ),
    ] = None,
    team: options.Team = None,
    agent: options.Agent = None,
    task: options.Task = None,
    given: options.Input = None,
    provider: options.Provider = "auto",
    id: options.RunId = None,
    by: options.By = None,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Follow the run and print its result.")
    ] = False,
    timeout: options.WatchSeconds = None,
    no_wait: options.NoWait = False,
    task_queue: options.TaskQueue = "ark",
    ignore_unsupported: options.IgnoreUnsupported = False,
    output: options.ResultOutput = "text",
) -> None:
    """Start a run on a Temporal, and print its id.

    With --watch the id goes to standard error and the run's result to standard output. When the run waits
    for a person, you are asked on a terminal; else it is said how to decide. Ctrl-C then detaches: the run
    goes on (exit code 3). The id of a run that exists starts nothing.
    """
    from ark_temporal.resources.catalog import listeners_of
    from cli.choice import Choice, compile_choice, input_of
    from cli.sources import load_sources

    target = parse_output(output)
    about_end = timeout is not None or no_wait or target.path is not None or target.format == "jsonl"
    if about_end and not watch:
        raise CommandError("--timeout, --no-wait, -o jsonl and -o PATH are about the run's end: add --watch.")
    choice = Choice(team, agent, task, given or ())
    bundle = (
        load_sources(sources, inputs=choice.texts) if sources else run_async(_applied(connect, team or agent))
    )
    plan = compile_choice(bundle, choice, provider, ignore_unsupported=ignore_unsupported)
    listeners = () if sources else listeners_of(bundle, plan.namespace, plan.team)
    _warn_of_values_left_behind(bundle, plan)
    job = _Job(plan, input_of(choice, plan), id, _name(by), listeners, task_queue, connect, target)
    following = _submit_and_watch(job, timeout, wait=not no_wait) if watch else _submit_only(job)
    raise typer.Exit(run_async(following))


async def _applied(connect: "ConnectOptions", name: str | None) -> "Bundle":
    """What is applied in the namespace of a team or agent."""
    from ark_temporal.resources.applying import load_applied
    from cli.connecting import connect as connected

    if name is None:
        raise CommandError(
            "Name manifests to run, or name a team or an agent that is applied, with --team or --agent.",
            code=ExitCode.USAGE,
        )
    namespace, _, _ = name.rpartition("/")
    return await load_applied(await connected(connect), namespace or "default")


@dataclass(frozen=True)
class _Job:
    plan: "Plan"
    input: "dict[str, JsonValue]"
    id: str | None
    by: str
    listeners: "Sequence[Listener]"
    task_queue: str
    connect: "ConnectOptions"
    output: Output


def _name(by: str | None) -> str:
    from cli.asking import login_name

    return login_name() if by is None else by


async def _submit_only(job: _Job) -> ExitCode:
    connection, submitted = await _submit(job)
    url = connection.run_url(submitted.id)
    if job.output.format == "json":
        facts = {"id": submitted.id, "existed": submitted.existed, "plan": job.plan.digest(), "ui": url}
        write_json({**facts, "otherPlan": submitted.other_plan})
        return ExitCode.SUCCEEDED
    write_text(submitted.id)
    if url:
        say(url, "dim")
    return ExitCode.SUCCEEDED


async def _submit_and_watch(job: _Job, seconds: float | None, *, wait: bool) -> ExitCode:
    from cli.following import follow_submitted

    connection, submitted = await _submit(job)
    if not submitted.existed and job.output.format != "jsonl":
        say(f"submitted {submitted.id}")
    return await follow_submitted(
        connection, job.connect, submitted.id, job.output, seconds=seconds, wait=wait
    )


async def _submit(job: _Job) -> "tuple[Connection, Submitted]":
    from ark_temporal.plan.inputs import resolve_input
    from ark_temporal.runs.submit import submit
    from cli.connecting import connect

    resolve_input(job.plan, job.input)
    connection = await connect(job.connect)
    submitted = await submit(
        connection,
        job.plan,
        job.input,
        id=job.id,
        task_queue=job.task_queue,
        submitted_by=job.by,
        listeners=job.listeners,
    )
    if submitted.existed:
        say(f"{submitted.id} was submitted before; nothing new was started.")
    if submitted.other_plan:
        complain(
            f"The run {submitted.id} follows another plan than these manifests: it was submitted from other "
            "ones. Choose another --id to run these.",
            "warning",
        )
    return connection, submitted


def _warn_of_values_left_behind(bundle: "Bundle", plan: "Plan") -> None:
    """Values never travel with a run: say which ones the workers must have themselves."""
    from ark_temporal.manifests import ArkSecret
    from ark_temporal.plan.reach import sources_within

    used = {(kind, plan.namespace, name) for kind, name in sources_within(plan)}
    provided = {each.key for each in bundle.all(ArkSecret) if ("Secret", *each.key[1:]) in used}
    written = {("Secret", *key) for key in bundle.secrets} | {
        ("ConfigMap", *key) for key in bundle.config_maps
    }
    left = sorted(written & used | provided) or sorted(each for each in written if each[0] == "Secret")
    if left:
        complain(
            f"{_names(left)} of these manifests stays here: only names are submitted. The workers need their "
            "own, from --secrets-dir or from the manifests that `dev` or `worker` was started with.",
            "warning",
        )


def _names(objects: "Sequence[tuple[str, str, str]]") -> str:
    return ", ".join(f'{kind} "{name}"' for kind, _, name in objects)
