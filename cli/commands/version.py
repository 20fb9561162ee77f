"""`ark-temporal version`: what is installed."""

import platform

from cli import options
from cli.output import parse_format, write_json, write_text


def version(output: options.PlainOutput = "text") -> None:
    """Print what is installed, with versions."""
    form = parse_format(output)

    from importlib.metadata import version as installed

    from cli.server_binary import server_version

    versions = {
        "ark-temporal": installed("ark-temporal"),
        "python": platform.python_version(),
        "temporalio": installed("temporalio"),
        "temporal": server_version() or "not found",
    }
    if form == "json":
        write_json(versions)
    else:
        write_text("\n".join(f"{name:<14}{found}" for name, found in versions.items()))
