"""A node that answers as a test says, over real HTTP: for what a well-behaved one never says."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any


@contextmanager
def serving(respond: Callable[[dict[str, Any]], bytes], status: int = 200) -> Iterator[str]:
    """The address of a server that answers each call with the bytes that ``respond`` gives."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            body = respond(asked)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/key-that-stays-secret"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def answering(results: Mapping[str, Any], refusal: str = "the method does not exist") -> Iterator[str]:
    """A node with a result for each method; a callable gets the parameters. Others are refused with a message."""

    def respond(asked: dict[str, Any]) -> bytes:
        head = {"jsonrpc": "2.0", "id": asked["id"]}
        if asked["method"] not in results:
            return json.dumps({**head, "error": {"code": -32601, "message": refusal}}).encode()
        result = results[asked["method"]]
        return json.dumps({**head, "result": result(*asked["params"]) if callable(result) else result}).encode()

    with serving(respond) as url:
        yield url
