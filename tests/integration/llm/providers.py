"""The four adapters as tests meet them: one pool, one stub server, one question."""

from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from ark_temporal.llm import (
    Credentials,
    LanguageModel,
    Message,
    ModelError,
    ModelPool,
    ModelReply,
    ModelRequest,
    Provider,
    UserMessage,
)
from tests.integration.llm.stub_server import StubServer

KEY = "sk-planted/secret+4711"


@dataclass(frozen=True)
class Case:
    """One provider.

    Attributes:
        base_path: What follows the server's address in the base URL.
        key_header: The header that carries the key, and what stands before the key in it.
        key_variable: The variable that an error about the key has to name.
    """

    provider: Provider
    model: str
    base_path: str
    key_header: tuple[str, str]
    key_variable: str

    def credentials(self, server_url: str, key: str = KEY) -> Credentials:
        return Credentials(api_key=SecretStr(key), base_url=server_url + self.base_path)


ANTHROPIC = Case("anthropic", "claude-sonnet-5", "", ("authorization", "Bearer "), "ANTHROPIC_API_KEY")
OPENAI = Case("openai", "gpt-5", "/v1", ("authorization", "Bearer "), "OPENAI_API_KEY")
COMPATIBLE = Case("openai-compatible", "llama3.3", "/v1", ("authorization", "Bearer "), "OPENAI_API_KEY")
GEMINI = Case("gemini", "gemini-3-pro", "", ("x-goog-api-key", ""), "GEMINI_API_KEY")
CASES = (ANTHROPIC, OPENAI, COMPATIBLE, GEMINI)


@dataclass(frozen=True)
class Asker:
    """Asks the stub server through a pool, as one provider."""

    pool: ModelPool
    case: Case

    def model(self, server: StubServer) -> LanguageModel:
        return self.pool.get(self.case.provider, self.case.credentials(server.url))

    async def ask(self, server: StubServer, *messages: Message, **fields: Any) -> ModelReply:
        said = messages or (UserMessage(text="How are you?"),)
        asked: dict[str, Any] = {"model": self.case.model, "messages": said, "timeout_seconds": 20}
        return await self.model(server).generate(ModelRequest(**asked | fields))

    async def fail(self, server: StubServer, *messages: Message, **fields: Any) -> ModelError:
        """Ask, and give the error that must come of it."""
        try:
            reply = await self.ask(server, *messages, **fields)
        except ModelError as error:
            return error
        raise AssertionError(f"A reply came where an error was due: {reply!r}")
