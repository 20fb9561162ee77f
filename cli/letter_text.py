"""Dead letters as text for people."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cli.amounts import local_time, plural
from cli.hints import decision_commands, our_command
from cli.progress.words import describe_error, indented
from cli.record_text import table
from cli.terminal import cut, one_line, printable

if TYPE_CHECKING:
    from ark_temporal.plan.record import RunRecord
    from ark_temporal.runs.connection import ConnectOptions
    from ark_temporal.runs.dead_letters import Letter
    from ark_temporal.runs.replay import Replayed

_ERROR_COLUMNS = 60


def describe_letters(letters: "Sequence[Letter]") -> str:
    """One line for each."""
    rows = [
        (
            one_line(each.run),
            one_line(each.team) or "–",
            one_line(each.step) or "–",
            cut(one_line(f"{each.error.type}: {each.error.message}"), _ERROR_COLUMNS),
            str(each.attempts) if each.attempts else "–",
            local_time(each.when),
            each.state,
        )
        for each in letters
    ]
    return table([("RUN", "TEAM", "STEP", "ERROR", "ATTEMPTS", "WHEN", "STATE"), *rows])


def describe_letter(
    letter: "Letter", record: "RunRecord", kept: Sequence[str], connect: "ConnectOptions"
) -> str:
    """One in full: what failed and how, what of the run stays, and the commands that deal with it.

    Args:
        letter: The dead letter.
        record: Its run.
        kept: The steps whose results stay.
        connect: What leads to its Temporal, for commands to type.
    """
    facts = [
        ("run", one_line(letter.run)),
        ("team", one_line(f"{letter.namespace}/{letter.team}")),
        ("state", letter.state),
        ("step", one_line(letter.step) or "none: the run failed as a whole"),
        ("attempts", str(letter.attempts) if letter.attempts else "–"),
        ("since", local_time(letter.when)),
        ("keeps", f"{plural(len(kept), 'step')}: {', '.join(map(one_line, kept))}" if kept else "no step"),
    ]
    parts = ["\n".join(f"{name:<9}{value}" for name, value in facts)]
    parts.append(f"error\n{indented(describe_error(letter.error), '  ')}")
    prompt = record.step(letter.step).prompt if letter.step else ""
    if prompt:
        parts.append(f"prompt\n{indented(prompt.rstrip(), '  ')}")
    parts.append("commands\n" + "\n".join(f"  {line}" for line in _commands(letter, record, connect)))
    return "\n\n".join(parts)


def describe_outcome(outcome: "Replayed") -> str:
    """What became of one, in a line."""
    run = one_line(outcome.run)
    about = f"{run} ({one_line(outcome.step)})" if outcome.step else run
    match outcome.done:
        case "retried":
            return f"{about}: {one_line(outcome.new)}, keeps {plural(len(outcome.kept), 'step')}"
        case "decided":
            return f"{about}: goes on"
        case "before":
            return f"{about}: was replayed before, as {one_line(outcome.new)}"
        case "rejected" | "deleted":
            return f"{about}: {outcome.done}"
        case "refused":
            return f"{about}: {printable(outcome.message)}"


def _commands(letter: "Letter", record: "RunRecord", connect: "ConnectOptions") -> list[str]:
    replay = ["dlq", "replay", letter.run]
    lines = [replay, [*replay, "--prompt", "@FILE"] if letter.step else None]
    lines += [[*replay, "--model", "MODEL"] if letter.step else None]
    if letter.state == "failed":
        lines += [[*replay, "--plan", "DIRECTORY"]]
    lines += [["dlq", "discard", letter.run]]
    told = [our_command(words, connect) for words in lines if words]
    waiting = [each for each in record.awaiting if each.id == letter.awaiting]
    return [*told, *(command for each in waiting for command in decision_commands(record.id, each, connect))]
