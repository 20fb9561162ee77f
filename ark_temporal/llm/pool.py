"""Clients that outlive one call: opening one costs a TLS handshake, and loading an SDK up to two seconds."""

import asyncio
import hashlib
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from ark_temporal.llm.credentials import Credentials
from ark_temporal.llm.model import LanguageModel
from ark_temporal.llm.types import ModelReply, ModelRequest, Provider
from ark_temporal.shared import Shared, SharedPool

if TYPE_CHECKING:
    from ark_temporal.llm.mock import MockScript

MAX_CLIENTS: Final = 64
"""How many clients a pool keeps open; one is needed for each provider, base URL and key."""


class ModelPool:
    """The language models of one worker process.

    A pool belongs to one event loop, and all its methods are called from it. What `get` returns may be kept
    and used for as long as the pool is, also after the pool had to close its connections for others.
    """

    def __init__(self, mock_script: "MockScript | None" = None) -> None:
        """Make an empty pool.

        Args:
            mock_script: What the mock answers; None for its built-in answers.
        """
        self._mock_script = mock_script
        self._models = SharedPool[_SharedModel](MAX_CLIENTS)

    def get(self, provider: Provider, credentials: Credentials) -> LanguageModel:
        """The model of a provider for these credentials; the same one each time."""
        open = partial(_open, provider, credentials, self._mock_script)
        return self._models.get(_key(provider, credentials), lambda: _SharedModel(open))

    async def aclose(self) -> None:
        """Close every client; one in use closes when its last call ends."""
        await self._models.aclose()


class _SharedModel(Shared[LanguageModel]):
    """A model that opens at its first call, and once retired closes whenever no call uses it."""

    def __init__(self, open: Callable[[], LanguageModel]) -> None:
        # Loading an SDK blocks for longer than a heartbeat may be late.
        super().__init__(lambda: asyncio.to_thread(open))

    async def generate(self, request: ModelRequest) -> ModelReply:
        """See `LanguageModel.generate`."""
        async with self.use() as model:
            return await model.generate(request)

    async def aclose(self) -> None:
        """Close now, or when the last call ends; a later call opens anew for itself."""
        await self.retire()


def _key(provider: Provider, credentials: Credentials) -> tuple[str, ...]:
    if provider == "mock":  # one for the process, since it counts how often its script was used
        return (provider,)
    # A digest, so that no key stands in a mapping that a debugger or a crash report prints.
    digest = hashlib.sha256(credentials.api_key.get_secret_value().encode()).hexdigest()
    extra = (f"{name}={value}" for name, value in sorted(credentials.extra.items()))
    return (provider, credentials.base_url, digest, *extra)


def _open(provider: Provider, credentials: Credentials, mock_script: "MockScript | None") -> LanguageModel:
    match provider:
        case "anthropic":
            from ark_temporal.llm._anthropic import AnthropicModel

            return AnthropicModel(credentials)
        case "openai":
            from ark_temporal.llm._openai_responses import OpenAIModel

            return OpenAIModel(credentials)
        case "openai-compatible":
            from ark_temporal.llm._openai_chat import CompatibleModel

            return CompatibleModel(credentials)
        case "gemini":
            from ark_temporal.llm._gemini import GeminiModel

            return GeminiModel(credentials)
        case "mock":
            from ark_temporal.llm.mock import MockModel

            return MockModel(script=mock_script)
