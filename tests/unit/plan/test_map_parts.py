"""What the parts of a long map are handed."""

import pytest
from pydantic import JsonValue

from ark_temporal.plan.calls import ChildRun
from ark_temporal.plan.model import AgentPlan, InputPlan, Plan, PromptInput, StepPlan
from ark_temporal.plan.people import GatePlan
from ark_temporal.plan.progress import Progress
from ark_temporal.plan.shapes import MapPlan
from ark_temporal.plan.start import PipelineInput
from ark_temporal.plan.steps.listing import PAGE
from ark_temporal.plan.tools import ToolPlan
from tests.unit.plan.driving import START

LONG: list[JsonValue] = [f"case {number}" for number in range(2 * PAGE)]


def first_part(prompt: str | None, *tools: ToolPlan) -> ChildRun:
    """The first run that a map over the input `cases` starts, asked so for each of them."""
    step = StepPlan(
        name="look",
        role="clerk",
        inputs=(PromptInput(name="prompt", template=prompt),) if prompt is not None else (),
        map=MapPlan(over="{{ .input.cases }}"),
    )
    plan = Plan(
        team="desk",
        agents={"clerk": AgentPlan(role="clerk", agent="desk-clerk", model="small-1", tools=tools)},
        inputs=(InputPlan(name="cases", type="array", required=True),),
        steps=(step,),
    )
    given: dict[str, JsonValue] = {"cases": LONG, "tone": "kind"}
    progress = Progress.begin(PipelineInput(plan=plan, input=given), run_id="run-1", now=START)
    first = progress.advance(START)[0]
    assert isinstance(first, ChildRun)
    return first


def test_a_part_is_not_handed_the_whole_list() -> None:
    part = first_part("Be {{ .input.tone }} about {{ .item }}, one of all cases.")
    assert part.page is not None
    assert part.page.items == LONG[:PAGE]
    assert part.input == {"tone": "kind"}


def test_a_part_without_the_list_can_begin() -> None:
    part = first_part("Be {{ .input.tone }} about {{ .item }}.")
    given = PipelineInput(plan=part.plan, input=part.input, page=part.page, depth=part.depth)
    begun = Progress.begin(given, run_id=part.id, now=START)
    asked = begun.advance(START)[0]
    assert getattr(asked, "prompt", "") == "prompt: Be kind about case 0.\n"


@pytest.mark.parametrize(
    "prompt",
    [
        "{{ .item }} of {{ len .input.cases }}",
        "{{ .item }} of {{ .pipeline.input.cases }}",
        '{{ .item }} of {{ index .input "cases" }}',
        '{{ .item }} of {{ index . "input" "cases" }}',
        "{{ .item }}{{ range $name, $value := .input }}{{ $value }}{{ end }}",
        "{{ $all := . }}{{ .item }} of {{ toJson $all.input }}",
        "{{ .item }} of {{ toJson .pipeline }}",
        None,
    ],
)
def test_a_part_whose_prompt_may_read_the_list_is_handed_it(prompt: str | None) -> None:
    assert first_part(prompt).input["cases"] == LONG


def test_a_part_that_asks_people_is_handed_all_input_since_they_are_told_about_it() -> None:
    pay = ToolPlan(type="python", name="pay", gate=GatePlan())
    assert first_part("Pay {{ .item }}.", pay).input == {"cases": LONG, "tone": "kind"}
