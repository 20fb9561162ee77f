"""An agent that calls tools: turn by turn, within its bounds, each effect once."""

from datetime import timedelta
from itertools import pairwise

import pytest
from pydantic import JsonValue

from ark_temporal.plan.calls import (
    CallFailure,
    MemoryOutcome,
    MemoryRead,
    MemoryWrite,
    SubtaskStart,
    SubtaskStarted,
    ToolList,
    ToolOutcome,
)
from ark_temporal.plan.conversation import MAX_CONTEXT_CHARS, MAX_RESULT_CHARS
from ark_temporal.plan.model import AgentPlan, LoopPlan
from ark_temporal.plan.progress import Progress
from ark_temporal.plan.record import Decision
from ark_temporal.plan.start import PipelineInput
from ark_temporal.plan.tools import McpServerPlan, MemoryPlan, ToolPlan, WebhookPlan
from ark_temporal.tools.types import Effect, ToolInfo
from tests.unit.plan.driving import OBJECT, Run, plan, step

READS = ToolPlan(
    name="look", effect="read", webhook=WebhookPlan(url="http://there/{{ .input.place }}", method="GET")
)
PAYS = ToolPlan(name="pay", effect="unsafe", webhook=WebhookPlan(url="http://bank/pay"))
SUBTASK = ToolPlan(type="builtin", name="submit_subtask")
INCIDENTS = McpServerPlan(name="incidents", url="http://incidents")
MEMORY = MemoryPlan(name="notes", backend="redis", secret="redis")


def agent(**about: object) -> AgentPlan:
    return AgentPlan(role="worker", agent="desk-worker", model="small-1").model_copy(update=about)


def run_of(given: dict[str, JsonValue] | None = None, **about: object) -> Run:
    return Run(plan(step("a"), agent=agent(**about)), given)


def tool_list(*names: str, effect: Effect = "read") -> ToolList:
    tools = (
        ToolInfo(name=f"incidents__{name}", remote_name=name, server="incidents", effect=effect)
        for name in names
    )
    return ToolList(tools=tuple(tools))


def results_told(run: Run, id: str) -> list[tuple[str, bool]]:
    """What the model is told about its last tool calls."""
    told = [message for message in run.messages(id) if message.role == "tool"][-1]
    return [(result.content, result.is_error) for result in told.results]


def test_tools_of_one_turn_are_called_at_once_and_their_results_go_back_together() -> None:
    run = run_of({"place": "attic"}, tools=(READS,))
    assert run.wants("a", ("look", {"for": "keys"}), ("look", {"for": "hat"})) == ["a#tool-1.1", "a#tool-1.2"]
    assert run.brings("a#tool-1.2", "a hat") == []
    assert run.brings("a#tool-1.1", "no keys") == ["a#turn-2"]
    assert results_told(run, "a#turn-2") == [("no keys", False), ("a hat", False)]
    run.answer("a#turn-2", "No keys, but a hat.")
    assert (run.record.phase, run.record.output) == ("Succeeded", "No keys, but a hat.")
    assert [call.purpose for call in run.step("a").calls] == ["task", "task"]
    recorded = [(call.tool, call.result, call.arguments) for call in run.step("a").tool_calls]
    assert recorded == [("look", "no keys", '{"for": "keys"}'), ("look", "a hat", '{"for": "hat"}')]


def test_a_later_turn_says_only_what_is_new() -> None:
    run = run_of(tools=(READS,))
    run.wants("a", ("look", {}))
    run.brings("a#tool-1.1", "x" * 1000)
    first, second = run.calls
    assert (second.previous, second.turn, second.prompt, second.tools) == ("a", 2, "", ())
    assert len(second.model_dump_json()) < 200
    assert first.tools[0].name == "look"


def test_an_address_is_rendered_from_the_runs_input() -> None:
    run = run_of({"place": "attic"}, tools=(READS,))
    run.wants("a", ("look", {}))
    declared = run.tool_call("a#tool-1.1").declared
    assert declared is not None
    assert declared.webhook is not None
    assert declared.webhook.url == "http://there/attic"


