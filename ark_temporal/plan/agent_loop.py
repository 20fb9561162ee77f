"""One agent at one task: it asks its model, calls the tools that the model wants, and asks again.

No clock, no I/O, no engine. What is asked of the world next is given back as requests, and what became of
them is taken in; whoever owns the loop carries them out.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from pydantic import JsonValue

from ark_temporal.llm.types import ToolCall
from ark_temporal.plan.asking import Asker, effect_key, feedback_on, next_call, task_call
from ark_temporal.plan.calls import (
    CallFailure,
    ChildRun,
    GivenResult,
    MemoryRead,
    MemoryWrite,
    ModelCall,
    ModelOutcome,
    Request,
    SubtaskStart,
    ToolInvocation,
    ToolList,
    ToolOutcome,
)
from ark_temporal.plan.conversation import MAX_RESULT_CHARS, Turn, slimmed
from ark_temporal.plan.loop_state import LoopState
from ark_temporal.plan.model import Plan
from ark_temporal.plan.prompts import with_memory
from ark_temporal.plan.record import Awaiting, Decision, Purpose, RunError, ToolCallRecord
from ark_temporal.plan.toolbox import Toolbox, declared_specs, delegation, discoveries
from ark_temporal.plan.wanted import Held, Wanted

MAX_SHOWN_CHARS = 500
"""The most of a tool call's arguments and of its result that a run record shows."""


