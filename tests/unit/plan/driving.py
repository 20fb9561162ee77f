"""Small plans, and a run of one that a test drives by hand."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from pydantic import JsonValue

from ark_temporal.llm.types import Message, StopReason, ToolCall, Usage
from ark_temporal.plan.calls import (
    CallFailure,
    Event,
    ModelCall,
    ModelOutcome,
    Request,
    ToolInvocation,
    ToolOutcome,
)
from ark_temporal.plan.conversation import Turn, to_messages
from ark_temporal.plan.model import (
    AgentPlan,
    InputPlan,
    LoopPlan,
    Plan,
    PromptInput,
    StepPlan,
    ValidationPlan,
)
from ark_temporal.plan.progress import Progress
from ark_temporal.plan.record import RunRecord, StepRecord
from ark_temporal.plan.start import DEFAULT_PAYLOAD_LIMIT, PipelineInput

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
OBJECT: JsonValue = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}


def step(
    name: str,
    prompt: str | None = "Work.",
    *,
    after: tuple[str, ...] = (),
    condition: str | None = None,
    loop: LoopPlan | None = None,
    schema: JsonValue = None,
    validation: ValidationPlan | None = None,
) -> StepPlan:
    """A step of the role "worker"; without a prompt it has no inputs."""
    return StepPlan(
        name=name,
        role="worker",
        inputs=(PromptInput(name="prompt", template=prompt),) if prompt is not None else (),
        depends_on=after,
        condition=condition,
        loop=loop,
        output_schema=schema,
        validation=validation,
    )


def plan(
    *steps: StepPlan,
    inputs: tuple[InputPlan, ...] = (),
    output: str | None = None,
    max_tokens: int | None = None,
    timeout_seconds: int | None = None,
    agent: AgentPlan | None = None,
) -> Plan:
    """A team called "desk" whose only role, "worker", answers with the model "small-1"."""
    return Plan(
        team="desk",
        agents={"worker": agent or AgentPlan(role="worker", agent="desk-worker", model="small-1")},
        steps=steps,
        inputs=inputs,
        output=output,
        max_tokens=max_tokens,
        timeout_seconds=timeout_seconds,
    )


def said(
    text: str = "Done.",
    *,
    tokens: int = 10,
    problems: tuple[str, ...] = (),
    schema_problem: bool = False,
    stop: StopReason = "end",
    cost: float | None = None,
) -> ModelOutcome:
    """What a model answered; of the tokens one is output, the rest input."""
    return ModelOutcome(
        text=text,
        stop_reason=stop,
        model="small-1-2026",
        provider="mock",
        usage=Usage(input_tokens=tokens - 1, output_tokens=1),
        problems=problems,
        schema_problem=schema_problem,
        cost_usd=cost,
        prices_as_of="2026-01-01" if cost is not None else "",
    )


class Run:
    """A run in the hands of a test; its clock moves by a second at every answer."""

    def __init__(
        self,
        plan: Plan,
        given: Mapping[str, JsonValue] | None = None,
        *,
        payload_limit: int = DEFAULT_PAYLOAD_LIMIT,
    ) -> None:
        self.now = START
        start = PipelineInput(plan=plan, input=dict(given or {}), payload_limit_bytes=payload_limit)
        self.progress = Progress.begin(start, run_id="desk-run-1", now=self.now)
        self.requests: list[Request] = []
        self.outcomes: dict[str, Event] = {}
        self.advance()

    @property
    def record(self) -> RunRecord:
        return self.progress.record

    @property
    def calls(self) -> list[ModelCall]:
        """The model calls that were handed out."""
        return [request for request in self.requests if isinstance(request, ModelCall)]

    @property
    def open(self) -> list[str]:
        """Ids of the calls in flight, in the order in which they were handed out."""
        return [one.id for one in self.requests if one.id in self.progress.open_calls]

    def advance(self) -> list[str]:
        """Hand out what there is; gives the ids."""
        due = self.progress.advance(self.now)
        self.requests += due
        return [request.id for request in due]

    def call(self, id: str) -> ModelCall:
        return next(call for call in self.calls if call.id == id)

    def step(self, name: str) -> StepRecord:
        return self.record.step(name)

    def tool_call(self, id: str) -> ToolInvocation:
        found = next(one for one in self.requests if one.id == id)
        assert isinstance(found, ToolInvocation)
        return found

    def messages(self, id: str) -> tuple[Message, ...]:
        """What the model is told in a call, put together as a worker does it."""
        turns: list[Turn] = []
        call = self.call(id)
        while call.previous:
            call = self.call(call.previous)
            outcome = self.outcomes[call.id]
            assert isinstance(outcome, ModelOutcome)
            results = [self._tool_outcome(call.id, index) for index in range(len(outcome.tool_calls))]
            turns.insert(0, Turn(call=call, outcome=outcome, results=tuple(results)))
        return to_messages(turns, self.call(id))

    def _tool_outcome(self, model_call: str, index: int) -> ToolOutcome | None:
        tools = [one for one in self.requests if isinstance(one, ToolInvocation)]
        asked = [one.id for one in tools if (one.model_call, one.index) == (model_call, index)]
        outcomes = [self.outcomes.get(id) for id in asked]
        return next((one for one in outcomes if isinstance(one, ToolOutcome)), None)

    def settle(self, *results: tuple[str, Event]) -> list[str]:
        """What arrives together; gives the ids of the requests handed out then."""
        self.outcomes.update(results)
        self.now += timedelta(seconds=1)
        self.progress.take_in(results, self.now)
        return self.advance()

    def wants(self, id: str, *calls: tuple[str, dict[str, JsonValue]]) -> list[str]:
        """An answer that asks for tools; gives the ids of the requests handed out then."""
        asked = tuple(
            ToolCall(id=f"{id}-{index}", name=name, arguments=arguments)
            for index, (name, arguments) in enumerate(calls)
        )
        return self.settle((id, said("").model_copy(update={"tool_calls": asked, "stop_reason": "tool_use"})))

    def brings(self, id: str, text: str = "42") -> list[str]:
        """A tool's answer."""
        return self.settle((id, ToolOutcome(content=text)))

    def answer(self, id: str, text: str = "Done.", **about: object) -> list[str]:
        """One answer; gives the ids of the calls handed out then."""
        return self.settle((id, said(text).model_copy(update=about)))

    def reject(self, id: str, problem: str, *, schema: bool = True, text: str = "bad") -> list[str]:
        """One answer that the worker's checks did not accept."""
        return self.settle((id, said(text, problems=(problem,), schema_problem=schema)))

    def fail(self, id: str, type: str = "ModelAuth", message: str = "The key is wrong.") -> list[str]:
        """One call that failed after three attempts."""
        return self.settle((id, CallFailure(type=type, message=message, attempt=3)))
