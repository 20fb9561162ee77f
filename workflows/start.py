"""The argument of our workflows, when it comes from who knows where."""

from typing import Self

from pydantic import ModelWrapValidatorHandler, ValidationError, model_validator
from temporalio.exceptions import ApplicationError

from ark_temporal.plan.start import PipelineInput

_MAX_PROBLEMS = 5


class Start(PipelineInput):
    """A `PipelineInput` whose absence ends the workflow.

    An argument that cannot be read fails a workflow's task, and Temporal would try that again for ever.
    """

    @model_validator(mode="wrap")
    @classmethod
    def _or_fail(cls, value: object, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(value)
        except ValidationError as error:
            raise invalid_start(_explain(error)) from None


def invalid_start(why: str) -> ApplicationError:
    """What a workflow fails with that was not started with a plan of ours."""
    return ApplicationError(
        f"The workflow Pipeline was not started with what it takes: {why}. Start runs with "
        "`ark-temporal submit`, or give the workflow one argument as `ark-temporal submit` would.",
        type="InvalidInput",
        non_retryable=True,
    )


def _explain(error: ValidationError) -> str:
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    told = [
        f"{'.'.join(str(part) for part in problem['loc']) or 'the argument'}: {problem['msg']}"
        for problem in problems[:_MAX_PROBLEMS]
    ]
    return "; ".join([*told, *(["and more"] if len(problems) > _MAX_PROBLEMS else [])])
