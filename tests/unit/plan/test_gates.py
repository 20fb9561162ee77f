"""What people decide: who may, what counts, what time does, and what goes on then."""

from datetime import timedelta
from typing import Any

import pytest

from ark_temporal.plan.calls import Notification, SubtaskStart, ToolInvocation
from ark_temporal.plan.gates import digest_of
from ark_temporal.plan.model import LoopPlan
from ark_temporal.plan.people import EscalationPlan, GatePlan
from ark_temporal.plan.record import Control, Decision, DecisionRecord
from ark_temporal.plan.shapes import MapPlan
from ark_temporal.plan.tools import ToolPlan
from tests.unit.plan.deciding import PAGER, Asked, after, asked, gated, paying
from tests.unit.plan.driving import OBJECT, START, plan, step

BEFORE = GatePlan()
THREE = ("ann", "bob", "cat")
DAY = 86_400


def last(run: Asked) -> DecisionRecord:
    return run.record.decisions[-1]


# What is approved


def test_a_gate_before_a_step_shows_its_prompt_and_nothing_is_asked_until_it_is_approved() -> None:
    run = asked(BEFORE, prompt="Cook {{ .input.dish }}.")
    question = run.question
    assert (question.id, question.kind, question.step) == ("a#approval", "approval", "a")
    assert question.subject == "prompt: Cook .\n"
    assert question.digest == digest_of("a#approval", "prompt: Cook .\n")
    assert question.message == 'May step "a" begin? It is about to ask what is shown.'
    assert (run.calls, run.step("a").phase, run.step("a").iterations) == ([], "Running", 0)
    assert run.decide("approve", by="ann", comment="go") == ""
    assert run.call("a").prompt == "prompt: Cook .\n"
    assert (last(run).by, last(run).decision, last(run).digest) == ("ann", "approve", question.digest)
    assert (last(run).comment, last(run).subject, last(run).votes) == ("go", "", [])
    run.answer("a", "Soup.")
    assert (run.record.phase, run.record.output) == ("Succeeded", "Soup.")


def test_a_gate_after_a_step_shows_its_output_before_anybody_reads_it() -> None:
    run = Asked(plan(gated(after()), step("b", "Taste {{ .steps.a.output }}", after=("a",))))
    run.answer("a", "Soup.")
    assert (run.question.kind, run.question.subject) == ("output", "Soup.")
    assert (run.open, run.step("b").phase) == ([], "Pending")
    run.decide("edit", text="Stew.")
    assert 'Taste <ark:step-output step="a">\nStew.\n' in run.call("b").prompt
    assert run.step("a").output == "Stew."
    assert (last(run).decision, last(run).subject) == ("edit", "Stew.")


def test_a_gate_whose_condition_is_falsy_is_open_and_one_that_does_not_render_fails_the_step() -> None:
    run = asked(GatePlan(condition="{{ .input.danger }}"))
    assert (run.record.awaiting, run.open) == ([], ["a"])
    broken = asked(GatePlan(condition="{{ fail `no` }}"))
    assert (broken.record.phase, broken.record.awaiting) == ("Failed", [])
    assert broken.record.error is not None
    assert (broken.record.error.type, "approval.if" in broken.record.error.message) == ("TemplateError", True)


def test_the_message_is_a_template() -> None:
    assert asked(GatePlan(message="May {{ .steps.a.output }}we?")).question.message == "May we?"
    broken = asked(GatePlan(message="{{ fail `no` }}"))
    assert broken.record.error is not None
    assert "approval.message" in broken.record.error.message


def test_what_was_approved_is_asked_though_its_templates_would_say_something_else_by_now() -> None:
    run = Asked(plan(gated(BEFORE, prompt="After {{ .steps.b.output }}!"), step("b")))
    shown = run.question.subject
    run.answer("b", "b spoke")
    assert run.decide("approve", digest=run.question.digest) == ""
    assert run.call("a").prompt == shown == "prompt: After !\n"