def test_a_key_is_the_same_for_one_call_and_another_for_every_other() -> None:
    def keys() -> list[str]:
        run = Run(
            plan(step("a", loop=LoopPlan(condition="yes", max_iterations=1)), agent=agent(tools=(PAYS,)))
        )
        for id in ("a", "a#2"):
            run.wants(id, ("pay", {"sum": 1}), ("pay", {"sum": 1}))
            run.settle(
                (f"{id}#tool-1.1", CallFailure(type="ToolUnreachable", message="down", sent=False)),
                (f"{id}#tool-1.2", CallFailure(type="ToolUnreachable", message="down", sent=False)),
            )
            run.wants(f"{id}#turn-2", ("pay", {"sum": 1}))
            run.brings(f"{id}#tool-2.1")
            run.answer(f"{id}#turn-3")
        assert run.record.phase == "Succeeded"
        return [call.key for call in run.step("a").tool_calls]

    assert len(set(keys())) == 6
    assert keys() == keys()


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [("fly", {}, "There is no tool named 'fly'. The tools are: look."), ("submit_subtask", {}, "no tool")],
)
def test_what_cannot_be_called_is_the_models_to_mend(
    name: str, arguments: dict[str, JsonValue], said: str
) -> None:
    run = run_of(tools=(READS,))
    assert run.wants("a", (name, arguments)) == ["a#turn-2"]
    [(told, is_error)] = results_told(run, "a#turn-2")
    assert said in told
    assert is_error
    assert run.step("a").tool_calls[0].is_error


def test_a_tool_that_is_down_is_an_answer_for_the_model() -> None:
    run = run_of(tools=(READS,))
    run.wants("a", ("look", {}), ("look", {}))
    run.settle(("a#tool-1.1", CallFailure(type="ToolTimeout", message="It took too long.", attempt=4)))
    assert run.brings("a#tool-1.2") == ["a#turn-2"]
    assert results_told(run, "a#turn-2") == [("It took too long.", True), ("42", False)]
    error = run.step("a").tool_calls[0].error
    assert error is not None
    assert (error.type, error.attempt) == ("ToolTimeout", 4)


def test_more_turns_than_allowed_fail_the_step() -> None:
    run = run_of(tools=(READS,), max_turns=2)
    run.wants("a", ("look", {}))
    run.brings("a#tool-1.1")
    assert run.wants("a#turn-2", ("look", {})) == []
    error = run.record.error
    assert error is not None
    assert (error.type, run.record.reason) == ("TurnsExhausted", "StepFailed")
    assert "limits.maxTurns" in error.message


def test_a_task_that_takes_too_long_fails_at_the_next_turn() -> None:
    run = run_of(tools=(READS,), timeout_seconds=60)
    run.wants("a", ("look", {}))
    run.now += timedelta(seconds=61)
    assert run.brings("a#tool-1.1") == []
    assert run.record.error is not None
    assert run.record.error.type == "TaskTimedOut"


def test_tokens_of_all_turns_count_against_the_runs_budget() -> None:
    run = Run(plan(step("a"), agent=agent(tools=(READS,)), max_tokens=25))
    run.wants("a", ("look", {}))
    run.brings("a#tool-1.1")
    run.wants("a#turn-2", ("look", {}))
    run.brings("a#tool-2.1")
    run.answer("a#turn-3")
    assert run.record.reason == "BudgetExceeded"


def test_an_answer_after_tools_is_mended_in_the_same_conversation() -> None:
    run = Run(plan(step("a", schema=OBJECT), agent=agent(tools=(READS,))))
    run.wants("a", ("look", {}))
    run.brings("a#tool-1.1", "seven")
    assert run.reject("a#turn-2", "It is no JSON.", text="seven") == ["a#repair-1"]
    roles = [message.role for message in run.messages("a#repair-1")]
    assert roles == ["user", "assistant", "tool", "assistant", "user"]
    run.answer("a#repair-1", '{"n": 7}')
    assert run.step("a").data == {"n": 7}


