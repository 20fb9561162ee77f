"""Whether the gateway lives, and whether it can do anything."""

import asyncio

from fastapi import APIRouter
from pydantic import BaseModel
from temporalio.service import RPCError

from worker.gateway.api.callers import Services
from worker.gateway.api.problems import ApiError

router = APIRouter(include_in_schema=False)

_SECONDS = 3.0


class Health(BaseModel):
    """That it is well."""

    status: str = "ok"


@router.get("/healthz")
async def healthz() -> Health:
    """Whether the process answers."""
    return Health()


@router.get("/readyz")
async def readyz(services: Services) -> Health:
    """Whether Temporal answers, too."""
    try:
        async with asyncio.timeout(_SECONDS):
            well = await services.connection.client.service_client.check_health()
    except (RPCError, TimeoutError):
        well = False
    if not well:
        raise ApiError(503, "unavailable", "Temporal does not answer.")
    return Health()