def test_a_loop_asks_once_before_it_begins_and_once_after_it_is_over() -> None:
    loop = LoopPlan(condition='{{ ne .steps.a.output "done" }}', max_iterations=3)
    run = asked(BEFORE, after(), loop=loop)
    run.decide("edit", text="Only this once.")
    assert run.call("a").prompt == "Only this once."
    run.answer("a", "more")
    assert run.record.awaiting == []
    assert run.call("a#2").prompt == "prompt: Work.\n"
    run.answer("a#2", "done")
    assert run.question.kind == "output"
    run.decide("approve")
    assert run.record.phase == "Succeeded"


# The digest


def test_only_what_was_seen_is_approved() -> None:
    run = asked(BEFORE)
    right = run.question.digest
    assert "the digest of what you saw is needed" in run.decide("approve", id="a#approval")
    assert "its first 8 characters" in run.decide("approve", id="a#approval", digest=right[:7])
    assert "was changed since" in run.decide("approve", id="a#approval", digest="0" * 64)
    assert "does not wait for a decision about" in run.decide("approve", digest="0" * 64)
    assert "A decision names what it is about" in run.decide("reject", digest=right[:7])
    assert run.decide("approve", digest=right[:8]) == ""


def test_an_edit_is_a_new_subject_and_makes_older_digests_stale() -> None:
    run = asked(GatePlan(quorum=2))
    old = run.question.digest
    assert run.decide("edit", text="Stew.", by="ann") == ""
    assert run.question.digest == digest_of("a#approval", "Stew.") != old
    assert "was changed since" in run.decide("approve", id="a#approval", digest=old, by="bob")
    assert "does not wait" in run.decide("edit", digest=old, text="Broth.", by="bob")
    assert run.decide("approve", id="a#approval", digest=run.question.digest, by="bob") == ""
    assert run.call("a").prompt == "Stew."
    assert (last(run).subject, [vote.by for vote in last(run).votes]) == ("Stew.", ["ann", "bob"])


def test_an_edit_voids_the_approvals_of_what_was_there_before() -> None:
    run = asked(GatePlan(quorum=2))
    run.decide("approve", by="ann")
    run.decide("edit", text="Stew.", by="bob")
    assert [vote.by for vote in run.question.votes] == ["bob"]
    assert run.calls == []
    assert run.decide("approve", by="ann") == ""
    assert run.call("a").prompt == "Stew."


def test_an_edit_without_anything_in_it_is_refused() -> None:
    run = asked(BEFORE)
    assert "is empty" in run.decide("edit", text=" ")
    assert "is empty" in run.decide("edit")
    assert run.decide("edit", text="Work more.") == ""


def test_an_edited_output_matches_its_schema() -> None:
    run = asked(after(), output_schema=OBJECT)
    run.answer("a", '{"n": 1}')
    assert run.decide("edit", text='{"n": "x"}') == (
        "What you give does not match the schema that it must: $.n: 'x' is not of type 'integer'."
    )
    assert "is not of type 'object'" in run.decide("edit", text="words")
    assert run.step("a").data == {"n": 1}
    assert run.decide("edit", value={"n": 2}) == ""
    assert (run.step("a").data, run.step("a").output) == ({"n": 2}, '{"n": 2}')


def test_what_stands_in_the_place_of_a_list_is_a_list() -> None:
    run = asked(BEFORE, prompt="Cook {{ .item }}.", map=MapPlan(over='["soup"]'))
    assert "is not of type 'array'" in run.decide("edit", text="stew")
    assert run.decide("edit", text='["stew", "broth"]') == ""
    assert [call.prompt for call in run.calls] == ["prompt: Cook stew.\n", "prompt: Cook broth.\n"]


# Who


