"""Who does a step's work, where that is found out when it begins."""

import json
from typing import Any

import pytest

from ark_temporal.plan.calls import ChildRun
from ark_temporal.plan.model import Plan
from ark_temporal.plan.shapes import CapabilityPlan, LookupPlan, RoutingPlan, SwitchPlan
from tests.unit.plan.crews import CrewRun, crew, step


def switched(default: str = "") -> Plan:
    choice = SwitchPlan(
        value="{{ .input.area }}", cases={"billing": "clerk", "export": "firm"}, default=default
    )
    return crew(
        step("answer", role="clerk", switch=choice), teams={"firm": crew(step("inner"))}, roles=["other"]
    )


def test_a_switch_takes_the_case_that_fits() -> None:
    run = CrewRun(switched(), {"area": " billing\n"})
    assert [call.role for call in run.calls] == ["clerk"]
    record = run.step("answer")
    assert (record.role, record.resolved_agent, record.routing_reason) == (
        "clerk",
        "crew-clerk",
        "switch: billing",
    )


def test_a_case_may_be_a_team() -> None:
    run = CrewRun(switched(), {"area": "export"})
    assert run.open == ["crew-1-firm-1"]
    run.returns("crew-1-firm-1", "done by the firm")
    assert (run.record.output, run.step("answer").child) == ("done by the firm", "crew-1-firm-1")


def test_any_other_text_takes_the_default() -> None:
    run = CrewRun(switched("other"), {"area": "login"})
    assert run.calls[0].role == "other"


def test_without_a_default_another_text_fails_the_step() -> None:
    run = CrewRun(switched(), {"area": "login"})
    assert run.record.error is not None
    assert (run.record.error.type, run.record.error.step) == ("NoCase", "answer")
    assert 'has no case for "login" in its `switch`, and no `default`' in run.record.error.message
    assert run.requests == []


def test_a_value_that_does_not_render_fails_the_step() -> None:
    choice = SwitchPlan(value="{{ index .input.list 3 }}", cases={"x": "clerk"})
    run = CrewRun(crew(step("answer", role="clerk", switch=choice)), {"list": []})
    assert run.record.error is not None
    assert run.record.error.type == "TemplateError"


# Agents that a registry finds

THREE = ("ann", "bob", "cy")


def looking(strategy: Any, names: tuple[str, ...] = ("one", "two", "three")) -> Plan:
    """Steps in a row that look for the same; nothing else is under way when each begins."""
    lookup = LookupPlan(roles=THREE, strategy=strategy, capability="sum")
    befores = [(), *((name,) for name in names)]
    return crew(
        *(
            step(name, role="ann", lookup=lookup, depends_on=before)
            for before, name in zip(befores, names, strict=False)
        )
    )


def chosen(run: CrewRun) -> list[str]:
    while run.open:
        run.answer(run.open[0])
    return [one.role for one in run.record.steps]


def test_round_robin_takes_one_after_the_other() -> None:
    assert sorted(chosen(CrewRun(looking("round-robin")))) == sorted(THREE)


def test_least_busy_takes_those_who_do_nothing() -> None:
    lookup = LookupPlan(roles=THREE, strategy="least-busy", capability="sum")
    at_once = crew(*(step(name, role="ann", lookup=lookup) for name in ("one", "two", "three")))
    run = CrewRun(at_once)
    assert sorted(call.role for call in run.calls) == sorted(THREE)


@pytest.mark.parametrize("strategy", ["least-busy", "round-robin", "random"])
def test_the_same_run_chooses_the_same_again(strategy: str) -> None:
    assert chosen(CrewRun(looking(strategy))) == chosen(CrewRun(looking(strategy)))


def test_random_does_not_always_take_the_same() -> None:
    names = tuple(f"s{number}" for number in range(12))
    assert len(set(chosen(CrewRun(looking("random", names))))) > 1


def test_what_was_looked_for_and_found_stands_in_the_record() -> None:
    record = CrewRun(looking("round-robin", ("one",))).step("one")
    assert record.resolved_agent == f"crew-{record.role}"
    assert (record.selected_capability, record.routing_reason) == ("sum", "round-robin")


def test_the_fallback_is_taken_where_nobody_was_found() -> None:
    lookup = LookupPlan(fallback="ann", capability="sum")
    run = CrewRun(crew(step("one", role="ann", lookup=lookup)))
    assert (run.calls[0].role, run.step("one").routing_reason) == ("ann", "fallback")


def test_without_a_fallback_nobody_is_an_error() -> None:
    run = CrewRun(crew(step("one", role="ann", lookup=LookupPlan(capability="sum")), roles=["ann"]))
    assert run.record.error is not None
    assert run.record.error.type == "NoAgentFound"
    assert 'no agent that can do "sum"' in run.record.error.message


# Routing


def routed(fallback: str = "", **fields: Any) -> Plan:
    capabilities = (
        CapabilityPlan(id="billing", description="Knows bills.", tags=("money",), roles=("ann", "bob")),
        CapabilityPlan(id="export", roles=("cy",)),
    )
    routing = RoutingPlan(
        router="router", capabilities=capabilities, fallback=fallback, strategy="round-robin"
    )
    return crew(step("route", role="ann", routing=routing, **fields), roles=["zoe"])


def routes(run: CrewRun, said: object) -> list[str]:
    return run.answer("route#route", said if isinstance(said, str) else json.dumps(said))


