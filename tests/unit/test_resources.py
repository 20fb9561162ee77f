"""What happens to an applied resource, without a server."""

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import JsonValue

from ark_temporal.resources import entity
from ark_temporal.resources.applying import compare
from ark_temporal.resources.model import (
    KEPT_REVISIONS,
    ApplyRequest,
    ResourceMemo,
    ResourceName,
    ResourceState,
    RollbackRequest,
    manifest_digest,
)

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
BLOG = ResourceName("ArkTeam", "default", "blog")


def document(prompt: str) -> dict[str, JsonValue]:
    return {"kind": "ArkTeam", "metadata": {"name": "blog"}, "spec": {"prompt": prompt}}


def state_of(*prompts: str) -> ResourceState:
    state = ResourceState(kind="ArkTeam", namespace="default", name="blog")
    for number, prompt in enumerate(prompts):
        entity.apply(state, ApplyRequest(manifest=document(prompt), by="ann"), NOW + timedelta(hours=number))
    return state


def test_a_document_that_is_in_force_changes_nothing() -> None:
    state = state_of("a")
    applied = entity.apply(state, ApplyRequest(manifest=document("a"), by="bob"), NOW)
    assert (applied.change, applied.revision) == ("unchanged", 1)
    assert [each.by for each in state.revisions] == ["ann"]


def test_revisions_are_counted_and_say_who_and_when() -> None:
    state = state_of("a", "b", "a")
    assert [each.number for each in state.revisions] == [1, 2, 3]
    assert state.revisions[2].at == NOW + timedelta(hours=2)
    assert state.revisions[0].digest == state.revisions[2].digest


def test_a_rollback_is_a_new_revision_that_says_which_one_it_brings_back() -> None:
    state = state_of("a", "b")
    applied = entity.rollback(state, RollbackRequest(by="bob", comment="worse"), NOW)
    current = state.current
    assert current is not None
    assert (applied.change, current.number, current.from_revision, current.by) == ("configured", 3, 1, "bob")
    assert current.manifest == document("a")


def test_a_rollback_to_what_is_in_force_changes_nothing() -> None:
    state = state_of("a", "b")
    applied = entity.rollback(state, RollbackRequest(to=2), NOW)
    assert (applied.change, len(state.revisions)) == ("unchanged", 2)


@pytest.mark.parametrize(
    ("prompts", "to", "why"),
    [
        (("a",), None, "no revision before"),
        (("a", "b"), 7, "there are 1 to 2"),
        (("a", "b"), 3, "no revision 3"),
    ],
)
def test_what_cannot_be_brought_back_is_refused(prompts: tuple[str, ...], to: int | None, why: str) -> None:
    assert why in entity.refuse_rollback(state_of(*prompts), RollbackRequest(to=to))


def test_old_revisions_are_forgotten_and_their_numbers_are_not_given_again() -> None:
    state = state_of(*(str(number) for number in range(KEPT_REVISIONS + 5)))
    assert [state.revisions[0].number, state.revisions[-1].number] == [6, KEPT_REVISIONS + 5]


def test_the_order_of_keys_is_no_difference() -> None:
    assert manifest_digest({"a": 1, "b": 2}) == manifest_digest({"b": 2, "a": 1})


def test_pruning_deletes_what_is_gone_in_the_same_namespaces_only() -> None:
    known = {
        BLOG: ResourceMemo(kind="ArkTeam", revision=1, digest=manifest_digest(document("a"))),
        ResourceName("ArkAgent", "default", "old"): ResourceMemo(kind="ArkAgent"),
        ResourceName("ArkAgent", "other", "kept"): ResourceMemo(kind="ArkAgent"),
    }
    fresh = ResourceName("ArkTeam", "default", "fresh")
    wanted = {BLOG: document("a"), fresh: document("b")}
    verbs = {str(each.name): each.verb for each in compare(wanted, known, prune=True)}
    assert verbs == {"ArkTeam/blog": "unchanged", "ArkTeam/fresh": "created", "ArkAgent/old": "deleted"}
    assert len(compare(wanted, known, prune=False)) == 2
