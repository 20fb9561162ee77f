"""The list of a map, and how it is divided."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import JsonValue

from ark_temporal.plan.calls import Context, Page
from ark_temporal.plan.errors import template_failed
from ark_temporal.plan.model import AgentPlan, Plan, StepPlan
from ark_temporal.plan.output import NoJsonError, extract_json
from ark_temporal.plan.prompts import render_text
from ark_temporal.plan.record import RunError
from ark_temporal.plan.steps.body import NotReadyError
from ark_temporal.plan.subtasks import reachable
from ark_temporal.templates import NOT_A_VALUE, TemplateError, value_of

if TYPE_CHECKING:
    from ark_temporal.plan.steps.step import Step

PAGE = 100
"""How many items one run works on; a longer list is divided among runs of its own, so that no history grows
with the list."""

_PAGE_WIDTH = 50
"""How many items of one part are worked on at the same time, at most."""

_READS_ALL_INPUT = re.compile(r"""\.(?:input|pipeline)\b(?!\.\w)|["`](?:input|pipeline)["`]""")
"""A template that reads the input otherwise than by the name of what is in it."""

_BEFORE_A_NAME = (".", '"', "`")


def items_of(step: "Step") -> list[JsonValue]:
    """The items of a step's map.

    Raises:
        NotReadyError: There is no list, or it is too long.
    """
    plan, run = step.plan.map, step.run
    assert plan is not None, "only a map has items"
    if run.page is not None:
        return run.page.items
    try:
        value = _read(step)
    except TemplateError as error:
        raise NotReadyError(template_failed(step.plan.name, "map.over", error)) from None
    if not isinstance(value, list):
        kind = "nothing" if value is None else type(value).__name__
        raise _refused(step, "NotAList", f"`map.over` gives {kind} and not a list; let it be a JSON array.")
    if len(value) > plan.max_items:
        raise _refused(
            step,
            "TooManyItems",
            f"{len(value)} items are more than its map.maxItems of {plan.max_items}; nothing was begun.",
        )
    return value


def pages_of(step: "Step", items: Sequence[JsonValue]) -> tuple[int, int, list[Page]]:
    """How a list is divided.

    Returns:
        How many parts are worked on at the same time; how many items at the same time inside each, which is
        0 where every item is a part of its own; and the parts.
    """
    plan, page = step.plan.map, step.run.page
    assert plan is not None, "only a map is divided"
    offset = page.offset if page is not None else 0
    if page is not None or len(items) <= PAGE:
        return (
            plan.max_concurrency,
            0,
            [Page(items=[item], offset=offset + n) for n, item in enumerate(items)],
        )
    width = min(plan.max_concurrency, max(2, -(-plan.max_concurrency // _PAGE_WIDTH)))
    context = _context(step)
    starts = range(0, len(items), PAGE)
    pages = [Page(items=list(items[at : at + PAGE]), offset=at, context=context) for at in starts]
    return width, plan.max_concurrency // width, pages


def page_plan(step: "Step", window: int) -> Plan:
    """A plan that does a part of a step's list."""
    plan, whole = step.plan, step.run.plan
    assert plan.map is not None, "only a map is divided"
    agents, teams = reachable(whole, [plan.role])
    if (model := step.run.models.get(plan.name)) and plan.role in agents:
        agents[plan.role] = agents[plan.role].model_copy(update={"model": model, "provider": None})
    return Plan(
        team=whole.team,
        namespace=whole.namespace,
        agents=agents,
        teams=teams,
        steps=(
            StepPlan(
                name=plan.name,
                role=plan.role,
                inputs=plan.inputs,
                output_schema=plan.output_schema,
                validation=plan.validation,
                map=plan.map.model_copy(update={"over": "", "max_concurrency": window}),
            ),
        ),
        max_depth=whole.max_depth,
    )


def page_input(step: "Step", plan: Plan) -> dict[str, JsonValue]:
    """The run's input as a part needs it.

    The list may stand in it, and every part would carry the whole list: what the items' templates do not
    name is left out.

    Args:
        step: The part.
        plan: What does it.
    """
    given = step.run.record.input
    texts = _templates(step)
    if (
        not step.plan.inputs
        or _READS_ALL_INPUT.search(texts)
        or any(_asks_people(one) for one in plan.agents.values())
    ):
        return dict(given)
    return {
        name: value
        for name, value in given.items()
        if any(f"{mark}{name}" in texts for mark in _BEFORE_A_NAME)
    }


def _templates(step: "Step") -> str:
    """All that is rendered for an item: what is asked, and where the tools of who is asked are."""
    agent = step.run.plan.agents.get(step.plan.role)
    webhooks = [tool.webhook.url for tool in agent.tools if tool.webhook is not None] if agent else []
    return " ".join([*(item.template for item in step.plan.inputs), *webhooks])


def _asks_people(agent: AgentPlan) -> bool:
    """Whether people are told about calls of its tools, and with that about the run's input."""
    return any(tool.gate for tool in agent.tools) or any(server.gates for server in agent.mcp_servers)


def _read(step: "Step") -> JsonValue:
    plan = step.plan.map
    assert plan is not None, "only a map has a list"
    if step.record.edited:
        return extract_json(step.record.edited)
    value = value_of(plan.over, step.view.data)
    text = (
        value
        if isinstance(value, str)
        else render_text(plan.over, step.view)
        if value is NOT_A_VALUE
        else None
    )
    if text is None:
        return None if value is NOT_A_VALUE else value
    try:
        return extract_json(text)
    except NoJsonError:
        return text if text.strip() else None


def _context(step: "Step") -> Context:
    """What the items' templates read of other steps."""
    texts = _templates(step)
    return Context(
        steps={
            other.name: {"output": other.output, "data": other.data, "answer": other.answer}
            for other in step.run.record.steps
            if other.name in texts
        }
    )


def _refused(step: "Step", type: str, what: str) -> NotReadyError:
    message = f'Step "{step.plan.name}": {what}'
    return NotReadyError(RunError(type=type, message=message, step=step.plan.name))
