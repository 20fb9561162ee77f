"""The API for all that the command does, under `/api/v1`."""

from fastapi import APIRouter

from worker.gateway.api import approvals, events, resources, run_control, run_events, runs, tasks, usage
from worker.gateway.api.front import API

__all__ = ["router"]


def router() -> APIRouter:
    """All routes of the API."""
    api = APIRouter(
        prefix=API,
        generate_unique_id_function=lambda route: route.name,
    )
    for part in (runs, run_events, run_control, approvals, resources, events, tasks, usage):
        api.include_router(part.router)
    return api
