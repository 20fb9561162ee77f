"""What there is to say about an applied resource, in the words that Kubernetes has for it."""

from collections.abc import Set as AbstractSet
from typing import ClassVar, Literal

from pydantic import Field

from ark_temporal.manifests import Bundle
from ark_temporal.resources.model import ResourceName
from ark_temporal.wire import FrozenWire, Wire


class Condition(FrozenWire):
    """One thing that is so or not.

    Attributes:
        type: What, such as `Ready`.
        reason: Why, in one word.
        message: Why, in a sentence; empty where there is nothing to add.
    """

    type: str
    status: Literal["True", "False", "Unknown"]
    reason: str
    message: str = ""


class ResourceStatus(Wire):
    """How a resource is.

    Attributes:
        observed_generation: The revision that this is about.
    """

    always: ClassVar[frozenset[str]] = frozenset({"conditions"})

    observed_generation: int = 0
    conditions: list[Condition] = Field(default_factory=list[Condition])


def ready(problem: str, reason: str) -> Condition:
    """The condition `Ready` of a resource with a problem."""
    return Condition(type="Ready", status="False", reason=reason, message=problem)


def errors_of(bundle: Bundle, name: ResourceName, *, codes: AbstractSet[str] = frozenset()) -> list[str]:
    """What is wrong with a resource among those that are applied beside it.

    Args:
        bundle: All of its namespace.
        name: The resource.
        codes: Only findings of these kinds; all without.
    """
    return [
        f"{each.path.partition(' ')[2]}: {each.message}".removeprefix(": ")
        for each in bundle.errors
        if each.path.partition(" ")[0] == str(name) and (not codes or each.code in codes)
    ]