class TestUnknownOutcomes:
    """An unsafe call of which nobody knows whether it took effect waits for a person."""

    @staticmethod
    def waiting() -> Run:
        run = run_of(tools=(PAYS, READS), timeout_seconds=60)
        assert run.wants("a", ("pay", {"sum": 9}), ("look", {})) == ["a#tool-1.1", "a#tool-1.2"]
        lost = CallFailure(type="ToolTimeout", message="Its worker stopped answering.", sent=True)
        assert run.settle(("a#tool-1.1", lost)) == []
        assert run.brings("a#tool-1.2") == []
        return run

    def test_the_run_says_what_it_waits_for(self) -> None:
        run = self.waiting()
        [awaiting] = run.record.awaiting
        assert (awaiting.id, awaiting.step, run.record.phase) == ("a#tool-1.1", "a", "Running")
        assert run.tool_call("a#tool-1.1").key in awaiting.message
        assert run.advance() == []

    def test_it_is_called_again_with_the_same_key(self) -> None:
        run = self.waiting()
        again = run.settle(("", Decision(id="a#tool-1.1", decision="retry")))
        assert again == ["a#tool-1.1~2"]
        assert run.tool_call("a#tool-1.1~2").key == run.tool_call("a#tool-1.1").key
        assert run.brings("a#tool-1.1~2", "paid") == ["a#turn-2"]
        assert results_told(run, "a#turn-2") == [("paid", False), ("42", False)]

    def test_a_second_unknown_outcome_is_asked_about_again(self) -> None:
        run = self.waiting()
        run.settle(("", Decision(id="a#tool-1.1", decision="retry")))
        run.settle(("a#tool-1.1~2", CallFailure(type="ToolTimeout", message="Again.", sent=True)))
        [awaiting] = run.record.awaiting
        assert awaiting.id == "a#tool-1.1~2"
        assert run.settle(("", Decision(id=awaiting.id, decision="retry"))) == ["a#tool-1.1~3"]

    def test_a_person_gives_the_answer(self) -> None:
        run = self.waiting()
        decision = Decision(id="a#tool-1.1", decision="answer", text="paid", by="ann", comment="I looked")
        assert run.settle(("", decision)) == ["a#turn-2"]
        assert results_told(run, "a#turn-2") == [("paid", False), ("42", False)]
        assert "ann: I looked" in run.step("a").warnings[0]
        assert run.record.awaiting == []

    def test_a_person_rejects(self) -> None:
        run = self.waiting()
        run.settle(("", Decision(id="a#tool-1.1", decision="reject")))
        assert run.record.error is not None
        assert (run.record.error.type, run.record.phase) == ("ToolOutcomeUnknown", "Failed")

    def test_a_decision_about_something_else_changes_nothing(self) -> None:
        run = self.waiting()
        stale = Decision(id="a#tool-9.1", decision="retry")
        assert "a#tool-1.1" in run.progress.refuse(stale)
        assert run.settle(("", stale)) == []
        assert len(run.record.awaiting) == 1

    def test_the_time_of_people_is_not_the_agents(self) -> None:
        run = self.waiting()
        run.now += timedelta(days=30)
        assert run.settle(("", Decision(id="a#tool-1.1", decision="answer", text="paid"))) == ["a#turn-2"]

    def test_a_call_that_never_left_needs_nobody(self) -> None:
        run = run_of(tools=(PAYS,))
        run.wants("a", ("pay", {}))
        down = CallFailure(type="ToolUnreachable", message="It is down.", sent=False)
        assert run.settle(("a#tool-1.1", down)) == ["a#turn-2"]

    def test_a_cancelled_run_waits_for_nobody(self) -> None:
        run = self.waiting()
        run.progress.cancel(run.now)
        assert (run.record.phase, run.record.awaiting) == ("Cancelled", [])


