"""The server in front of the application: uvicorn on libuv and llhttp, at half the cost of asyncio and h11."""

from __future__ import annotations

import sys
from typing import Any, Final

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD: Final = 1 << 16
"""Bytes of a request that are no body: its address, headers, trailers. One reading more may be in memory."""


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's, for heads of bounded size: its parser keeps what a client sends until a head ends, if it ever does."""

    _pending = 0
    """Bytes since a head, a piece of a body or a request ended."""

    def data_received(self, data: bytes) -> None:
        """Bytes of a client."""
        self._pending += len(data)
        super().data_received(data)
        if self._pending > MAX_HEAD and not self.transport.is_closing():
            self.send_400_response("The head of the request is too large.")

    def on_message_begin(self) -> None:
        """The bytes before it are of the request before."""
        self._pending = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head was not too large."""
        self._pending = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """The size of bodies is for the application to bound."""
        self._pending = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is read."""
        self._pending = 0
        super().on_message_complete()


def configure(app: FastAPI, **options: Any) -> uvicorn.Config:
    """For ``uvicorn.Server``; ``options`` are uvicorn's."""
    return uvicorn.Config(
        app,
        http=BoundedProtocol,
        loop="asyncio" if sys.platform == "win32" else "uvloop",
        log_level="warning",
        access_log=False,
        server_header=False,
        **options,
    )
