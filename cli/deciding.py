"""Finding what runs wait for people to decide, and deciding it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from cli.errors import CommandError
from cli.exit_codes import ExitCode
from cli.finding import found
from cli.hints import DIGEST_SHOWN
from cli.terminal import say

if TYPE_CHECKING:
    from pydantic import JsonValue

    from ark_temporal.plan.record import Decision, DecisionRecord, RunRecord, Verdict
    from ark_temporal.runs.connection import Connection, ConnectOptions
    from ark_temporal.runs.questions import Question


@dataclass(frozen=True)
class Reply:
    """What somebody decides.

    Attributes:
        digest: What they saw; empty takes what is there when the command runs.
        text: What they give: an answer, an edited subject, a corrected prompt.
        value: The same, where it is JSON.
        by: Who decides; None is whoever is logged in.
    """

    verdict: "Verdict"
    digest: str = ""
    text: str = ""
    value: "JsonValue" = None
    model: str = ""
    by: str | None = None
    comment: str = ""


async def questions_under(connection: "Connection", record: "RunRecord") -> "list[Question]":
    """What a run, and all runs under it, wait for."""
    from ark_temporal.runs.inbox import RunsBelow
    from ark_temporal.runs.questions import questions_of

    return [*questions_of(record), *await RunsBelow(connection, record.id).look()]


async def choose(connection: "Connection", run_id: str, id: str | None) -> "Question":
    """What a run, or one under it, waits for under that id; or the one thing that it waits for.

    Raises:
        CommandError: There is no such thing, or more than one.
    """
    from ark_temporal.runs.watch import read_record

    record = await read_record(connection, run_id)
    fitting = await _matching(connection, record, id, "")
    if len(fitting) != 1:
        await _refuse_choice(connection, record, id, fitting)
    return fitting[0]


async def decide_about(connect: "ConnectOptions", name: str, id: str | None, reply: Reply) -> None:
    """Decide, and say what came of it. What is decided so already is left, and said to be.

    Raises:
        CommandError: It cannot be decided so.
    """
    from ark_temporal.runs.decide import DecisionRefusedError, decide, describe_past
    from ark_temporal.runs.watch import read_record

    _check_digest(reply.digest)
    connection, run_id = await found(connect, name)
    record = await read_record(connection, run_id)
    fitting = await _matching(connection, record, id, reply.digest)
    if len(fitting) == 1:
        question = fitting[0]
        decision = _decision(question, reply)
        try:
            taken = await decide(connection, question.run, decision)
        except DecisionRefusedError as error:
            raise CommandError(f"The run {question.run}: {error}", ExitCode.FAILED) from None
        say(f"The run {question.run}: {taken.message or f'{question.awaiting.id}: {decision.decision}.'}")
        if decision.decision in ("approve", "edit"):
            say(f"Approved was {question.awaiting.id}, digest {_digest(decision)[:DIGEST_SHOWN]}.")
        return
    if fitting or (before := await _past(connection, record, id, reply)) is None:
        await _refuse_choice(connection, record, id, fitting, reply.digest)
    run, past = before
    if past.decision != reply.verdict:
        raise CommandError(f"The run {run}: {describe_past(past)}", ExitCode.FAILED)
    say(f"The run {run}: {describe_past(past)}")


async def _matching(
    connection: "Connection", record: "RunRecord", id: str | None, digest: str
) -> "list[Question]":
    """What waits under that id or digest, in the run itself first: ids of runs under it may be the same."""
    from ark_temporal.runs.inbox import RunsBelow
    from ark_temporal.runs.questions import questions_of

    def fits(question: "Question") -> bool:
        awaiting = question.awaiting
        seen = id is not None or not digest or awaiting.digest.startswith(digest)
        return id in (None, awaiting.id) and seen

    own = [each for each in questions_of(record) if fits(each)]
    if own and (id is not None or digest):
        return own
    return [*own, *(each for each in await RunsBelow(connection, record.id).look() if fits(each))]


async def _refuse_choice(
    connection: "Connection",
    record: "RunRecord",
    id: str | None,
    fitting: "list[Question]",
    digest: str = "",
) -> NoReturn:
    """Say why nothing can be chosen.

    Raises:
        CommandError: Always.
    """
    waiting = fitting or await questions_under(connection, record)
    if not waiting:
        now = f"it has ended: {record.phase}" if record.ended else "it goes on by itself"
        raise CommandError(f"The run {record.id} waits for no decision; {now}.", ExitCode.FAILED)
    if fitting and id is not None:
        runs = ", ".join(each.run for each in fitting)
        raise CommandError(f'Several runs wait for a decision about "{id}"; name one of them as RUN: {runs}.')
    known = ", ".join(_name(each, record) for each in waiting)
    if id is None and len(fitting) > 1:
        raise CommandError(f"The run {record.id} waits for several decisions; name one of them: {known}.")
    if id is None and digest:
        raise CommandError(
            f"The run {record.id} does not wait for a decision about what the digest {digest[:DIGEST_SHOWN]} "
            f"stands for; it waits for: {known}. Look at that with `ark-temporal approvals show`.",
            ExitCode.FAILED,
        )
    raise CommandError(
        f'The run {record.id} does not wait for a decision about "{id}"; it waits for: {known}.'
    )


def _name(question: "Question", record: "RunRecord") -> str:
    where = f" (in {question.run})" if question.run != record.id else ""
    return f"{question.awaiting.id}{where}"


def _decision(question: "Question", reply: Reply) -> "Decision":
    """The decision, about exactly what waits there.

    Raises:
        CommandError: It does not fit.
    """
    from ark_temporal.plan.record import Decision
    from cli.asking import login_name

    awaiting = question.awaiting
    if reply.verdict not in awaiting.decisions:
        offered = ", ".join(awaiting.decisions)
        raise CommandError(
            f'"{reply.verdict}" is no decision about {awaiting.id} of the run {question.run} '
            f"({awaiting.kind}); it takes: {offered}."
        )
    if reply.digest and not awaiting.digest.startswith(reply.digest):
        raise CommandError(
            f"The run {question.run} waits for a decision about {awaiting.id}, but not about what the digest "
            f"{reply.digest[:DIGEST_SHOWN]} stands for: it is {awaiting.digest[:DIGEST_SHOWN] or 'none'} "
            "now. Look at it again with `ark-temporal approvals show`.",
            ExitCode.FAILED,
        )
    if awaiting.kind != "failed-step" and (reply.model or (reply.verdict == "retry" and reply.text)):
        raise CommandError("--prompt and --model are for a step that failed; this is a tool call as it was.")
    return Decision(
        id=awaiting.id,
        digest=awaiting.digest if reply.verdict in ("approve", "edit") else "",
        decision=reply.verdict,
        text=reply.text,
        value=reply.value,
        model=reply.model,
        by=login_name() if reply.by is None else reply.by,
        comment=reply.comment,
    )


async def _past(
    connection: "Connection", record: "RunRecord", id: str | None, reply: Reply
) -> "tuple[str, DecisionRecord] | None":
    """What was decided about it before, and in which run; where nothing says what, the last of all."""
    from ark_temporal.plan.record import Decision
    from ark_temporal.runs.decide import is_about
    from ark_temporal.runs.inbox import RunsBelow

    if id is None and not reply.digest:
        last = record.decisions[-1:] if not await questions_under(connection, record) else []
        return (record.id, last[0]) if last else None
    named = Decision(id=id or "", digest=reply.digest, decision=reply.verdict)
    for each in (record, *await RunsBelow(connection, record.id).records()):
        for past in reversed(each.decisions):
            if is_about(past, named):
                return each.id, past
    return None


def _digest(decision: "Decision") -> str:
    """Of what was approved, which an edit has changed."""
    from ark_temporal.plan.gates import content_text, digest_of

    if decision.decision == "edit":
        return digest_of(decision.id, content_text(decision))
    return decision.digest


def _check_digest(digest: str) -> None:
    from ark_temporal.plan.gates import SHORTEST_DIGEST

    if digest and len(digest) < SHORTEST_DIGEST:
        raise CommandError(
            f'--digest: "{digest}" is too short to stand for anything; give at least its first '
            f"{SHORTEST_DIGEST} characters, as `ark-temporal approvals show` has them."
        )
