"""The activity that finds out what an event starts."""

from datetime import UTC, datetime

from temporalio import activity
from temporalio.exceptions import ApplicationError

from ark_temporal.events.model import Prepared, PrepareRequest
from ark_temporal.events.prepare import TargetInputError, prepare
from ark_temporal.plan.compile import CompileError
from ark_temporal.resources.catalog import Catalog
from ark_temporal.runs.connection import Connection
from ark_temporal.runs.names import PREPARE_ACTIVITY


class Firing:
    """The activity `prepare_firing`.

    Args:
        connection: Where runs are started.
        catalog: What is applied there.
    """

    def __init__(self, connection: Connection, catalog: Catalog) -> None:
        self._connection = connection
        self._catalog = catalog

    @activity.defn(name=PREPARE_ACTIVITY)
    async def prepare_firing(self, request: PrepareRequest) -> Prepared:
        """Compile the event's targets as they are in force now.

        Raises:
            ApplicationError: A target cannot be run, which no retry would change.
        """
        applied = await self._catalog.applied(request.namespace)
        name = request.trigger.name
        try:
            prepared = await prepare(self._connection, applied, request, now=datetime.now(UTC))
        except (LookupError, CompileError, TargetInputError) as error:
            raise _failed(name, str(error)) from None
        size, limit = len(prepared.model_dump_json().encode()), self._connection.payload_limit_bytes
        if size > limit:
            why = (
                f"what its targets are given has {size} bytes, and this Temporal carries {limit}. Give them "
                "less, or set up payload storage (--storage)."
            )
            raise _failed(name, why)
        return prepared


def _failed(event: str, why: str) -> ApplicationError:
    return ApplicationError(
        f'The event "{event}" cannot start its targets: {why}', type="EventFailed", non_retryable=True
    )
