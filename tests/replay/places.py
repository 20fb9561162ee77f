"""What tools are called on while histories are recorded."""

import contextlib
import json
import threading
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_TOOLS = {
    "tools": [
        {
            "name": "search",
            "description": "Find papers.",
            "inputSchema": {"type": "object", "properties": {"for": {"type": "string"}}},
        }
    ]
}
_FOUND = {"content": [{"type": "text", "text": "two papers about rivers"}]}


class _Place(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        """Be an MCP server in the simple dialect, and a bank that says nothing."""
        self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.path == "/lost":
            self.close_connection = True
            return
        data = json.dumps(_TOOLS if self.path == "/tools/list" else _FOUND).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@contextlib.contextmanager
def place() -> Generator[int]:
    """The port of a server on this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Place)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
