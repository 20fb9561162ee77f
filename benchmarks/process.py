"""A benchmark's process: what it writes goes with it, and how it ends is for itself to say."""

import os
import sys
import tempfile
from collections.abc import Callable
from typing import NoReturn


def run_and_exit(main: Callable[[], int]) -> NoReturn:
    """Run a benchmark in a home of its own, and end with its exit code.

    Temporal's engine may crash an interpreter that ends in the ordinary way, and workers with open runs
    would be waited for.
    """
    with tempfile.TemporaryDirectory(prefix="ark-bench-", ignore_cleanup_errors=True) as home:
        os.environ["ARK_HOME"] = home
        code = main()
    sys.stdout.flush()
    os._exit(code)
