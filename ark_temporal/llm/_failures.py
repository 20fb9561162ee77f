"""From whatever an SDK, its HTTP client or the clock raises to one `ModelError`."""

import asyncio
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

import httpx2

from ark_temporal.foreign_errors import causes, one_line
from ark_temporal.llm._http import (
    MAX_REPLY_BYTES,
    MAX_REQUEST_BYTES,
    HttpStatusError,
    ReplyTooLargeError,
    RequestTooLargeError,
)
from ark_temporal.llm._http_status import read_status
from ark_temporal.llm.credentials import Credentials, key_variables
from ark_temporal.llm.errors import ModelError, ModelErrorType
from ark_temporal.llm.types import ModelRequest, Provider

_SHORTEST_SECRET: Final = 4
_NAMES: Final[dict[Provider, str]] = {
    "anthropic": "Anthropic",
    "openai": "OpenAI",
    "openai-compatible": "The OpenAI-compatible server",
    "gemini": "Gemini",
    "mock": "The mock",
}
_ADVICE: Final[dict[ModelErrorType, str]] = {
    "ModelAuthenticationError": (
        "Check the key in {variables}: in the Secret of the role's envFrom if it has one, else in the "
        "worker's environment."
    ),
    "ModelPermissionError": "Check that the key in {variables} may use this model.",
    "ModelNotFound": "Check the model's name, and that the base URL is the API's.",
    "ModelBadRequest": "The same request fails again: change the role or its model.",
    "ModelContextTooLong": "Shorten the prompt or the tools' answers, or use a model with a larger context.",
    "ModelQuotaExhausted": "Add credit to the account that owns the key in {variables}, or use another key.",
    "ModelRefused": "The provider's policy stopped it: change the prompt.",
}
_REDIRECT_ADVICE: Final = (
    "It redirects, which is not followed with a key: set the base URL to the address itself."
)


@asynccontextmanager
async def model_errors(
    provider: Provider, credentials: Credentials, request: ModelRequest
) -> AsyncGenerator[None]:
    """Run a call within its deadline, and make a `ModelError` of what goes wrong.

    The provider's exception is not kept as the cause: its text may repeat the key, and causes are written
    into workflow histories.

    Raises:
        ModelError: The call failed. Anything that is not a failed call, such as a bug, passes unchanged.
    """
    case = _Case(provider, credentials, request)
    try:
        async with asyncio.timeout(request.timeout_seconds):
            yield
    except Exception as raised:
        error = case.explain(raised)
        if error is None:
            raise
        raise error from None


@dataclass(frozen=True)
class _Case:
    provider: Provider
    credentials: Credentials
    request: ModelRequest

    def explain(self, raised: Exception) -> ModelError | None:
        for cause in causes(raised):
            error = self._explain_one(cause)
            if error is not None:
                return error
        return None

    def _explain_one(self, cause: BaseException) -> ModelError | None:
        match cause:
            case ModelError():
                return cause
            case HttpStatusError():
                return self._status(cause)
            case ReplyTooLargeError():
                limit = MAX_REPLY_BYTES // 1024 // 1024
                return self._error("ModelReplyTooLarge", f"sends a reply of more than {limit} MiB", False)
            case RequestTooLargeError():
                limit = MAX_REQUEST_BYTES // 1024 // 1024
                return self._error("ModelContextTooLong", f"takes no request of more than {limit} MiB", False)
            case httpx2.ConnectTimeout():
                return self._error("ModelTimeout", "could not be reached in time", True)
            case httpx2.TimeoutException() | TimeoutError():
                seconds = self.request.timeout_seconds
                return self._error("ModelTimeout", f"gave no answer within {seconds:g} seconds", True)
            case httpx2.DecodingError():
                return self._error("ModelBadReply", "sends a reply that cannot be decompressed", True)
            case httpx2.UnsupportedProtocol() | httpx2.InvalidURL() | httpx2.LocalProtocolError():
                what = f"cannot be asked: {self._quote(str(cause))}"
                return self._error("ModelBadRequest", what, False)
            case httpx2.TransportError() | ssl.SSLError():
                reason = self._quote(str(cause)) or type(cause).__name__
                what = f"could not be reached, or broke the connection off: {reason}"
                return self._error("ModelConnectionError", what, True)
            case _:
                return None

    def _status(self, failure: HttpStatusError) -> ModelError:
        meaning = read_status(failure.status, failure.headers, failure.body)
        said = self._quote(meaning.message)
        what = f"answered {failure.status}" + (f": {said}" if said else "")
        return self._error(
            meaning.type,
            what,
            meaning.retryable,
            retry_after=meaning.retry_after,
            status=failure.status,
            advice=_REDIRECT_ADVICE if failure.status < 400 else None,
        )

    def _error(
        self,
        type: ModelErrorType,
        what: str,
        retryable: bool,
        *,
        retry_after: float | None = None,
        status: int | None = None,
        advice: str | None = None,
    ) -> ModelError:
        variables = " or ".join(key_variables(self.provider))
        mend = (advice or _ADVICE.get(type, "")).format(variables=variables)
        text = f"{_NAMES[self.provider]}, asked for model {self.request.model!r}, {what.rstrip('.')}. {mend}"
        return ModelError(type, text.strip(), retryable=retryable, retry_after=retry_after, status=status)

    def _quote(self, text: str) -> str:
        """A provider's words: one line, without secrets, and not too many of them."""
        key = self.credentials.api_key.get_secret_value()
        if len(key) >= _SHORTEST_SECRET:
            text = text.replace(key, "***").replace(quote(key, safe=""), "***")
        return one_line(text)
