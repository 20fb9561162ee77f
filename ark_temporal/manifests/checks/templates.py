"""Checks of templates: syntax, and whether the names they read exist where they stand."""

from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass, replace
from itertools import islice

from ark_temporal.manifests.agent_parts import AgentParts
from ark_temporal.manifests.ark_agent import ArkAgent
from ark_temporal.manifests.ark_event import ArkEvent
from ark_temporal.manifests.ark_notify import ArkNotify
from ark_temporal.manifests.ark_team import ArkTeam
from ark_temporal.manifests.bundle import Bundle
from ark_temporal.manifests.checks.graph import Upstream, order
from ark_temporal.manifests.checks.pipeline import edges_of
from ark_temporal.manifests.diagnostics import Severity, did_you_mean
from ark_temporal.manifests.origins import Finding, Path
from ark_temporal.manifests.pipeline import PipelineStep
from ark_temporal.templates import TemplateSyntaxError, parse

MAX_FINDINGS = 20
"""Findings about names in one template; who mends these sees the others."""

_STEP_FIELDS = ("output", "data", "artifacts", "answer")
_ITEM = ("item", "index")
_ARGUMENTS = ("arguments",)
_ELSEWHERE: Mapping[str, str] = {
    **dict.fromkeys(_ITEM, "Only the `inputs` of a step with `map` have it."),
    **dict.fromkeys(
        _ARGUMENTS, "Only `requireApproval` of tools, and the messages that go with it, have it."
    ),
}
"""Names that there are only in some templates, and where."""
_FILLED_BY: Mapping[str, str] = {
    **dict.fromkeys(("name", "source", "firedAt", "principal"), ""),
    **dict.fromkeys(("body", "headers"), "webhook"),
    **dict.fromkeys(("output", "run", "team", "phase"), "team-output"),
}
"""What `.trigger` has, and the source that alone fills it."""
_NOTIFY_ROOTS = ("team", "run", "agent", "gate", "Event", "TeamName", "RunName", "Message")


@dataclass(frozen=True)
class _Wrong:
    """What is wrong with one reference."""

    code: str
    message: str
    hint: str = ""
    severity: Severity = "error"


Names = Callable[[tuple[str, ...]], _Wrong | None]
"""Says what is wrong with a reference such as `("steps", "research", "output")`, if anything."""


def check_template(text: str | None, path: Path, names: Names) -> Iterator[Finding]:
    """Findings about one template, each at its own character."""
    if not text or "{{" not in text:
        return
    try:
        template = parse(text)
    except TemplateSyntaxError as error:
        message = f"The template cannot be read: {error.message.rstrip('.')}."
        yield Finding(path, "template-syntax", message, offset=_offset(text, error.line, error.column))
        return
    found = ((reference, names(reference.path)) for reference in template.references)
    for reference, wrong in islice(((each, what) for each, what in found if what), MAX_FINDINGS):
        offset = _offset(text, reference.line, reference.column)
        yield Finding(path, wrong.code, wrong.message, wrong.hint, wrong.severity, offset)


def _offset(text: str, line: int, column: int) -> int:
    start = 0
    for _ in range(line - 1):
        start = text.find("\n", start) + 1
    return start + column - 1


def _unknown(name: str, known: tuple[str, ...]) -> _Wrong:
    dotted = [f".{each}" for each in known]
    message = f'There is no ".{name}" here; known: {", ".join(dotted)}.'
    return _Wrong("template-name", message, did_you_mean(f".{name}", dotted))


@dataclass(frozen=True)
class _Fills:
    """What of a step is ever filled, besides its output.

    Attributes:
        data: Whether it has `.data`.
        answer: Whether a person is asked a question.
        fields: Whether the answer may have fields.
    """

    data: bool = True
    answer: bool = False
    fields: bool = False


