"""What both of OpenAI's APIs share."""

import hashlib
import re
from typing import Final

import openai

from ark_temporal.llm._http import ModelHttpClient
from ark_temporal.llm.credentials import Credentials
from ark_temporal.llm.types import ModelRequest

# Families that do not reason: all published, so a name outside of them is a reasoning model.
_PLAIN: Final = re.compile(r"(ft:)?(chatgpt-4|gpt-3\.5|gpt-4|gpt-[5-9][.\d]*-chat)")
_NO_STRUCTURED_OUTPUT: Final = re.compile(
    r"(ft:)?(gpt-3\.5|gpt-4($|-)|gpt-4o-2024-05-13|chatgpt-4|o1-mini|o1-preview)"
)


class OpenAISdk(openai.AsyncOpenAI):
    """The official client, with its own retries off and nothing of the worker's own environment in it."""

    def __init__(self, credentials: Credentials, http: ModelHttpClient) -> None:
        super().__init__(
            api_key=credentials.api_key.get_secret_value(),
            base_url=credentials.base_url,
            http_client=http,
            max_retries=0,
        )
        # Set after the fact: what is not given above, the SDK fills in from the environment.
        self.organization = credentials.extra.get("organization")
        self.project = credentials.extra.get("project")
        self.admin_api_key = None
        # OPENAI_CUSTOM_HEADERS of the worker would go to whatever server a role names.
        self._custom_headers = {}


def reasons(model: str) -> bool:
    """Whether one of OpenAI's models reasons; such a model takes no temperature."""
    return not _PLAIN.match(model)


def has_structured_output(model: str) -> bool:
    """Whether one of OpenAI's models takes a schema for its answer."""
    return not _NO_STRUCTURED_OUTPUT.match(model)


def cache_key(request: ModelRequest) -> str | None:
    """What tells OpenAI which requests begin alike: those of one role in one run."""
    context = request.context
    if not context.run:
        return None
    # A digest, since the API takes 64 characters and has no business with our names.
    return hashlib.sha256(f"{context.run}\n{context.role}".encode()).hexdigest()[:32]


def tool_output(content: str, is_error: bool) -> str:
    """A tool's answer, with its failure in words: these APIs have no flag for it."""
    return f"Error: {content}" if is_error else content
