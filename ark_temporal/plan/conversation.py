"""A conversation with a model: what was asked, answered and done, and how much of it the model sees again."""

from collections.abc import Sequence
from itertools import pairwise

from ark_temporal.llm.types import AssistantMessage, Message, ToolMessage, ToolResult, UserMessage
from ark_temporal.plan.calls import GivenResult, ModelCall, ModelOutcome, ToolOutcome
from ark_temporal.wire import FrozenWire

MAX_RESULT_CHARS = 100_000
"""The most that a model sees of one tool result: some 25,000 tokens."""

MAX_CONTEXT_CHARS = 400_000
"""How much of tool results a conversation holds, some 100,000 tokens; then the older half is left out."""

MAX_REFUSED_CHARS = 50_000
"""The most of an answer that is shown to the model again with the request to mend it."""


class Turn(FrozenWire):
    """One answered model call, with what its tool calls brought.

    Attributes:
        results: By the place of the tool call; None where the next call gives the result itself.
    """

    call: ModelCall
    outcome: ModelOutcome
    results: tuple[ToolOutcome | None, ...] = ()


def to_messages(turns: Sequence[Turn], call: ModelCall) -> tuple[Message, ...]:
    """What a model is told in a call, given the turns before it.

    The beginning stays the same from one turn to the next for as long as possible, since providers charge
    less for what they have seen before: old tool results are left out many at a time, and seldom.
    """
    calls = [turn.call for turn in turns] + [call]
    results = [_results(turn, following.results) for turn, following in zip(turns, calls[1:], strict=True)]
    left_out = _left_out(results)
    messages: list[Message] = [UserMessage(text=calls[0].prompt)]
    for number, (turn, following) in enumerate(zip(turns, calls[1:], strict=True)):
        messages.append(_answer(turn.outcome, refused=bool(following.feedback)))
        if turn.outcome.tool_calls:
            kept = [_without_text(result) for result in results[number]] if number < left_out else None
            messages.append(ToolMessage(results=tuple(kept or results[number])))
        if following.feedback:
            messages.append(UserMessage(text=following.feedback))
    return tuple(messages)


def slimmed(turns: Sequence[Turn]) -> list[Turn]:
    """The turns, without the text of tool results that no model will see again."""
    results = [_results(turn, later.call.results) for turn, later in pairwise(turns)]
    left_out = _left_out(results)
    return [
        turn.model_copy(update={"results": tuple(map(_slim, turn.results))}) if number < left_out else turn
        for number, turn in enumerate(turns)
    ]


def _slim(result: ToolOutcome | None) -> ToolOutcome | None:
    return None if result is None else result.model_copy(update={"content": _note_for(result.content)})


def _answer(outcome: ModelOutcome, *, refused: bool) -> AssistantMessage:
    if refused and outcome.native is None:
        return AssistantMessage(text=outcome.text[:MAX_REFUSED_CHARS] or "(empty)")
    return AssistantMessage(text=outcome.text, tool_calls=outcome.tool_calls, native=outcome.native)


def _results(turn: Turn, given: Sequence[GivenResult]) -> list[ToolResult]:
    said = {one.index: (one.content, one.is_error) for one in given}
    for index, result in enumerate(turn.results):
        if result is not None:
            said[index] = (result.content, result.is_error)
    calls = turn.outcome.tool_calls
    limit = min(MAX_RESULT_CHARS, MAX_CONTEXT_CHARS // max(1, len(calls)))
    return [
        ToolResult(
            call_id=asked.id, name=asked.name, content=_cut(said[index][0], limit), is_error=said[index][1]
        )
        for index, asked in enumerate(calls)
    ]


def _cut(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    return (
        f"{text[:limit]}\n[cut here: the whole result has {len(text)} characters, and {limit} of them are "
        "shown; ask for less at a time]"
    )


def _left_out(results: Sequence[Sequence[ToolResult]]) -> int:
    """How many turns, from the first, no longer show their tool results."""
    sizes = [sum(len(result.content) for result in turn) for turn in results]
    first, held = 0, 0
    for last, size in enumerate(sizes):
        held += size
        if held > MAX_CONTEXT_CHARS:
            while first < last and held > MAX_CONTEXT_CHARS // 2:
                held -= sizes[first]
                first += 1
    return first


def _without_text(result: ToolResult) -> ToolResult:
    return result.model_copy(update={"content": _note_for(result.content)})


def _note_for(text: str) -> str:
    note = f"[left out to save room: {len(text)} characters; call the tool again where needed]"
    return note if len(note) < len(text) else text
