"""A language model's server to test against, over a real socket.

It speaks Anthropic Messages (`.../messages`), OpenAI Responses (`.../responses`), OpenAI Chat Completions
(`.../chat/completions`) and Gemini (`...:generateContent`); the path says which. Within a test:

    with StubServer([Rule(reply=Reply(status=500))]) as server:
        ... server.url, server.requests ...

and as a process of its own, which outlives the workers that a durability test kills:

    python -m tests.integration.llm.stub_server --port 0 --script script.json --log requests.jsonl

It prints one line of JSON, `{"port": 12345, "pid": 678}`, once it listens, and ends on SIGTERM or SIGINT. The
log gets one line of JSON for each request, written before the reply: `n` (1 is the first), `time` (seconds
since the epoch), `method`, `path`, `status` (null where no answer is sent) and `body` (parsed).

A script is a JSON list of rules; the first that matches decides, and without one the model echoes:

    [{"match": {"substring": "weather", "nth": 1}, "reply": {"status": 429, "headers": {"retry-after": "2"}}},
     {"match": {"substring": "weather"}, "reply": {"text": "Sunny."}}]

match.substring   text that the request's body holds (as sent: JSON, with its escapes)
match.nth         only the nth request, from 1, of all that hold the substring, whichever rule answers them

reply.text        what the model says; by default `echo: ` and the first 60 characters of the last user text
reply.tool_calls  [{"name": ..., "arguments": {...}, "id": ...}], the id being optional
reply.reasoning   adds a thinking block, a reasoning item or a thought signature, as the format has it
reply.usage       tokens: input (cached and written ones included), cached, written, output, reasoning
reply.body        the whole body as JSON, in place of all of the above
reply.status      HTTP status; from 300 on, an error in the format's own words, whose message is `text`
reply.headers     added to the answer; `content-encoding: gzip` compresses it, too
reply.delay       seconds before the answer
reply.behaviour   garbage: 200 with a body that is no JSON; cut: the connection ends in the middle of the
                  body; hang: no answer until the client gives up or the server ends; huge: a valid reply
                  whose text is `size` bytes long; empty: a reply without choices; refusal: the model
                  declines with `text`; latin: the body is not in UTF-8 but in Latin-1; context_length: the
                  error of a prompt that is too long
reply.size        bytes, for `huge`; 33 MiB by default
"""

import argparse
import gzip
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter

from tests.integration.llm.wire_formats import (
    Format,
    Said,
    ScriptedCall,
    context_length_body,
    empty_body,
    error_body,
    format_of,
    refusal_body,
    reply_body,
)
from tests.integration.llm.wire_rules import BrokenRuleError, Turn, check, given_turn

Behaviour = Literal["garbage", "cut", "hang", "huge", "empty", "refusal", "latin", "context_length"]
_ECHOED = 60


class Match(BaseModel):
    """Which requests a rule is for."""

    model_config = ConfigDict(extra="forbid")

    substring: str = ""
    nth: int | None = None


class Reply(BaseModel):
    """What is answered."""

    model_config = ConfigDict(extra="forbid")

    text: str | None = None
    tool_calls: list[ScriptedCall] = Field(default_factory=list[ScriptedCall])
    reasoning: str = ""
    usage: dict[str, int] = Field(default_factory=lambda: {"input": 12, "output": 5})
    body: JsonValue = None
    status: int = 200
    headers: dict[str, str] = Field(default_factory=dict[str, str])
    delay: float = 0.0
    behaviour: Behaviour | None = None
    size: int = 33 * 1024 * 1024


class Rule(BaseModel):
    """One line of a script."""

    model_config = ConfigDict(extra="forbid")

    match: Match = Match()
    reply: Reply = Reply()


