"""Values that a plan names and does not hold."""

from typing import Literal

from ark_temporal.wire import FrozenWire


class KeyRef(FrozenWire):
    """A key of a Secret or ConfigMap, by name. Its value is looked up on the worker only."""

    kind: Literal["Secret", "ConfigMap"] = "Secret"
    name: str
    key: str


class GivenValue(FrozenWire):
    """A value written out in the manifest, or kept in a Secret. Exactly one of the two is set."""

    value: str | None = None
    ref: KeyRef | None = None
