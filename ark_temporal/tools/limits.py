"""How much may go into a tool and come out of it."""

from typing import Final

MAX_ARGUMENT_BYTES: Final = 1024 * 1024
"""The largest arguments of one call, as JSON."""

MAX_ANSWER_BYTES: Final = 16 * 1024 * 1024
"""The largest answer of one call, after decompression."""
