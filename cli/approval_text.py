"""What runs wait for people to decide, as text for people."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cli.amounts import elapsed, local_time
from cli.hints import how_to_decide
from cli.progress.words import describe_error, indented
from cli.record_text import table
from cli.terminal import one_line, printable

if TYPE_CHECKING:
    from ark_temporal.runs.connection import ConnectOptions
    from ark_temporal.runs.decide import Question


def describe_questions(questions: "Sequence[Question]") -> str:
    """One line for each."""
    rows = [
        (
            one_line(each.run),
            one_line(each.awaiting.id),
            one_line(each.team),
            one_line(each.tool_call.tool) if each.tool_call else "–",
            elapsed(each.awaiting.since, None),
            ", ".join(each.awaiting.decisions),
        )
        for each in questions
    ]
    return table([("RUN", "ID", "TEAM", "TOOL", "FOR", "DECISIONS"), *rows])


def describe_question(question: "Question", connect: "ConnectOptions") -> str:
    """One in full, with the commands that decide it."""
    awaiting, call = question.awaiting, question.tool_call
    facts = [
        ("run", one_line(question.run)),
        ("team", one_line(f"{question.namespace}/{question.team}")),
        ("step", one_line(awaiting.step)),
        ("since", local_time(awaiting.since)),
    ]
    if call is not None:
        facts += [("tool", one_line(call.tool)), ("key", one_line(call.key))]
    parts = ["\n".join(f"{name:<9}{value}" for name, value in facts)]
    if call is not None:
        parts.append(f"arguments\n{indented(call.arguments, '  ')}")
        if call.error is not None:
            parts.append(f"error\n{indented(describe_error(call.error), '  ')}")
    parts.append(printable(how_to_decide(question.run, awaiting, connect)))
    return "\n\n".join(parts)
