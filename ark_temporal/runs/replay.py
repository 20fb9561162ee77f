"""What is done about dead letters: replaying them, one or many at once, and discarding them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from ark_temporal.plan.inputs import InputError
from ark_temporal.plan.model import Plan, PromptInput
from ark_temporal.plan.record import Decision
from ark_temporal.runs.connection import Connection, ConnectionFailedError
from ark_temporal.runs.dead_letters import Letter, letters_of, retries_of
from ark_temporal.runs.decide import DecisionRefusedError, decide
from ark_temporal.runs.find import RunNotFoundError
from ark_temporal.runs.history import HistoryError
from ark_temporal.runs.retry import (
    GIVEN_UP,
    Changes,
    Origin,
    RetryRefusedError,
    read_origin,
    retried,
    retry_run,
)
from ark_temporal.runs.seeds import SeedError, failed_step
from ark_temporal.storage.errors import StorageError
from ark_temporal.wire import Wire

Done = Literal["retried", "decided", "before", "rejected", "deleted", "refused"]


@dataclass(frozen=True)
class Mend:
    """What is different when a dead letter is replayed.

    Attributes:
        plan: Gives the plan for a run that failed; None keeps each run's own.
        prompt: Instead of what the failed step is asked: a template for a run that starts again, as it is for
            one that is parked.
        model: Instead of the one that the failed step's agent asks.
        by: Who replays.
    """

    plan: Callable[[Origin], Plan] | None = None
    prompt: str = ""
    model: str = ""
    by: str = ""


class Replayed(Wire):
    """What became of a dead letter.

    Attributes:
        done: A new run was started, the parked step was told to go on, it was dealt with before; the parked
            step was rejected, or the run deleted; or nothing could be done.
        new: The run that goes on with it.
        kept: The steps whose results that run takes over.
        message: Why nothing could be done.
    """

    run: str
    step: str = ""
    done: Done
    new: str = ""
    kept: tuple[str, ...] = ()
    message: str = ""


async def replay_letters(
    connection: Connection, runs: Sequence[str], mend: Mend, *, at_once: int
) -> AsyncIterator[Replayed]:
    """Replay dead letters, as each gets done: what fails is told like what does not.

    A run that failed is retried from its failed step; a step that is parked is done once more. What was
    replayed before is left as it is.

    Args:
        connection: Where they are.
        runs: Their ids.
        mend: What is different this time.
        at_once: How many are dealt with at the same time.
    """

    async def replay(run: str) -> list[Replayed]:
        return await _replay(connection, run, mend)

    async for outcomes in _each(runs, replay, at_once):
        for outcome in outcomes:
            yield outcome


async def discard_letters(
    connection: Connection, runs: Sequence[str], by: str, *, at_once: int
) -> AsyncIterator[Replayed]:
    """Be done with dead letters: a parked step is rejected, and a run that failed is deleted from Temporal.

    With it go the runs that it was a retry of; their dead letters would come back otherwise. Temporal deletes
    in its own time, which may take a minute.

    Args:
        connection: Where they are.
        runs: Their ids.
        by: Who discards them.
        at_once: How many are dealt with at the same time.
    """

    async def discard(run: str) -> list[Replayed]:
        return await _discard(connection, run, by)

    async for outcomes in _each(runs, discard, at_once):
        for outcome in outcomes:
            yield outcome


def mended_plan(plan: Plan, step: str, *, prompt: str = "", model: str = "") -> Plan:
    """A plan in which a step is asked something else, or its agent asks another model.

    Raises:
        RetryRefusedError: The step has no agent of its own whose model could be another.
    """
    if prompt:
        inputs = (PromptInput(name="task", template=prompt),)
        steps = [
            each.model_copy(update={"inputs": inputs}) if each.name == step else each for each in plan.steps
        ]
        plan = plan.model_copy(update={"steps": tuple(steps)})
    if not model:
        return plan
    roles = [role for role in dict.fromkeys(plan.step(step).roles) if role in plan.agents]
    if not roles:
        raise RetryRefusedError(
            f'Step "{step}" is done by the team "{plan.step(step).role}", which has no model of its own: '
            "change its manifest, and give that with --plan."
        )
    others = {role: plan.agents[role].model_copy(update={"model": model}) for role in roles}
    return plan.model_copy(update={"agents": {**plan.agents, **others}})


async def _each(
    runs: Sequence[str], deal_with: Callable[[str], Awaitable[list[Replayed]]], at_once: int
) -> AsyncIterator[list[Replayed]]:
    from temporalio.service import RPCError

    free = asyncio.Semaphore(at_once)

    async def one(run: str) -> list[Replayed]:
        async with free:
            try:
                return await deal_with(run)
            except (
                RetryRefusedError,
                SeedError,
                InputError,
                DecisionRefusedError,
                RunNotFoundError,
                HistoryError,
                ConnectionFailedError,
                StorageError,
                RPCError,
            ) as error:
                return [Replayed(run=run, done="refused", message=str(error))]

    tasks = [asyncio.create_task(one(run)) for run in dict.fromkeys(runs)]
    try:
        for task in asyncio.as_completed(tasks):
            yield await task
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _replay(connection: Connection, run_id: str, mend: Mend) -> list[Replayed]:
    origin = await read_origin(connection, run_id)
    letters = letters_of(origin.record)
    if not letters:
        raise RetryRefusedError(_no_letter(origin))
    if not origin.record.ended:
        return [await _go_on(connection, letter, mend) for letter in letters]
    plan = mend.plan(origin) if mend.plan is not None else origin.start.plan
    if mend.prompt or mend.model:
        step = failed_step(origin.record)
        if step is None:
            raise RetryRefusedError(
                f"The run {run_id} failed without a step that did, so there is none for another prompt or "
                "model: replay it without them."
            )
        plan = mended_plan(plan, step, prompt=mend.prompt, model=mend.model)
    changes = Changes(plan=plan, by=mend.by)
    resumed = await retry_run(connection, origin, changes=changes, passes=GIVEN_UP)
    done: Done = "before" if resumed.run.existed else "retried"
    return [Replayed(run=run_id, step=letters[0].step, done=done, new=resumed.run.id, kept=resumed.kept)]


async def _go_on(connection: Connection, letter: Letter, mend: Mend) -> Replayed:
    if mend.plan is not None:
        raise RetryRefusedError(
            f"The run {letter.run} is parked, and keeps its plan to its end: replay it with --prompt and "
            "--model, or cancel it and retry it with another plan."
        )
    if "{{" in mend.prompt:
        raise RetryRefusedError(
            f"The run {letter.run} is parked, and its step is asked the prompt as it is: it can hold no "
            "template."
        )
    decision = Decision(id=letter.awaiting, decision="retry", text=mend.prompt, model=mend.model, by=mend.by)
    await decide(connection, letter.run, decision)
    return Replayed(run=letter.run, step=letter.step, done="decided", new=letter.run)


async def _discard(connection: Connection, run_id: str, by: str) -> list[Replayed]:
    origin = await read_origin(connection, run_id)
    letters = letters_of(origin.record)
    if not letters:
        raise RetryRefusedError(_no_letter(origin))
    if not origin.record.ended:
        for letter in letters:
            await decide(
                connection,
                run_id,
                Decision(id=letter.awaiting, decision="reject", by=by, comment="discarded"),
            )
        return [Replayed(run=run_id, step=letter.step, done="rejected") for letter in letters]
    if later := await retries_of(connection, run_id):
        raise RetryRefusedError(
            f"The run {run_id} is no dead letter any more: it was replayed, as {later[-1]}."
        )
    for each in (*_retried_before(origin), run_id):
        await _delete(connection, each)
    return [Replayed(run=run_id, step=letters[0].step, done="deleted")]


def _retried_before(origin: Origin) -> list[str]:
    """The run that this one is a retry of, and the retries before it."""
    run, number = retried(origin.id)
    seed = origin.start.seed
    if number == 0 or seed is None or retried(seed.run)[0] != run:
        return []
    return [run, *(f"{run}-retry-{each}" for each in range(1, number))]


async def _delete(connection: Connection, run_id: str) -> None:
    """Delete a failed run from Temporal; one that is gone already, or did not fail, is left alone."""
    from temporalio.api.common.v1 import WorkflowExecution
    from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
    from temporalio.client import WorkflowExecutionStatus
    from temporalio.service import RPCError, RPCStatusCode

    client = connection.client
    try:
        description = await client.get_workflow_handle(run_id).describe()
        if description.status not in (WorkflowExecutionStatus.FAILED, WorkflowExecutionStatus.TIMED_OUT):
            return
        execution = WorkflowExecution(workflow_id=run_id, run_id=description.run_id)
        await client.workflow_service.delete_workflow_execution(
            DeleteWorkflowExecutionRequest(namespace=client.namespace, workflow_execution=execution)
        )
    except RPCError as error:
        if error.status != RPCStatusCode.NOT_FOUND:
            raise ConnectionFailedError(f"Temporal does not delete the run: {error.message}.") from None


def _no_letter(origin: Origin) -> str:
    record = origin.record
    if not record.ended:
        return f"The run {record.id} is no dead letter: it runs, and no step of it is parked."
    rejected = " A person rejected it." if record.phase == "Failed" else ""
    return (
        f"The run {record.id} is no dead letter: {record.phase}.{rejected} `ark-temporal runs retry` starts "
        "any ended run again."
    )
