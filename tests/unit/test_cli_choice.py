"""What `--task` is for a team."""

import json

import pytest

from ark_temporal.plan.inputs import InputError
from cli.choice import Choice, compile_choice, input_of
from cli.errors import CommandError
from cli.sources import load_sources
from tests.e2e.command import NEWS

LED = """\
apiVersion: arkonis.dev/v1alpha1
kind: ArkTeam
metadata: {name: led}
spec:
  entry: lead
  roles:
    - {name: lead, model: m, systemPrompt: x, canDelegate: [hand]}
    - {name: hand, model: m, systemPrompt: x}
"""


def task_for(source: str, choice: Choice) -> dict[str, object]:
    plan = compile_choice(load_sources([source]), choice, "mock", ignore_unsupported=False)
    return dict(input_of(choice, plan))


def test_a_task_is_the_one_input_that_a_team_needs() -> None:
    assert task_for(NEWS, Choice(task="tea")) == {"topic": "tea"}
    assert task_for(NEWS, Choice(team="news", task="tea", given=["tone=dry"])) == {
        "tone": "dry",
        "topic": "tea",
    }


def test_a_team_that_somebody_leads_is_told_what_to_do(tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("led") / "led.yaml"
    file.write_text(LED)
    assert task_for(str(file), Choice(task="Do it.")) == {"task": "Do it."}


def test_a_task_is_given_once() -> None:
    with pytest.raises(CommandError, match="keep --task, or the `topic` of -i"):
        task_for(NEWS, Choice(task="tea", given=[json.dumps({"topic": "oolong"})]))


def test_a_team_that_takes_no_text_says_what_it_takes(tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("counts") / "counts.yaml"
    inputs = "  inputs: [{name: rows, type: array, required: true}]\n"
    file.write_text(LED + inputs)
    with pytest.raises(InputError, match=r"rows \(array\)"):
        task_for(str(file), Choice(task="Do it."))
