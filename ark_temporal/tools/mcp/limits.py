"""How much is taken from a server."""

from typing import Final

MAX_ANSWER_BYTES: Final = 16 * 1024 * 1024
"""The largest answer that is read from the wire and kept."""

MAX_PAGES: Final = 100
"""The most pages of a tool list."""

MAX_TOOLS: Final = 1000
"""The most tools of one server."""

MAX_TOOL_BYTES: Final = 64 * 1024
"""The largest description and schema of one tool, as JSON."""

MAX_LISTING_BYTES: Final = 2 * 1024 * 1024
"""The largest descriptions and schemas of all tools of one server: they travel in the history of each run."""
