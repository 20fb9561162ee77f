"""Findings about steps that are more than one agent's task, and about roles that are teams."""

import pytest

from ark_temporal.manifests import ArkTeam
from tests.unit.manifests.marked import check_marked, document, messages, team

AGENTS = "roles: [{name: a, model: m, systemPrompt: x}, {name: b, model: m, systemPrompt: x}]\n"


def one(step: str) -> str:
    """A team of the agents `a` and `b` with one step, whose fields are given; `c` is its name."""
    return team(
        AGENTS.replace("name: b", "name: §unused-role§b") + f"pipeline: [{{role: a, name: c, {step}}}]"
    )


def both(step: str) -> str:
    """The same, where `b` works too."""
    return team(AGENTS + f"pipeline: [{{role: a, name: c, {step}}}, {{role: b}}]")


def test_shapes_are_read_with_their_defaults() -> None:
    bundle = check_marked(
        team(
            AGENTS
            + "onFailure: park\n"
            + "pipeline:\n"
            + "- {role: a, name: one, map: {over: '[1]'}, onFailure: fail}\n"
            + "- {role: a, name: two, ensemble: {samples: 3}}\n"
            + "- {role: a, fallback: [b]}\n"
            + "- {role: which, switch: {value: x, cases: {yes: a, 1: b}}}\n"
        )
    )
    spec = bundle.all(ArkTeam)[0].spec
    mapped, sampled, falling, switched = spec.pipeline
    assert mapped.map is not None
    assert sampled.ensemble is not None
    assert switched.switch is not None
    assert (mapped.map.max_concurrency, mapped.map.max_items, mapped.map.on_failure) == (10, 1000, "fail")
    assert (sampled.ensemble.join, sampled.ensemble.select, sampled.ensemble.quorum) == (
        "all",
        "concat",
        None,
    )
    assert switched.switch.cases == {"yes": "a", "1": "b"}
    assert [step.shapes for step in spec.pipeline] == [("map",), ("ensemble",), ("fallback",), ("switch",)]
    assert [step.names_a_role for step in spec.pipeline] == [True, True, True, False]
    assert (spec.on_failure, mapped.on_failure, falling.on_failure) == ("park", "fail", None)


@pytest.mark.parametrize(
    "step",
    [
        "map: {over: '[1]'}, §mixed-shapes§ensemble: {samples: 2}",
        "map: {over: '[1]'}, §mixed-shapes§fallback: [b]",
        "§mixed-shapes§switch: {value: x, cases: {x: a}}, ensemble: {samples: 2}",
        "fallback: [b], §mixed-shapes§registryLookup: {capability: c}",
    ],
)
def test_a_step_has_one_shape(step: str) -> None:
    assert "Keep one of them, or make two steps." in messages(check_marked(both(step)))


@pytest.mark.parametrize(
    "step",
    [
        "ensemble: {roles: [a, §unknown-role§bb]}",
        "ensemble: {samples: 2, select: judge, judge: §unknown-role§bb}",
        "fallback: [§unknown-role§bb]",
        "switch: {value: x, cases: {x: a, y: §unknown-role§bb}}",
        "switch: {value: x, cases: {x: a}, default: §unknown-role§bb}",
    ],
)
def test_roles_of_shapes_are_declared(step: str) -> None:
    assert 'No role is called "bb". Did you mean "b"?' in messages(check_marked(both(step)))


@pytest.mark.parametrize(
    "step",
    [
        "ensemble: {roles: [a, b]}",
        "ensemble: {samples: 2, select: judge, judge: b}",
        "fallback: [b]",
        "switch: {value: x, cases: {x: a, y: b}}",
        "switch: {value: x, cases: {x: a}, default: b}",
        "registryLookup: {capability: c, fallback: b}",
    ],
)
def test_roles_that_a_shape_reaches_are_used(step: str) -> None:
    check_marked(team(AGENTS + f"pipeline: [{{role: a, name: c, {step}}}]"))


def test_the_role_of_a_choice_is_only_its_name() -> None:
    check_marked(team(AGENTS + "pipeline: [{role: who, switch: {value: x, cases: {x: a, y: b}}}]"))
    check_marked(team(AGENTS + "pipeline: [{role: all, ensemble: {roles: [a, b]}}]"))
    check_marked(both("ensemble: {samples: 2}").replace("role: a", "role: §unknown-role§aa"))
    text = team(AGENTS + "pipeline: [{role: b, switch: {value: x, cases: {x: a}}}]")
    check_marked(text.replace("name: b", "name: §unused-role§b"))


def test_roles_are_looked_for_where_others_come_from_a_registry() -> None:
    check_marked(team("pipeline: [{role: x, registryLookup: {capability: c}}, {role: §unknown-role§y}]"))


@pytest.mark.parametrize("over", ["'{{ .input.list }}'", "'[\"a\", {{ .input.x | toJson }}]'", "'[1, 2]'"])
def test_what_may_be_a_list(over: str) -> None:
    check_marked(one(f"map: {{over: {over}}}"))
    check_marked(one("map: {over: '{{ if .input.x }}[1]{{ else }}[]{{ end }}'}"))


