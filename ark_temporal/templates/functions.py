"""All functions that templates may call."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from ark_temporal.templates.arithmetic import ARITHMETIC_FUNCTIONS
from ark_temporal.templates.core_functions import CORE_FUNCTIONS
from ark_temporal.templates.data_functions import DATA_FUNCTIONS
from ark_temporal.templates.signatures import Function
from ark_temporal.templates.text_functions import TEXT_FUNCTIONS

FUNCTIONS: Final = MappingProxyType[str, Function](
    {**CORE_FUNCTIONS, **ARITHMETIC_FUNCTIONS, **TEXT_FUNCTIONS, **DATA_FUNCTIONS}
)
"""Functions that evaluate all their arguments, by name."""

SHORT_CIRCUITS: Final = ("and", "or")
"""Functions that stop at the argument that decides."""

_NAMES: Final = frozenset((*FUNCTIONS, *SHORT_CIRCUITS))


def nearest_function(name: str) -> str | None:
    """The function of this name, or the one whose name is most like it, if any is."""
    if name in _NAMES:
        return name
    from difflib import get_close_matches  # only needed on the way to an error

    folded = {known.lower(): known for known in sorted(_NAMES)}
    close = get_close_matches(name[:64].lower(), folded, n=1)
    return folded[close[0]] if close else None
