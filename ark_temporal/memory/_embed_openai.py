"""Vectors by OpenAI, or by any server that speaks its protocol."""

from typing import Final

import openai

from ark_temporal.memory._addresses import http_address
from ark_temporal.memory._embed_http import Asked, checked_vector, http_client
from ark_temporal.memory._embedder import embedded_part
from ark_temporal.memory.config import EmbeddingsConfig
from ark_temporal.memory.types import MemoryUnavailable

_DEFAULT_MODEL: Final = "text-embedding-3-small"
_DEFAULT_URL: Final = "https://api.openai.com/v1"
_NO_KEY: Final = "not-needed"


class OpenAIEmbedder:
    """See `Embedder`."""

    def __init__(self, config: EmbeddingsConfig) -> None:
        """Make it; nothing is connected yet.

        Raises:
            MemoryUnavailable: A key, an address or a model is missing.
        """
        compatible = config.provider == "openai-compatible"
        model = config.model or ("" if compatible else _DEFAULT_MODEL)
        base_url = config.base_url or ("" if compatible else _DEFAULT_URL)
        key = config.api_key or (_NO_KEY if compatible else "")
        for what, value in (("model", model), ("OPENAI_BASE_URL", base_url), ("OPENAI_API_KEY", key)):
            if not value:
                raise MemoryUnavailable(
                    f"The memory's embeddings have provider {config.provider}, but {what} is not set. Set "
                    "it, or use provider hash, which needs none.",
                    retryable=False,
                )
        self.name = f"{config.provider} {model}"
        self._model = model
        who = "The OpenAI-compatible server" if compatible else "OpenAI"
        self._asked = Asked(who, model, "OPENAI_API_KEY", key)
        self._http = http_client()
        self._sdk = openai.AsyncOpenAI(
            api_key=key,
            base_url=http_address("OPENAI_BASE_URL", base_url, "http://localhost:11434/v1"),
            http_client=self._http,
            max_retries=0,
        )
        # Set after the fact: what is not given above, the SDK fills in from the worker's own environment.
        self._sdk.organization = None
        self._sdk.project = None
        self._sdk.admin_api_key = None

    async def embed(self, text: str) -> list[float]:
        """See `Embedder.embed`."""
        async with self._asked.asking(openai.OpenAIError):
            # As numbers, since many servers do not know the SDK's own choice, base64.
            reply = await self._sdk.embeddings.create(
                model=self._model, input=embedded_part(text), encoding_format="float"
            )
            return checked_vector(reply.data[0].embedding if reply.data else None)

    async def aclose(self) -> None:
        """See `Embedder.aclose`."""
        await self._http.aclose()
