"""What passes between a run and the world: the model call it asks for, and how it came out."""

from pydantic import JsonValue

from ark_temporal.llm.types import Provider, StopReason, Usage
from ark_temporal.plan.model import EnvSource, PromptPart
from ark_temporal.plan.record import Purpose
from ark_temporal.wire import FrozenWire


class Exchange(FrozenWire):
    """An earlier answer and what was said to it, when a model is asked again."""

    answer: str
    feedback: str


class OutputChecks(FrozenWire):
    """What the worker checks about an answer before it is accepted."""

    output_schema: JsonValue = None
    json_schema: JsonValue = None
    contains: str | None = None
    reject_patterns: tuple[str, ...] = ()


class ModelCall(FrozenWire):
    """One model call: the input of the activity `call_model`. Holds names of secrets, never their values.

    Attributes:
        id: Unique in the run, stable over attempts and replays; also the activity's id.
        call: How many calls of this purpose the role made before in this run.
        prompt: What the model is asked.
        exchanges: Earlier answers to this prompt that were not accepted.
    """

    id: str
    step: str
    role: str
    namespace: str = "default"
    purpose: Purpose = "task"
    iteration: int = 1
    call: int = 0
    provider: Provider | None = None
    model: str
    system: tuple[PromptPart, ...] = ()
    env_from: tuple[EnvSource, ...] = ()
    prompt: str
    exchanges: tuple[Exchange, ...] = ()
    max_output_tokens: int = 8000
    temperature: float | None = None
    timeout_seconds: int = 120
    checks: OutputChecks | None = None


class ModelOutcome(FrozenWire):
    """How a model call came out: the result of the activity `call_model`.

    Attributes:
        problems: Why the answer is not acceptable; empty when it is.
        schema_problem: Whether one of them is about `outputSchema`, which is always worth asking again for.
        cost_usd: None where the price is not known.
        prices_as_of: Date of the price table; empty without a price.
        attempt: Which attempt of the activity answered.
    """

    text: str = ""
    stop_reason: StopReason = "end"
    model: str
    provider: Provider
    request_id: str = ""
    usage: Usage = Usage()
    cost_usd: float | None = None
    prices_as_of: str = ""
    problems: tuple[str, ...] = ()
    schema_problem: bool = False
    warnings: tuple[str, ...] = ()
    attempt: int = 1


class CallFailure(FrozenWire):
    """A call that gave no answer after all its attempts."""

    type: str
    message: str
    attempt: int = 0
