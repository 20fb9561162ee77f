"""The Python tool of this example. A worker has it with `--tools examples/tool-agent/delivery.py`."""

from typing import Literal

from ark_temporal.tools.python import tool

_DAYS = {"Portugal": 3, "Switzerland": 1, "elsewhere": 6}


@tool(effect="read")
def delivery_days(country: Literal["Portugal", "Switzerland", "elsewhere"]) -> int:
    """How many working days a parcel takes.

    Args:
        country: Where it goes.
    """
    return _DAYS[country]
