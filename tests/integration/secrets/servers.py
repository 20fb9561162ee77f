"""Servers that give secrets, on real sockets: one that speaks Vault's API, one that gives OAuth2 tokens.

There is no Vault or OpenBao in the package registries that tests may use, so this one says what their API
documentation says: paths, statuses, bodies, `errors`, sealed and with namespaces.
"""

import base64
import contextlib
import json
import ssl
import threading
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote, unquote_plus, urlsplit

from pydantic import JsonValue

from tests.integration.processes import free_port

Reply = tuple[int, dict[str, Any]]


@dataclass
class Asked:
    """A request as it came in; header names are lower case."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.body) if self.body else {}

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode()))


@dataclass
class SecretServer:
    """The part that both have in common.

    Attributes:
        asked: What came in.
        delay: Seconds before each answer.
        raw: Sent in place of every answer.
    """

    port: int = field(default_factory=free_port)
    asked: list[Asked] = field(default_factory=list[Asked])
    delay: float = 0.0
    raw: bytes | None = None
    scheme: str = "http"
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def paths(self) -> list[str]:
        """What was asked, in order."""
        return [f"{each.method} {each.path}" for each in self.asked]

    def reply(self, asked: Asked) -> Reply:
        """What is answered."""
        raise NotImplementedError

    @contextlib.contextmanager
    def listening(self, tls: ssl.SSLContext | None = None) -> Generator["SecretServer"]:
        """Serve while the block runs, always on the same port."""
        server = _Server(("127.0.0.1", self.port), _Handler)
        server.gives = self
        if tls is not None:
            self.scheme = "https"
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


class _Server(ThreadingHTTPServer):
    gives: SecretServer
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that leaves is no matter."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.command, unquote(parts.path), parse_qs(parts.query), headers, body)
        gives = self.server.gives
        time.sleep(gives.delay)
        with gives.lock:
            gives.asked.append(asked)
            status, answer = gives.reply(asked)
        content = gives.raw if gives.raw is not None else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self) -> None:
        self.do_POST()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@dataclass
class StubVault(SecretServer):
    """A Vault: key-value stores of both versions, tokens, AppRole and Kubernetes logins.

    Attributes:
        versions: The versions of each secret of the store of version 2 at `secret`; None is a deleted one.
        old: The secrets of the store of version 1 at `kv`.
        tokens: Those that are good, with the seconds until they end; 0 is never.
        namespace: The only one in which anything is.
        sealed: Whether it answers nothing.
    """

    versions: dict[str, list[dict[str, JsonValue] | None]] = field(
        default_factory=dict[str, list[dict[str, JsonValue] | None]]
    )
    old: dict[str, dict[str, JsonValue]] = field(default_factory=dict[str, dict[str, JsonValue]])
    tokens: dict[str, int] = field(default_factory=dict[str, int])
    namespace: str = ""
    sealed: bool = False
    role: tuple[str, str] = ("role-id-1", "secret-id-planted-1")
    service_account: tuple[str, str] = ("ark", "jwt-planted-of-the-pod")
    lease: int = 3600
    logins: int = 0

    def write(self, path: str, **values: JsonValue) -> None:
        """Write another version of a secret."""
        self.versions.setdefault(path, []).append(values)

    def reply(self, asked: Asked) -> Reply:
        if self.sealed:
            return 503, {"errors": ["Vault is sealed"]}
        if asked.headers.get("x-vault-namespace", "") != self.namespace:
            return 404, {"errors": ["no handler for route"]}
        path = asked.path.removeprefix("/v1/")
        if asked.method == "POST" and path == "auth/approle/login":
            fits = (asked.json.get("role_id"), asked.json.get("secret_id")) == self.role
            said = f"invalid role or secret ID {asked.json.get('secret_id')}"
            return self._login() if fits else (400, {"errors": [said]})
        if asked.method == "POST" and path == "auth/kubernetes/login":
            fits = (asked.json.get("role"), asked.json.get("jwt")) == self.service_account
            return self._login() if fits else (403, {"errors": ["permission denied"]})
        token = asked.headers.get("x-vault-token", "")
        if token not in self.tokens:
            return 403, {"errors": ["permission denied"]}
        if asked.method == "POST" and path == "auth/token/renew-self":
            if not self.tokens[token]:
                return 400, {"errors": ["lease is not renewable"]}
            return 200, {"auth": {"client_token": token, "lease_duration": self.tokens[token]}}
        return self._read(path, asked.query)

    def _login(self) -> Reply:
        self.logins += 1
        token = f"hvs.planted-login-{self.logins}"
        self.tokens[token] = self.lease
        return 200, {"auth": {"client_token": token, "lease_duration": self.lease, "renewable": True}}

    def _read(self, path: str, query: Mapping[str, list[str]]) -> Reply:
        mount, _, inside = path.partition("/")
        if mount == "kv":
            data = self.old.get(inside)
            return (200, {"data": data}) if data is not None else (404, {"errors": []})
        if mount != "secret" or not inside.startswith("data/"):
            return 404, {"errors": [f'no handler for route "{path}". route entry not found.']}
        versions = self.versions.get(inside.removeprefix("data/"), [])
        number = int(query.get("version", [str(len(versions))])[0])
        if not 0 < number <= len(versions):
            return 404, {"errors": []}
        values = versions[number - 1]
        told = {"data": values, "metadata": {"version": number, "destroyed": False}}
        return (404 if values is None else 200), {"data": told}


@dataclass
class TokenServer(SecretServer):
    """An OAuth2 server that gives tokens for client credentials.

    Attributes:
        clients: Secrets by client.
        lives: Seconds that a token lives; None says nothing about it.
        wrong: Answered in place of a token.
    """

    clients: dict[str, str] = field(default_factory=dict[str, str])
    lives: JsonValue = 3600
    wrong: Reply | None = None
    given: int = 0

    def reply(self, asked: Asked) -> Reply:
        if self.wrong is not None:
            return self.wrong
        if asked.form.get("grant_type") != "client_credentials":
            return 400, {"error": "unsupported_grant_type"}
        client, secret = asked.form.get("client_id", ""), asked.form.get("client_secret", "")
        head = asked.headers.get("authorization", "")
        if head.startswith("Basic "):
            pair = base64.b64decode(head.removeprefix("Basic ")).decode()
            client, secret = (unquote_plus(each) for each in pair.split(":", 1))
        if self.clients.get(client) != secret:
            return 401, {"error": "invalid_client", "error_description": f"bad secret {secret}"}
        self.given += 1
        told: dict[str, Any] = {"access_token": f"token-planted-{self.given}", "token_type": "Bearer"}
        return 200, told if self.lives is None else {**told, "expires_in": self.lives}
