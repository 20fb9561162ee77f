"""What holds for every team, with all the runs below it, in every world."""

from collections import Counter
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from ark_temporal.plan.calls import ChildRun, ModelCall
from ark_temporal.plan.model import Plan
from ark_temporal.plan.shapes import EnsemblePlan, MapPlan
from ark_temporal.plan.steps import listing
from tests.unit.plan.crew_worlds import AGENTS, Move, Node, Tree, teams, worlds
from tests.unit.plan.crews import crew, step

BOUND = 2000
"""More moves than any of these teams needs once all goes well."""

items = st.lists(st.sampled_from(["a", "b", "c"]), max_size=5)


def play(plan: Plan, world: list[Move], things: list[str], topic: str = "tides") -> Tree:
    """A tree that has ended; lists are divided in parts of three."""
    with patch.object(listing, "PAGE", 3):
        return Tree(plan, {"topic": topic, "items": list(things)}).run(world, BOUND)


@settings(max_examples=100, deadline=None)
@given(teams(), worlds, items, st.sampled_from(["tides", "rivers"]))
def test_a_team_ends_and_its_record_is_sound(
    plan: Plan, world: list[Move], things: list[str], topic: str
) -> None:
    tree = play(plan, world, things, topic)
    for node in tree.root.all():
        assert node.record.ended, "a run outlives those above it"
        assert node.start.depth <= plan.max_depth
        _check_phases(node)
        _check_usage(node)
        _check_children(node)


def _check_phases(node: Node) -> None:
    record = node.record
    running = [
        one.name for whole in record.steps for one in (whole, *whole.branches) if one.phase == "Running"
    ]
    assert not running
    assert record.awaiting == []
    if record.phase == "Succeeded":
        assert {one.phase for one in record.steps} <= {"Succeeded", "Skipped"}
    elif record.reason == "StepFailed":
        assert record.error is not None
        assert record.step(record.error.step or "").phase == "Failed"


def _check_usage(node: Node) -> None:
    """What was used below counts, once, unless the run had let go of it."""
    below = sum(
        child.record.token_usage.total_tokens
        for id, child in node.children.items()
        if id not in node.abandoned
    )
    total = node.record.token_usage.total_tokens
    assert total == sum(one.token_usage.total_tokens for one in node.record.steps)
    assert total <= node.spent + below
    if node.record.phase == "Succeeded" and not node.abandoned and not node.crowded:
        assert total == node.spent + below
    for whole in node.record.steps:
        if whole.branches and not whole.restarts and whole.iterations == 1:
            assert whole.token_usage.total_tokens == sum(
                one.token_usage.total_tokens for one in whole.branches
            )


def _check_children(node: Node) -> None:
    for id, request in node.requests.items():
        if isinstance(request, ChildRun):
            assert id in node.children
            if node.start.plan.max_tokens is not None:
                assert request.max_tokens is not None


@settings(max_examples=150, deadline=None)
@given(worlds, items, st.integers(1, 6), st.sampled_from(["fail", "collect"]), st.booleans())
def test_a_list_keeps_its_order_and_loses_nothing(
    world: list[Move], things: list[str], width: int, failing: str, by_team: bool
) -> None:
    mapped = MapPlan.model_validate(
        {"over": "{{ .input.items }}", "max_concurrency": width, "on_failure": failing}
    )
    firm = crew(step("inner", "{{ .input.task }}", role="bob"))
    plan = crew(
        step(
            "x", "{{ .index }}={{ .item }}", role="firm" if by_team else "ann", map=mapped, on_failure="park"
        ),
        teams={"firm": firm},
    )
    tree = play(plan, world, things)
    record = tree.root.record.step("x")
    if record.phase != "Succeeded":
        return
    assert isinstance(record.data, list)
    assert len(record.data) == len(things)
    for place, (thing, value) in enumerate(zip(things, record.data, strict=True)):
        if value is not None:
            assert str(value).removeprefix("did ").removeprefix("task: ").strip().endswith(f"{place}={thing}")
        else:
            assert failing == "collect"


@settings(max_examples=150, deadline=None)
@given(
    worlds,
    st.lists(st.sampled_from(AGENTS), min_size=1, max_size=5),
    st.sampled_from(["all", "any", "quorum", "bestEffort"]),
    st.integers(1, 5),
)
def test_an_ensemble_joins_as_many_as_it_says(
    world: list[Move], roles: list[str], join: str, quorum: int
) -> None:
    together = EnsemblePlan.model_validate({"roles": roles, "join": join, "quorum": quorum})
    record = play(crew(step("x", role=roles[0], ensemble=together)), world, []).root.record.step("x")
    phases = Counter(part.phase for part in record.branches)
    assert sum(phases.values()) <= len(roles)
    done, failed = phases["Succeeded"], phases["Failed"]
    if record.phase == "Succeeded":
        match join:
            case "all":
                assert done == len(roles)
            case "any":
                assert done == 1
            case "quorum":
                assert done == quorum
            case _:
                assert done >= 1
                assert done + failed == len(roles)
    elif join == "quorum":
        assert len(roles) - failed < quorum
    else:
        assert failed == (1 if join == "all" else len(roles))


@settings(max_examples=100, deadline=None)
@given(teams(), worlds, items, st.integers(50, 600))
def test_a_budget_holds_for_all_the_runs_below(
    plan: Plan, world: list[Move], things: list[str], limit: int
) -> None:
    tree = play(plan.model_copy(update={"max_tokens": limit}), world, things)
    root = tree.root
    spent = sum(node.spent for node in root.all())
    last_answers = sum(_in_flight(node) for node in root.all())
    assert spent <= limit + last_answers
    granted = [one.max_tokens for one in root.requests.values() if isinstance(one, ChildRun)]
    assert all(one is not None and 0 <= one <= limit for one in granted)
    if root.record.token_usage.total_tokens > limit:
        assert root.record.reason in ("BudgetExceeded", "StepFailed", "TimedOut")
    else:
        assert root.record.reason != "BudgetExceeded"


def _in_flight(node: Node) -> int:
    """The most that answers may bring which a run waited for when its budget was met: one for each step."""
    return 100 * max(
        1, sum(1 for whole in node.record.steps for _ in whole.branches or [whole]), len(node.record.steps)
    )


@settings(max_examples=100, deadline=None)
@given(teams(), worlds, items)
def test_the_same_world_gives_the_same_runs(plan: Plan, world: list[Move], things: list[str]) -> None:
    once, again = play(plan, world, things), play(plan, world, things)
    assert [node.record for node in once.root.all()] == [node.record for node in again.root.all()]
    assert [list(node.requests) for node in once.root.all()] == [
        list(node.requests) for node in again.root.all()
    ]


@settings(max_examples=100, deadline=None)
@given(teams(), worlds, items)
def test_continuing_as_new_changes_no_number(plan: Plan, world: list[Move], things: list[str]) -> None:
    """A model's calls are counted over all executions of a run, so that none counts twice."""
    for node in play(plan, world, things).root.all():
        calls = [one for one in node.requests.values() if isinstance(one, ModelCall)]
        numbers = Counter((one.role, one.purpose, one.call) for one in calls)
        assert all(count == 1 for count in numbers.values())
