"""Live answers for the shell's completion. A completion that cannot answer stays silent."""

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from ark_temporal.runs.connection import ConnectOptions

ANSWER_SECONDS = 1.5
"""Longer than this, a shell seems to hang."""

_RUNS = 30
_PHASES = ("Running", "Succeeded", "Failed", "Cancelled", "Terminated")


def runs(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Ids of the latest runs, with what they are."""
    import asyncio

    found = [("latest", "the run that started last")]
    with contextlib.suppress(Exception):  # completion has no place to show an error
        found += asyncio.run(asyncio.wait_for(_latest_runs(_connection_options(context)), ANSWER_SECONDS))
    return [each for each in found if each[0].startswith(incomplete)]


def steps(context: typer.Context, incomplete: str) -> list[str]:
    """Steps of the run on the line, which is `runs retry RUN` or `runs fork RUN` so far."""
    import asyncio

    with contextlib.suppress(Exception):
        reading = _steps_of(_connection_options(context), _words_on_the_line()[2])
        names = asyncio.run(asyncio.wait_for(reading, ANSWER_SECONDS))
        return [name for name in names if name.startswith(incomplete)]
    return []


def dead_letters(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Ids of the latest dead letters, with what went wrong."""
    import asyncio

    with contextlib.suppress(Exception):
        found = asyncio.run(asyncio.wait_for(_letters(_connection_options(context)), ANSWER_SECONDS))
        return [each for each in found if each[0].startswith(incomplete)]
    return []


def events(context: typer.Context, incomplete: str) -> list[str]:
    """Names of the applied events; those outside of the namespace `default` with theirs."""
    import asyncio

    with contextlib.suppress(Exception):
        names = asyncio.run(asyncio.wait_for(_events(_connection_options(context)), ANSWER_SECONDS))
        return [name for name in names if name.startswith(incomplete)]
    return []


def teams(incomplete: str) -> list[str]:
    """Teams of the sources on the line."""
    with contextlib.suppress(Exception):
        from ark_temporal.manifests import load

        names = [team.metadata.name for team in load(_paths_on_the_line()).teams]
        return [name for name in names if name.startswith(incomplete)]
    return []


def agents(incomplete: str) -> list[str]:
    """Agents of the sources on the line."""
    with contextlib.suppress(Exception):
        from ark_temporal.manifests import ArkAgent, load

        names = [agent.metadata.name for agent in load(_paths_on_the_line()).all(ArkAgent)]
        return [name for name in names if name.startswith(incomplete)]
    return []


def kinds(incomplete: str) -> list[str]:
    """Kinds of manifests, in small letters for those who type them so."""
    from ark_temporal.manifests.kinds import KINDS

    names = [kind.lower() for kind in KINDS] if incomplete.islower() else list(KINDS)
    return [name for name in names if name.startswith(incomplete)]


def phases(incomplete: str) -> list[str]:
    """Phases of runs."""
    return [phase for phase in _PHASES if phase.lower().startswith(incomplete.lower())]


def _paths_on_the_line() -> list[Path]:
    """Files and directories among the words: a line whose last option has no value yet is not parsed."""
    return [path for path in map(Path, _words_on_the_line()[1:]) if path.exists()]


def _words_on_the_line() -> list[str]:
    """The words after the program's name."""
    import shlex

    line = os.environ.get("COMP_WORDS") or os.environ.get("_TYPER_COMPLETE_ARGS", "")
    return shlex.split(line)[1:]


async def _latest_runs(options: "ConnectOptions") -> list[tuple[str, str]]:
    from ark_temporal.runs.connection import connect
    from ark_temporal.runs.find import list_runs

    connection = await connect(options)
    return [(run.id, f"{run.team}, {run.phase}") async for run in list_runs(connection, limit=_RUNS)]


async def _events(options: "ConnectOptions") -> list[str]:
    from ark_temporal.manifests import ArkEvent
    from ark_temporal.resources.store import list_resources
    from ark_temporal.runs.connection import connect

    listed = list_resources(await connect(options), kind=ArkEvent.KIND)
    names = [each.name async for each in listed]
    return sorted(
        each.name if each.namespace == "default" else f"{each.namespace}/{each.name}" for each in names
    )


async def _steps_of(options: "ConnectOptions", name: str) -> list[str]:
    from ark_temporal.runs.connection import connect
    from ark_temporal.runs.find import find_run
    from ark_temporal.runs.watch import read_record

    connection = await connect(options)
    record = await read_record(connection, await find_run(connection, name))
    return [step.name for step in record.steps]


async def _letters(options: "ConnectOptions") -> list[tuple[str, str]]:
    from ark_temporal.runs.connection import connect
    from ark_temporal.runs.dead_letters import list_letters

    letters = list_letters(await connect(options))
    found: list[tuple[str, str]] = []
    async for letter in letters:
        found.append((letter.run, f"{letter.state}, {letter.step or letter.error.type}"))
        if len(found) == _RUNS:
            break
    return found


def _connection_options(context: typer.Context) -> "ConnectOptions":
    """The connection options on the line so far."""
    import dataclasses

    from ark_temporal.runs.connection import ConnectOptions

    names = {field.name for field in dataclasses.fields(ConnectOptions)}
    return ConnectOptions(**{name: value for name, value in context.params.items() if name in names})