def test_a_router_is_asked_with_what_there_is_to_choose_from() -> None:
    run = CrewRun(routed())
    [call] = run.calls
    assert (call.purpose, call.role) == ("route", "router")
    assert "- billing [money]: Knows bills.\n- export\n" in call.prompt
    assert "task: Work." in call.prompt
    assert call.checks is not None
    assert call.checks.output_schema is not None


def test_the_agent_that_it_chooses_does_the_task() -> None:
    run = CrewRun(routed())
    assert routes(run, {"capability": "export", "reason": "It is about a file."}) == ["route"]
    assert (run.call("route").role, run.call("route").prompt) == ("cy", "task: Work.\n")
    run.answer("route", "exported")
    record = run.step("route")
    assert (record.resolved_agent, record.selected_capability) == ("crew-cy", "export")
    assert (record.routing_reason, run.record.output) == ("It is about a file.", "exported")
    assert run.record.token_usage.total_tokens == 20


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("Let me think.", "its answer cannot be read"),
        ({"capability": "cooking"}, 'it named "cooking", which nobody can do'),
        ([1, 2], "its answer cannot be read"),
        ({"reason": "none"}, "its answer cannot be read"),
    ],
)
def test_nonsense_takes_the_fallback_and_says_so(said: object, why: str) -> None:
    run = CrewRun(routed("zoe"))
    routes(run, said)
    record = run.step("route")
    assert (run.call("route").role, record.resolved_agent, record.selected_capability) == (
        "zoe",
        "crew-zoe",
        "",
    )
    assert why in record.routing_reason
    assert why in record.warnings[0]


def test_nonsense_without_a_fallback_fails_the_run() -> None:
    run = CrewRun(routed())
    routes(run, "Let me think.")
    assert run.record.error is not None
    assert (run.record.phase, run.record.error.type) == ("Failed", "NoAgentFound")
    assert "`routing.fallback` names none" in run.record.error.message


def test_a_router_that_cannot_be_asked_takes_the_fallback() -> None:
    run = CrewRun(routed("zoe"))
    assert run.fail("route#route", message="No key.") == ["route"]
    assert "the router could not be asked: No key." in run.step("route").routing_reason


def test_without_any_capability_no_router_is_asked() -> None:
    routing = RoutingPlan(router="router", fallback="zoe")
    run = CrewRun(crew(step("route", role="zoe", routing=routing)))
    assert [call.purpose for call in run.calls] == ["task"]


@pytest.mark.parametrize("role", ["ann", "bob"])
def test_of_several_who_can_one_is_taken(role: str) -> None:
    roles = {"ann", "bob"}
    run = CrewRun(routed())
    routes(run, {"capability": "billing"})
    assert run.call("route").role in roles
    assert role in roles


def test_a_route_that_was_chosen_stays_when_the_run_continues_as_new() -> None:
    run = CrewRun(routed())
    run.arrives("route#route", json.dumps({"capability": "export", "reason": "A file."}))
    assert run.continue_as_new() == ["route"]
    assert run.call("route").role == "cy"
    run.answer("route", "exported")
    assert (run.record.output, run.step("route").routing_reason) == ("exported", "A file.")


# A team that does a step


def nested(**fields: Any) -> Plan:
    return crew(step("firm", "{{ .input.topic }}", **fields), teams={"firm": crew(step("inner"))})


def test_a_team_gets_the_steps_inputs() -> None:
    run = CrewRun(nested(), {"topic": ["a", "b"]})
    child = run.child("crew-1-firm-1")
    assert (child.input, child.depth, child.plan.team) == ({"task": ["a", "b"]}, 1, "crew")


def test_what_a_team_says_is_checked_against_the_steps_schema() -> None:
    schema = {"type": "object", "required": ["n"]}
    run = CrewRun(nested(output_schema=schema), {"topic": "t"})
    run.returns("crew-1-firm-1", "no JSON")
    assert run.record.error is not None
    assert run.record.error.type == "OutputInvalid"
    run = CrewRun(nested(output_schema=schema), {"topic": "t"})
    run.returns("crew-1-firm-1", 'So: {"n": 3}')
    assert run.step("firm").data == {"n": 3}


def test_a_team_that_fails_fails_the_step_with_its_own_type() -> None:
    run = CrewRun(nested(), {"topic": "t"})
    run.breaks("crew-1-firm-1", "ModelAuth", "No key.", tokens=7)
    assert run.record.error is not None
    assert (run.record.error.type, run.record.error.step) == ("ModelAuth", "firm")
    assert run.record.error.message == 'Run crew-1-firm-1 of step "firm" did not succeed: No key.'
    assert run.record.token_usage.total_tokens == 7


def test_teams_go_only_so_deep() -> None:
    run = CrewRun(nested().model_copy(update={"max_depth": 2}), {"topic": "t"}, depth=2)
    assert run.record.error is not None
    assert run.record.error.type == "TooDeep"
    assert run.requests == []


def test_a_team_goes_no_deeper_than_the_team_that_it_is_in() -> None:
    run = CrewRun(nested().model_copy(update={"max_depth": 3}), {"topic": "t"})
    [child] = run.requests
    assert isinstance(child, ChildRun)
    assert child.plan.max_depth == 3


def test_a_team_waits_for_nobody_when_its_step_is_cancelled() -> None:
    run = CrewRun(nested(), {"topic": "t"})
    run.progress.cancel(run.now)
    assert (run.open, run.step("firm").phase) == ([], "Cancelled")
