"""An agent whose prompt nobody applies is not applied either."""

import pytest

from ark_temporal.resources.applying import name_of
from ark_temporal.resources.prompts import missing_prompts
from tests.unit.manifests.marked import document, load_text, team

REF = "systemPromptRef: {configMapKeyRef: {name: prompts, key: brief%s}}"
PROMPTS = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: prompts}\ndata: {brief: Be brief.}\n"


def agent(more: str = "", optional: str = "") -> str:
    return document("ArkAgent", f"model: mock\n{REF % optional}\n{more}")


def missing(text: str, *kinds: str) -> list[str]:
    """Where prompts are missing, when objects of these kinds are applied; by default all."""
    bundle = load_text(text)
    assert bundle.ok, bundle.errors
    names = {name_of(each) for each in bundle.resources if not kinds or each.KIND in kinds}
    return [each.path for each in missing_prompts(bundle, names)]


@pytest.mark.parametrize(
    "text",
    [
        agent() + PROMPTS,
        agent("systemPrompt: Serve."),
        agent(optional=", optional: true"),
        document("ArkAgent", "model: mock\nsystemPromptRef: {secretKeyRef: {name: prompts, key: brief}}"),
    ],
)
def test_a_prompt_that_is_there_replaced_optional_or_secret_is_fine(text: str) -> None:
    assert missing(text) == []


def test_a_prompt_without_its_config_map_or_key_is_missing() -> None:
    where = ["ArkAgent/thing spec.systemPromptRef.configMapKeyRef.name"]
    assert missing(agent()) == where
    assert missing(agent() + PROMPTS.replace("brief:", "long:")) == where


def test_roles_of_a_team_are_looked_at_too() -> None:
    role = "roles: [{name: a, model: mock, %s}]\npipeline: [{role: a, inputs: {x: y}}]" % (REF % "")
    assert missing(team(role)) == ["ArkTeam/thing spec.roles[0].systemPromptRef.configMapKeyRef.name"]


def test_only_what_is_touched_is_looked_at() -> None:
    other = document("ArkSettings", "temperature: '0.5'")
    assert missing(agent() + other, "ArkSettings") == []
    shrunk = agent() + PROMPTS.replace("brief:", "long:")
    assert len(missing(shrunk, "ConfigMap")) == 1