def test_named_people_decide_and_nobody_else() -> None:
    run = asked(GatePlan(approvers=THREE))
    assert run.decide("approve") == '"a#approval" wants to know who decides: give `by`.'
    assert "wants to know who decides" in run.decide("approve", by="  ")
    assert run.decide("approve", by="eve") == ('eve may not decide "a#approval"; these may: ann, bob, cat.')
    assert "may not decide" in run.decide("reject", by="eve")
    assert run.decide("reject", by="cat", comment="too hot") == ""
    assert run.record.error is not None
    assert (run.record.error.type, run.record.error.message) == (
        "Rejected",
        'cat rejected step "a": too hot',
    )
    assert (run.record.reason, run.calls) == ("StepFailed", [])


def test_four_eyes_are_not_those_of_who_submitted_the_run() -> None:
    run = asked(GatePlan(four_eyes=True))
    assert "so somebody else has to decide" in run.decide("approve", by="eve")
    assert "wants to know who decides" in run.decide("approve")
    run.record.submitted_by = ""
    assert "the run does not say who that was" in run.decide("approve", by="ann")
    run.record.submitted_by = "eve"
    assert run.decide("approve", by="ann") == ""


def test_a_quorum_counts_people_and_not_approvals() -> None:
    run = asked(GatePlan(quorum=2, approvers=THREE))
    assert run.decide("approve", by="ann", comment="fine") == ""
    assert "has approved" in run.decide("approve", by="ann")
    assert (run.calls, len(run.record.decisions)) == ([], 0)
    assert run.decide("approve", by="cat") == ""
    assert [(vote.by, vote.comment) for vote in last(run).votes] == [("ann", "fine"), ("cat", "")]
    assert (last(run).by, run.open) == ("cat", ["a"])
    assert '"a#approval" was already approved by cat at ' in run.decide(
        "approve", id="a#approval", digest=last(run).digest, by="bob"
    )


def test_one_who_rejects_is_enough() -> None:
    run = asked(GatePlan(quorum=2, approvers=THREE))
    run.decide("approve", by="ann")
    run.decide("reject", by="bob")
    assert run.record.phase == "Failed"
    assert [vote.by for vote in last(run).votes] == ["ann"]


# Questions


def test_a_question_is_answered_and_templates_read_it() -> None:
    schema: Any = {"type": "integer", "minimum": 1}
    gate = GatePlan(asks=True, answer_schema=schema, message="How many?")
    run = asked(gate, prompt="Cook {{ .steps.a.answer }} eggs.")
    assert (run.question.kind, run.question.decisions) == ("question", ("answer", "reject"))
    assert '"approve" is no answer here' in run.decide("approve")
    assert "0 is less than the minimum of 1" in run.decide("answer", text="0")
    assert "is not of type 'integer'" in run.decide("answer", text="many")
    assert run.decide("answer", text="3", by="ann") == ""
    assert run.call("a").prompt == "prompt: Cook 3 eggs.\n"
    assert (run.step("a").answer, last(run).subject, last(run).by) == (3, "3", "ann")


def test_an_answer_in_words_needs_no_json() -> None:
    run = asked(GatePlan(asks=True), prompt="{{ .steps.a.answer }}, please.")
    run.decide("answer", text="two eggs")
    assert run.call("a").prompt == "prompt: two eggs, please.\n"


# Tools


def test_a_tool_is_called_once_it_is_approved_and_others_do_not_wait() -> None:
    run = Asked(paying(GatePlan(message="Pay {{ .arguments.sum }}?")))
    handed = run.wants("a", ("pay", {"sum": 5}), ("look", {}))
    assert handed == ["a#tool-1.2"]
    assert run.question.kind == "tool"
    assert run.question.message == 'Pay 5?\nStep "a" wants to call the tool pay.'
    assert run.question.subject == '{\n  "sum": 5\n}'
    run.brings("a#tool-1.2")
    assert run.open == []
    run.decide("approve", by="ann")
    assert run.tool_call("a#tool-1.1").arguments == {"sum": 5}
    run.brings("a#tool-1.1", "paid")
    assert run.open == ["a#turn-2"]
    assert run.step("a").warnings == ["Tool call a#tool-1.1#approval: approve was decided by ann."]