@dataclass(frozen=True)
class Recorded:
    """A request as it came in; header names are lower case."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    client: tuple[str, int]


@dataclass
class StubServer:
    """The server, in threads of this process.

    A strict one refuses, as the provider would, a conversation whose turns do not fit together.
    """

    rules: Sequence[Rule] = ()
    log: Path | None = None
    port: int = 0
    strict: bool = False
    given: list[Turn] = field(default_factory=list[Turn])
    requests: list[Recorded] = field(default_factory=list[Recorded])
    connections: int = 0
    _matched: dict[int, int] = field(default_factory=dict[int, int])
    _arrived: threading.Condition = field(default_factory=threading.Condition)
    _ending: threading.Event = field(default_factory=threading.Event)
    _server: "_Server | None" = None

    def __enter__(self) -> Self:
        server = self._server = _Server(("127.0.0.1", self.port), _Handler)
        server.stub = self
        self.port = server.server_port
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        if self._server:
            self._server.shutdown()
            self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def take(self, recorded: Recorded, method: str, raw: str) -> tuple[int, Reply]:
        """Record a request; its number and the reply it gets."""
        with self._arrived:
            self.requests.append(recorded)
            self._arrived.notify_all()
            number = len(self.requests)
            reply = self._reply(raw)
            if self.log:
                self._write(self.log, number, recorded, method, reply)
            return number, reply

    def await_requests(self, count: int, seconds: float = 30.0) -> None:
        """Block until that many requests have come in."""
        with self._arrived:
            if not self._arrived.wait_for(lambda: len(self.requests) >= count, seconds):
                raise TimeoutError(f"{len(self.requests)} of {count} requests came in.")

    def await_no_connections(self, seconds: float = 30.0) -> None:
        """Block until every client has gone."""
        with self._arrived:
            if not self._arrived.wait_for(lambda: self.connections == 0, seconds):
                raise TimeoutError(f"{self.connections} connections are still open.")

    def count_connections(self, change: int) -> None:
        """Note that a client came or went."""
        with self._arrived:
            self.connections += change
            self._arrived.notify_all()

    def wait(self, seconds: float) -> None:
        """Wait, but no longer than the server lives."""
        self._ending.wait(seconds)

    def _reply(self, raw: str) -> Reply:
        holding = [(index, rule) for index, rule in enumerate(self.rules) if rule.match.substring in raw]
        for index, _ in holding:
            self._matched[index] = self._matched.get(index, 0) + 1
        replies = (rule.reply for index, rule in holding if rule.match.nth in (None, self._matched[index]))
        return next(replies, Reply())

    def _write(self, log: Path, number: int, recorded: Recorded, method: str, reply: Reply) -> None:
        status = {"hang": None, "context_length": 400}.get(reply.behaviour or "", reply.status)
        entry = {"n": number, "time": time.time(), "method": method, "path": recorded.path}
        line = json.dumps({**entry, "status": status, "body": recorded.body})
        with log.open("a", encoding="utf-8") as file:
            file.write(line + "\n")


class _Server(ThreadingHTTPServer):
    stub: StubServer
    daemon_threads = True
    request_queue_size = 128


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride]

    def setup(self) -> None:
        super().setup()
        self.server.stub.count_connections(+1)

    def finish(self) -> None:
        super().finish()
        self.server.stub.count_connections(-1)

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length", "0"))).decode()
        headers = {name.lower(): value for name, value in self.headers.items()}
        recorded = Recorded(self.path, headers, json.loads(raw), self.client_address)
        number, reply = self.server.stub.take(recorded, "POST", raw)
        self.server.stub.wait(reply.delay)
        format = format_of(self.path)
        if format is None:
            self._send(404, b"no such path", {})
        elif reply.behaviour == "hang":
            self.server.stub.wait(3600)
            self.close_connection = True
        elif breach := self._breach(format, recorded):
            self._send(400, json.dumps(error_body(format, 400, breach)).encode(), {})
        else:
            self._answer(format, reply, _said(recorded, reply, number))

    def _breach(self, format: Format, recorded: Recorded) -> str:
        if not self.server.stub.strict:
            return ""
        try:
            check(format, recorded.body, _model(recorded), self.server.stub.given)
        except BrokenRuleError as broken:
            return str(broken)
        return ""

    def _answer(self, format: Format, reply: Reply, said: Said) -> None:
        match reply.behaviour:
            case "garbage":
                self._send(200, b"<html>the proxy is having a bad day</html>", reply.headers)
            case "cut":
                whole = json.dumps(reply_body(format, said)).encode()
                self._send(200, whole[: len(whole) // 2], reply.headers, announced=len(whole))
                self.close_connection = True
            case "context_length":
                self._send(400, json.dumps(context_length_body(format)).encode(), reply.headers)
            case "empty":
                self._send(200, json.dumps(empty_body(format, said)).encode(), reply.headers)
            case "latin":
                text = json.dumps(reply_body(format, said), ensure_ascii=False)
                self._send(200, text.encode("latin-1"), reply.headers)
            case "refusal":
                self._send(200, json.dumps(refusal_body(format, said)).encode(), reply.headers)
            case _:
                body = _body(format, reply, said)
                if reply.status < 300 and reply.body is None:
                    self.server.stub.given.append(given_turn(format, body))
                self._send(reply.status, json.dumps(body).encode(), reply.headers)

    def _send(self, status: int, body: bytes, headers: dict[str, str], announced: int | None = None) -> None:
        if headers.get("content-encoding") == "gzip":
            body = gzip.compress(body, 1)
        try:
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(announced or len(body)))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            # The client left, for example because the reply is larger than it reads.
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the log file is the log."""


def _body(format: Format, reply: Reply, said: Said) -> JsonValue:
    if reply.body is not None:
        return reply.body
    if reply.status >= 300:
        return error_body(format, reply.status, reply.text or f"The stub answers {reply.status}.")
    return reply_body(format, said)


def _said(recorded: Recorded, reply: Reply, number: int) -> Said:
    text = reply.text
    if reply.behaviour == "huge":
        text = "x" * reply.size
    elif text is None:
        text = "" if reply.tool_calls else f"echo: {_last_user_text(recorded.body)[:_ECHOED]}"
    return Said(
        model=_model(recorded),
        text=text,
        calls=reply.tool_calls,
        reasoning=reply.reasoning,
        number=number,
        usage=reply.usage,
    )


def _model(recorded: Recorded) -> str:
    named = recorded.body.get("model")
    return named if isinstance(named, str) else recorded.path.rpartition("/")[2].partition(":")[0]


def _last_user_text(body: dict[str, Any]) -> str:
    turns: list[dict[str, Any]] = body.get("messages") or body.get("input") or body.get("contents") or []
    for turn in reversed(turns):
        content = turn.get("content") if "content" in turn else turn.get("parts")
        if turn.get("role") == "user" and content:
            parts: list[dict[str, Any]] = [{"text": content}] if isinstance(content, str) else content
            texts = [str(part["text"]) for part in parts if "text" in part]
            if texts:
                return "".join(texts)
    return ""


def read_script(path: Path) -> list[Rule]:
    """The rules of a script file."""
    return TypeAdapter(list[Rule]).validate_json(path.read_bytes())


def main() -> None:
    """Serve until told to end."""
    parser = argparse.ArgumentParser(description="A language model's server to test against.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--script", type=Path)
    parser.add_argument("--log", type=Path)
    options = parser.parse_args()
    rules = read_script(options.script) if options.script else []
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, frame: ended.set())
    with StubServer(rules, options.log, options.port) as server:
        print(json.dumps({"port": server.port, "pid": os.getpid()}), flush=True)
        ended.wait()
    sys.exit(0)


if __name__ == "__main__":
    main()
