"""A plan as text for people, before it runs."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from cli.amounts import dollars, duration, plural
from cli.record_text import table
from cli.terminal import one_line

if TYPE_CHECKING:
    from ark_temporal.plan.bounds import Bound, StepForecast
    from ark_temporal.plan.forecast import Forecast, RoleForecast
    from ark_temporal.plan.reach import GateReach, MemoryReach, NotifyReach, ServerReach, ToolReach

_EFFECTS = {
    "read": "reads only",
    "idempotent": "changes things, the same again if repeated",
    "unsafe": "CHANGES THINGS, each call anew",
}
_WIDTH = 100
ANY_TOOL = "*"


def describe_forecast(forecast: "Forecast", told: "Sequence[str]" = ()) -> str:
    """All there is to know about a run before it begins.

    Its facts, its steps in their order, what people decide, what every role reaches and what it may cost; the
    same of the teams in it.

    Args:
        forecast: What is known.
        told: Notes that have been told.
    """
    parts = [_facts(forecast), _steps(forecast)]
    parts += [_people(forecast.steps)] if any(step.gates for step in forecast.steps) else []
    parts += [_choices(step) for step in forecast.steps if step.capabilities]
    parts += [_role(role) for role in forecast.roles]
    for role, nested in forecast.teams.items():
        inside = textwrap.indent(describe_forecast(nested, forecast.notes), "  ")
        parts.append(f"role {one_line(role)} is a team\n\n{inside}")
    notes = [line for note in forecast.notes if note not in told for line in _wrapped(note)]
    parts += ["\n".join(["notes", *notes])] if notes else []
    return "\n\n".join(parts)


def _facts(forecast: "Forecast") -> str:
    limit = forecast.timeout_seconds
    bound = forecast.bound
    facts = [
        ("team", one_line(f"{forecast.namespace}/{forecast.team}")),
        ("mode", forecast.mode),
        ("plan", forecast.plan[:12]),
        ("time", f"{duration(limit)} at most" if limit is not None else "no limit"),
        ("calls", f"{bound.model_calls:,} of models at most"),
        ("tokens", f"{bound.tokens:,} at most"),
        ("cost", _cost(bound, forecast.prices_as_of)),
        *([("notify", _told(forecast.notify))] if forecast.notify else []),
    ]
    return "\n".join(
        textwrap.fill(value, _WIDTH, initial_indent=f"{name:<9}", subsequent_indent=" " * 9)
        for name, value in facts
    )


def _told(notify: "NotifyReach") -> str:
    """Who is told, of what, and how often."""
    events = one_line(", ".join(notify.events)) or "all events"
    window = duration(notify.window_seconds)
    bound = (
        f"; {plural(notify.max_per_window, 'message')} of each in {window}" if notify.window_seconds else ""
    )
    return f"{_channels(notify)}: {events}{bound}"


def _channels(notify: "NotifyReach") -> str:
    return f"{one_line(notify.name)} by {', '.join(notify.channels) or 'no channel, so nobody'}"


def _cost(bound: "Bound", as_of: str) -> str:
    if bound.cost_usd is None:
        return "not known"
    priced = f" at the prices of {as_of}" if as_of else ""
    return f"{dollars(bound.cost_usd)} at most{priced}"


def _steps(forecast: "Forecast") -> str:
    levels = [step.level for step in forecast.steps]
    rows = [
        (
            str(step.level) if index == 0 or levels[index - 1] != step.level else "",
            one_line(step.name),
            one_line(", ".join(step.depends_on)) or "–",
            *_who(step, forecast),
            f"{step.bound.model_calls:,}",
            f"{step.bound.tokens:,}",
            dollars(step.bound.cost_usd) or "?",
            _why(step),
        )
        for index, step in enumerate(forecast.steps)
    ]
    head = ("", "STEP", "AFTER", "MODEL", "PROVIDER", "CALLS", "TOKENS", "COST", "AT MOST")
    return table([head, *rows])


def _who(step: "StepForecast", forecast: "Forecast") -> tuple[str, str]:
    """The models, or teams, that may work in a step, and who answers for them."""
    roles = {role.role: role for role in forecast.roles}
    models: dict[str, None] = {}
    providers: dict[str, None] = {}
    for name in step.roles or (step.role,):
        if name in forecast.teams:
            models[f"team {one_line(forecast.teams[name].team)}"] = None
        else:
            models[one_line(roles[name].model)] = None
            providers[roles[name].provider or "?"] = None
    return ", ".join(models), ", ".join(providers) or "–"


def _why(step: "StepForecast") -> str:
    """How the number of calls comes about."""
    facts = [
        "may be skipped" if step.conditional else "",
        f"{step.executions} times" if step.executions > 1 else "",
        _shape(step),
        plural(step.turns, "turn") if step.turns > 1 else "",
        plural(step.repairs, "repair") if step.repairs else "",
        plural(step.judgements, "check") if step.judgements else "",
    ]
    return ", ".join(fact for fact in facts if fact)


def _shape(step: "StepForecast") -> str:
    """How the work is shared out."""
    names = [one_line(role) for role in step.roles]
    return {
        "map": f"{step.items:,} items",
        "ensemble": "several at once",
        "fallback": f"first {', then '.join(names)}",
        "routing": "a router, then one agent",
        "switch": f"one of {', '.join(names)}",
        "lookup": f"one of {', '.join(names)}",
    }.get(step.shape if names or step.shape in ("map", "ensemble") else "", "")


def _people(steps: "Iterable[StepForecast]") -> str:
    """What people decide about steps."""
    lines = ["people decide"]
    for step in steps:
        for gate in step.gates:
            what = "answer before" if gate.asks else gate.when
            lines.append(f"  {what} {one_line(step.name)}: {_gate(gate)}")
    return "\n".join(lines)


def _gate(gate: "GateReach") -> str:
    """Who decides, how long they have, and what then."""
    who = one_line(", ".join(gate.approvers)) or "anybody"
    facts = [
        f"{who} ({gate.quorum} of them)" if gate.quorum > 1 else who,
        "not who submitted the run" if gate.four_eyes else "",
        "where its condition holds" if gate.conditional else "",
        _time(gate),
        f"reminded every {duration(gate.reminder_seconds)}" if gate.reminder_seconds else "",
        f"told by {one_line(gate.notify)}" if gate.notify else "",
    ]
    return "; ".join(fact for fact in facts if fact)


def _time(gate: "GateReach") -> str:
    """How long each has, and what is done at last."""
    if gate.timeout_seconds is None:
        return "for ever"
    first = f"within {duration(gate.timeout_seconds)}"
    if gate.on_timeout != "escalate":
        return f"{first}, else {gate.on_timeout}"
    tiers = [
        f"{one_line(', '.join(tier.approvers))} within {duration(tier.timeout_seconds)}"
        for tier in gate.escalation
    ]
    return f"{first}, then {', then '.join(tiers)}, else {gate.at_last}"


def _choices(step: "StepForecast") -> str:
    """What a router chooses among."""
    rows = [
        (one_line(each.id), one_line(", ".join(each.roles)), one_line(each.description))
        for each in step.capabilities
    ]
    return f"capabilities\n{textwrap.indent(table([('ID', 'AGENTS', 'WHAT'), *rows]), '  ')}"


def _role(role: "RoleForecast") -> str:
    who = f" ({one_line(role.agent)})" if role.agent != role.role else ""
    turns = f", {plural(role.max_turns, 'turn')}" if role.max_turns > 1 else ""
    bounds = f"{role.max_tokens_per_call:,} tokens a call, {duration(role.timeout_seconds)} a task{turns}"
    asked = [f"{one_line(tool.name)} asks first: {_gate(tool.gate)}" for tool in role.tools if tool.gate]
    to_whom = ", ".join(one_line(each) for each in role.can_delegate)
    reached = [
        *([table([_tool(tool) for tool in role.tools])] if role.tools else []),
        *asked,
        *("\n".join(_server(server)) for server in role.servers),
        *(["\n".join(_memory(role.memory))] if role.memory else []),
        *([f"hands tasks to {to_whom}"] if to_whom else []),
    ] or ["reaches nothing but its model"]
    if role.notify:
        reached.append(f"tells {_channels(role.notify)} when its model does not answer")
    return "\n".join(
        [f"role {one_line(role.role)}{who}: {bounds}", *(textwrap.indent(each, "  ") for each in reached)]
    )


def _tool(tool: "ToolReach") -> tuple[str, ...]:
    place = f"{tool.method} {one_line(tool.host)}" if tool.type == "webhook" else ""
    effect = _EFFECTS[tool.effect] if tool.effect else "as its code declares"
    return (tool.type, one_line(tool.name), place, effect, f"{duration(tool.timeout_seconds)} a call")


def _server(server: "ServerReach") -> Iterator[str]:
    yield f"mcp {one_line(server.name)}, {duration(server.timeout_seconds)} a call"
    yield f"  {'starts' if server.starts_process else 'at'} {one_line(server.place)}"
    for effect, names in _by_effect(server).items():
        yield f"  {', '.join(map(one_line, names))}: {effect}"
    for name, gate in server.gates.items():
        others = len(server.gates) > 1 or server.unasked
        tools = "any other tool" if name == ANY_TOOL and others else one_line(name)
        yield f"  {'any tool' if tools == ANY_TOOL else tools} asks first: {_gate(gate)}"
    if server.unasked:
        yield f"  {', '.join(map(one_line, server.unasked))} asks nobody"


def _by_effect(server: "ServerReach") -> dict[str, list[str]]:
    """Tools by what they do, in words; those that nobody names are the last."""
    found: dict[str, list[str]] = {}
    rest = server.effects.get(ANY_TOOL)
    said = _EFFECTS[rest] if rest else "as the server says"
    named = {name: _EFFECTS[effect] for name, effect in server.effects.items() if name != ANY_TOOL}
    for name in server.tools or named:
        found.setdefault(named.get(name, said), []).append(name)
    if not server.tools:
        found.setdefault(said, []).append("all other tools" if named else "all tools")
    return found


def _memory(memory: "MemoryReach") -> Iterator[str]:
    yield f"memory {one_line(memory.name)}, read before a task and added to after it"
    yield f"  {memory.backend}: {one_line(memory.place)}"
    if memory.embeddings:
        yield f"  vectors by {one_line(memory.embeddings)}"


def _wrapped(note: str) -> list[str]:
    return textwrap.wrap(note, _WIDTH, initial_indent="  ", subsequent_indent="  ")
