"""The activity that asks a language model."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from datetime import timedelta

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.answers import find_problems
from ark_temporal.llm import ModelError, ModelPool, Prices, detect_provider, resolve_credentials
from ark_temporal.llm.types import (
    AssistantMessage,
    CallContext,
    Message,
    ModelReply,
    ModelRequest,
    Provider,
    UserMessage,
)
from ark_temporal.plan.calls import ModelCall, ModelOutcome
from ark_temporal.secrets import RoleEnvironment, Secrets

HEARTBEAT_SECONDS = 5.0
"""Often enough that a cancelled run stops its calls soon, and a dead worker is noticed."""


class ModelCalls:
    """The activity `call_model` with what it needs on this worker.

    Args:
        pool: Model clients, shared by all calls of the worker.
        secrets: Values behind the names that a plan carries.
        prices: What tokens cost.
        payload_limit_bytes: The longest answer that can be carried; None where a payload storage takes any.
    """

    def __init__(
        self, pool: ModelPool, secrets: Secrets, prices: Prices, *, payload_limit_bytes: int | None
    ) -> None:
        self._pool = pool
        self._secrets = secrets
        self._prices = prices
        self._payload_limit = payload_limit_bytes

    @activity.defn(name="call_model")
    async def call_model(self, call: ModelCall) -> ModelOutcome:
        """Ask the model once. Temporal owns all retries."""
        environment = self._secrets.environment(call.env_from, call.namespace)
        try:
            async with _heartbeats():
                return await self._ask(call, environment)
        except ModelError as error:
            raise _failure(error, environment.scrub(str(error), prompts=self._private(call))) from None

    async def _ask(self, call: ModelCall, environment: RoleEnvironment) -> ModelOutcome:
        provider = call.provider or detect_provider(
            call.model, environment.values.get("AGENT_PROVIDER"), environment.values.get("OPENAI_BASE_URL")
        )
        model = self._pool.get(provider, resolve_credentials(provider, environment.values))
        system, missing = self._system_prompt(call)
        reply = await model.generate(_request(call, system))
        self._refuse_oversize(call, reply)
        return await self._outcome(call, provider, reply, (*environment.warnings, *missing, *reply.warnings))

    def _system_prompt(self, call: ModelCall) -> tuple[str, tuple[str, ...]]:
        """The system prompt, and a warning for each piece of it that this worker does not have."""
        texts: list[str] = []
        missing: list[str] = []
        for part in call.system:
            text = part.text if part.ref is None else self._secrets.text(part.ref, call.namespace)
            if text is None and part.ref is not None:
                missing.append(
                    f'Key "{part.ref.key}" of {part.ref.kind} "{call.namespace}/{part.ref.name}" is not '
                    f'known to this worker; role "{call.role}" works without that part of its system prompt.'
                )
            texts.append(text or part.text)
        return "\n\n".join(text.strip("\n") for text in texts if text.strip()), tuple(missing)

    def _private(self, call: ModelCall) -> list[str]:
        """What of the system prompt came from Secrets."""
        refs = [part.ref for part in call.system if part.ref is not None and part.ref.kind == "Secret"]
        return [text for ref in refs if (text := self._secrets.text(ref, call.namespace))]

    def _refuse_oversize(self, call: ModelCall, reply: ModelReply) -> None:
        size = len(reply.text.encode())
        if self._payload_limit is not None and size > self._payload_limit:
            raise ApplicationError(
                f'The answer to step "{call.step}" has {size} bytes, more than the {self._payload_limit} '
                "that fit a payload. Set up payload storage (--storage) on workers and clients, or ask for "
                "less.",
                activity.info().attempt,
                type="PayloadTooLarge",
                non_retryable=True,
            )

    async def _outcome(
        self, call: ModelCall, provider: Provider, reply: ModelReply, warnings: tuple[str, ...]
    ) -> ModelOutcome:
        problems, schema_problem = (), False
        if call.checks is not None:
            problems, schema_problem = await asyncio.to_thread(find_problems, reply.text, call.checks)
        cost = self._prices.price(reply.model, provider, reply.usage) or self._prices.price(
            call.model, provider, reply.usage
        )
        return ModelOutcome(
            text=reply.text,
            stop_reason=reply.stop_reason,
            model=reply.model,
            provider=provider,
            request_id=reply.request_id,
            usage=reply.usage,
            cost_usd=cost.usd if cost else None,
            prices_as_of=cost.as_of if cost else "",
            problems=problems,
            schema_problem=schema_problem,
            warnings=warnings,
            attempt=activity.info().attempt,
        )


def _request(call: ModelCall, system: str) -> ModelRequest:
    messages: list[Message] = [UserMessage(text=call.prompt)]
    for exchange in call.exchanges:
        messages += [
            AssistantMessage(text=exchange.answer or "(empty)"),
            UserMessage(text=exchange.feedback),
        ]
    return ModelRequest(
        model=call.model,
        system=system,
        messages=tuple(messages),
        output_schema=call.checks.output_schema if call.checks else None,
        max_output_tokens=call.max_output_tokens,
        temperature=call.temperature,
        timeout_seconds=call.timeout_seconds,
        context=CallContext(
            role=call.role,
            purpose=call.purpose,
            call=call.call,
            run=activity.info().workflow_id or "",
            private_system=any(part.ref is not None and part.ref.kind == "Secret" for part in call.system),
        ),
    )


def _failure(error: ModelError, message: str) -> ApplicationError:
    wait = timedelta(seconds=error.retry_after) if error.retryable and error.retry_after else None
    return ApplicationError(
        message,
        activity.info().attempt,
        type=error.type,
        non_retryable=not error.retryable,
        next_retry_delay=wait,
    )


@contextlib.asynccontextmanager
async def _heartbeats() -> AsyncGenerator[None]:
    """Tell Temporal that we live, from the very start and until the call is over."""

    async def beat() -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            activity.heartbeat()

    task = asyncio.create_task(beat())
    try:
        yield
    finally:
        task.cancel()
