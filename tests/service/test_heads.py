"""Requests whose heads do not end, and several in one piece."""

from __future__ import annotations

import re
import socket
from contextlib import closing

import pytest
from served import Served
from test_flood import connect

from zkmargin.verifier.service.server import MAX_HEAD

pytestmark = pytest.mark.prove

LINE = b"X-Filler: " + b"x" * 1000 + b"\r\n"
GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"
CHUNKED = b"POST /v1/releases HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"


def statuses(connection: socket.socket) -> list[int]:
    """Of all answers until the server closes."""
    raw = b""
    while part := connection.recv(1 << 16):
        raw += part
    return [int(found) for found in re.findall(rb"HTTP/1\.1 ([0-9]{3}) ", raw)]


@pytest.mark.parametrize(
    ("begin", "piece"),
    [
        (GET, LINE),
        (GET, b"x" * 1000),  # the name of one header
        (GET + b"X-Filler: ", b"x" * 1000),  # its value
        (b"GET /", b"x" * 1000),
        (b"", b"\r\n" * 500),  # before a request
        (CHUNKED, LINE),  # trailers
    ],
    ids=["headers", "name", "value", "address", "nothing", "trailers"],
)
def test_heads_that_never_end(begin: bytes, piece: bytes, served: Served) -> None:
    with closing(connect(served)) as connection:
        connection.sendall(begin)
        sent = 0
        try:
            while sent < 1 << 22:  # slowly: the server has read one piece when the next one comes
                connection.sendall(piece)
                sent += len(piece)
        except ConnectionError:  # it has closed
            pass
    assert MAX_HEAD // 2 < sent < 1 << 22
    assert served.client.get("/healthz").status_code == 200


def test_a_head_below_the_bound_is_read(served: Served) -> None:
    with closing(connect(served)) as connection:
        for part in (GET, LINE * (MAX_HEAD // len(LINE) - 1), b"Connection: close\r\n\r\n"):
            connection.sendall(part)
        assert statuses(connection) == [200]


def test_many_requests_in_one_piece_are_all_answered(served: Served) -> None:
    body = b"POST /v1/releases HTTP/1.1\r\nHost: x\r\nContent-Length: 40000\r\n\r\n" + b"x" * 40_000
    requests = [GET + b"\r\n", body, GET + b"\r\n", body, GET + b"\r\n", body, GET + b"Connection: close\r\n\r\n"]
    with closing(connect(served)) as connection:
        connection.sendall(b"".join(requests))
        assert statuses(connection) == [200, 400, 200, 400, 200, 400, 200]