class TestDiscovery:
    """What a server offers is asked once, and a server that is down costs its tools."""

    def test_servers_are_asked_before_the_model(self) -> None:
        run = run_of(mcp_servers=(INCIDENTS, McpServerPlan(name="other", url="http://other")))
        assert run.open == ["worker#tools-incidents", "worker#tools-other"]
        assert run.settle(("worker#tools-incidents", tool_list("search"))) == []
        assert run.settle(("worker#tools-other", ToolList())) == ["a"]
        assert run.call("a").tool_lists == ("worker#tools-incidents",)
        run.wants("a", ("incidents__search", {"for": "fire"}))
        called = run.tool_call("a#tool-1.1")
        assert called.server == INCIDENTS
        assert (called.remote_name, called.effect) == ("search", "read")

    def test_a_server_that_is_down_is_a_warning(self) -> None:
        run = run_of(mcp_servers=(INCIDENTS,), tools=(READS,))
        down = CallFailure(type="ToolUnreachable", message="It is down.", sent=False)
        assert run.settle(("worker#tools-incidents", down)) == ["a"]
        assert run.call("a").tool_lists == ()
        assert run.step("a").warnings == ['MCP server "incidents": the agent works without them. It is down.']
        run.wants("a", ("incidents__search", {}))
        assert "no tool named" in results_told(run, "a#turn-2")[0][0]

    def test_steps_of_one_role_ask_once(self) -> None:
        run = Run(plan(step("a"), step("b"), agent=agent(mcp_servers=(INCIDENTS,))))
        assert run.open == ["worker#tools-incidents"]
        assert run.settle(("worker#tools-incidents", tool_list("search"))) == ["a", "b"]

    def test_a_declared_tool_goes_before_one_of_a_server(self) -> None:
        mine = ToolPlan(name="incidents__search", effect="read", webhook=WebhookPlan(url="http://mine"))
        run = run_of(mcp_servers=(INCIDENTS,), tools=(mine,))
        run.settle(("worker#tools-incidents", tool_list("search")))
        run.wants("a", ("incidents__search", {}))
        assert run.tool_call("a#tool-1.1").server is None


class TestMemory:
    """Recalled before a task, stored after it; one that is down is a warning."""

    def test_what_is_remembered_stands_before_the_task(self) -> None:
        run = run_of(memory=MEMORY)
        [read] = run.requests
        assert isinstance(read, MemoryRead)
        assert read.query == "prompt: Work.\n"
        assert run.settle(("a#recall", MemoryOutcome(texts=("Ann likes tea.",)))) == ["a"]
        prompt = run.call("a").prompt
        assert prompt.index("Ann likes tea.") < prompt.index("prompt: Work.")
        assert '<ark:step-output step="memory">' in prompt
        assert run.step("a").prompt == prompt

    def test_a_result_is_remembered_before_the_step_is_done(self) -> None:
        run = run_of(memory=MEMORY)
        run.settle(("a#recall", MemoryOutcome()))
        assert run.answer("a", "Tea it is.") == ["a#remember"]
        write = run.requests[-1]
        assert isinstance(write, MemoryWrite)
        assert (write.text, write.at, run.step("a").phase) == ("Tea it is.", run.now, "Running")
        run.settle(("a#remember", MemoryOutcome()))
        assert run.record.phase == "Succeeded"

    def test_a_memory_that_is_down_is_a_warning(self) -> None:
        run = run_of(memory=MEMORY)
        down = CallFailure(type="MemoryUnavailable", message="Redis is down.")
        assert run.settle(("a#recall", down)) == ["a"]
        run.answer("a")
        run.settle(("a#remember", down))
        assert run.record.phase == "Succeeded"
        assert len([warning for warning in run.step("a").warnings if "Redis is down." in warning]) == 2

    def test_an_agent_may_search_its_memory(self) -> None:
        run = run_of(memory=MEMORY)
        run.settle(("a#recall", MemoryOutcome()))
        assert [tool.name for tool in run.call("a").tools] == ["search_memory"]
        run.wants("a", ("search_memory", {"query": "tea"}))
        assert run.tool_call("a#tool-1.1").memory == MEMORY