def test_whether_a_tool_needs_approval_is_up_to_its_arguments() -> None:
    gate = GatePlan(condition="{{ gt .arguments.sum 100.0 }}")
    run = Asked(paying(gate))
    assert run.wants("a", ("pay", {"sum": 5})) == ["a#tool-1.1"]
    run.brings("a#tool-1.1")
    assert run.wants("a#turn-2", ("pay", {"sum": 500})) == []
    assert run.question.id == "a#tool-2.1#approval"


def test_a_condition_over_arguments_that_does_not_render_calls_nothing() -> None:
    run = Asked(paying(GatePlan(condition="{{ fail `no` }}")))
    assert run.wants("a", ("pay", {"sum": 5})) == ["a#turn-2"]
    [call] = run.step("a").tool_calls
    assert (call.is_error, "needs approval does not render" in call.result) == (True, True)


def test_arguments_are_edited_within_their_schema() -> None:
    run = Asked(paying(BEFORE))
    run.wants("a", ("pay", {"sum": 5}))
    assert "is not of type 'integer'" in run.decide("edit", text='{"sum": "lots"}')
    assert "'sum' is a required property" in run.decide("edit", text="{}")
    assert run.decide("edit", value={"sum": 4}) == ""
    assert run.tool_call("a#tool-1.1").arguments == {"sum": 4}


def test_a_rejection_is_told_to_the_model() -> None:
    run = Asked(paying(BEFORE))
    run.wants("a", ("pay", {"sum": 5}))
    run.decide("reject", by="ann", comment="too much")
    assert run.open == ["a#turn-2"]
    [call] = run.step("a").tool_calls
    assert call.result == "Not called: this call was rejected by ann: too much"
    told = run.messages("a#turn-2")[-1]
    assert "rejected by ann: too much" in told.model_dump_json()


def test_time_that_rejects_a_tool_call_says_so_to_the_model() -> None:
    run = Asked(paying(GatePlan(timeout_seconds=60)))
    run.wants("a", ("pay", {"sum": 5}))
    run.passes(60)
    [call] = run.step("a").tool_calls
    assert (run.open, call.result) == (
        ["a#turn-2"],
        "Not called: this call was rejected: Nobody decided in time.",
    )
    assert run.step("a").warnings == [
        "Tool call a#tool-1.1#approval: reject was decided: Nobody decided in time."
    ]


def test_a_subtask_needs_approval_like_any_other_tool() -> None:
    sub = ToolPlan(type="builtin", name="submit_subtask", gate=BEFORE)
    run = Asked(paying(BEFORE, tools=(sub,)))
    assert run.wants("a", ("submit_subtask", {"prompt": "Count."})) == []
    assert not any(isinstance(one, SubtaskStart) for one in run.requests)
    run.decide("edit", value={"prompt": "Count twice."})
    [started] = [one for one in run.requests if isinstance(one, SubtaskStart)]
    assert started.task == "Count twice."
    assert run.open == [started.id]


def test_a_subtask_that_people_edit_into_nothing_is_not_started() -> None:
    sub = ToolPlan(type="builtin", name="submit_subtask", gate=BEFORE)
    run = Asked(paying(BEFORE, tools=(sub,)))
    run.wants("a", ("submit_subtask", {"prompt": "Count."}))
    run.decide("edit", value={"prompt": " "})
    assert run.open == ["a#turn-2"]
    assert "`prompt` must say what is to be done" in run.step("a").tool_calls[0].result


def test_the_agents_time_stops_while_people_decide() -> None:
    run = Asked(paying(BEFORE, timeout_seconds=60))
    run.wants("a", ("pay", {"sum": 5}))
    run.passes(30 * DAY)
    run.decide("approve")
    assert run.brings("a#tool-1.1") == ["a#turn-2"]
    run.wants("a#turn-2", ("look", {}))
    run.now += timedelta(seconds=61)
    run.brings("a#tool-2.1")
    assert run.record.error is not None
    assert run.record.error.type == "TaskTimedOut"


