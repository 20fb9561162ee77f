"""Commands that we tell a user to type, with what leads them to the same Temporal."""

import json
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cli.terminal import one_line

if TYPE_CHECKING:
    from ark_temporal.plan.record import Awaiting, Verdict
    from ark_temporal.runs.connection import ConnectOptions

DIGEST_SHOWN = 12
"""So many characters of a digest are shown, and enough for a decision."""

_SIGNALS = ("approve", "reject")


def come_back(run_id: str, options: "ConnectOptions") -> str:
    """The command that watches a run again."""
    return f"`{our_command(['runs', 'watch', run_id], options)}`"


def how_to_decide(run_id: str, awaiting: "Awaiting", options: "ConnectOptions") -> str:
    """What a run waits for, and the exact commands that show and decide it; several lines."""
    what = f"{awaiting.step} waits for a person ({awaiting.id}): {awaiting.message}"
    who = f" These may decide: {', '.join(awaiting.approvers)}." if awaiting.approvers else ""
    seen = [show_command(run_id, awaiting, options)] if awaiting.subject else []
    commands = [*seen, *decision_commands(run_id, awaiting, options)]
    return "\n".join([one_line(f"{what}{who}"), *(f"    {command}" for command in commands)])


def show_command(run_id: str, awaiting: "Awaiting", options: "ConnectOptions") -> str:
    """The command that shows all there is to know for a decision."""
    return our_command(["approvals", "show", run_id, awaiting.id], options)


def decision_commands(run_id: str, awaiting: "Awaiting", options: "ConnectOptions") -> list[str]:
    """Our commands that decide it, one for each way."""
    return [
        our_command(["approvals", verdict, run_id, awaiting.id, *_given(verdict, awaiting)], options)
        for verdict in awaiting.decisions
    ]


def plain_commands(run_id: str, awaiting: "Awaiting", options: "ConnectOptions") -> list[str]:
    """The same by the plain `temporal` command: a signal where one does, else the update."""
    named = {"digest": awaiting.digest[:DIGEST_SHOWN]} if awaiting.digest else {"id": awaiting.id}
    who = {"by": "NAME"}
    commands: list[str] = []
    for verdict in awaiting.decisions:
        if verdict in _SIGNALS and awaiting.digest:
            words = ["signal", "--workflow-id", run_id, "--name", verdict]
            said = {**named, **who}
        else:
            words = ["update", "execute", "--workflow-id", run_id, "--name", "decide"]
            content = {"text": "TEXT"} if verdict in ("answer", "edit") else {}
            said = {"id": awaiting.id, **named, "decision": verdict, **content, **who}
        words += ["--input", json.dumps(said, ensure_ascii=False, separators=(",", ":"))]
        commands.append(_with_place(["temporal", "workflow", *words], options))
    return commands


def _given(verdict: "Verdict", awaiting: "Awaiting") -> list[str]:
    """What a decision needs besides its name."""
    words: list[str] = []
    if verdict in ("approve", "edit") and awaiting.digest:
        words += ["--digest", awaiting.digest[:DIGEST_SHOWN]]
    if verdict in ("answer", "edit"):
        as_json = awaiting.answer_schema is not None or (verdict == "edit" and awaiting.kind == "tool")
        words += ["--json", "JSON"] if as_json else ["--text", "TEXT"]
    if awaiting.approvers:
        words += ["--by", "NAME"]
    return words


def our_command(words: Sequence[str], options: "ConnectOptions") -> str:
    """A command of ours as it is typed, for the same Temporal."""
    return _with_place(["ark-temporal", *words], options)


def _with_place(words: Sequence[str], options: "ConnectOptions") -> str:
    words = list(words)
    for option, value in (
        ("--address", options.address),
        ("--namespace", options.namespace),
        ("--profile", options.profile),
    ):
        words += [option, value] if value else []
    return shlex.join(words)
