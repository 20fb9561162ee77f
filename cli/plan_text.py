"""A plan as text for people, before it runs."""

import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING

from cli.amounts import dollars, duration, plural
from cli.record_text import table
from cli.terminal import one_line

if TYPE_CHECKING:
    from ark_temporal.plan.forecast import Bound, Forecast, RoleForecast, StepForecast
    from ark_temporal.plan.reach import MemoryReach, ServerReach, ToolReach

_EFFECTS = {
    "read": "reads only",
    "idempotent": "changes things, the same again if repeated",
    "unsafe": "CHANGES THINGS, each call anew",
}
_WIDTH = 100
ANY_TOOL = "*"


def describe_forecast(forecast: "Forecast") -> str:
    """The run's facts, its steps in their order, what every role reaches, and what it may cost."""
    parts = [_facts(forecast), _steps(forecast)]
    parts += [_role(role) for role in forecast.roles]
    parts.append("\n".join(["notes", *(line for note in forecast.notes for line in _wrapped(note))]))
    return "\n\n".join(parts)


def _facts(forecast: "Forecast") -> str:
    limit = forecast.timeout_seconds
    bound = forecast.bound
    facts = [
        ("team", one_line(f"{forecast.namespace}/{forecast.team}")),
        ("plan", forecast.plan[:12]),
        ("time", f"{duration(limit)} at most" if limit is not None else "no limit"),
        ("calls", f"{bound.model_calls:,} of models at most"),
        ("tokens", f"{bound.tokens:,} at most"),
        ("cost", _cost(bound, forecast.prices_as_of)),
    ]
    return "\n".join(f"{name:<9}{value}" for name, value in facts)


def _cost(bound: "Bound", as_of: str) -> str:
    if bound.cost_usd is None:
        return "not known"
    priced = f" at the prices of {as_of}" if as_of else ""
    return f"{dollars(bound.cost_usd)} at most{priced}"


def _steps(forecast: "Forecast") -> str:
    roles = {role.role: role for role in forecast.roles}
    levels = [step.level for step in forecast.steps]
    rows = [
        (
            str(step.level) if index == 0 or levels[index - 1] != step.level else "",
            one_line(step.name),
            one_line(", ".join(step.depends_on)) or "–",
            one_line(roles[step.role].model),
            roles[step.role].provider or "?",
            f"{step.bound.model_calls:,}",
            f"{step.bound.tokens:,}",
            dollars(step.bound.cost_usd) or "?",
            _why(step),
        )
        for index, step in enumerate(forecast.steps)
    ]
    head = ("", "STEP", "AFTER", "MODEL", "PROVIDER", "CALLS", "TOKENS", "COST", "AT MOST")
    return table([head, *rows])


def _why(step: "StepForecast") -> str:
    """How the number of calls comes about."""
    facts = [
        "may be skipped" if step.conditional else "",
        f"{step.executions} times" if step.executions > 1 else "",
        plural(step.turns, "turn") if step.turns > 1 else "",
        plural(step.repairs, "repair") if step.repairs else "",
        plural(step.judgements, "check") if step.judgements else "",
    ]
    return ", ".join(fact for fact in facts if fact)


def _role(role: "RoleForecast") -> str:
    who = f" ({one_line(role.agent)})" if role.agent != role.role else ""
    turns = f", {plural(role.max_turns, 'turn')}" if role.max_turns > 1 else ""
    bounds = f"{role.max_tokens_per_call:,} tokens a call, {duration(role.timeout_seconds)} a task{turns}"
    reached = [
        *([table([_tool(tool) for tool in role.tools])] if role.tools else []),
        *("\n".join(_server(server)) for server in role.servers),
        *(["\n".join(_memory(role.memory))] if role.memory else []),
    ] or ["reaches nothing but its model"]
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
