"""Asking the person at the terminal what a run waits for."""

import contextlib
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cli.terminal import Span, one_line, printable, say, stderr
from cli.typed_lines import Ends, NoLineError, Other, TypedLines, typing_lines

if TYPE_CHECKING:
    from ark_temporal.plan.record import Awaiting, AwaitingKind, Decision, Verdict
    from ark_temporal.runs.questions import Question

_KEYS: "dict[Verdict, tuple[str, str]]" = {
    "approve": ("a", "[a]pprove it"),
    "edit": ("e", "[e]dit it"),
    "retry": ("r", "[r]etry it"),
    "answer": ("a", "[a]nswer for it"),
    "reject": ("j", "re[j]ect the step"),
}
_REJECTS: "dict[AwaitingKind, str]" = {"tool": "re[j]ect the call", "output": "re[j]ect it"}
_ANSWERS: "dict[AwaitingKind, str]" = {
    "tool-outcome": "The tool's answer: ",
    "failed-step": "The step's output: ",
}
_SUBJECT_LINES = 40
"""More of a subject does not help at a prompt; `approvals show` has all of it."""


@dataclass(frozen=True)
class Asking:
    """How to ask.

    Attributes:
        check: Says why a decision cannot be taken; empty when it can.
        editing: Is entered while an editor has the terminal.
        show: The command that shows all there is to know.
    """

    check: "Callable[[Decision], str]"
    editing: Callable[[], contextlib.AbstractContextManager[None]]
    show: str


def can_ask() -> bool:
    """Whether a person sits at the terminal, and it is ours to read from."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    try:
        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except OSError:
        return False


def login_name() -> str:
    """Who decides, where nobody says otherwise."""
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""


async def ask(question: "Question", asking: Asking, ends: Ends, seconds: float | None) -> "Decision | Other":
    """Ask until there is a decision that can be taken, or something else comes first.

    Args:
        question: What is asked.
        asking: How.
        ends: What else may come.
        seconds: How long to wait for the reply; None for ever.
    """
    async with typing_lines(ends, seconds) as typed:
        try:
            return await _converse(question, asking, typed)
        except NoLineError as none:
            return none.why


async def _converse(question: "Question", asking: Asking, typed: TypedLines) -> "Decision | Other":
    awaiting = question.awaiting
    _show(question, asking.show)
    while True:
        verdict = await _verdict(awaiting, typed)
        if verdict is None:
            return "later"
        decision = await _compose(verdict, awaiting, asking, typed)
        if decision is None:
            continue
        problem = asking.check(decision)
        if not problem:
            return decision
        say(problem, "yellow")


def _show(question: "Question", show: str) -> None:
    """What is decided about, as far as a prompt has room for it."""
    from cli.approval_text import pretty, time_left

    terminal, awaiting = stderr(), question.awaiting
    title = f"? {one_line(awaiting.step)} waits for a person"
    where = [Span(f"  {one_line(question.run)} {one_line(awaiting.id)}", "dim")]
    terminal.write(terminal.paint([Span(title, "yellow"), *where]) + "\n")
    terminal.write(f"  {one_line(awaiting.message)}\n")
    call = question.tool_call
    if call is not None:
        terminal.write(printable(f"  {one_line(call.tool)} {one_line(call.arguments)}\n"))
    if awaiting.kind != "tool-outcome":
        lines = printable(pretty(awaiting.subject)).splitlines()
        terminal.write("".join(f"    {line}\n" for line in lines[:_SUBJECT_LINES]))
        if more := len(lines[_SUBJECT_LINES:]):
            terminal.write(f"    (and {more} more lines: {printable(show)})\n")
    if awaiting.answer_schema is not None:
        import json

        schema = json.dumps(awaiting.answer_schema, ensure_ascii=False)
        terminal.write(f"  What you give must match {one_line(schema)}\n")
    if left := time_left(awaiting):
        terminal.write(f"  {left} are left to decide.\n")


async def _verdict(awaiting: "Awaiting", typed: TypedLines) -> "Verdict | None":
    """What was chosen; None leaves it."""
    choices: dict[str, Verdict | None] = {"l": None, "leave": None}
    for verdict in awaiting.decisions:
        choices |= {_KEYS[verdict][0]: verdict, verdict: verdict}
    shown = ", ".join([*_labels(awaiting.kind, awaiting.decisions), "or [l]eave it open"])
    while True:
        word = (await typed.line(f"{shown}? ")).strip().lower()
        if word in choices:
            return choices[word]


def _labels(kind: "AwaitingKind", offered: "Sequence[Verdict]") -> list[str]:
    own: dict[Verdict, str] = {"reject": _REJECTS.get(kind, _KEYS["reject"][1])}
    if kind == "question":
        own["answer"] = "[a]nswer it"
    return [own.get(verdict, _KEYS[verdict][1]) for verdict in offered]


async def _compose(
    verdict: "Verdict", awaiting: "Awaiting", asking: Asking, typed: TypedLines
) -> "Decision | None":
    """The decision, with what it needs besides its name; None where the person thinks better of it."""
    from ark_temporal.plan.record import Decision

    text = comment = ""
    if verdict == "answer":
        text = await typed.line(_ANSWERS.get(awaiting.kind, "Your answer: "))
    elif verdict == "reject":
        comment = await typed.line("Why (may be empty): ")
    elif verdict == "edit":
        edited = await _edit(awaiting, asking, typed)
        if edited is None:
            return None
        text = edited
    return Decision(
        id=awaiting.id,
        digest=awaiting.digest if verdict in ("approve", "edit") else "",
        decision=verdict,
        text=text,
        by=login_name(),
        comment=comment.strip(),
    )


async def _edit(awaiting: "Awaiting", asking: Asking, typed: TypedLines) -> str | None:
    """The subject as the person edited it; None where it is not to be approved so."""
    from cli.approval_text import pretty
    from cli.editor import EditorError, edit_text

    before = pretty(awaiting.subject)
    suffix = ".json" if before.startswith(("{", "[")) else ".md"
    try:
        with asking.editing():
            edited = await edit_text(before, suffix)
    except EditorError as error:
        say(str(error), "yellow")
        return None
    if edited == before:
        say("Nothing was changed.")
        return None
    word = await typed.line("Approve it as edited, [y]es or [n]o? ")
    return edited if word.strip().lower() in ("y", "yes") else None
