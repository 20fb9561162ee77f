"""Webhooks that fire events: `POST /triggers/{namespace}/{event}/fire`."""

from worker.gateway.triggers.route import router

__all__ = ["router"]
