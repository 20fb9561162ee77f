"""What both of OpenAI's APIs share."""

import re
from typing import Final

import openai

from ark_temporal.llm._http import ModelHttpClient
from ark_temporal.llm.credentials import Credentials

# Families that do not reason: all published, so a name outside of them is a reasoning model.
_PLAIN: Final = re.compile(r"(ft:)?(chatgpt-4|gpt-3\.5|gpt-4|gpt-[5-9][.\d]*-chat)")
_NO_STRUCTURED_OUTPUT: Final = re.compile(
    r"(ft:)?(gpt-3\.5|gpt-4($|-)|gpt-4o-2024-05-13|chatgpt-4|o1-mini|o1-preview)"
)


def open_sdk(credentials: Credentials, http: ModelHttpClient) -> openai.AsyncOpenAI:
    """The official client, with its own retries off."""
    sdk = openai.AsyncOpenAI(
        api_key=credentials.api_key.get_secret_value(),
        base_url=credentials.base_url,
        http_client=http,
        max_retries=0,
    )
    # Set after the fact: what is not given above, the SDK fills in from the worker's own environment.
    sdk.organization = credentials.extra.get("organization")
    sdk.project = credentials.extra.get("project")
    sdk.admin_api_key = None
    return sdk


def reasons(model: str) -> bool:
    """Whether one of OpenAI's models reasons; such a model takes no temperature."""
    return not _PLAIN.match(model)


def has_structured_output(model: str) -> bool:
    """Whether one of OpenAI's models takes a schema for its answer."""
    return not _NO_STRUCTURED_OUTPUT.match(model)


def tool_output(content: str, is_error: bool) -> str:
    """A tool's answer, with its failure in words: these APIs have no flag for it."""
    return f"Error: {content}" if is_error else content
