"""The OpenAPI document of the API: what every route takes and answers."""

import re
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.alias_generators import to_camel
from pydantic.json_schema import models_json_schema
from starlette.requests import Request
from starlette.responses import JSONResponse

from worker.gateway.api.front import API
from worker.gateway.api.problems import Problem

VERSION = "1"

_REF = "#/components/schemas/{model}"
_DESCRIPTION = """\
All that the command `ark-temporal` does. Every request carries `Authorization: Bearer` with a token;
its roles in a namespace of the manifests say what it may do: `viewer`, `submitter`, `approver`, `admin`.
Each operation names the role that it needs as `x-ark-role`; to who has none, what is there is not there.

Errors are problem details (RFC 9457). Lists are read page by page with `nextCursor`. Fields that say nothing
are left out.
"""


def install(app: FastAPI) -> None:
    """Have an application tell its OpenAPI document, of the API alone."""

    async def told(_: Request) -> JSONResponse:
        return JSONResponse(app.openapi(), headers={"Cache-Control": "public, max-age=300"})

    app.openapi = lambda: document(app)  # pyright: ignore[reportAttributeAccessIssue]
    app.add_route(f"{API}/openapi.json", told, include_in_schema=False)


def _described(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """A model's schema in which each property has what the model's docstring says about it."""
    text, _, attributes = schema.get("description", "").partition("\n\nAttributes:\n")
    schema = {**schema, "title": name, "description": " ".join(text.split())}
    for told in re.findall(r"^ {4}(\w+): ((?:.|\n {8})+)", attributes, re.MULTILINE):
        if (field := schema.get("properties", {}).get(to_camel(told[0]))) is not None:
            field.setdefault("description", " ".join(told[1].split()))
    return schema


def document(app: FastAPI) -> dict[str, Any]:
    """The document; made once."""
    if app.openapi_schema is None:
        schema = get_openapi(
            title="ark-temporal",
            version=VERSION,
            summary="Runs, approvals, manifests and events.",
            description=_DESCRIPTION,
            routes=app.routes,
            separate_input_output_schemas=False,
            tags=[
                {"name": "runs", "description": "Start, follow and end runs."},
                {"name": "approvals", "description": "What runs wait for people to decide."},
                {"name": "resources", "description": "Applied manifests."},
                {"name": "events", "description": "Events that start runs."},
                {"name": "services", "description": "Agents that take tasks."},
                {"name": "usage", "description": "Tokens and cost."},
            ],
        )
        _, models = models_json_schema(
            [(Problem, "serialization")], ref_template="#/components/schemas/{model}"
        )
        schema["components"]["schemas"].update(models["$defs"])
        schema["components"]["schemas"] = {
            name: _described(name, each) for name, each in schema["components"]["schemas"].items()
        }
        schema["paths"] = {path: told for path, told in schema["paths"].items() if path.startswith(f"{API}/")}
        schema["security"] = [{"bearer": []}]
        app.openapi_schema = schema
    return app.openapi_schema
