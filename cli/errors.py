"""What goes wrong, in a sentence and an exit code instead of a traceback."""

import sys

from cli.exit_codes import ExitCode


class CommandError(Exception):
    """A command cannot do what it was asked to.

    Attributes:
        message: Full sentences: what, why, and how to mend it; empty where all was said already.
        code: The exit code.
    """

    def __init__(self, message: str, code: ExitCode = ExitCode.USAGE) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


def explain(error: Exception) -> CommandError | None:
    """The error as one of a user or of the world around us; None where it can only be a bug of ours."""
    if isinstance(error, CommandError):
        return error
    return _of_ours(error) or _of_temporal(error)


def _of_ours(error: Exception) -> CommandError | None:
    """Only what a command has imported can have been raised, so nothing is imported to find out."""
    for module, name, code in (
        ("ark_temporal.runs.connection", "ConnectionFailedError", ExitCode.NO_CONNECTION),
        ("worker.embedded", "EmbeddedServerError", ExitCode.NO_CONNECTION),
        ("ark_temporal.runs.find", "RunNotFoundError", ExitCode.USAGE),
        ("ark_temporal.runs.history", "HistoryError", ExitCode.USAGE),
        ("ark_temporal.plan.inputs", "InputError", ExitCode.USAGE),
        ("ark_temporal.plan.compile", "CompileError", ExitCode.USAGE),
        ("ark_temporal.llm.prices", "PriceListError", ExitCode.USAGE),
        ("ark_temporal.runs.decide", "DecisionRefusedError", ExitCode.USAGE),
        ("ark_temporal.resources.store", "ResourceNotFoundError", ExitCode.USAGE),
        ("ark_temporal.resources.store", "ResourceRefusedError", ExitCode.USAGE),
        ("ark_temporal.events.firing", "FiringFailedError", ExitCode.FAILED),
        ("ark_temporal.events.cron", "CronError", ExitCode.USAGE),
        ("ark_temporal.runs.retry", "RetryRefusedError", ExitCode.USAGE),
        ("ark_temporal.runs.seeds", "SeedError", ExitCode.USAGE),
        ("ark_temporal.tools.python", "ToolsError", ExitCode.USAGE),
        ("ark_temporal.storage.errors", "PayloadMissingError", ExitCode.USAGE),
        ("ark_temporal.storage.errors", "StorageUnavailableError", ExitCode.NO_CONNECTION),
        ("ark_temporal.storage.encryption", "EncryptionError", ExitCode.USAGE),
    ):
        known = getattr(sys.modules.get(module), name, None)
        if isinstance(known, type) and isinstance(error, known):
            return CommandError(str(error), code)
    return None


def _of_temporal(error: Exception) -> CommandError | None:
    if "temporalio.service" not in sys.modules:
        return None
    from temporalio.service import RPCError, RPCStatusCode

    if not isinstance(error, RPCError):
        return None
    if error.status in (RPCStatusCode.UNAUTHENTICATED, RPCStatusCode.PERMISSION_DENIED):
        text = f"Temporal does not authorise us: {error.message}. Check --api-key and --namespace."
    else:
        text = f"Temporal does not answer as it should: {error.message}. `ark-temporal doctor` looks closer."
    return CommandError(text, ExitCode.NO_CONNECTION)
