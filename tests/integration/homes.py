"""A home for our data, in an environment that leads nowhere else."""

import os
from pathlib import Path

import pytest

from tests.e2e.command import environment


def live_in(home: Path, patch: pytest.MonkeyPatch) -> None:
    """Have this process's data there, and nothing else of ours or of Temporal in its environment."""
    for name in os.environ.keys() - environment(home).keys():
        patch.delenv(name)
    patch.setenv("ARK_HOME", str(home))
