"""What the libraries under us log, and where it goes."""

import logging
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from cli import debugging

if TYPE_CHECKING:
    from logging import _SysExcInfoType as SysExcInfoType


class _Brief(logging.Formatter):
    """One line for each record: a failure's last words in place of its traceback."""

    def formatException(self, ei: "SysExcInfoType") -> str:  # noqa: N802 - logging's name
        return f"{type(ei[1]).__name__}: {ei[1]}"

    def format(self, record: logging.LogRecord) -> str:
        return " ".join(super().format(record).split())


class _Notices(logging.Handler):
    def __init__(self, notice: Callable[[str], None]) -> None:
        super().__init__(logging.ERROR)
        self._notice = notice

    def emit(self, record: logging.LogRecord) -> None:
        self._notice(self.format(record))


def log_to_stderr() -> logging.Logger:
    """Log to standard error as long-running processes do; the logger for our own lines."""
    handler = logging.StreamHandler(sys.stderr)
    form = "%(asctime)s %(levelname)s %(name)s: %(message)s"
    handler.setFormatter(logging.Formatter(form) if debugging.enabled() else _Brief(form))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    return logging.getLogger("ark-temporal")


def log_to(notice: Callable[[str], None]) -> None:
    """Tell the user about errors only, as notices: retries and failures are in the run's record."""
    if debugging.enabled():
        log_to_stderr()
        return
    handler = _Notices(notice)
    handler.setFormatter(_Brief("%(message)s"))
    logging.basicConfig(level=logging.ERROR, handlers=[handler], force=True)


def quiet_engine() -> None:
    """Keep the engine under the SDK from writing to the terminal by itself. Before any client is made."""
    from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter

    level = "INFO" if debugging.enabled() else "ERROR"
    told = LoggingConfig(filter=TelemetryFilter(core_level=level, other_level="ERROR"))
    Runtime.set_default(Runtime(telemetry=TelemetryConfig(logging=told)), error_if_already_set=False)
