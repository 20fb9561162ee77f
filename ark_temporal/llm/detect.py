"""Which provider answers for a model."""

import re
from typing import Final
from urllib.parse import urlsplit

from ark_temporal.llm.errors import ModelError
from ark_temporal.llm.types import Provider

_NAMED: Final[dict[str, Provider]] = {
    "anthropic": "anthropic",
    "openai": "openai",
    "openai-compatible": "openai-compatible",
    "gemini": "gemini",
    "google": "gemini",
    "mock": "mock",
}
_BY_MODEL: Final[tuple[tuple[re.Pattern[str], Provider], ...]] = (
    (re.compile(r"claude-"), "anthropic"),
    (re.compile(r"gpt-|o[134](?![A-Za-z0-9])"), "openai"),
    (re.compile(r"gemini-"), "gemini"),
    (re.compile(r"mock(?![A-Za-z0-9])"), "mock"),
)
_OPENAI_HOST: Final = "api.openai.com"


def detect_provider(
    model: str, agent_provider: str | None = None, openai_base_url: str | None = None
) -> Provider:
    """Say who answers for a model.

    A server other than OpenAI's own that speaks OpenAI's protocol knows Chat Completions, and seldom the
    Responses API. So `openai` with a base URL that is not OpenAI's becomes `openai-compatible`.

    Args:
        model: The model's name in the manifest.
        agent_provider: `AGENT_PROVIDER` as the role sees it; None, empty or `auto` decides by the model.
        openai_base_url: `OPENAI_BASE_URL` as the role sees it; None or empty for OpenAI's own.

    Returns:
        The provider; a name that no known provider uses is `openai-compatible`.

    Raises:
        ModelError: `agent_provider` is not a provider (`ModelBadRequest`).
    """
    wanted = (agent_provider or "").strip().lower()
    provider = _by_model(model) if wanted in ("", "auto") else _by_name(wanted)
    if provider == "openai" and not is_openai_url(openai_base_url):
        return "openai-compatible"
    return provider


def is_openai_url(url: str | None) -> bool:
    """Whether a base URL is OpenAI's own, a regional one included; none given counts as OpenAI's."""
    if not url or not url.strip():
        return True
    try:
        host = urlsplit(url.strip()).hostname or ""
    except ValueError:
        return False
    return host == _OPENAI_HOST or host.endswith(f".{_OPENAI_HOST}")


def _by_name(wanted: str) -> Provider:
    provider = _NAMED.get(wanted)
    if provider is None:
        allowed = ", ".join(_NAMED)
        raise ModelError(
            "ModelBadRequest",
            f"AGENT_PROVIDER is {wanted!r}, which is no provider. Set it to one of {allowed}, or to auto "
            "to decide by the model's name.",
            retryable=False,
        )
    return provider


def _by_model(model: str) -> Provider:
    name = model.strip().lower()
    for pattern, provider in _BY_MODEL:
        if pattern.match(name):
            return provider
    return "openai-compatible"
