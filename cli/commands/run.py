"""`ark-temporal run`: a team on a Temporal of its own, in one process."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from cli import options
from cli.exit_codes import ExitCode, exit_code
from cli.loop import run_async
from cli.output import Output, parse_output, write_record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import JsonValue

    from ark_temporal.plan.model import Plan
    from ark_temporal.plan.record import RunRecord
    from ark_temporal.runs.connection import Connection
    from ark_temporal.secrets import SecretStore
    from cli.worker_setup import WorkerSetup


_TELLING_SECONDS = 3.0


def run(
    sources: options.Sources,
    team: options.Team = None,
    agent: options.Agent = None,
    task: options.Task = None,
    given: options.Input = None,
    provider: options.Provider = "auto",
    mock: Annotated[bool, typer.Option("--mock", help="The same as --provider mock.")] = False,
    mock_script: options.MockScriptFile = None,
    prices: options.PricesFile = None,
    secrets_dir: options.SecretsDirectory = None,
    tools: options.ToolModules = None,
    allow_host: options.AllowHosts = None,
    deny_host: options.DenyHosts = None,
    allow_commands: options.AllowCommands = True,
    timeout: Annotated[
        int | None,
        typer.Option(
            metavar="SECONDS",
            min=1,
            help="How long the run may take, instead of the team's timeoutSeconds (exit code 9).",
            show_default=False,
        ),
    ] = None,
    id: options.RunId = None,
    by: options.By = None,
    ignore_unsupported: options.IgnoreUnsupported = False,
    output: options.ResultOutput = "text",
) -> None:
    """Run a team, or one agent by itself, here and now, and print its result.

    Brings its own Temporal and worker, in memory: nothing to install or start, and nothing is left behind.
    Ctrl-C cancels the run; a second one quits at once.
    """
    from cli.choice import Choice, compile_choice, input_of
    from cli.sources import load_sources, secret_stores
    from cli.tool_options import ToolOptions
    from cli.worker_setup import WorkerSetup

    target = parse_output(output)
    tooling = ToolOptions.read(tools, allow_host, deny_host, allow_commands=allow_commands)
    setup = WorkerSetup.read(mock_script=mock_script, prices=prices, secrets_dir=secrets_dir, tools=tooling)
    choice = Choice(team, agent, task, given or ())
    bundle = load_sources(sources, inputs=choice.texts)
    plan = compile_choice(bundle, choice, "mock" if mock else provider, ignore_unsupported=ignore_unsupported)
    if timeout is not None:
        plan = plan.model_copy(update={"timeout_seconds": timeout})
    values = input_of(choice, plan)

    from ark_temporal.plan.inputs import resolve_input

    resolve_input(plan, values)

    from cli.asking import login_name

    stores = secret_stores(bundle, allow_commands=allow_commands)
    who = login_name() if by is None else by
    run_async(_run(_Job(plan, values, id, who, target, stores, setup)))


@dataclass(frozen=True)
class _Job:
    plan: "Plan"
    input: "dict[str, JsonValue]"
    id: str | None
    by: str
    output: Output
    stores: "Sequence[SecretStore]"
    setup: "WorkerSetup"


async def _run(job: _Job) -> NoReturn:
    import asyncio
    import importlib
    import tempfile

    from cli.local import connect_to
    from worker.embedded import embedded_server

    # The worker's many modules are loaded while the server starts: both take a third of a second.
    loading = asyncio.create_task(asyncio.to_thread(importlib.import_module, "worker.assembly"))
    with tempfile.TemporaryDirectory(prefix="ark-temporal-") as folder:
        scratch = Path(folder)
        async with embedded_server(log=scratch / "server.log") as server:
            await loading
            from worker.assembly import running_worker

            connection = await connect_to(server, str(scratch / "payloads"))
            async with running_worker(connection, job.setup.options(job.stores)):
                record = await _carry_out(job, connection, scratch)
                await _have_told(job, connection, record)
                _quit(scratch, exit_code(record))


async def _carry_out(job: _Job, connection: "Connection", scratch: Path) -> "RunRecord":
    """Run to the end, and write what the run came to."""
    import signal

    from ark_temporal.runs.connection import ConnectOptions
    from ark_temporal.runs.end import cancel_run
    from ark_temporal.runs.submit import submit
    from cli.following import Interrupts, following
    from cli.logs import log_to
    from cli.progress import view_for
    from cli.questions import Questions

    with Interrupts.caught(signal.SIGINT, signal.SIGTERM) as interrupts:
        submitted = await submit(connection, job.plan, job.input, id=job.id, submitted_by=job.by)
        view = view_for(job.output.format, connection.run_url(submitted.id))
        log_to(view.notice)
        told = job.output.format != "jsonl"
        questions = Questions(ConnectOptions(address=connection.address), asks=told, tells=told, leaves=False)
        async with following(connection, submitted.id, view) as watched:
            why = await questions.until_ended(watched, interrupts)
            if why == "interrupted":
                view.notice("Cancelling the run; Ctrl-C again quits at once.")
                await cancel_run(connection, submitted.id)
                if await watched.until(interrupts) == "interrupted":
                    _quit(scratch, ExitCode.CANCELLED)
    assert watched.record is not None, "a run that has ended was seen"
    view.end(watched.record)
    write_record(job.output, watched.record)
    return watched.record


async def _have_told(job: _Job, connection: "Connection", record: "RunRecord") -> None:
    """Give messages about the run a moment: they end with the server."""
    from ark_temporal.runs.told import until_told
    from cli.terminal import complain, one_line, say

    untold = await until_told(connection, job.plan, record, seconds=_TELLING_SECONDS)
    for each in untold:
        complain(one_line(each), "warning")
    if untold:
        say("It is not tried again, since `run` brings a Temporal of its own, which ends with it.")


def _quit(scratch: Path, code: ExitCode) -> NoReturn:
    """End this process now: all that is left to end is in memory, and nobody should wait for it.

    The server ends by itself when we are gone, and nobody wants the answers of model calls under way.
    """
    import shutil

    shutil.rmtree(scratch, ignore_errors=True)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
