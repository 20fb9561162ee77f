"""Commands that we tell a user to type, with what leads them to the same Temporal."""

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cli.terminal import one_line

if TYPE_CHECKING:
    from ark_temporal.plan.record import Awaiting
    from ark_temporal.runs.connection import ConnectOptions

_GIVEN = {"answer": ("--text", "TEXT")}
"""What a decision needs besides its name."""


def come_back(run_id: str, options: "ConnectOptions") -> str:
    """The command that watches a run again."""
    return f"`{_command(['runs', 'watch', run_id], options)}`"


def how_to_decide(run_id: str, awaiting: "Awaiting", options: "ConnectOptions") -> str:
    """What a run waits for, and the exact commands that decide it; several lines."""
    commands = [
        _command(["approvals", verdict, run_id, awaiting.id, *_GIVEN.get(verdict, ())], options)
        for verdict in awaiting.decisions
    ]
    what = f"{awaiting.step} waits for a person ({awaiting.id}): {awaiting.message}"
    return "\n".join([one_line(what), *(f"    {command}" for command in commands)])


def _command(words: Sequence[str], options: "ConnectOptions") -> str:
    words = ["ark-temporal", *words]
    for option, value in (
        ("--address", options.address),
        ("--namespace", options.namespace),
        ("--profile", options.profile),
    ):
        words += [option, value] if value else []
    return shlex.join(words)