def test_a_step_that_time_fails_asks_for_nothing_more() -> None:
    run = Asked(paying(GatePlan(timeout_seconds=60, on_timeout="fail")))
    run.wants("a", ("pay", {"sum": 5}), ("pay", {"sum": 6}))
    assert len(run.record.awaiting) == 2
    run.passes(61)
    assert run.record.error is not None
    assert (run.record.error.type, run.record.awaiting) == ("ApprovalTimedOut", [])
    assert not any(isinstance(one, ToolInvocation) for one in run.requests)


# Time


@pytest.mark.parametrize(
    ("on_timeout", "phase", "type"),
    [("approve", "Running", ""), ("reject", "Failed", "Rejected"), ("fail", "Failed", "ApprovalTimedOut")],
)
def test_time_decides_when_nobody_has(on_timeout: Any, phase: str, type: str) -> None:
    run = asked(GatePlan(timeout_seconds=60, on_timeout=on_timeout))
    assert run.progress.alarm == START + timedelta(seconds=60)
    run.passes(59)
    assert run.question.deadline == START + timedelta(seconds=60)
    run.passes(1)
    assert (run.record.phase, run.record.error.type if run.record.error else "") == (phase, type)
    assert (last(run).decision, last(run).by, last(run).comment) == (
        on_timeout,
        "",
        "Nobody decided in time.",
    )


def test_thirty_days_with_reminders_escalation_and_a_default_at_the_end() -> None:
    tiers = (
        EscalationPlan(approvers=("lead",), timeout_seconds=10 * DAY),
        EscalationPlan(approvers=("boss",), timeout_seconds=10 * DAY),
    )
    gate = GatePlan(
        approvers=("ann",),
        timeout_seconds=10 * DAY,
        on_timeout="escalate",
        escalation=tiers,
        at_last="approve",
        reminder_seconds=3 * DAY,
        notify=PAGER,
    )
    run = asked(gate)
    told: list[tuple[int, str]] = []
    for _ in range(100):
        alarm = run.progress.alarm
        if alarm is None or not run.record.awaiting:
            break
        if run.question.tier == 1:
            assert "may not decide" in run.decide("approve", by="boss")
        day = (alarm - START) // timedelta(days=1)
        told += [(day, event) for event in run.passes((alarm - run.now).total_seconds())]
    reminders = [day for day, event in told if event == "ApprovalReminder"]
    assert [(day, event) for day, event in told if event != "ApprovalReminder"] == [
        (10, "ApprovalEscalated"),
        (20, "ApprovalEscalated"),
    ]
    assert reminders == [3, 6, 9, 12, 15, 18, 21, 24, 27]
    assert run.now == START + timedelta(days=30)
    assert (last(run).decision, last(run).by, run.open[-1]) == ("approve", "", "a")
    ids = [one.id for one in run.requests]
    assert len(set(ids)) == len(ids)


def test_those_of_later_tiers_may_decide_as_well() -> None:
    tiers = (EscalationPlan(approvers=("lead", "ann"), timeout_seconds=60),)
    run = asked(GatePlan(approvers=("ann",), timeout_seconds=60, on_timeout="escalate", escalation=tiers))
    assert "may not decide" in run.decide("approve", by="lead")
    run.passes(60)
    assert (run.question.approvers, run.question.tier) == (("ann", "lead"), 1)
    assert run.decide("approve", by="lead") == ""


def test_a_run_that_slept_over_several_tiers_tells_of_each_kind_once() -> None:
    tiers = tuple(EscalationPlan(approvers=(who,), timeout_seconds=60) for who in THREE)
    gate = GatePlan(
        approvers=("dan",),
        timeout_seconds=60,
        on_timeout="escalate",
        escalation=tiers,
        reminder_seconds=10,
        notify=PAGER,
    )
    run = asked(gate)
    assert run.passes(200) == ["ApprovalEscalated", "ApprovalReminder"]
    assert (run.question.tier, run.question.reminders) == (3, 1)
    ids = [one.id for one in run.requests]
    assert len(set(ids)) == len(ids)
    assert run.progress.alarm == START + timedelta(seconds=210)
    run.passes(40)
    assert run.record.error is not None
    assert run.record.error.type == "Rejected"


