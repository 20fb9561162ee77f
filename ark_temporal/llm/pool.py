"""Clients that outlive one call: opening one costs a TLS handshake, and loading an SDK up to two seconds."""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from ark_temporal.llm.credentials import Credentials
from ark_temporal.llm.model import LanguageModel
from ark_temporal.llm.types import ModelReply, ModelRequest, Provider

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
        self._models: OrderedDict[tuple[str, ...], _SharedModel] = OrderedDict()
        self._closing: set[asyncio.Task[None]] = set()

    def get(self, provider: Provider, credentials: Credentials) -> LanguageModel:
        """The model of a provider for these credentials; the same one each time."""
        key = _key(provider, credentials)
        model = self._models.get(key)
        if model is None:
            model = _SharedModel(partial(_open, provider, credentials, self._mock_script))
            self._models[key] = model
            self._evict()
        self._models.move_to_end(key)
        return model

    async def aclose(self) -> None:
        """Close every client; one in use closes when its last call ends."""
        models = list(self._models.values())
        self._models.clear()
        await asyncio.gather(*(model.aclose() for model in models), *self._closing)

    def _evict(self) -> None:
        while len(self._models) > MAX_CLIENTS:
            _, model = self._models.popitem(last=False)
            task = asyncio.get_running_loop().create_task(model.aclose())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)


class _SharedModel:
    """A model that opens at its first call, and once retired closes whenever no call uses it."""

    def __init__(self, open: Callable[[], LanguageModel]) -> None:
        self._open = open
        self._opening = asyncio.Lock()
        self._model: LanguageModel | None = None
        self._calls = 0
        self._retired = False

    async def generate(self, request: ModelRequest) -> ModelReply:
        """See `LanguageModel.generate`."""
        self._calls += 1
        try:
            model = await self._opened()
            return await model.generate(request)
        finally:
            self._calls -= 1
            await self._close_if_done()

    async def aclose(self) -> None:
        """Close now, or when the last call ends; a later call opens anew for itself."""
        self._retired = True
        await self._close_if_done()

    async def _opened(self) -> LanguageModel:
        async with self._opening:
            if self._model is None:
                # Loading an SDK blocks for longer than a heartbeat may be late.
                self._model = await asyncio.to_thread(self._open)
            return self._model

    async def _close_if_done(self) -> None:
        if self._retired and self._calls == 0 and self._model is not None:
            model, self._model = self._model, None
            await model.aclose()


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
