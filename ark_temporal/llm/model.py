"""The one interface to language models."""

from typing import Protocol

from ark_temporal.llm.types import ModelReply, ModelRequest


class LanguageModel(Protocol):
    """Something that answers questions: a provider's API, a local server, or the mock."""

    async def generate(self, request: ModelRequest) -> ModelReply:
        """Ask once; nothing is retried here.

        Args:
            request: The question, with its own deadline.

        Returns:
            The answer, a refusal included when the model worded one.

        Raises:
            ModelError: There is no usable answer; says whether asking again may help.
        """
        ...

    async def aclose(self) -> None:
        """Give back connections. A closed model is not used again."""
        ...
