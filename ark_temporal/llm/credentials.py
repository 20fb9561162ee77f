"""What a provider needs to let a role in: found in the role's environment, never shown."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from ark_temporal.llm.errors import ModelError
from ark_temporal.llm.types import Provider

PLACEHOLDER_KEY: Final = "not-needed"
"""Sent to a compatible server that was given no key; local servers ask for none."""

_KEYS: Final[dict[Provider, tuple[str, ...]]] = {
    "anthropic": ("ANTHROPIC_API_KEY",),
    "openai": ("OPENAI_API_KEY",),
    "openai-compatible": ("OPENAI_API_KEY",),
    "gemini": ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    "mock": (),
}
_BASE_URLS: Final[dict[Provider, tuple[str, str]]] = {
    "anthropic": ("ANTHROPIC_BASE_URL", "https://api.anthropic.com"),
    "openai": ("OPENAI_BASE_URL", "https://api.openai.com/v1"),
    "openai-compatible": ("OPENAI_BASE_URL", "https://api.openai.com/v1"),
    "gemini": ("GOOGLE_GEMINI_BASE_URL", "https://generativelanguage.googleapis.com"),
}
_EXTRA: Final[dict[Provider, dict[str, str]]] = {
    "openai": {"organization": "OPENAI_ORG_ID", "project": "OPENAI_PROJECT_ID"},
}
_WHERE: Final = "in the Secret of the role's envFrom, or in the worker's environment"


class Credentials(BaseModel):
    """How to be let in by one provider.

    Attributes:
        api_key: The key; its text appears in no repr, dump or error.
        base_url: Where the API is, for example `https://api.anthropic.com`.
        extra: What else the provider takes: `organization` and `project` for OpenAI.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    api_key: SecretStr = SecretStr("")
    base_url: str = ""
    extra: Mapping[str, str] = Field(default_factory=dict[str, str])


def key_variables(provider: Provider) -> tuple[str, ...]:
    """The environment variables that may hold a provider's key, the preferred one first."""
    return _KEYS[provider]


def resolve_credentials(provider: Provider, environment: Mapping[str, str]) -> Credentials:
    """Find a provider's credentials.

    Args:
        provider: Who will be asked.
        environment: What the role sees: its own `envFrom` values laid over the worker's environment.

    Returns:
        Credentials with a key and a base URL; empty ones for the mock.

    Raises:
        ModelError: The key is missing or is no key (`ModelCredentialsMissing`), or the base URL is no
            HTTP URL or holds a password (`ModelBadRequest`).
    """
    if provider == "mock":
        return Credentials()
    base_url_variable, default_url = _BASE_URLS[provider]
    base_url = _value(environment, base_url_variable)
    key = _key(provider, environment)
    if not key and provider == "openai-compatible" and base_url:
        key = PLACEHOLDER_KEY
    if not key:
        raise _missing(provider)
    extra = {name: _value(environment, variable) for name, variable in _EXTRA.get(provider, {}).items()}
    return Credentials(
        api_key=SecretStr(key),
        base_url=_checked_url(base_url_variable, base_url or default_url),
        extra={name: value for name, value in extra.items() if value},
    )


def _value(environment: Mapping[str, str], variable: str) -> str:
    return environment.get(variable, "").strip()


def _key(provider: Provider, environment: Mapping[str, str]) -> str:
    for variable in _KEYS[provider]:
        key = _value(environment, variable)
        if key and not (key.isascii() and key.isprintable() and " " not in key):
            raise ModelError(
                "ModelCredentialsMissing",
                f"The value of {variable} is not a key: it holds spaces or characters that no HTTP header "
                f"can carry. Copy the key again and set it {_WHERE}.",
                retryable=False,
            )
        if key:
            return key
    return ""


def _checked_url(variable: str, url: str) -> str:
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        is_address, parts = False, None
    if not is_address or parts is None:
        raise ModelError(
            "ModelBadRequest",
            f"{variable} is not the address of a server. Write it in full, with its scheme, for example "
            "http://localhost:11434/v1.",
            retryable=False,
        )
    if parts.username or parts.password:
        # HTTP clients log the addresses they ask.
        raise ModelError(
            "ModelBadRequest",
            f"{variable} holds a user name or a password, which would be written into logs. Take it out; a "
            "key belongs into the variable for the key.",
            retryable=False,
        )
    return url


def _missing(provider: Provider) -> ModelError:
    variables = " or ".join(_KEYS[provider])
    if provider == "openai-compatible":
        text = (
            "The model's name is not one of Anthropic, OpenAI or Gemini, so a server that speaks OpenAI's "
            "protocol must answer, but neither OPENAI_BASE_URL nor OPENAI_API_KEY is set. Set "
            f"OPENAI_BASE_URL (and OPENAI_API_KEY if the server asks for a key) {_WHERE}"
        )
    else:
        text = f"There is no key for provider {provider}: {variables} is not set. Set it {_WHERE}"
    return ModelError(
        "ModelCredentialsMissing",
        f"{text}, or use `--provider mock` to run without a model.",
        retryable=False,
    )
