"""What signals say to a run. They come from anybody's hands: what cannot be read is nothing."""

from collections.abc import Mapping, Sequence
from typing import Literal

from ark_temporal.plan.record import Control, Decision, Said, Verdict
from ark_temporal.runs.names import APPROVE_SIGNAL, PAUSE_SIGNAL, REJECT_SIGNAL, RESUME_SIGNAL

_SAYING: Mapping[str, Verdict] = {APPROVE_SIGNAL: "approve", REJECT_SIGNAL: "reject"}
_CONTROL: Mapping[str, Literal["pause", "resume"]] = {PAUSE_SIGNAL: "pause", RESUME_SIGNAL: "resume"}


def read_signal(name: str, arguments: Sequence[object]) -> Decision | Control | None:
    """What a signal wants; None where it is not ours, or cannot be read.

    Args:
        name: The signal's.
        arguments: What came with it, as plain JSON.
    """
    try:
        if name in _SAYING:
            [said] = arguments
            return Said.model_validate(said).as_decision(_SAYING[name])
        if name in _CONTROL:
            control = Control.model_validate(arguments[0]) if arguments else Control()
            return control.model_copy(update={"action": _CONTROL[name]})
    except ValueError:
        return None
    return None