def test_people_are_told_of_the_events_that_they_want() -> None:
    notify = PAGER.model_copy(update={"events": ("ApprovalReminder",)})
    run = asked(GatePlan(notify=notify, reminder_seconds=5))
    assert not any(isinstance(one, Notification) for one in run.requests)
    assert run.passes(5) == ["ApprovalReminder"]


def test_whoever_could_not_be_told_holds_up_nothing() -> None:
    run = asked(GatePlan(notify=PAGER))
    [told] = [one.id for one in run.requests]
    run.fail(told, "NotificationFailed", "Nobody is there.")
    assert run.step("a").warnings == ['"pager" told nobody of ApprovalRequested. Nobody is there.']
    run.decide("approve")
    run.answer("a")
    assert run.record.phase == "Succeeded"


# The run around it


def test_the_runs_own_time_goes_on() -> None:
    run = Asked(plan(gated(GatePlan(timeout_seconds=100)), timeout_seconds=50))
    assert run.progress.alarm == START + timedelta(seconds=50)
    run.passes(50)
    assert (run.record.reason, run.record.awaiting) == ("TimedOut", [])


def test_a_gate_gives_no_tokens_back() -> None:
    run = Asked(plan(gated(after()), step("b", after=("a",)), max_tokens=15))
    run.answer("a")
    run.passes(30 * DAY)
    run.decide("approve")
    run.answer("b")
    assert (run.record.reason, run.record.token_usage.total_tokens) == ("BudgetExceeded", 20)


def test_a_used_up_budget_waits_for_nobody() -> None:
    run = Asked(plan(gated(BEFORE), step("b"), max_tokens=5))
    run.answer("b")
    assert (run.record.reason, run.record.awaiting) == ("BudgetExceeded", [])


def test_a_paused_run_takes_decisions_and_goes_on_when_it_is_resumed() -> None:
    run = asked(BEFORE)
    run.settle(("", Control(action="pause")))
    assert run.decide("approve") == ""
    assert (run.open, run.record.paused_since) == ([], run.now)
    assert run.settle(("", Control(action="resume"))) == ["a"]


def test_what_signals_say_and_cannot_be_taken_is_kept() -> None:
    run = asked(GatePlan(approvers=("ann",)))
    for by in ("eve", ""):
        run.settle(("", Decision(decision="approve", digest=run.question.digest, by=by)))
    assert run.record.refused == [
        'approve by eve: eve may not decide "a#approval"; these may: ann.',
        'approve by somebody: "a#approval" wants to know who decides: give `by`.',
    ]
    for _ in range(30):
        run.settle(("", Decision(decision="reject", id="nothing")))
    assert len(run.record.refused) == 20


def test_a_rejection_ends_a_step_that_would_wait_for_people_after_a_failure() -> None:
    run = asked(BEFORE, on_failure="park")
    run.decide("reject", by="ann")
    assert (run.record.phase, run.record.awaiting) == ("Failed", [])


def test_a_question_outlives_a_run_that_continues_as_new() -> None:
    run = asked(GatePlan(quorum=2, timeout_seconds=60, reminder_seconds=20))
    run.decide("approve", by="ann")
    run.passes(20)
    before = run.question.model_dump()
    run.continues()
    assert run.question.model_dump() == before
    assert run.progress.alarm == START + timedelta(seconds=40)
    run.decide("approve", by="bob")
    assert run.open == ["a"]


def test_a_held_tool_call_outlives_a_run_that_continues_as_new() -> None:
    run = Asked(paying(BEFORE, timeout_seconds=60))
    run.wants("a", ("pay", {"sum": 5}))
    run.continues()
    run.passes(DAY)
    run.decide("approve")
    assert run.tool_call("a#tool-1.1").arguments == {"sum": 5}
    assert run.brings("a#tool-1.1") == ["a#turn-2"]
