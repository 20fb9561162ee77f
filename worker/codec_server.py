"""The codec server: what Temporal's Web UI and command ask to read encrypted and stored payloads.

It speaks Temporal's protocol for remote codecs: `POST /encode`, `/decode` and `/download`, at the end of any
path, with the JSON form of `Payloads` both ways. It needs no Temporal, only the storage and the keys.
"""

import asyncio
import contextlib
import hmac
import logging
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from google.protobuf.json_format import MessageToJson, Parse, ParseError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.common import RawValue
from temporalio.converter import DataConverter

from ark_temporal.storage.encryption import EncryptionError
from ark_temporal.storage.errors import PayloadMissingError, StorageUnavailableError
from worker.serving import CannotListenError, serving

HOST, PORT = "127.0.0.1", 8081

_LARGEST_REQUEST_BYTES = 16 * 1024 * 1024
_BODY_SECONDS = 30.0
_AT_ONCE = 64
_REFERENCES = frozenset({b"temporal.api.sdk.v1.ExternalStorageReference"})

_log = logging.getLogger("ark-temporal.codec-server")


class CodecServerError(RuntimeError):
    """The codec server does not start."""


@dataclass(frozen=True)
class CodecServerOptions:
    """How a codec server is set up.

    Attributes:
        port: 0 takes any that is free.
        origins: Web UIs that a browser may call from, as `https://host:port`.
        listener: What listens there already; None listens when it begins.
        token: What `Authorization: Bearer` must carry; None asks for nothing.
    """

    host: str = HOST
    port: int = PORT
    origins: Sequence[str] = ()
    token: str | None = field(default=None, repr=False)
    listener: socket.socket | None = field(default=None, repr=False)


@contextlib.asynccontextmanager
async def codec_server(converter: DataConverter, options: CodecServerOptions) -> AsyncGenerator[str]:
    """Serve while the block runs; gives the server's URL.

    Raises:
        CodecServerError: The port is taken, or the host is none of ours.
    """
    app = codec_app(converter, options)
    try:
        async with serving(
            app, options.host, options.port, at_once=_AT_ONCE, listener=options.listener
        ) as url:
            yield url
    except CannotListenError as error:
        raise CodecServerError(f"The codec server does not start. {error}") from None


def codec_app(converter: DataConverter, options: CodecServerOptions) -> Starlette:
    """The server as an ASGI application."""
    origins = [origin.rstrip("/") for origin in options.origins]
    routes = _Routes(converter, frozenset(origins), options.token)
    cors = Middleware(
        CORSMiddleware,
        allow_origins=origins,
        allow_methods=["POST"],
        allow_headers=["*"],
        allow_credentials=True,
        allow_private_network=True,
    )
    return Starlette(
        routes=[Route("/{path:path}", routes.answer, methods=["POST"])],
        middleware=[cors] if origins else [],
    )


class _RefusedError(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class _Routes:
    def __init__(self, converter: DataConverter, origins: frozenset[str], token: str | None) -> None:
        self._converter = converter
        self._origins = origins
        self._token = token

    async def answer(self, request: Request) -> Response:
        """Answer any request; only the end of its path counts."""
        try:
            self._let_in(request)
            work = self._work(request)
            async with asyncio.timeout(_BODY_SECONDS):
                payloads = _parse(await _body(request))
            done = await work(payloads)
        except _RefusedError as error:
            return _error(error.status, str(error))
        except TimeoutError:
            return _error(408, "The request did not come to its end.")
        except PayloadMissingError as error:
            return _error(404, str(error))
        except EncryptionError as error:
            return _error(422, str(error))
        except StorageUnavailableError as error:
            return _error(503, str(error))
        except (RuntimeError, ValueError) as error:
            _log.warning("a request failed: %s: %s", type(error).__name__, error)
            return _error(422, "These payloads cannot be read with the storage and keys of this server.")
        return Response(MessageToJson(Payloads(payloads=done), indent=None), media_type="application/json")

    def _let_in(self, request: Request) -> None:
        """Refuse who has not the token, and pages that are not a Web UI of ours."""
        origin = request.headers.get("origin")
        if origin is not None and origin not in self._origins:
            raise _RefusedError(403, "This server does not know that origin; --cors-origin allows one.")
        if self._token is None:
            return
        told = request.headers.get("authorization", "").encode()
        if not hmac.compare_digest(told, f"Bearer {self._token}".encode()):
            raise _RefusedError(401, "The Authorization header must be Bearer with this server's token.")

    def _work(self, request: Request) -> Callable[[list[Payload]], Awaitable[list[Payload]]]:
        match request.url.path.rpartition("/")[2]:
            case "encode":
                return self._encode
            case "decode" if request.query_params.get("preserveStorageRefs", "").lower() == "true":
                return self._decode_what_is_here
            case "decode":
                return self._decode
            case "download":
                return self._download
            case _:
                raise _RefusedError(404, "There is only /encode, /decode and /download here.")

    async def _encode(self, payloads: list[Payload]) -> list[Payload]:
        return await self._converter.encode([RawValue(payload) for payload in payloads])

    async def _decode(self, payloads: list[Payload]) -> list[Payload]:
        values: list[RawValue] = await self._converter.decode(payloads, [RawValue] * len(payloads))
        return [value.payload for value in values]

    async def _decode_what_is_here(self, payloads: list[Payload]) -> list[Payload]:
        """Decode, and leave references as they are: the Web UI offers them for download."""
        here = [payload for payload in payloads if not _is_reference(payload)]
        decoded = iter(await self._decode(here) if here else [])
        return [payload if _is_reference(payload) else next(decoded) for payload in payloads]

    async def _download(self, payloads: list[Payload]) -> list[Payload]:
        if not all(map(_is_reference, payloads)):
            raise _RefusedError(400, "Only references to stored payloads can be downloaded.")
        return await self._decode(payloads)


def _is_reference(payload: Payload) -> bool:
    return bool(payload.external_payloads) or payload.metadata.get("messageType", b"") in _REFERENCES


async def _body(request: Request) -> bytes:
    """The request's body, as far as it is not too long."""
    told = request.headers.get("content-length", "0")
    body, size = bytearray(), int(told) if told.isdecimal() else 0
    if size <= _LARGEST_REQUEST_BYTES:
        async for chunk in request.stream():
            body += chunk
            size = len(body)
            if size > _LARGEST_REQUEST_BYTES:
                break
    if size > _LARGEST_REQUEST_BYTES:
        raise _RefusedError(413, f"A request may have {_LARGEST_REQUEST_BYTES} bytes.")
    return bytes(body)


def _parse(body: bytes) -> list[Payload]:
    try:
        if body.lstrip().startswith(b"{"):
            return list(Parse(body, Payloads(), ignore_unknown_fields=True).payloads)
    except (ParseError, UnicodeDecodeError):
        pass
    raise _RefusedError(400, 'The body must be JSON: {"payloads": [...]}, bytes in base64.')


def _error(status: int, message: str) -> Response:
    return JSONResponse({"error": message}, status_code=status)