class AgentLoop:
    """A task of an agent in motion.

    Args:
        asker: Who asks.
        state: How far the task is.
        plan: What the run does.
        lists: What was discovered in the run, by the discovery's id; grows as discoveries come in.
        count: Counts the role's calls by purpose, and gives how many there were before.
        depth: How many runs are above this one.
        render: Renders a template of the run, which sees what is given besides.
        new_child: Gives the id of one more run.
    """

    def __init__(
        self,
        asker: Asker,
        state: LoopState,
        *,
        plan: Plan,
        lists: Mapping[str, ToolList],
        count: Callable[[str, Purpose], int],
        depth: int,
        render: Callable[[str, Mapping[str, JsonValue]], str],
        new_child: Callable[[str], str],
    ) -> None:
        self.asker = asker
        self.state = state
        self._lists = lists
        self._count = count
        self._plan = plan
        self._under_way: set[str] = set()
        self._wanted = Wanted(asker, state, plan, depth, render, new_child)
        self._discoveries = discoveries(asker.agent, step=asker.step.name, namespace=asker.namespace)

    @property
    def is_preparing(self) -> bool:
        """Whether the model has not been asked yet."""
        return not self.state.turns and not self._under_way

    def carried(self) -> LoopState:
        """What the loop needs where the run continues as new."""
        return self.state.model_copy(update={"turns": slimmed(self.state.turns)})

    def restore(self, due: Iterable[Request]) -> None:
        """Take up what was due when the run continued as new."""
        mine = [one for one in due if one.step == self.asker.step.name]
        self._under_way.update(
            one.id for one in mine if isinstance(one, ToolInvocation | SubtaskStart | ChildRun)
        )
        self._wanted.handed_on.update(one.id for one in mine if isinstance(one, ChildRun))
        self._under_way.update(
            one.id for one in mine if isinstance(one, ModelCall) and one.purpose != "validate"
        )

    # Before the model is asked

    def begin(self) -> list[Request]:
        """What to find out before the model is asked; nothing where it can be asked at once."""
        requests: list[Request] = [one for one in self._discoveries if one.id not in self._lists]
        memory = self.asker.agent.memory
        if memory is not None and self.state.recalled is None:
            requests.append(
                MemoryRead(
                    id=self.asker.id("recall"),
                    step=self.asker.step.name,
                    role=self.asker.agent.role,
                    namespace=self.asker.namespace,
                    memory=memory,
                    env_from=self.asker.agent.env_from,
                    query=self.state.prompt,
                )
            )
        return requests

    def first(self, now: datetime) -> list[Request]:
        """Ask the model, if all is found out that has to be before; the task's time begins then."""
        agent = self.asker.agent
        if any(one.id not in self._lists for one in self._discoveries):
            return []
        if agent.memory is not None and self.state.recalled is None:
            return []
        prompt = with_memory(self.state.prompt, self.state.recalled or ())
        self.asker.step.prompt = prompt
        self.state.began = now
        call = task_call(
            self.asker,
            prompt=prompt,
            tools=(*delegation(agent, self._plan), *declared_specs(agent)),
            tool_lists=[one.id for one in self._discoveries if self._lists[one.id].tools],
            number=self._count(agent.role, "task"),
        )
        self._under_way.add(call.id)
        return [call]

    # What the model wants

    def answered(self, call: ModelCall, outcome: ModelOutcome) -> None:
        """Note an answer of the conversation."""
        self._under_way.discard(call.id)
        results = (None,) * len(outcome.tool_calls)
        self.state.turns.append(Turn(call=call, outcome=outcome, results=results))
        self.state.given = []

    def act(self, now: datetime) -> list[Request] | RunError:
        """Call the tools that the last answer wants, all at once."""
        turn, agent = self.state.turns[-1], self.asker.agent
        asked = sum(one.call.purpose == "task" for one in self.state.turns)
        if asked >= agent.max_turns:
            return self._error(
                "TurnsExhausted",
                f"was not done after {asked} turns, its limits.maxTurns, and still calls tools",
            )
        box = Toolbox(agent, {one.id: self._lists[one.id] for one in self._discoveries})
        requests: list[Request] = []
        for index, wanted in enumerate(turn.outcome.tool_calls):
            request = self._wanted.of(box, turn.call, index, wanted)
            if isinstance(request, str):
                self._give(index, request, now, wanted)
            elif request is not None:
                requests.append(request)
                self._under_way.add(request.id)
        self.pause(now)
        return requests or self.go_on(now)

    def take_held(self) -> list[Held]:
        """The tool calls that people have to be asked about now."""
        return self._wanted.take_held()

    # What tools brought

    def take(self, request: ToolInvocation, outcome: ToolOutcome | CallFailure) -> bool:
        """Take in what became of a tool call; False where a person has to say what is to be done."""
        self._under_way.discard(request.id)
        if isinstance(outcome, ToolOutcome):
            turn = self.state.turns[-1]
            results = list(turn.results)
            results[request.index] = outcome
            self.state.turns[-1] = turn.model_copy(update={"results": tuple(results)})
            return True
        if request.effect == "unsafe" and outcome.sent:
            self.state.unknown[request.id] = request
            return False
        self.state.given.append(GivenResult(index=request.index, content=outcome.message, is_error=True))
        return True

    def started(self, request: SubtaskStart, text: str, *, is_error: bool) -> None:
        """Take in whether a subtask runs."""
        self._under_way.discard(request.id)
        self.state.given.append(GivenResult(index=request.index, content=text, is_error=is_error))

    def resolve(self, id: str, text: str | None) -> list[Request]:
        """Carry out what a person decided about a tool call.

        Args:
            id: The call that the decision is about.
            text: What the tool is taken to have answered; None calls it again.
        """
        request = self.state.unknown.pop(id)
        if text is None:
            again = request.model_copy(update={"id": _once_more(id)})
            self._under_way.add(again.id)
            return [again]
        self.state.given.append(GivenResult(index=request.index, content=text))
        return []

    def resolve_gate(self, waited: Awaiting, decision: Decision, now: datetime) -> list[Request]:
        """Carry out what a person, or time, decided about a tool call that needs approval."""
        request = self.state.held.pop(waited.id)
        if decision.decision == "reject":
            who = f" by {decision.by}" if decision.by else ""
            why = f": {decision.comment}" if decision.comment else "."
            made: Request | str = f"Not called: this call was rejected{who}{why}"
        else:
            if waited.edited:
                request = request.model_copy(update={"arguments": json.loads(waited.subject)})
            made = self._wanted.approved(request, self.state.turns[-1].call)
        if isinstance(made, str):
            call = ToolCall(id="", name=request.tool, arguments=request.arguments)
            self._give(request.index, made, now, call)
            return []
        self._under_way.add(made.id)
        return [made]

    def handed_back(self, request: ChildRun, text: str, *, is_error: bool) -> None:
        """Take in what came of a task that was handed on."""
        self._under_way.discard(request.id)
        self._wanted.handed_on.discard(request.id)
        cut = text[:MAX_RESULT_CHARS]
        self.state.given.append(GivenResult(index=request.index, content=cut, is_error=is_error))

    def pause(self, now: datetime) -> None:
        """Others' time is not the agent's: stop its clock while they decide, or do what it handed on."""
        state = self.state
        waits = bool(state.unknown or state.held or self._wanted.handed_on)
        if waits and state.waiting_since is None:
            state.waiting_since = now
        elif not waits and state.waiting_since is not None:
            state.waited_ms += int((now - state.waiting_since) / timedelta(milliseconds=1))
            state.waiting_since = None

    def go_on(self, now: datetime) -> list[Request] | RunError:
        """Ask the model again once all of its tool calls have their results."""
        if self._under_way or self.state.unknown or self.state.held:
            return []
        limit = self.asker.agent.timeout_seconds
        if now - self.state.began - timedelta(milliseconds=self.state.waited_ms) > timedelta(seconds=limit):
            return self._error("TaskTimedOut", f"was not done within its limits.timeoutSeconds of {limit}")
        return [self._next(results=self.state.given)]

    # After the answer

    def ask_again(self, problem: str) -> Request:
        """Tell the model what is wrong about its answer."""
        self.state.retries += 1
        return self._next(feedback=feedback_on(problem))

    def remember(self, text: str, now: datetime) -> Request | None:
        """Keep the task's result in the agent's memory, if it has one."""
        memory, agent = self.asker.agent.memory, self.asker.agent
        if memory is None:
            return None
        id = self.asker.id("remember")
        return MemoryWrite(
            id=id,
            step=self.asker.step.name,
            role=agent.role,
            namespace=self.asker.namespace,
            memory=memory,
            env_from=agent.env_from,
            entry=effect_key(self.asker, id),
            at=now,
            text=text,
        )

    def _next(self, *, results: Sequence[GivenResult] = (), feedback: str = "") -> Request:
        purpose: Purpose = "repair" if feedback else "task"
        call = next_call(
            self.asker,
            self.state.turns[-1].call,
            number=self._count(self.asker.agent.role, purpose),
            results=results,
            feedback=feedback,
            retry=self.state.retries,
        )
        self._under_way.add(call.id)
        return call

    def _give(self, index: int, text: str, now: datetime, wanted: ToolCall) -> None:
        """Answer a tool call ourselves: it cannot be carried out."""
        self.state.given.append(GivenResult(index=index, content=text, is_error=True))
        call = self.state.turns[-1].call
        self.asker.step.tool_calls.append(
            ToolCallRecord(
                id=self.asker.id(f"tool-{call.turn}.{index + 1}"),
                tool=wanted.name,
                model_call=call.id,
                iteration=self.asker.step.iterations,
                arguments=shown(json.dumps(wanted.arguments, ensure_ascii=False)),
                start_time=now,
                completion_time=now,
                result=shown(text),
                is_error=True,
            )
        )

    def _error(self, type: str, what: str) -> RunError:
        step = self.asker.step.name
        message = f'The agent of step "{step}" {what}. Raise the limit, or give it a smaller task.'
        return RunError(type=type, message=message, step=step)


def shown(text: str) -> str:
    """As much of a text as a run record shows."""
    return text if len(text) <= MAX_SHOWN_CHARS else f"{text[:MAX_SHOWN_CHARS]}… ({len(text)} characters)"


def _once_more(id: str) -> str:
    base, _, number = id.partition("~")
    return f"{base}~{int(number or 1) + 1}"