@pytest.mark.parametrize(
    "over",
    ["one, two", "'{\"a\": 1}'", "'[1, '", "'All of {{ .input.list }}'", "'{{ .input.list }}.'"],
)
def test_what_is_never_a_list(over: str) -> None:
    said = messages(check_marked(one(f"map: {{over: §not-a-list§{over}}}")))
    assert "Write one action such as `{{ .steps.find.data }}`, or a JSON array." in said


def test_ensembles() -> None:
    check_marked(one("§one-of§ensemble: {select: vote}"))
    check_marked(both("§one-of§ensemble: {samples: 2, roles: [a, b]}"))
    check_marked(
        one("ensemble: §missing-field§{samples: 2, select: judge}").replace(
            "ensemble: §missing-field§", "§missing-field§ensemble: "
        )
    )
    bundle = check_marked(both("ensemble: {samples: 2, §unused-field§judge: b}"))
    assert bundle.ok
    check_marked(one("§missing-field§ensemble: {samples: 2, join: quorum}"))
    assert check_marked(one("ensemble: {samples: 2, §unused-field§quorum: 2}")).ok
    said = messages(check_marked(one("ensemble: {samples: 2, join: quorum, quorum: §quorum-too-high§3}")))
    assert "3 can never succeed: the ensemble has 2." in said
    check_marked(both("ensemble: {roles: [a, b], select: vote, quorum: §quorum-too-high§3}"))


def test_a_fallback_is_another_role() -> None:
    bundle = check_marked(both("fallback: [§repeated-role§a, b, §repeated-role§b]"))
    assert bundle.ok


INNER = team(
    "entry: x\nroles: [{name: x, model: m, systemPrompt: x}]\n"
    "inputs: [{name: part, required: true}, {name: size}, {name: kind, required: true, default: k}]",
    "inner",
)
TWO_NEEDED = team(
    "entry: x\nroles: [{name: x, model: m, systemPrompt: x}]\n"
    "inputs: [{name: one, required: true}, {name: two, required: true}, {name: three, required: true}]\n"
    "input: {three: given}",
    "pair",
)
FREE = team("entry: x\nroles: [{name: x, model: m, systemPrompt: x}]", "free")
AROUND = (
    "roles: [{name: a, model: m, systemPrompt: x}, {name: t, arkTeam: inner}, {name: f, arkTeam: free}]\n"
    "pipeline: [{role: a}, {role: f, inputs: {anything: x}}, "
)


@pytest.mark.parametrize(
    "step",
    [
        "{role: t, inputs: {part: x, size: y, kind: z}}",
        "{role: t, inputs: {part: x}, outputSchema: {type: object}, loop: {condition: x}}",
        "{role: t, inputs: {part: x, §unknown-input§siez: y}}",
        "{role: t, inputs: §missing-input§{size: y}}",
        "§missing-input§{role: t}",
        "{role: a, name: b, fallback: [t], inputs: {part: x, §unknown-input§prompt: y}}",
        "{role: b, switch: {value: x, cases: {x: t}}, inputs: {part: x, §unknown-input§prompt: y}}",
        "{role: b, ensemble: {roles: [a, t, t]}, inputs: {part: x, §unknown-input§prompt: y}}",
        "{role: t, map: {over: '[1]'}, inputs: {part: '{{ .item }}'}}",
        "{role: t, inputs: {part: x}, validate: {§no-agent§semantic: Good?, contains: x}}",
        "{role: b, ensemble: {roles: [a], select: judge, judge: §no-agent§t}}",
    ],
)
def test_steps_that_are_teams(step: str) -> None:
    check_marked(INNER + FREE + team(AROUND + step + "]"))


def test_inputs_of_a_team_get_the_nearest_name() -> None:
    bundle = check_marked(
        INNER + FREE + team(AROUND + "{role: t, inputs: {part: x, §unknown-input§siez: y}}]")
    )
    assert 'The team "inner" declares no input "siez". Did you mean "size"?' in messages(bundle)


def test_tasks_can_be_handed_to_teams_that_need_one_text() -> None:
    lead = (
        "entry: a\n"
        "roles: [{name: a, model: m, systemPrompt: x, canDelegate: [§§t]}, {name: t, arkTeam: NAME}]"
    )
    for name in ("inner", "free"):
        check_marked(INNER + FREE + team(lead.replace("NAME", name).replace("§§", "")))
    bundle = check_marked(
        TWO_NEEDED + team(lead.replace("NAME", "pair").replace("§§", "§delegation-inputs§"))
    )
    assert 'the team "pair" requires 2 inputs: one, two. Give all but one of them a default.' in messages(
        bundle
    )


def test_a_team_hands_nothing_on_by_itself() -> None:
    bundle = check_marked(
        FREE
        + team(
            "entry: t\nroles: [{name: t, arkTeam: free, §unused-field§canDelegate: [a]}, "
            "{name: a, model: m, systemPrompt: x}]"
        )
    )
    assert bundle.ok


def test_a_flow_takes_any_input() -> None:
    hand = document("ArkAgent", "model: m\nsystemPrompt: x", "hand")
    flow = document("ArkFlow", "steps: [{name: s, arkAgent: hand}]", "flow")
    check_marked(
        hand + flow + team("roles: [{name: t, arkTeam: flow}]\npipeline: [{role: t, inputs: {any: x}}]")
    )
