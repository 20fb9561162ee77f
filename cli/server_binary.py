"""What the embedded server's program says about itself."""

import subprocess

_ANSWER_SECONDS = 10.0


def server_version() -> str | None:
    """The version of the Temporal command and of the server in it; None where there is none that runs."""
    from worker.embedded import EmbeddedServerError, server_binary

    try:
        told = subprocess.run(  # noqa: S603 - our own server's program
            [server_binary(), "--version"],
            capture_output=True,
            text=True,
            timeout=_ANSWER_SECONDS,
            check=True,
        )
    except (EmbeddedServerError, OSError, subprocess.SubprocessError):
        return None
    return told.stdout.strip().removeprefix("temporal version ")
