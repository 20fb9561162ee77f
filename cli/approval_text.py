"""What runs wait for people to decide, as text for people."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cli.amounts import duration, elapsed, local_time
from cli.hints import DIGEST_SHOWN, decision_commands, plain_commands
from cli.progress.words import describe_error, indented
from cli.record_text import table
from cli.terminal import one_line, printable

if TYPE_CHECKING:
    from ark_temporal.plan.record import Awaiting
    from ark_temporal.runs.connection import ConnectOptions
    from ark_temporal.runs.questions import Question

_KINDS = {
    "tool-outcome": "a tool call whose outcome nobody knows",
    "approval": "going on with a step",
    "output": "the output of a step",
    "tool": "a tool call that was not made yet",
    "question": "a question",
    "failed-step": "a step that failed",
}


def describe_questions(questions: "Sequence[Question]") -> str:
    """One line for each."""
    rows = [
        (
            one_line(each.run),
            one_line(each.awaiting.id),
            one_line(each.team),
            one_line(each.tool_call.tool) if each.tool_call else each.awaiting.kind,
            elapsed(each.awaiting.since, None),
            time_left(each.awaiting) or "–",
            who_decides(each.awaiting),
            ", ".join(each.awaiting.decisions),
        )
        for each in questions
    ]
    return table([("RUN", "ID", "TEAM", "ABOUT", "FOR", "LEFT", "WHO", "DECISIONS"), *rows])


def describe_question(question: "Question", connect: "ConnectOptions") -> str:
    """One in full, with the commands that decide it."""
    awaiting, call = question.awaiting, question.tool_call
    parts = ["\n".join(f"{name:<10}{value}".rstrip() for name, value in _facts(question))]
    parts.append(f"message\n{indented(awaiting.message, '  ')}")
    if awaiting.subject:
        parts.append(f"subject\n{indented(pretty(awaiting.subject), '  ')}")
    if call is not None and awaiting.kind == "tool-outcome":
        parts.append(f"arguments\n{indented(pretty(call.arguments), '  ')}")
    if call is not None and call.error is not None:
        parts.append(f"error\n{indented(describe_error(call.error), '  ')}")
    if awaiting.answer_schema is not None:
        schema = json.dumps(awaiting.answer_schema, ensure_ascii=False, indent=2)
        parts.append(f"what you give must match\n{indented(schema, '  ')}")
    ours = decision_commands(question.run, awaiting, connect)
    theirs = plain_commands(question.run, awaiting, connect)
    parts.append("to decide\n" + "\n".join(f"  {printable(each)}" for each in ours))
    parts.append("to decide without this command\n" + "\n".join(f"  {printable(each)}" for each in theirs))
    return "\n\n".join(parts)


def who_decides(awaiting: "Awaiting") -> str:
    """Who may, and how many of those who must have done so."""
    who = one_line(", ".join(awaiting.approvers)) or "anybody"
    needed = awaiting.gate.quorum if awaiting.gate is not None else 1
    return f"{who} ({len(awaiting.votes)} of {needed})" if needed > 1 else who


def time_left(awaiting: "Awaiting") -> str:
    """How long those who may decide now have; empty where that is for ever."""
    if awaiting.deadline is None:
        return ""
    return duration((awaiting.deadline - datetime.now(UTC)).total_seconds())


def pretty(text: str) -> str:
    """JSON with a line for each thing; other text as it is."""
    if not text.lstrip().startswith(("{", "[")):
        return text
    try:
        return json.dumps(json.loads(text), ensure_ascii=False, indent=2)
    except (ValueError, RecursionError):
        return text


def _facts(question: "Question") -> list[tuple[str, str]]:
    awaiting, call, gate = question.awaiting, question.tool_call, question.awaiting.gate
    facts = [
        ("run", one_line(question.run)),
        ("id", one_line(awaiting.id)),
        ("team", one_line(f"{question.namespace}/{question.team}")),
        ("step", one_line(awaiting.step)),
        ("about", _KINDS[awaiting.kind]),
        ("since", local_time(awaiting.since)),
    ]
    if call is not None:
        facts += [("tool", one_line(call.tool)), ("key", one_line(call.key))]
    if awaiting.digest:
        facts.append(("digest", f"{awaiting.digest[:DIGEST_SHOWN]} ({awaiting.digest})"))
    if gate is not None or awaiting.approvers:
        facts.append(("who", who_decides(awaiting)))
    if gate is not None and gate.four_eyes:
        facts.append(("", f"not {one_line(question.submitted_by) or 'whoever'}, who submitted the run"))
    facts += [
        ("vote", f"{one_line(vote.by)} at {local_time(vote.at)} {one_line(vote.comment)}")
        for vote in awaiting.votes
    ]
    if awaiting.deadline is not None:
        facts.append(("deadline", f"{local_time(awaiting.deadline)}, in {time_left(awaiting)}"))
        facts.append(("then", _then(awaiting)))
    if awaiting.tier:
        facts.append(("escalated", _times(awaiting.tier)))
    if awaiting.remind_at is not None:
        facts.append(("reminded", f"{_times(awaiting.reminders)}; next at {local_time(awaiting.remind_at)}"))
    return facts


def _then(awaiting: "Awaiting") -> str:
    """What happens when nobody has decided in time."""
    gate = awaiting.gate
    if gate is None:
        return ""
    if gate.on_timeout != "escalate":
        return gate.on_timeout
    if awaiting.tier < len(gate.escalation):
        return f"escalate to {one_line(', '.join(gate.escalation[awaiting.tier].approvers))}"
    return gate.at_last


def _times(count: int) -> str:
    return {0: "never", 1: "once"}.get(count, f"{count} times")
