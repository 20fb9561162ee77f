"""What holds for every gate, whatever people, time and the engine do to it."""

from datetime import datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ark_temporal.plan.calls import ModelCall, Notification
from ark_temporal.plan.people import EscalationPlan, GatePlan
from ark_temporal.plan.record import Awaiting, Control, Decision, RunRecord
from tests.unit.plan.deciding import PAGER, Asked, gated
from tests.unit.plan.driving import START, plan, said

PEOPLE = ("ann", "bob", "cat", "eve")
SUBMITTER = "eve"
ID = "a#approval"


@st.composite
def gate_plans(draw: st.DrawFn) -> GatePlan:
    approvers = draw(st.sampled_from([(), ("ann",), ("ann", "bob"), PEOPLE]))
    escalation = tuple(
        EscalationPlan(approvers=(name,), timeout_seconds=seconds)
        for name, seconds in draw(
            st.lists(st.tuples(st.sampled_from(PEOPLE), st.integers(1, 50)), max_size=3)
        )
    )
    return GatePlan(
        approvers=approvers,
        quorum=draw(st.integers(1, 3)),
        four_eyes=draw(st.booleans()),
        timeout_seconds=draw(st.none() | st.integers(1, 50)),
        on_timeout="escalate" if escalation else draw(st.sampled_from(["approve", "reject", "fail"])),
        escalation=escalation,
        at_last=draw(st.sampled_from(["approve", "reject", "fail"])),
        reminder_seconds=draw(st.none() | st.integers(1, 20)),
        notify=draw(st.none() | st.just(PAGER)),
    )