class TestSubtasks:
    """A task of its own, whose id is back at once."""

    def test_its_id_is_the_answer(self) -> None:
        run = run_of(tools=(SUBTASK,))
        assert run.wants("a", ("submit_subtask", {"prompt": "Count."})) == ["desk-run-1-sub-1"]
        start = run.requests[-1]
        assert isinstance(start, SubtaskStart)
        assert (start.task, start.depth, start.plan.team) == ("Count.", 1, "desk-worker")
        assert run.settle((start.id, SubtaskStarted())) == ["a#turn-2"]
        assert results_told(run, "a#turn-2") == [("subtask submitted with id: desk-run-1-sub-1", False)]

    @pytest.mark.parametrize("arguments", [{}, {"prompt": "  "}, {"prompt": 3}])
    def test_a_blank_task_is_not_started(self, arguments: dict[str, JsonValue]) -> None:
        run = run_of(tools=(SUBTASK,))
        assert run.wants("a", ("submit_subtask", arguments)) == ["a#turn-2"]
        assert results_told(run, "a#turn-2")[0][1]

    def test_depth_is_bounded(self) -> None:
        start = PipelineInput(plan=plan(step("a"), agent=agent(tools=(SUBTASK,))), depth=8)
        run = run_of(tools=(SUBTASK,))
        run.progress = Progress.begin(start, run_id="deep", now=run.now)
        run.requests.clear()
        run.advance()
        assert run.wants("a", ("submit_subtask", {"prompt": "Deeper."})) == ["a#turn-2"]
        assert "8 deep" in results_told(run, "a#turn-2")[0][0]


class TestContinuing:
    """A run that continues as new goes on as if nothing had been."""

    def test_nothing_is_handed_out_while_it_is_held(self) -> None:
        run = run_of(tools=(READS,))
        run.wants("a", ("look", {}))
        run.progress.take_in([("a#tool-1.1", _read("42"))], run.now)
        assert run.progress.advance(run.now, hold=True) == []
        assert not run.progress.open_calls

    def test_the_rest_of_the_run_is_the_same(self) -> None:
        whole, parts = run_of(tools=(READS,)), run_of(tools=(READS,))
        for run in (whole, parts):
            for number in range(1, 6):
                last = "a" if number == 1 else f"a#turn-{number}"
                run.wants(last, ("look", {"n": number}))
                if run is parts:
                    _continue(run, (f"a#tool-{number}.1", _read(f"result {number}")))
                else:
                    run.brings(f"a#tool-{number}.1", f"result {number}")
            assert run.open == ["a#turn-6"]
            run.answer("a#turn-6", "All looked at.")
        assert whole.record == parts.record

    def test_a_question_stays_open(self) -> None:
        run = TestUnknownOutcomes.waiting()
        _continue(run)
        assert [one.id for one in run.record.awaiting] == ["a#tool-1.1"]
        run.now += timedelta(days=1)
        assert run.settle(("", Decision(id="a#tool-1.1", decision="retry"))) == ["a#tool-1.1~2"]


class TestContext:
    """How much of a conversation a model sees again."""

    def test_a_long_result_is_cut_with_a_word_about_it(self) -> None:
        run = run_of(tools=(READS,))
        run.wants("a", ("look", {}))
        run.brings("a#tool-1.1", "x" * 5_000_000)
        [(told, _)] = results_told(run, "a#turn-2")
        assert len(told) < MAX_RESULT_CHARS + 300
        assert "5000000 characters" in told

    def test_a_long_conversation_leaves_old_results_out_many_at_a_time(self) -> None:
        run = run_of(tools=(READS,), max_turns=1000, timeout_seconds=10_000)
        last, shown = "a", list[int]()
        for number in range(1, 121):
            run.wants(last, ("look", {}))
            run.brings(f"a#tool-{number}.1", "x" * 10_000)
            last = f"a#turn-{number + 1}"
            told = [message for message in run.messages(last) if message.role == "tool"]
            assert len(told) == number
            sizes = [len(result.content) for message in told for result in message.results]
            assert sum(sizes) <= MAX_CONTEXT_CHARS + number * 200
            assert sizes[-1] == 10_000
            shown.append(sum(size == 10_000 for size in sizes))
        drops = sum(later < earlier for earlier, later in pairwise(shown))
        assert 1 <= drops <= 5


def _read(text: str) -> ToolOutcome:
    return ToolOutcome(content=text)


def _continue(run: Run, *results: tuple[str, ToolOutcome]) -> None:
    """Continue as new in the middle, with the state sent through JSON as Temporal does."""
    run.outcomes.update(results)
    run.now += timedelta(seconds=1)
    run.progress.take_in(results, run.now)
    assert run.progress.advance(run.now, hold=True) == []
    before = PipelineInput(plan=run.progress.plan, state=run.progress.state())
    start = PipelineInput.model_validate_json(before.model_dump_json())
    run.progress = Progress.begin(start, run_id="desk-run-1", now=run.now)
    run.advance()