@dataclass(frozen=True)
class _RunNames:
    """The names that templates of a team may read.

    Attributes:
        inputs: The declared inputs; None when any may be given.
        steps: All steps, and what each fills; None where steps cannot be read at all.
        flow: Whether inputs are also read as `.pipeline.input`.
        upstream: Which steps are done when the template is read; None when all are.
        own: The step that the template belongs to.
        own_output: Whether that step's own output can be read.
        own_hint: When that step's own output could be read.
        own_answer: Whether the answer to that step's own question can be read.
        extra: Further names, and all that is below them.
    """

    inputs: Set[str] | None
    steps: Mapping[str, _Fills] | None
    flow: bool = False
    upstream: Upstream | None = None
    own: str = ""
    own_output: bool = False
    own_hint: str = "Only a step with a `loop` can read what it said before."
    own_answer: bool = False
    extra: tuple[str, ...] = ()

    def __call__(self, path: tuple[str, ...]) -> _Wrong | None:
        if path[0] == "input":
            return self._input(path[1:])
        if path[0] == "pipeline" and self.flow:
            return (
                None if path[1:2] in ((), ("input",)) else _unknown(".".join(path[:2]), ("pipeline.input",))
            )
        if path[0] == "steps" and self.steps is not None:
            return self._step(path[1:], self.steps)
        if path[0] in self.extra:
            return None
        known = (
            *(["pipeline.input"] if self.flow else []),
            "input",
            *(["steps"] if self.steps is not None else []),
            *self.extra,
        )
        wrong = _unknown(path[0], known)
        return replace(wrong, hint=_ELSEWHERE[path[0]]) if path[0] in _ELSEWHERE else wrong

    def _input(self, path: tuple[str, ...]) -> _Wrong | None:
        if not path or self.inputs is None or path[0] in self.inputs:
            return None
        message = f'The team declares no input "{path[0]}"; it is empty unless a run is given it.'
        return _Wrong("undeclared-input", message, did_you_mean(path[0], self.inputs), "warning")

    def _step(self, path: tuple[str, ...], steps: Mapping[str, _Fills]) -> _Wrong | None:
        if not path:
            return None
        name = path[0]
        if name not in steps:
            message = f'No step is called "{name}".'
            return _Wrong("unknown-step", message, did_you_mean(name, steps, among="Steps"))
        return self._too_early(path) or _step_field(path, steps[name])

    def _too_early(self, path: tuple[str, ...]) -> _Wrong | None:
        name = path[0]
        if self.upstream is None or self.upstream.is_before(name, self.own):
            return None
        if name == self.own and (self.own_output or (self.own_answer and path[1:2] == ("answer",))):
            return None
        if name == self.own:
            message = f'The step "{name}" reads its own output, which is not there yet.'
            return _Wrong("step-not-upstream", message, self.own_hint)
        message = (
            f'The step "{name}" is not done when "{self.own}" starts: nothing makes "{self.own}" wait for it.'
        )
        if self.upstream.is_before(self.own, name):
            return _Wrong("step-not-upstream", message, f'"{name}" itself waits for "{self.own}".')
        return _Wrong("step-not-upstream", message, f'Add "{name}" to `dependsOn`.')


def _step_field(path: tuple[str, ...], fills: _Fills) -> _Wrong | None:
    name, *rest = path
    if not rest:
        return None
    if rest[0] not in _STEP_FIELDS:
        message = f'A step has no ".{rest[0]}"; it has .output, .data, .artifacts and .answer.'
        return _Wrong("template-name", message, did_you_mean(rest[0], _STEP_FIELDS))
    if rest[0] == "output" and len(rest) > 1:
        message = f'The output of "{name}" is text and has no ".{rest[1]}".'
        return _Wrong(
            "template-name", message, f"Give the step an `outputSchema` and read `.data.{rest[1]}`."
        )
    if rest[0] == "answer":
        return _answer(name, rest[1:], fills)
    if rest[0] == "data" and not fills.data:
        message = f'The step "{name}" has no `outputSchema`, so its `.data` is always empty.'
        return _Wrong("no-data", message, "Give it an `outputSchema`, or read `.output`.", "warning")
    return None


def _answer(name: str, rest: list[str], fills: _Fills) -> _Wrong | None:
    if not fills.answer:
        message = f'The step "{name}" asks no question, so its `.answer` is always empty.'
        hint = "Give it an `approval` with `question: true`."
        return _Wrong("no-data", message, hint, "warning")
    if rest and not fills.fields:
        message = f'The answer to "{name}" is text and has no ".{rest[0]}".'
        return _Wrong("template-name", message, "Give its question an `answerSchema`.")
    return None


def check_team_templates(team: ArkTeam, bundle: Bundle) -> Iterator[Finding]:
    """Findings about the templates of steps, of the output, and of tools."""
    spec = team.spec
    declared = {each.name for each in spec.inputs}
    base = _RunNames(
        inputs=declared | spec.input.keys() if declared else None,
        steps=_steps(team),
        flow=any(team is each for each in bundle.flow_teams),
    )
    yield from check_template(spec.output, ("spec", "output"), base)
    for index, role in enumerate(spec.roles):
        yield from _call_templates(role, ("spec", "roles", index), replace(base, steps=None))
    edges = edges_of(team)
    upstream = Upstream(edges, order(edges).ready)
    for index, step in enumerate(spec.pipeline):
        # In or behind a cycle nothing is upstream of anything; the cycle itself has been reported.
        names = replace(base, upstream=upstream if step.id in upstream else None, own=step.id)
        yield from _step_templates(step, ("spec", "pipeline", index), names)


def _steps(team: ArkTeam) -> Mapping[str, _Fills]:
    """What `.steps` holds, and what each of them fills."""
    spec = team.spec
    if spec.routing is not None:
        return {"route": _Fills()}
    if not spec.pipeline:
        return {role.name: _Fills() for role in spec.roles}
    return {step.id: _fills(step) for step in spec.pipeline}


def _fills(step: PipelineStep) -> _Fills:
    has_schema = step.output_schema is not None or (
        step.validate_ is not None and step.validate_.schema_ is not None
    )
    return _Fills(
        data=has_schema or step.map is not None,
        answer=any(each.asks for each in step.approval),
        fields=any(each.answer_schema is not None for each in step.approval),
    )


