"""Vectors by Google's Gemini API."""

from typing import Final

from google.genai import Client, errors, types

from ark_temporal.memory._addresses import http_address
from ark_temporal.memory._embed_http import CALL_SECONDS, Asked, checked_vector, http_client
from ark_temporal.memory._embedder import embedded_part
from ark_temporal.memory.config import EmbeddingsConfig
from ark_temporal.memory.types import MemoryUnavailable

_DEFAULT_MODEL: Final = "gemini-embedding-001"
_DEFAULT_URL: Final = "https://generativelanguage.googleapis.com"


class GeminiEmbedder:
    """See `Embedder`."""

    def __init__(self, config: EmbeddingsConfig) -> None:
        """Make it; nothing is connected yet.

        Raises:
            MemoryUnavailable: The key is missing, or the address cannot be used.
        """
        if not config.api_key:
            raise MemoryUnavailable(
                "The memory's embeddings have provider gemini, but GEMINI_API_KEY is not set. Set it, or use "
                "provider hash, which needs none.",
                retryable=False,
            )
        self._model = config.model or _DEFAULT_MODEL
        self.name = f"gemini {self._model}"
        self._asked = Asked("Gemini", self._model, "GEMINI_API_KEY", config.api_key)
        self._http = http_client()
        self._sdk = Client(
            # Said, because the SDK would otherwise look for Vertex AI in the worker's environment.
            vertexai=False,
            api_key=config.api_key,
            http_options=types.HttpOptions(
                base_url=http_address(
                    "GOOGLE_GEMINI_BASE_URL", config.base_url or _DEFAULT_URL, _DEFAULT_URL
                ),
                api_version="v1beta",
                timeout=round(CALL_SECONDS * 1000),
                retry_options=types.HttpRetryOptions(attempts=1),
                httpx_async_client=self._http,
            ),
        )

    async def embed(self, text: str) -> list[float]:
        """See `Embedder.embed`."""
        async with self._asked.asking(errors.APIError):
            reply = await self._sdk.aio.models.embed_content(  # pyright: ignore[reportUnknownMemberType]
                model=self._model, contents=embedded_part(text)
            )
            return checked_vector(reply.embeddings[0].values if reply.embeddings else None)

    async def aclose(self) -> None:
        """See `Embedder.aclose`."""
        await self._http.aclose()
        self._sdk.close()
