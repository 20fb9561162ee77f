"""The activities that find out about tools and call them."""

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path

import httpx2
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.heartbeats import heartbeats
from activities.resolving import Resolver
from activities.transcripts import RunKey, Transcripts
from ark_temporal.memory import MemoryPool, MemoryUnavailable
from ark_temporal.plan.calls import ToolDiscovery, ToolInvocation, ToolList, ToolOutcome
from ark_temporal.plan.toolbox import SEARCH_MEMORY
from ark_temporal.plan.tools import McpServerPlan, ToolPlan
from ark_temporal.runs.names import TOOL_ACTIVITY, TOOLS_ACTIVITY
from ark_temporal.secrets import SecretError, Secrets
from ark_temporal.tools.egress import EgressPolicy
from ark_temporal.tools.mcp import McpPool
from ark_temporal.tools.mcp.server import ToolListing
from ark_temporal.tools.python import PythonTools, ToolContext
from ark_temporal.tools.types import ToolAnswer, ToolError
from ark_temporal.tools.webhook import WebhookCall, call_webhook

_FOUND_BY_DEFAULT = 5
_AROUND_RESULT = 2_000
"""Bytes of a payload that a result leaves to what stands around it."""


@dataclass(frozen=True)
class Toolkit:
    """What a worker calls tools with.

    Attributes:
        http: Reaches what the operator's egress policy lets it reach.
        memory_directory: Where memories are that live in this process.
    """

    http: httpx2.AsyncClient
    mcp: McpPool
    python: PythonTools
    memories: MemoryPool
    memory_directory: Path


