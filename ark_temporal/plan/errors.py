"""The errors of a run that several places can meet, in full sentences."""

from ark_temporal.plan.record import RunError
from ark_temporal.templates import TemplateError


def too_large(what: str, size: int, limit: int) -> RunError:
    """Something does not fit a payload; both numbers are bytes of JSON."""
    message = (
        f"{what} has {size} bytes, more than the {limit} that this run can carry. "
        "Set up payload storage (--storage) on both the worker and the submitter, or make it smaller."
    )
    return RunError(type="PayloadTooLarge", message=message)


def template_failed(step: str, place: str, error: TemplateError) -> RunError:
    """A template of a step does not render; the place is the manifest's name of its field."""
    message = f'The template in `{place}` of step "{step}" does not render: {error}.'
    return RunError(type="TemplateError", message=message, step=step)
