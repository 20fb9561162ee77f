"""What a model wants called, as requests: tools, tasks for others, and what people must approve first."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pydantic import JsonValue

from ark_temporal.llm.types import ToolCall
from ark_temporal.plan.asking import Asker, tool_call
from ark_temporal.plan.calls import ChildRun, ModelCall, Request, SubtaskStart, ToolInvocation
from ark_temporal.plan.inputs import InputError, task_input
from ark_temporal.plan.loop_state import LoopState
from ark_temporal.plan.model import Plan
from ark_temporal.plan.people import GatePlan
from ark_temporal.plan.prompts import is_truthy
from ark_temporal.plan.subtasks import plan_for
from ark_temporal.plan.toolbox import DELEGATE, SUBMIT_SUBTASK, Tool, Toolbox
from ark_temporal.templates import TemplateError

MAX_TOOL_CALLS = 128
"""The most tool calls of one turn that are carried out; the model is told about the others."""

MAX_SUBTASKS = 100
"""The most subtasks that one task starts."""

MAX_DELEGATIONS = 100
"""The most tasks that one agent has handed on at the same time."""


@dataclass(frozen=True)
class Held:
    """A tool call that people have to approve first.

    Attributes:
        question: The question's id.
        subject: The call, as JSON.
        message: What people are told.
        schema: What the arguments must match.
    """

    question: str
    gate: GatePlan
    subject: str
    message: str
    schema: JsonValue


@dataclass
class Wanted:
    """Makes requests of what a model wants called, or says what the model is told instead.

    Attributes:
        handed_on: Ids of the runs to which tasks were handed, and which have not ended.
    """

    _asker: Asker
    _state: LoopState
    _plan: Plan
    _depth: int
    _render: Callable[[str, Mapping[str, JsonValue]], str]
    _new_child: Callable[[str], str]
    handed_on: set[str] = field(default_factory=set[str])
    _held: list[Held] = field(default_factory=list[Held])
    _started: set[str] = field(default_factory=set[str])

    def of(self, box: Toolbox, call: ModelCall, index: int, wanted: ToolCall) -> Request | str | None:
        """How a tool call is carried out, or what the model is told instead; None where people come first."""
        tool = box.find(wanted.name)
        if index >= MAX_TOOL_CALLS:
            return f"Not done: at most {MAX_TOOL_CALLS} tools are called in one turn. Call it again."
        if wanted.problem:
            return wanted.problem
        if wanted.name == DELEGATE and self._asker.agent.can_delegate:
            return self._delegate(call, index, wanted)
        if tool is None:
            known = ", ".join(box.names) or "none"
            return f"There is no tool named {wanted.name!r}. The tools are: {known}."
        request = tool_call(self._asker, tool, model_call=call, index=index, arguments=wanted.arguments)
        webhook = tool.declared.webhook if tool.declared is not None else None
        if tool.declared is not None and webhook is not None:
            try:
                there = webhook.model_copy(update={"url": self._render(webhook.url, {})})
            except TemplateError as error:
                return f"Not called: the address of {tool.name!r} does not render: {error}."
            declared = tool.declared.model_copy(update={"webhook": there})
            request = request.model_copy(update={"declared": declared})
        gated = self._gated(tool, request)
        return self.approved(gated, call) if isinstance(gated, ToolInvocation) else gated

    def approved(self, request: ToolInvocation, call: ModelCall) -> Request | str:
        """How a tool call that nobody objects to is carried out, or what the model is told instead."""
        declared = request.declared
        if declared is not None and declared.type == "builtin" and request.tool == SUBMIT_SUBTASK:
            return self._subtask(call, request.index, request.arguments)
        return request

    def _gated(self, tool: Tool, request: ToolInvocation) -> ToolInvocation | str | None:
        """The call, unless people have to approve it first."""
        gate = tool.gate
        if gate is None:
            return request
        seen: Mapping[str, JsonValue] = {"arguments": request.arguments}
        try:
            if gate.condition and not is_truthy(self._render(gate.condition, seen)):
                return request
            message = self._render(gate.message, seen)
        except TemplateError as error:
            return f"Not called: what decides whether {tool.name!r} needs approval does not render: {error}."
        question = f"{request.id}#approval"
        self._state.held[question] = request
        said = json.dumps(request.arguments, ensure_ascii=False, indent=2)
        wish = f'Step "{self._asker.step.name}" wants to call the tool {tool.name}.'
        whom = f"{message}\n{wish}" if message.strip() else wish
        schema = dict(tool.input_schema) or None
        self._held.append(Held(question, gate, said, whom, schema))
        return None

    def take_held(self) -> list[Held]:
        """The tool calls that people have to be asked about now."""
        held, self._held = self._held, []
        return held

    def _delegate(self, call: ModelCall, index: int, wanted: ToolCall) -> Request | str:
        """Hand a task on, if that is allowed: what a model asks for changes nothing about that."""
        agent, role = self._asker.agent, wanted.arguments.get("role")
        if not isinstance(role, str) or role not in agent.can_delegate:
            return f"Not done: you may hand tasks to {', '.join(agent.can_delegate)}, and not to {role!r}."
        if self._depth >= self._plan.max_depth:
            return f"Not done: tasks are handed on {self._plan.max_depth} times at most. Do it yourself."
        if len(self.handed_on) >= MAX_DELEGATIONS:
            return f"Not done: {MAX_DELEGATIONS} tasks at most are handed on at the same time. Wait for some."
        prompt = wanted.arguments.get("prompt")
        task = prompt if isinstance(prompt, str) and prompt.strip() else self._state.prompt
        plan = plan_for(self._plan, role)
        try:
            given = task_input(plan, task)
        except InputError as error:
            return f"Not done: {error}"
        request = ChildRun(
            id=self._new_child(role),
            step=self._asker.step.name,
            role=role,
            model_call=call.id,
            index=index,
            plan=plan,
            input=given,
            task=task,
            depth=self._depth + 1,
        )
        self.handed_on.add(request.id)
        return request

    def _subtask(self, call: ModelCall, index: int, arguments: Mapping[str, JsonValue]) -> Request | str:
        task = arguments.get("prompt")
        if not isinstance(task, str) or not task.strip():
            return "Not started: `prompt` must say what is to be done."
        agent = self._asker.agent
        role = arguments.get("role") or agent.role
        if not isinstance(role, str) or role not in (agent.role, *agent.can_delegate):
            return f"Not started: there is no role {role!r} to which you may hand tasks."
        if self._depth >= self._plan.max_depth:
            return f"Not started: subtasks of subtasks go {self._plan.max_depth} deep at most."
        if self._subtasks >= MAX_SUBTASKS:
            return f"Not started: one task starts {MAX_SUBTASKS} subtasks at most."
        plan = plan_for(self._plan, role)
        try:
            given = task_input(plan, task)
        except InputError as error:
            return f"Not started: {error}"
        id = self._new_child("sub")
        self._started.add(id)
        return SubtaskStart(
            id=id,
            step=self._asker.step.name,
            role=agent.role,
            model_call=call.id,
            index=index,
            plan=plan,
            input=given,
            task=task,
            depth=self._depth + 1,
        )

    @property
    def _subtasks(self) -> int:
        """How many were started, those included that this turn is about to start."""
        asked = self._asker.step.tool_calls
        known = {one.id for one in asked if one.tool == SUBMIT_SUBTASK and not one.is_error}
        refused = {one.id for one in asked if one.is_error}
        return len(known | (self._started - refused))
