"""From the names in a plan to the values on this worker, and no value from there back into a history."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretStr

from ark_temporal.memory import EmbeddingsConfig, MemoryConfig, RedisMemoryConfig, VectorMemoryConfig
from ark_temporal.plan.model import EnvSource
from ark_temporal.plan.tools import EmbeddingsPlan, GivenValue, KeyRef, McpServerPlan, MemoryPlan
from ark_temporal.secrets import Lookups, Secrets
from ark_temporal.tools.mcp.server import GivenText, McpOAuth, McpServer
from ark_temporal.tools.types import ToolError


class Resolver:
    """Looks up what one call needs, and keeps in mind what must not be repeated.

    Args:
        secrets: Values behind the names that a plan carries.
        namespace: Where the names live.
        memory_directory: Where memories are that live in this process.
    """

    def __init__(self, secrets: Secrets, namespace: str, memory_directory: Path) -> None:
        self._lookups = Lookups(secrets, namespace)
        self._namespace = namespace
        self._memory_directory = memory_directory

    def redact(self, text: str) -> str:
        """The text without any value of a Secret that was looked up here."""
        return self._lookups.redact(text)

    async def are_renewed(self) -> bool:
        """Whether a credential that somebody refuses is another when it is read anew."""
        return await self._lookups.are_renewed()

    async def server(self, plan: McpServerPlan) -> McpServer:
        """An MCP server.

        Raises:
            ToolError: This worker lacks one of its secrets.
            SecretError: One of them cannot be read now.
        """
        oauth = plan.oauth
        return McpServer(
            name=plan.name,
            url=plan.url,
            command=plan.command,
            env=await self._values(plan.env),
            headers=await self._values(plan.headers),
            token=await self._secret(plan.token) if plan.token else None,
            oauth=McpOAuth(
                token_url=oauth.token_url,
                client_id=oauth.client_id,
                client_secret=await self._secret(oauth.client_secret),
                scopes=oauth.scopes,
            )
            if oauth
            else None,
            effects=plan.effects,
            only=plan.only,
            timeout_seconds=plan.timeout_seconds,
        )

    async def headers(self, given: Mapping[str, GivenValue]) -> dict[str, str]:
        """HTTP headers.

        Raises:
            ToolError: This worker lacks a secret.
            SecretError: One cannot be read now.
        """
        values = await self._values(given)
        return {
            name: value.get_secret_value() if isinstance(value, SecretStr) else value
            for name, value in values.items()
        }

    async def memory(self, plan: MemoryPlan, env_from: tuple[EnvSource, ...]) -> MemoryConfig:
        """What an agent remembers with.

        Raises:
            ToolError: This worker lacks one of its secrets.
            SecretError: One of them cannot be read now.
        """
        if plan.backend == "redis":
            url = await self._secret(KeyRef(name=plan.secret, key="REDIS_URL"))
            return RedisMemoryConfig(
                url=url.get_secret_value(),
                namespace=self._namespace,
                name=plan.name,
                ttl_seconds=plan.ttl_seconds,
                max_entries=plan.max_entries,
            )
        key = await self._lookups.text(KeyRef(name=plan.secret, key="VECTOR_STORE_API_KEY"))
        return VectorMemoryConfig(
            endpoint=self._endpoint(plan),
            namespace=self._namespace,
            name=plan.name,
            api_key=key or "",
            collection=plan.collection,
            ttl_seconds=plan.ttl_seconds,
            embeddings=await self._embeddings(plan.embeddings, env_from),
        )

    def _endpoint(self, plan: MemoryPlan) -> str:
        """Where a vector store is. A manifest names no directory of a worker: what lies there is code."""
        if plan.endpoint == "local":
            return f"local:{self._memory_directory}"
        if not plan.endpoint.startswith(("http://", "https://")):
            raise ToolError(
                "ToolNotConfigured",
                f'Memory "{plan.name}": the endpoint must be an http:// or https:// address, or `local` for '
                "the worker's own directory.",
                sent=False,
                retryable=False,
            )
        return plan.endpoint

    async def _embeddings(self, plan: EmbeddingsPlan, env_from: tuple[EnvSource, ...]) -> EmbeddingsConfig:
        if plan.provider in ("local", "hash"):
            return EmbeddingsConfig(provider=plan.provider, model=plan.model)
        values = (await self._lookups.environment(env_from)).values
        if plan.provider == "gemini":
            key = values.get("GEMINI_API_KEY") or values.get("GOOGLE_API_KEY", "")
            base_url = values.get("GOOGLE_GEMINI_BASE_URL", "")
        else:
            key, base_url = values.get("OPENAI_API_KEY", ""), values.get("OPENAI_BASE_URL", "")
        return EmbeddingsConfig(provider=plan.provider, model=plan.model, api_key=key, base_url=base_url)

    async def _values(self, given: Mapping[str, GivenValue]) -> dict[str, GivenText]:
        return {
            name: await self._secret(value.ref) if value.ref is not None else value.value or ""
            for name, value in given.items()
        }

    async def _secret(self, ref: KeyRef) -> SecretStr:
        value = await self._lookups.text(ref)
        if value is None:
            raise ToolError(
                "ToolNotConfigured",
                f'Key "{ref.key}" of {ref.kind} "{self._namespace}/{ref.name}" is not known to this worker: '
                "mount it, or give its directory with --secrets-dir.",
                sent=False,
                retryable=False,
            )
        return SecretStr(value)