class Gate(RuleBasedStateMachine):
    """One gate before one step; beside it, in few words, who has approved what, and what time may do."""

    @initialize(gate=gate_plans())
    def begin(self, gate: GatePlan) -> None:
        self.gate = gate
        self.run = Asked(plan(gated(gate)))
        self.asked = list(self.run.requests)
        self.subject = self.run.question.subject
        self.approved_by: list[str] = []
        self.verdict = ""
        self.decider = ""
        self.stale: list[str] = []

    # What the world does

    @rule(by=st.sampled_from((*PEOPLE, "")), fresh=st.booleans(), signal=st.booleans())
    def approve(self, by: str, fresh: bool, signal: bool) -> None:
        digest = self._digest(fresh)
        allowed = self._may(by) and fresh and not self.verdict and by not in self.approved_by
        if by == "" and fresh and not self.verdict:
            allowed = self._may("")
        self._decide(allowed, signal, decision="approve", by=by, digest=digest)
        if allowed:
            self._count(by)

    @rule(by=st.sampled_from(PEOPLE), fresh=st.booleans(), text=st.sampled_from(["Stew.", "Broth.", ""]))
    def edit(self, by: str, fresh: bool, text: str) -> None:
        digest = self._digest(fresh)
        allowed = self._may(by) and fresh and not self.verdict and bool(text)
        self._decide(allowed, False, decision="edit", by=by, digest=digest, text=text)
        if allowed:
            if text != self.subject:
                self.stale.append(digest)
            self.subject, self.approved_by = text, []
            self._count(by)

    @rule(by=st.sampled_from((*PEOPLE, "")), signal=st.booleans())
    def reject(self, by: str, signal: bool) -> None:
        allowed = self._may(by) and not self.verdict
        self._decide(allowed, signal, decision="reject", by=by)
        if allowed:
            self.verdict, self.decider = "reject", by

    @rule(seconds=st.integers(0, 60))
    def time_passes(self, seconds: int) -> None:
        self.run.passes(seconds)
        if not self.verdict and self._end is not None and self.run.now >= self._end:
            self.verdict = self.gate.at_last if self.gate.escalation else self._timeout_verdict
            self.decider = ""

    @rule()
    def pauses_and_resumes(self) -> None:
        for action in ("pause", "resume"):
            self.run.progress.take_in([("", Control.model_validate({"action": action}))], self.run.now)
            self.run.advance()

    @precondition(lambda self: not self.run.record.ended)
    @rule()
    def continues_as_new(self) -> None:
        for id in self.run.open:
            if "Approval" in id:
                self.run.progress.take_in([(id, said("told"))], self.run.now)
        if not self.run.open:
            self.run.continues()

    # What has to hold

    @invariant()
    def at_most_one_effect_and_only_of_what_was_approved(self) -> None:
        if not hasattr(self, "run"):
            return
        effects = [one for one in self.run.requests if isinstance(one, ModelCall)]
        assert len(effects) == (1 if self.verdict == "approve" else 0)
        assert all(call.prompt == self.subject for call in effects)
        assert bool(self.run.record.awaiting) == (not self.verdict)
        error = self.run.record.error
        told = {"": None, "approve": None, "reject": "Rejected", "fail": "ApprovalTimedOut"}
        assert (error.type if error else None) == told[self.verdict]

    @invariant()
    def the_record_says_who(self) -> None:
        if not hasattr(self, "run"):
            return
        record = self.run.record
        finals = [one for one in record.decisions if one.decision != "edit"]
        if not self.verdict:
            assert [vote.by for vote in self.run.question.votes] == self.approved_by
            assert finals == []
            return
        closing = record.decisions[-1]
        assert closing.by == self.decider
        assert closing.decision in (self.verdict, "edit")
        assert closing.id == ID
        if self.verdict == "approve" and self.decider:
            voters = [vote.by for vote in closing.votes] or [closing.by]
            assert len(set(voters)) == len(voters) == self.gate.quorum
            assert not (self.gate.four_eyes and SUBMITTER in voters)
            assert closing.subject in ("", self.subject)

    @invariant()
    def no_request_comes_twice(self) -> None:
        if hasattr(self, "run"):
            ids = [one.id for one in self.run.requests]
            assert len(set(ids)) == len(ids)
            assert self.gate.notify is not None or not any(
                isinstance(one, Notification) for one in self.run.requests
            )

    @invariant()
    def the_record_survives_json(self) -> None:
        if hasattr(self, "run"):
            record = self.run.record
            assert RunRecord.model_validate_json(record.model_dump_json()) == record

    @invariant()
    def the_run_wants_to_be_woken_while_time_can_change_something(self) -> None:
        if not hasattr(self, "run") or self.verdict:
            return
        alarm = self.run.progress.alarm
        assert (alarm is None) == (self.gate.timeout_seconds is None and self.gate.reminder_seconds is None)
        assert alarm is None or alarm > self.run.now

    # The few words

    def _decide(self, allowed: bool, signal: bool, **fields: str) -> None:
        decision = Decision.model_validate({"id": ID} | fields)
        before = self.run.record.model_copy(deep=True)
        refused = self.run.progress.refuse(decision)
        assert self.run.record == before
        assert bool(refused) == (not allowed), refused
        if signal:
            self.run.progress.take_in([("", decision)], self.run.now)
        elif not refused:
            taken = self.run.progress.decide(decision, self.run.now)
            assert taken.closed == (not self.run.record.awaiting)
        self.run.advance()
        if refused:
            before.refused = self.run.record.refused
            assert self.run.record == before
            if self.verdict:
                assert "already" in refused or self.run.record.ended

    def _count(self, by: str) -> None:
        self.approved_by.append(by)
        if len(self.approved_by) >= self.gate.quorum:
            self.verdict, self.decider = "approve", by

    def _may(self, by: str) -> bool:
        if self.verdict:
            return False
        named = self._allowed
        if self.gate.four_eyes and by == SUBMITTER:
            return False
        if not by:
            return not named and not self.gate.four_eyes and self.gate.quorum == 1
        return not named or by in named

    @property
    def _allowed(self) -> set[str]:
        """Who may decide by now; nobody named means anybody."""
        if not self.gate.approvers:
            return set()
        passed = [
            tier for tier, time in zip(self.gate.escalation, self._ends, strict=False) if self._woken(time)
        ]
        return {*self.gate.approvers, *(name for tier in passed for name in tier.approvers)}

    def _woken(self, time: datetime) -> bool:
        return self.run.now >= time

    @property
    def _ends(self) -> list[datetime]:
        """When the time of each tier is up, the first approvers' first."""
        if self.gate.timeout_seconds is None:
            return []
        ends = [START + timedelta(seconds=self.gate.timeout_seconds)]
        for tier in self.gate.escalation:
            ends.append(ends[-1] + timedelta(seconds=tier.timeout_seconds))
        return ends

    @property
    def _end(self) -> datetime | None:
        return self._ends[-1] if self._ends else None

    @property
    def _timeout_verdict(self) -> str:
        assert self.gate.on_timeout != "escalate"
        return self.gate.on_timeout

    def _digest(self, fresh: bool) -> str:
        if fresh:
            awaiting: Awaiting | None = next(iter(self.run.record.awaiting), None)
            return awaiting.digest if awaiting else self.run.record.decisions[-1].digest
        return self.stale[-1] if self.stale else "0" * 64


TestGate = Gate.TestCase
TestGate.settings = settings(max_examples=150, stateful_step_count=25, deadline=None)
