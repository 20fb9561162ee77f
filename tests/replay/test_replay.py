"""Workflow code of today replays every history that was ever recorded at a release."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer
from temporalio.workflow import NondeterminismError

from ark_temporal.plan.calls import Request
from ark_temporal.plan.progress import Progress
from ark_temporal.runs.history import HistoryReader
from ark_temporal.storage import data_converter
from tests.replay.around import WORKFLOWS
from tests.replay.record import CHILDREN, CONTINUED, HISTORIES, RESOURCE, plans
from worker.sandbox import workflow_sandbox
from workflows.agent_task import AgentTask
from workflows.event_firing import EventFiring
from workflows.notifier import Notifier
from workflows.pipeline import Pipeline
from workflows.resource import Resource
from workflows.router import Router
from workflows.supervisor import Supervisor

NO_RUNS = {RESOURCE, *WORKFLOWS} - {"fires"}
"""Histories of workflows that are no runs, and have no record."""

FILES = sorted(HISTORIES.glob("*/*.json"))


def replayer() -> Replayer:
    """As a worker of ours runs workflows."""
    return Replayer(
        workflows=[Pipeline, Supervisor, Router, AgentTask, Resource, EventFiring, Notifier],
        data_converter=data_converter(None),
        workflow_runner=workflow_sandbox(),
    )


def history(file: Path) -> WorkflowHistory:
    """A recorded history; the workflow's id is the file's name, or what that stands for."""
    return WorkflowHistory.from_json(
        WORKFLOWS.get(file.stem, file.stem), json.loads(file.read_text(encoding="utf-8"))
    )


def test_there_is_a_history_of_every_example_and_of_every_way_to_end() -> None:
    newest = max({file.parent for file in FILES}, key=lambda folder: folder.stat().st_mtime)
    assert {file.stem for file in newest.iterdir()} == {
        *plans(),
        *CHILDREN,
        CONTINUED,
        RESOURCE,
        *WORKFLOWS,
    }


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}-{file.stem}")
async def test_it_replays(file: Path) -> None:
    await replayer().replay_workflow(history(file))


@pytest.mark.parametrize(
    "file",
    [file for file in FILES if file.stem not in NO_RUNS],
    ids=lambda file: f"{file.parent.name}-{file.stem}",
)
async def test_its_record_ends_as_the_workflow_did(file: Path) -> None:
    recorded = history(file)
    reader = HistoryReader(recorded.workflow_id, data_converter(None))
    for event in recorded.events:
        await reader.feed(event)
    closed = recorded.events[-1].WhichOneof("attributes")
    ended = {
        "workflow_execution_completed_event_attributes": "Succeeded",
        "workflow_execution_failed_event_attributes": "Failed",
        "workflow_execution_canceled_event_attributes": "Cancelled",
        "workflow_execution_continued_as_new_event_attributes": "Running",
    }
    assert closed is not None
    assert reader.record.phase == ended[closed]


async def test_a_workflow_that_does_something_else_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    ask = Progress.advance

    def in_another_order(progress: Progress, now: datetime, *, hold: bool) -> Iterator[Request]:
        return reversed(ask(progress, now, hold=hold))

    monkeypatch.setattr(Progress, "advance", in_another_order)
    file = next(file for file in FILES if file.stem == "parallel-and-skipped")
    with pytest.raises(NondeterminismError):
        await replayer().replay_workflow(history(file))
