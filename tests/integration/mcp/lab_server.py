"""An MCP server to test against, as a process of its own, which can be killed.

    python -m tests.integration.mcp.lab_server MODE [--port N] [--path /mcp]

Modes: `stdio`; `http` (streamable HTTP, today's protocol without sessions); `legacy` (the same before there
was a protocol without them); `sse`; `simple` (two POSTs of plain JSON). All but `stdio` print one line of
JSON, `{"port": 12345}`, once they listen. With `--guarded` a bearer token of `/token` is asked for, good for
`--good-for` requests. `--tools` adds so many further ones, and
`--endless` pages without an end.
"""

import argparse
import asyncio
import base64
import json
import os
from typing import Any
from urllib.parse import quote_plus

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from tests.integration.mcp import lab_counts
from tests.integration.mcp.lab_counts import note

CLIENT_ID, CLIENT_SECRET = "lab-client", "lab secret+with/odd=characters"
tokens: dict[str, int] = {}
fetched = 0


class Counted(H11Protocol):
    """Counts connections."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        lab_counts.opened()
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        lab_counts.closed()
        super().connection_lost(exc)


async def token(request: Request) -> Response:
    """OAuth 2.0 client credentials."""
    global fetched
    fetched += 1
    names = f"{quote_plus(CLIENT_ID)}:{quote_plus(CLIENT_SECRET)}"
    if request.headers.get("authorization") != f"Basic {base64.b64encode(names.encode()).decode()}":
        said = {"error": "invalid_client", "error_description": f"you sent {request.headers}"}
        return JSONResponse(said, 401)
    form = await request.form()
    value = f"lab-token-{fetched}-{form.get('scope', 'all')}".replace(" ", ".")
    tokens[value] = request.app.state.good_for
    return JSONResponse({"access_token": value, "token_type": "Bearer", "expires_in": 3600})


async def count(request: Request) -> Response:
    """How often a token was fetched."""
    return JSONResponse({"fetched": fetched})


def guarded(app: ASGIApp) -> ASGIApp:
    """Let in who has a token, each a number of times."""

    async def guard(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in ("/token", "/count"):
            await app(scope, receive, send)
            return
        given = Request(scope).headers.get("authorization", "").removeprefix("Bearer ")
        if tokens.get(given, 0) <= 0:
            await PlainTextResponse(f"no entry for {given}", 401)(scope, receive, send)
            return
        tokens[given] -= 1
        await app(scope, receive, send)

    return guard


def old(app: ASGIApp) -> ASGIApp:
    """Know nothing of the protocol without sessions."""

    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        version = Request(scope).headers.get("mcp-protocol-version", "") if scope["type"] == "http" else ""
        if version >= "2026":
            await PlainTextResponse("Bad Request: Unsupported protocol version", 400)(scope, receive, send)
        else:
            await app(scope, receive, send)

    return refuse


TOOLS: list[dict[str, Any]] = [
    {"name": "echo", "description": "Say it again.", "inputSchema": {"type": "object", "properties": {}}},
    {"name": "slow", "annotations": {"readOnlyHint": True}},
    {"name": "seen"},
]


async def simple_list(request: Request) -> Response:
    """The tools, in the simple dialect."""
    assert not await request.body(), "The list is asked for without a body."
    return JSONResponse({"tools": TOOLS})


async def simple_call(request: Request) -> Response:
    """A call, in the simple dialect."""
    call: dict[str, Any] = await request.json()
    arguments: dict[str, Any] = call["arguments"]
    match call["name"]:
        case "echo":
            return JSONResponse({"content": [{"type": "text", "text": arguments["text"]}]})
        case "slow":
            note(f"slow {arguments['seconds']}")
            await asyncio.sleep(float(arguments["seconds"]))
            return JSONResponse({"content": [{"type": "text", "text": "done"}]})
        case "seen":
            return JSONResponse({"content": json.dumps({"headers": dict(request.headers), "key": ""})})
        case "big":
            return JSONResponse({"content": [{"type": "text", "text": "x" * int(arguments["size"])}]})
        case "fail":
            return JSONResponse({"error": "fail"}, 500)
        case "status":
            return PlainTextResponse(str(arguments["text"]), int(arguments["status"]))
        case "connections":
            return JSONResponse({"content": str(lab_counts.peak())})
        case unknown:
            return JSONResponse({"error": f"There is no tool {unknown}."}, 404)


def application(mode: str, path: str) -> Starlette:
    """The server of a mode."""
    if mode == "simple":
        app = Starlette()
        app.router.routes.append(Route(f"{path}/tools/list", simple_list, methods=["POST"]))
        app.router.routes.append(Route(f"{path}/tools/call", simple_call, methods=["POST"]))
    else:
        from tests.integration.mcp.lab_tools import lab

        if mode == "sse":
            app = lab.sse_app(sse_path=path)
        else:
            app = lab.streamable_http_app(streamable_http_path=path)
    app.router.routes.append(Route("/token", token, methods=["POST"]))
    app.router.routes.append(Route("/count", count))
    return app


class Announced(uvicorn.Server):
    """Says on which port it listens."""

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        port = self.servers[0].sockets[0].getsockname()[1]
        print(json.dumps({"port": port}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("mode")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--path", default="")
    parser.add_argument("--guarded", action="store_true")
    parser.add_argument("--good-for", type=int, default=1000)
    parser.add_argument("--tools", type=int, default=0)
    parser.add_argument("--endless", action="store_true")
    options = parser.parse_args()
    note(f"start {os.getpid()}")
    if options.tools:
        from tests.integration.mcp.lab_tools import add_tools

        add_tools(options.tools)
    if options.mode == "stdio":
        from tests.integration.mcp.lab_tools import lab

        lab.endless = options.endless
        print("Welcome to the lab.", flush=True)  # Which is no message.
        lab.run("stdio")
        return
    app = application(options.mode, options.path)
    app.state.good_for = options.good_for
    wrapped: ASGIApp = app
    if options.guarded:
        wrapped = guarded(wrapped)
    if options.mode == "legacy":
        wrapped = old(wrapped)
    config = uvicorn.Config(
        wrapped, port=options.port, http=Counted, log_level="error", timeout_keep_alive=60
    )
    Announced(config).run()


if __name__ == "__main__":
    main()
