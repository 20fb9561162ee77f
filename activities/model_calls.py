"""The activity that asks a language model."""

import asyncio
import logging
from dataclasses import dataclass, field
from datetime import timedelta

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.answers import find_problems
from activities.heartbeats import heartbeats
from activities.transcripts import Conversation, RunKey, Transcripts
from ark_temporal.llm import ModelError, ModelPool, Prices, detect_provider, resolve_credentials
from ark_temporal.llm.types import CallContext, ModelReply, ModelRequest, Provider
from ark_temporal.plan.calls import ModelCall, ModelOutcome
from ark_temporal.plan.conversation import to_messages
from ark_temporal.plan.toolbox import offered
from ark_temporal.runs.names import MODEL_ACTIVITY
from ark_temporal.secrets import Lookups, RoleEnvironment, SecretError, Secrets
from ark_temporal.storage.journal import Journal

_LOG = logging.getLogger(__name__)

_REFUSALS = frozenset({"ModelAuthenticationError", "ModelPermissionError"})
"""How a provider refuses a key. Where the key was replaced meanwhile, the next attempt has another one."""


class ModelCalls:
    """The activity `call_model` with what it needs on this worker.

    Args:
        pool: Model clients, shared by all calls of the worker.
        secrets: Values behind the names that a plan carries.
        prices: What tokens cost.
        transcripts: What came before a call in its conversation.
        journal: Where answers are kept that Temporal may not have been told yet; None keeps none.
        payload_limit_bytes: The longest answer that can be carried; None where a payload storage takes any.
    """

    def __init__(
        self,
        pool: ModelPool,
        secrets: Secrets,
        prices: Prices,
        transcripts: Transcripts,
        *,
        journal: Journal | None,
        payload_limit_bytes: int | None,
    ) -> None:
        self._pool = pool
        self._secrets = secrets
        self._prices = prices
        self._transcripts = transcripts
        self._journal = journal
        self._payload_limit = payload_limit_bytes

    @activity.defn(name=MODEL_ACTIVITY)
    async def call_model(self, call: ModelCall) -> ModelOutcome:
        """Ask the model once. Temporal owns all retries.

        An answer is journalled before Temporal is told: an attempt after a crash finds it and pays nothing.
        """
        run = RunKey.current()
        async with heartbeats():
            outcome = await self._from_journal(run, call)
            if outcome is None:
                outcome = await self._answered(run, call)
        self._transcripts.note_call(run, call, outcome)
        return outcome

    async def _answered(self, run: RunKey, call: ModelCall) -> ModelOutcome:
        before = await self._transcripts.conversation(run, call)
        first = before.first
        lookups = Lookups(self._secrets, first.namespace)
        try:
            environment = await lookups.environment(first.env_from)
            system = await self._system_prompt(first, lookups)
        except SecretError as error:
            message, attempt = lookups.redact(str(error)), activity.info().attempt
            retryable = error.retryable
            raise ApplicationError(message, attempt, type=error.type, non_retryable=not retryable) from None
        try:
            outcome = await self._ask(call, before, environment, system)
        except ModelError as error:
            missing = environment.warnings if error.type == "ModelCredentialsMissing" else ()
            told = environment.scrub(" ".join((str(error), *missing)), prompts=system.private)
            retryable = error.retryable or (error.type in _REFUSALS and await lookups.are_renewed())
            raise _failure(error, told, retryable=retryable) from None
        except ApplicationError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it says may quote a secret
            message = environment.scrub(f"{type(error).__name__}: {error}", prompts=system.private)
            raise ApplicationError(message, activity.info().attempt, type="ModelCallFailed") from None
        if self._journal is not None:
            await self._keep(self._journal, run, call, outcome)
        return outcome

    async def _ask(
        self, call: ModelCall, before: Conversation, environment: RoleEnvironment, system: "_System"
    ) -> ModelOutcome:
        first = before.first
        provider = first.provider or detect_provider(
            first.model, environment.values.get("AGENT_PROVIDER"), environment.values.get("OPENAI_BASE_URL")
        )
        model = self._pool.get(provider, resolve_credentials(provider, environment.values))
        reply = await model.generate(_request(call, before, system.text))
        self._refuse_oversize(call, reply)
        warnings = (*environment.warnings, *system.missing, *reply.warnings)
        return await self._outcome(call, first, provider, reply, warnings)

    async def _from_journal(self, run: RunKey, call: ModelCall) -> ModelOutcome | None:
        """The answer that an earlier attempt got, if it got one and could not tell."""
        attempt = activity.info().attempt
        if self._journal is None or attempt == 1:
            return None
        try:
            kept = await self._journal.find(_journal_key(run, call))
        except Exception as error:  # noqa: BLE001 - whatever is wrong with it, the model can be asked again
            _LOG.warning("The journal does not tell whether a call was answered before: %s", error)
            return None
        if kept is None:
            return None
        return ModelOutcome.model_validate_json(kept).model_copy(update={"attempt": attempt})

    async def _keep(self, journal: Journal, run: RunKey, call: ModelCall, outcome: ModelOutcome) -> None:
        try:
            await journal.keep(_journal_key(run, call), outcome.model_dump_json().encode())
        except Exception as error:  # noqa: BLE001 - an answer is worth more than its copy
            _LOG.warning("An answer is not journalled; after a crash it would be paid for again: %s", error)

    async def _system_prompt(self, call: ModelCall, lookups: Lookups) -> "_System":
        texts: list[str] = []
        missing: list[str] = []
        private: list[str] = []
        for part in call.system:
            text = part.text if part.ref is None else await lookups.text(part.ref)
            if text is None and part.ref is not None:
                missing.append(
                    f'Key "{part.ref.key}" of {part.ref.kind} "{call.namespace}/{part.ref.name}" is not '
                    f'known to this worker; role "{call.role}" works without that part of its system prompt.'
                )
            if text and part.ref is not None and part.ref.kind == "Secret":
                private.append(text)
            texts.append(text or part.text)
        joined = "\n\n".join(text.strip("\n") for text in texts if text.strip())
        return _System(joined, tuple(missing), tuple(private))

    def _refuse_oversize(self, call: ModelCall, reply: ModelReply) -> None:
        size = len(reply.message.model_dump_json().encode())
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
        self,
        call: ModelCall,
        first: ModelCall,
        provider: Provider,
        reply: ModelReply,
        warnings: tuple[str, ...],
    ) -> ModelOutcome:
        problems, schema_problem = (), False
        if first.checks is not None and not reply.message.tool_calls:
            problems, schema_problem = await asyncio.to_thread(find_problems, reply.text, first.checks)
        cost = self._prices.price(reply.model, provider, reply.usage) or self._prices.price(
            first.model, provider, reply.usage
        )
        return ModelOutcome(
            text=reply.text,
            tool_calls=reply.message.tool_calls,
            native=reply.message.native,
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


@dataclass(frozen=True)
class _System:
    """A system prompt.

    Attributes:
        missing: A warning for each piece of it that this worker does not have.
        private: What of it came from Secrets.
    """

    text: str = field(repr=False)
    missing: tuple[str, ...]
    private: tuple[str, ...] = field(repr=False)


def _journal_key(run: RunKey, call: ModelCall) -> str:
    """Of one call in one execution: a run that was reset asks anew."""
    return "\n".join(("call_model", activity.info().namespace, run.workflow_id, run.run_id, call.id))


def _request(call: ModelCall, before: Conversation, system: str) -> ModelRequest:
    first = before.first
    return ModelRequest(
        model=first.model,
        system=system,
        messages=to_messages(before.turns, call),
        tools=offered(first.tools, before.tools),
        output_schema=first.checks.output_schema if first.checks else None,
        max_output_tokens=first.max_output_tokens,
        temperature=first.temperature,
        timeout_seconds=call.timeout_seconds,
        context=CallContext(
            role=call.role,
            purpose=call.purpose,
            call=call.call,
            run=activity.info().workflow_id or "",
            private_system=any(part.ref is not None and part.ref.kind == "Secret" for part in first.system),
        ),
    )


def _failure(error: ModelError, message: str, *, retryable: bool) -> ApplicationError:
    wait = timedelta(seconds=error.retry_after) if error.retryable and error.retry_after else None
    return ApplicationError(
        message,
        activity.info().attempt,
        type=error.type,
        non_retryable=not retryable,
        next_retry_delay=wait,
    )