class ToolCalls:
    """The activities `list_tools` and `call_tool`.

    Args:
        kit: What tools are called with.
        secrets: Values behind the names that a plan carries.
        transcripts: Told what tools brought, for the next turn.
        payload_limit_bytes: The longest result that can be carried; None where a payload storage takes any.
    """

    def __init__(
        self, kit: Toolkit, secrets: Secrets, transcripts: Transcripts, *, payload_limit_bytes: int | None
    ) -> None:
        self._kit = kit
        self._secrets = secrets
        self._transcripts = transcripts
        self._payload_limit = payload_limit_bytes

    @activity.defn(name=TOOLS_ACTIVITY)
    async def list_tools(self, discovery: ToolDiscovery) -> ToolList:
        """Find out what tools there are; a run keeps to what it was told."""
        run = RunKey.current()
        if discovery.server is None:
            found = self._python_tools(discovery.python)
        else:
            resolver = self._resolver(discovery.namespace)
            try:
                async with heartbeats():
                    listing = await self._listing(discovery.server, run, resolver)
            except ToolError as error:
                raise _failure(error, resolver) from None
            except SecretError as error:
                raise _no_secret(error, resolver) from None
            except Exception as error:  # noqa: BLE001 - whatever it says may quote a secret
                raise _failure(_unexpected(discovery.server.name, error), resolver) from None
            found = ToolList(tools=listing.tools, warnings=listing.warnings)
        self._transcripts.note_tools(run, discovery.id, found)
        return found

    @activity.defn(name=TOOL_ACTIVITY)
    async def call_tool(self, call: ToolInvocation) -> ToolOutcome:
        """Call a tool once. Temporal owns all retries."""
        run = RunKey.current()
        resolver = self._resolver(call.namespace)
        try:
            async with heartbeats(), asyncio.timeout(call.timeout_seconds):
                answer = await self._answer(call, run, resolver)
        except ToolError as error:
            raise _failure(error, resolver) from None
        except SecretError as error:
            raise _no_secret(error, resolver) from None
        except TimeoutError:
            message = f"Tool {call.tool!r} did not answer within {call.timeout_seconds} seconds."
            raise _failure(ToolError("ToolTimeout", message, sent=True, retryable=True), resolver) from None
        except Exception as error:  # noqa: BLE001 - whatever it says may quote a secret
            raise _failure(_unexpected(call.tool, error), resolver) from None
        text = answer.content.encode(errors="replace").decode()  # half a character fits no payload
        content = self._fitting(await asyncio.to_thread(resolver.redact, text))
        outcome = ToolOutcome(content=content, is_error=answer.is_error, attempt=activity.info().attempt)
        self._transcripts.note_tool(run, call.model_call, call.index, outcome)
        return outcome

    async def _listing(self, server: McpServerPlan, run: RunKey, resolver: Resolver) -> ToolListing:
        """What the server has; asked again where it refuses credentials that are others by now."""
        try:
            return await self._kit.mcp.list_tools(await resolver.server(server), session=run.workflow_id)
        except ToolError as error:
            if not await _was_refused_early(error, resolver):
                raise
        return await self._kit.mcp.list_tools(await resolver.server(server), session=run.workflow_id)

    async def _answer(self, call: ToolInvocation, run: RunKey, resolver: Resolver) -> ToolAnswer:
        """What the tool answers; asked again where it refuses credentials that are others by now.

        That is no retry, which Temporal would have to do: nothing was done, and the request is another one.
        """
        try:
            answer = await self._call(call, run, resolver)
        except ToolError as error:
            if not await _was_refused_early(error, resolver):
                raise
        else:
            if not (answer.unauthorised and await resolver.are_renewed()):
                return answer
        return await self._call(call, run, resolver)

    async def _call(self, call: ToolInvocation, run: RunKey, resolver: Resolver) -> ToolAnswer:
        if call.server is not None:
            return await self._kit.mcp.call_tool(
                await resolver.server(call.server),
                call.remote_name,
                call.arguments,
                key=call.key,
                session=run.workflow_id,
                timeout_seconds=call.timeout_seconds,
            )
        if call.declared is not None and call.declared.webhook is not None:
            declared = call.declared.webhook
            webhook = WebhookCall(
                url=declared.url,
                method=declared.method,
                headers=await resolver.headers(declared.headers),
                input_schema=call.declared.input_schema,
                timeout_seconds=call.timeout_seconds,
                only=EgressPolicy(allow=declared.only_hosts) if declared.only_hosts else None,
            )
            return await call_webhook(self._kit.http, webhook, call.arguments, key=call.key)
        if call.tool == SEARCH_MEMORY:
            return await self._search(call, resolver)
        context = ToolContext(
            idempotency_key=call.key,
            run_id=run.workflow_id,
            attempt=activity.info().attempt,
            role=call.role,
        )
        return await self._kit.python.call(call.tool, call.arguments, context)

    async def _search(self, call: ToolInvocation, resolver: Resolver) -> ToolAnswer:
        query, limit = call.arguments.get("query"), call.arguments.get("limit", _FOUND_BY_DEFAULT)
        if not isinstance(query, str) or not query.strip() or not isinstance(limit, int):
            return ToolAnswer(content="`query` must say what to look for, `limit` how many.", is_error=True)
        if call.memory is None:
            return ToolAnswer(content="There is no memory to search.", is_error=True)
        try:
            memory = self._kit.memories.get(await resolver.memory(call.memory, call.env_from))
            entries = await memory.search(query, limit=max(1, limit))
        except MemoryUnavailable as error:
            return ToolAnswer(content=str(error), is_error=True)
        lines = [f"[{entry.created:%Y-%m-%d %H:%M}] {entry.text}" for entry in entries]
        return ToolAnswer(content="\n\n".join(lines) or "Nothing was found.")

    def _python_tools(self, wanted: tuple[ToolPlan, ...]) -> ToolList:
        known = {tool.name: tool for tool in self._kit.python.infos()}
        missing = [tool.name for tool in wanted if tool.name not in known]
        return ToolList(
            tools=tuple(known[tool.name] for tool in wanted if tool.name in known),
            warnings=tuple(
                f'Python tool "{name}" is not on this worker: name its module with --tools.'
                for name in missing
            ),
        )

    def _resolver(self, namespace: str) -> Resolver:
        return Resolver(self._secrets, namespace, self._kit.memory_directory)

    def _fitting(self, text: str) -> str:
        """As much of a result as a payload holds, measured as it is written in JSON."""
        limit = self._payload_limit
        if limit is None or len(text) * 6 < limit:
            return text
        size = len(json.dumps(text, ensure_ascii=False).encode(errors="replace"))
        if size <= limit - _AROUND_RESULT:
            return text
        kept = text[: len(text) * (limit - _AROUND_RESULT) // size - 1]
        return (
            f"{kept}\n[cut here: {len(text)} characters do not fit a payload; ask for less, or set up "
            "payload storage (--storage) on workers and clients]"
        )


def _unexpected(name: str, error: Exception) -> ToolError:
    message = f"{name}: {type(error).__name__}: {error}"
    return ToolError("ToolBadReply", message, sent=True, retryable=True)


async def _was_refused_early(error: ToolError, resolver: Resolver) -> bool:
    """Whether credentials were refused that have been replaced since, before anything was done."""
    return error.type == "ToolForbidden" and not error.sent and await resolver.are_renewed()


def _no_secret(error: SecretError, resolver: Resolver) -> ApplicationError:
    return ApplicationError(
        resolver.redact(str(error)),
        activity.info().attempt,
        False,
        type=error.type,
        non_retryable=not error.retryable,
    )


def _failure(error: ToolError, resolver: Resolver) -> ApplicationError:
    return ApplicationError(
        resolver.redact(str(error)),
        activity.info().attempt,
        error.sent,
        type=error.type,
        non_retryable=not error.retryable,
    )