def _step_templates(step: PipelineStep, path: Path, names: _RunNames) -> Iterator[Finding]:
    after = replace(names, own_output=True)
    # A repeated step may read what it said the time before; at first that is empty.
    at_start = after if step.loop else names
    answered = replace(at_start, own_answer=True)
    inside = replace(answered, extra=_ITEM if step.map else ())
    for key, text in step.inputs.items():
        yield from check_template(text, (*path, "inputs", key), inside)
    yield from check_template(step.if_, (*path, "if"), names)
    if step.map is not None:
        yield from check_template(step.map.over, (*path, "map", "over"), answered)
    if step.switch is not None:
        yield from check_template(step.switch.value, (*path, "switch", "value"), answered)
    if step.loop is not None:
        yield from check_template(step.loop.condition, (*path, "loop", "condition"), after)
    before = replace(names, own_hint="Only an approval with `when: after` sees it.")
    for number, approval in enumerate(step.approval):
        seen = after if approval.when == "after" else before
        place = (*path, "approval", number)
        yield from check_template(approval.if_, (*place, "if"), seen)
        yield from check_template(approval.message, (*place, "message"), seen)


def _call_templates(parts: AgentParts, path: Path, names: _RunNames) -> Iterator[Finding]:
    """Findings about what is rendered when a tool is called: its address, and whether people decide."""
    asked = replace(names, extra=_ARGUMENTS)
    for index, tool in enumerate(parts.tools):
        place = (*path, "tools", index)
        yield from check_template(tool.url, (*place, "url"), names)
        yield from check_template(tool.require_approval, (*place, "requireApproval"), asked)
        if tool.approval is not None:
            yield from check_template(tool.approval.message, (*place, "approval", "message"), asked)
    for index, server in enumerate(parts.mcp_servers):
        place = (*path, "mcpServers", index)
        for name, rule in server.require_approval.items():
            yield from check_template(rule, (*place, "requireApproval", name), asked)
        if server.approval is not None:
            yield from check_template(server.approval.message, (*place, "approval", "message"), asked)


def check_agent_templates(agent: ArkAgent, bundle: Bundle) -> Iterator[Finding]:
    """Findings about the templates of an agent's tools."""
    yield from _call_templates(agent.spec, ("spec",), _RunNames(inputs=None, steps=None))


def check_event_templates(event: ArkEvent, bundle: Bundle) -> Iterator[Finding]:
    """Findings about the inputs that an event gives its targets, and about what its webhook answers."""

    def names(path: tuple[str, ...], roots: tuple[str, ...] = ("trigger",)) -> _Wrong | None:
        if path[0] != "trigger":
            return None if path[0] in roots else _unknown(path[0], roots)
        if len(path) > 1 and path[1] not in _FILLED_BY:
            return _unknown(f"trigger.{path[1]}", tuple(f"trigger.{each}" for each in _FILLED_BY))
        return _never_filled(path, event.spec.source.type)

    def of_answer(path: tuple[str, ...]) -> _Wrong | None:
        return names(path, ("trigger", "output", "run"))

    for index, target in enumerate(event.spec.targets):
        for key, text in target.input.items():
            yield from check_template(text, ("spec", "targets", index, "input", key), names)
    webhook, at = event.spec.source.webhook, ("spec", "source", "webhook")
    if webhook is not None:
        yield from check_template(webhook.idempotency_key, (*at, "idempotencyKey"), names)
        yield from check_template(webhook.challenge, (*at, "challenge"), names)
        if webhook.respond is not None:
            yield from check_template(webhook.respond.body, (*at, "respond", "body"), of_answer)


def _never_filled(path: tuple[str, ...], source: str) -> _Wrong | None:
    name = path[1] if len(path) > 1 else "name"
    filled_by = _FILLED_BY[name]
    if filled_by in ("", source):
        return None
    message = (
        f'".trigger.{name}" is always empty here: only a {filled_by} source fills it, and this is a '
        f"{source} source."
    )
    return _Wrong("no-data", message, severity="warning")


def check_notify_templates(notify: ArkNotify, bundle: Bundle) -> Iterator[Finding]:
    """Findings about the messages of an ArkNotify."""

    def names(path: tuple[str, ...]) -> _Wrong | None:
        return None if path[0] in _NOTIFY_ROOTS else _unknown(path[0], _NOTIFY_ROOTS)

    spec = notify.spec
    for index, channel in enumerate(spec.channels):
        path = ("spec", "channels", index)
        for kind, block in (("slack", channel.slack), ("webhook", channel.webhook), ("email", channel.email)):
            if block is not None:
                yield from check_template(block.template, (*path, kind, "template"), names)
        if channel.email is not None:
            yield from check_template(channel.email.subject, (*path, "email", "subject"), names)
    for index, event in enumerate(spec.events or []):
        yield from check_template(event.template, ("spec", "events", index, "template"), names)
