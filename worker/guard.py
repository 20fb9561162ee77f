"""Runs a command for as long as its parent lives.

The parent holds the other end of our standard input. When that closes, because the parent closed it, ended
or was killed, the command is asked to stop, and after a grace period made to. So a killed `ark-temporal`
leaves no Temporal server behind. Standard library only, and started without site packages, since it stands
between a user and their first result.
"""

import os
import signal
import subprocess
import sys
import threading

GRACE_SECONDS = 10.0


def main(command: list[str]) -> int:
    """Run the command; return its exit code."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)  # noqa: S603

    def stop(_signal: int, _frame: object) -> None:
        child.terminate()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_stop_with_parent, args=(child,), daemon=True).start()
    return child.wait()


def _stop_with_parent(child: "subprocess.Popen[bytes]") -> None:
    while os.read(0, 1024):
        pass
    child.terminate()
    try:
        child.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
