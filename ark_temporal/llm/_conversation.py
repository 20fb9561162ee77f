"""The conversation as every provider takes it."""

from collections.abc import Iterator

from ark_temporal.llm.types import AssistantMessage, Message, ModelRequest, Provider, UserMessage


def told(request: ModelRequest, provider: Provider) -> Iterator[Message]:
    """The messages of a request as a provider is told them.

    What another model said loses its native blocks. A message without words and calls is left out, and what
    the user says in several messages on end becomes one: providers refuse the first, and some the second.
    Both arise where a model answered nothing and is asked again.

    What is told of the beginning of a conversation begins what is told of the whole, so that the provider
    finds it in its cache.
    """
    waiting: UserMessage | None = None
    for message in request.messages:
        if isinstance(message, UserMessage):
            waiting = message if waiting is None else UserMessage(text=f"{waiting.text}\n\n{message.text}")
            continue
        if isinstance(message, AssistantMessage):
            if not message.tool_calls and not message.text.strip():
                continue
            message = _neutral_unless_own(message, request.model, provider)
        if waiting is not None:
            yield waiting
            waiting = None
        yield message
    if waiting is not None:
        yield waiting


def _neutral_unless_own(message: AssistantMessage, model: str, provider: Provider) -> AssistantMessage:
    native = message.native
    if native is None or (native.provider, native.model) == (provider, model):
        return message
    return message.model_copy(update={"native": None})
