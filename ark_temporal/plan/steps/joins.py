"""What becomes of several answers to one task."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import JsonValue

from ark_temporal.plan.model import StepPlan
from ark_temporal.plan.prompts import envelope
from ark_temporal.plan.record import RunError
from ark_temporal.plan.shapes import EnsemblePlan

JUDGE_SCHEMA: JsonValue = {
    "type": "object",
    "required": ["choice"],
    "properties": {"choice": {"type": "integer", "minimum": 1}, "reason": {"type": "string"}},
}
"""How a judge answers."""


@dataclass(frozen=True)
class Answer:
    """What one member of an ensemble said.

    Attributes:
        role: Who said it.
        data: Its JSON, where a schema asked for one.
    """

    role: str
    output: str
    data: JsonValue = None


def state_of(
    ensemble: EnsemblePlan, answers: Mapping[int, Answer], failed: int
) -> Literal["wait", "enough", "lost"]:
    """Whether the answers so far decide it.

    Args:
        ensemble: What is planned.
        answers: By the member's place.
        failed: How many members have failed.
    """
    members, said = len(ensemble.roles), len(answers)
    left = members - said - failed
    match ensemble.join:
        case "all":
            return "lost" if failed else _when(said == members)
        case "any":
            return "lost" if failed == members else _when(said > 0)
        case "bestEffort":
            return "lost" if failed == members else _when(left == 0)
        case "quorum":
            most = max(Counter(map(_ballot, answers.values())).values(), default=0)
            have = most if ensemble.select == "vote" else said
            return "lost" if have + left < ensemble.quorum else _when(have >= ensemble.quorum)


def select(ensemble: EnsemblePlan, answers: Mapping[int, Answer]) -> Answer:
    """The ensemble's answer, where no judge picks it.

    Args:
        ensemble: What is planned.
        answers: By the member's place, in the order in which they came; at least one.
    """
    in_time = list(answers.values())
    if ensemble.select in ("first", "judge"):
        return in_time[0]
    in_order = [answers[place] for place in sorted(answers)]
    if ensemble.select == "vote":
        votes = Counter(map(_ballot, in_order))
        most = max(votes.values())
        return next(answer for answer in in_order if votes[_ballot(answer)] == most)
    if len(in_order) == 1:
        return in_order[0]
    text = "\n\n".join(f"## {answer.role}\n\n{answer.output.strip()}" for answer in in_order) + "\n"
    data: JsonValue = [answer.data for answer in in_order]
    return Answer(
        role="", output=text, data=data if any(each.data is not None for each in in_order) else None
    )


def lost(step: StepPlan, roles: Sequence[str], errors: Mapping[int, RunError], *, said: int) -> RunError:
    """Why a step with several roles has no answer: they failed, or do not agree.

    Args:
        step: The step.
        roles: Who was to do it.
        errors: By the member's place.
        said: How many have answered.
    """
    why = " ".join(f"{roles[place]}: {error.message}" for place, error in sorted(errors.items()))
    ensemble = step.ensemble
    if ensemble is not None and (not errors or (ensemble.select == "vote" and said)):
        message = (
            f'Of the {len(roles)} answers of step "{step.name}" no {ensemble.quorum} say the same, which its '
            f"`ensemble.quorum` asks for. {why}"
        )
        return RunError(type="NoQuorum", message=message.rstrip(), step=step.name)
    last = list(errors.values())[-1]
    if len(errors) == 1:
        return last.model_copy(update={"step": step.name})
    message = f'{len(errors)} of {len(roles)} roles of step "{step.name}" failed. {why}'
    return RunError(type=last.type, message=message, step=step.name)


def judge_prompt(task: str, answers: Sequence[Answer]) -> str:
    """What a judge is asked.

    Args:
        task: What the members were asked.
        answers: What they said.
    """
    shown = "\n\n".join(
        f"Answer {number}:\n{envelope(answer.output, answer.role)}"
        for number, answer in enumerate(answers, 1)
    )
    return (
        f"Several agents did this task:\n\n{task.rstrip()}\n\n{shown}\n\nWhich answer is the best? "
        "Reply with its number as `choice` and say why in `reason`.\n"
    )


def _when(decided: bool) -> Literal["wait", "enough"]:
    return "enough" if decided else "wait"


def _ballot(answer: Answer) -> str:
    """What two answers have in common that say the same: JSON by its value, text but for case and blanks."""
    if answer.data is not None:
        return json.dumps(answer.data, sort_keys=True)
    return " ".join(answer.output.split()).casefold()
