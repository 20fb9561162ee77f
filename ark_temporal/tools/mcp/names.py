"""What a model calls a server's tool: every provider has to accept it."""

import hashlib
import re
from typing import Final

_ACCEPTED: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_LONGEST: Final = 64
_DIGEST: Final = 8


def tool_name(server: str, remote_name: str) -> str:
    """`server__tool`, or something close to it where providers would refuse that or it would be ambiguous.

    The same names always give the same result, and different ones different results: what is changed ends in
    a digest of the original.
    """
    name = f"{server}__{remote_name}"
    # Only so is the first "__" of a name always the one that was put in.
    unambiguous = "__" not in server and not server.endswith("_")
    if unambiguous and _ACCEPTED.fullmatch(name):
        return name
    digest = hashlib.sha256(f"{server}\0{remote_name}".encode()).hexdigest()[:_DIGEST]
    readable = re.sub(r"[^A-Za-z0-9_-]", "_", name)
    if not re.match(r"[A-Za-z_]", readable):
        readable = f"_{readable}"
    return f"{readable[: _LONGEST - _DIGEST - 1]}_{digest}"
