"""Where this user's data of ours lives."""

import os
from pathlib import Path


def data_directory() -> Path:
    """`ARK_HOME`, else the XDG data directory; not created here."""
    home = os.environ.get("ARK_HOME")
    if home:
        return Path(home).expanduser().absolute()
    base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(base).expanduser() / "ark-temporal"
