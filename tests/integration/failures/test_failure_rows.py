"""The page of failures as a whole: each of its rows is proved, and each of its commands exists."""

import ast
import importlib
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from cli.main import app
from tests.integration.failures.page import PAGE, PROVED, ROOT, rows

INTEGRATION, AGENTS = "tests/integration/test_", "tests/integration/agents/test_"
EVENTS, NOTIFY = "tests/integration/events/test_", "tests/integration/notify/test_"
WEBHOOKS = "tests/integration/gateway/test_webhook_"
EXISTING = {
    "F105": f"{INTEGRATION}public_names.py::test_what_is_no_plan_fails_at_once_with_a_typed_error",
    "F212": f"{AGENTS}tool_crashes.py::test_an_answer_that_temporal_was_not_told_is_not_paid_for_again",
    "F303": f"{AGENTS}tool_crashes.py::test_no_effect_is_repeated_without_its_key_or_without_a_person",
    "F312": f"{AGENTS}mcp_agents.py::test_an_agent_works_without_a_server_that_is_down",
    "F315": f"{AGENTS}tool_agents.py::test_a_result_of_five_megabytes_does_not_stop_the_run",
    "F1001": f"{INTEGRATION}crashes.py::test_a_killed_worker_is_replaced_by_another",
    "F1002": f"{INTEGRATION}crashes.py::test_a_worker_that_is_stopped_finishes_its_call",
    "F1003": f"{INTEGRATION}watch.py::test_a_missing_worker_is_told",
    "F1005": f"{INTEGRATION}crashes.py::test_a_server_comes_back_to_its_worker",
    "F1006": f"{INTEGRATION}large_payloads.py::test_without_storage_a_large_answer_fails_at_once",
    "F1009": f"{AGENTS}tool_agents.py::test_a_thousand_turns",
    "F1011": "tests/e2e/test_submit.py::test_ctrl_c_detaches_and_the_run_goes_on",
    "F1013": "tests/e2e/test_run.py::test_a_killed_run_leaves_no_server_behind",
    "F1101": f"{INTEGRATION}output_triggers.py::"
    "test_an_event_whose_target_is_gone_or_cannot_be_told_fails_and_says_why",
    "F1102": f"{INTEGRATION}output_triggers.py::test_forbid_skips_while_a_run_goes_on_and_fires_again_after",
    "F1103": f"{EVENTS}firing.py::test_a_suspended_event_is_fired_by_nobody_but_a_person",
    "F1104": f"{INTEGRATION}output_triggers.py::test_a_ring_of_teams_comes_to_an_end",
    "F1105": f"{EVENTS}firing.py::test_what_workers_missed_starts_once",
    "F1106": f"{WEBHOOKS}redelivery.py::test_a_thousand_redeliveries_start_one_run",
    "F1107": f"{WEBHOOKS}redelivery.py::"
    "test_a_gateway_killed_before_it_answers_has_started_the_run_that_the_retry_gets",
    "F1108": f"{WEBHOOKS}redelivery.py::test_a_temporal_that_does_not_answer_has_the_call_come_again",
    "F1109": f"{NOTIFY}delivery.py::test_a_message_arrives_once_the_sink_is_up_and_the_run_waits_for_nothing",
}
"""Rows that tests prove which stand elsewhere, by node id."""

HERE = Path(__file__).parent


def proved() -> set[str]:
    """The ids of all rows that a test here proves, whichever tests run now."""
    for file in sorted(HERE.glob("test_failure_rows_*.py")):
        importlib.import_module(f"tests.integration.failures.{file.stem}")
    return set(PROVED)


def test_each_row_has_one_test_and_each_test_a_row() -> None:
    ids = [row.id for row in rows()]
    assert len(ids) == len(set(ids))
    assert not proved() & EXISTING.keys()
    assert proved() | EXISTING.keys() == set(ids)


def test_no_row_is_written_so_that_it_is_not_read() -> None:
    lines = [line for line in PAGE.read_text().splitlines() if re.match(r"\|\s*F", line)]
    assert len(lines) == len(rows()) > 80


@pytest.mark.parametrize("id", EXISTING)
def test_tests_elsewhere_exist(id: str) -> None:
    file, _, name = EXISTING[id].partition("::")
    tree = ast.parse((ROOT / file).read_text())
    found = [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    assert name in found


def commands() -> list[str]:
    """All commands that the page names."""
    return sorted(set(re.findall(r"`ark-temporal ([^`]+)`", PAGE.read_text())))


@pytest.mark.parametrize("words", commands())
def read(words: str) -> None:
    """Have a command read as the shell would have it read, and not carried out."""
    command: Any = typer.main.get_command(app)
    left, above = shlex.split(words), None
    while hasattr(command, "commands"):
        above = command.context_class(command, parent=above, info_name=command.name)
        name, *left = left
        assert name in command.commands, f"there is no command {name!r}"
        command = command.commands[name]
    left = ["-" if word == "FILE" else word for word in left]  # which stands for any file that there is
    command.make_context(command.name, left, parent=above)


@pytest.mark.parametrize("words", commands())
def test_commands_exist_with_their_options(words: str) -> None:
    read(words)


@pytest.mark.parametrize("words", ["runs rerun RUN", "runs retry RUN --form STEP", "runs retry"])
def test_commands_that_there_are_not_are_noticed(words: str) -> None:
    with pytest.raises(Exception, match=r"no command|No such option|Missing parameter"):
        read(words)


def test_the_page_is_linked() -> None:
    assert "(docs/failure-semantics.md)" in (ROOT / "README.md").read_text()
