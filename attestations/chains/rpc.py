"""JSON-RPC over HTTP, as a client that trusts no answer. Addresses of nodes hold keys: messages name the host alone."""

from __future__ import annotations

import json
import re
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from zkmargin.attestations.chains.errors import RpcAnswer, RpcProofWindow, RpcUnavailable
from zkmargin.errors import UsageWrong

MAX_ANSWER: Final = 1 << 26
TIMEOUT: Final = 20.0
_QUANTITY = re.compile(r"0x(?:0|[1-9a-f][0-9a-f]*)", re.ASCII)
_BYTES = re.compile(r"0x(?:[0-9a-fA-F]{2})*", re.ASCII)
_WINDOW = (
    "missing trie node",
    "historical state",
    "proof window",
    "state not available",
    "state is not available",
    "no state available",
    "too old",
    "pruned",
    "distance to target block",
)
"""What geth, Nethermind, Erigon and reth say of a block whose state they dropped, in lower case."""


class NodeRefused(RpcAnswer):
    """A node answers with an error of its own."""

    advice = "the node does not serve this: use another one, or another block"


class JsonRpc:
    """A node at an address. ``timeout`` in seconds, for connecting and for each read."""

    def __init__(self, url: str, timeout: float = TIMEOUT) -> None:
        """Raises UsageWrong where the address is not http or https."""
        import urllib3

        try:
            parts = urlsplit(url)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname)
            self.host = f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)
        except ValueError:
            usable = False
        if not usable:
            raise UsageWrong("a node's address is http:// or https:// and a host")
        # Bitcoin Core's name and password stand in the address, and go into a header
        self._headers = {"Content-Type": "application/json"}
        if parts.username is not None:
            credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self._headers |= urllib3.make_headers(basic_auth=credentials)
        self._url = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        self._pool = urllib3.PoolManager(timeout=timeout, retries=False)
        self._count = 0

    def __repr__(self) -> str:
        return f"<JsonRpc {self.host}>"

    def call(self, method: str, *parameters: Any) -> Any:
        """The result of one call. Raises RpcUnavailable, RpcAnswer, NodeRefused, RpcProofWindow."""
        self._count += 1
        where = f"{self.host}: {method}"
        asked = {"jsonrpc": "2.0", "id": self._count, "method": method, "params": list(parameters)}
        answer = self._parse(self._post(json.dumps(asked).encode("utf-8"), where), where)
        if answer.get("error") is not None:
            self._refuse(answer["error"], where)
        if answer.get("id") != self._count or "result" not in answer:
            raise RpcAnswer("not an answer to the call", where=where)
        return answer["result"]

    def _post(self, body: bytes, where: str) -> bytes:
        import urllib3

        try:
            answer = self._pool.request(
                "POST", self._url, body=body, headers=self._headers, redirect=False,
                preload_content=False,
            )  # fmt: skip
            try:
                raw = answer.read(MAX_ANSWER + 1)
                status = answer.status
            finally:
                answer.close()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise RpcUnavailable("the node does not answer", where=where, got=type(error).__name__) from None
        if len(raw) > MAX_ANSWER:
            raise RpcAnswer("the answer is too long", where=where, expected=f"at most {MAX_ANSWER} bytes")
        if status != 200:
            raise RpcUnavailable("the node refuses", where=where, got=f"HTTP {status}")
        return raw

    @staticmethod
    def _parse(raw: bytes, where: str) -> dict[str, Any]:
        try:
            answer = json.loads(raw)
        except (ValueError, RecursionError):
            raise RpcAnswer("the answer is not JSON", where=where) from None
        if not isinstance(answer, dict):
            raise RpcAnswer("the answer is not a JSON object", where=where)
        return answer

    @staticmethod
    def _refuse(error: Any, where: str) -> None:
        text = error.get("message") if isinstance(error, dict) else None
        said = "".join(c for c in text if c.isprintable())[:160] if isinstance(text, str) else "an error"
        if any(words in said.lower() for words in _WINDOW):
            raise RpcProofWindow("the node has no proofs for this block", where=where, got=said)
        raise NodeRefused("the node refuses", where=where, got=said)


def read_quantity(value: Any, where: str, bits: int = 256) -> int:
    """A number as nodes write it, ``0x`` and hex without leading zeros. Raises RpcAnswer."""
    if not isinstance(value, str) or len(value) > 66 or not _QUANTITY.fullmatch(value) or int(value, 16) >> bits:
        raise RpcAnswer(f"not a number of {bits} bits", where=where)
    return int(value, 16)


def read_bytes(value: Any, where: str, length: int | None = None) -> bytes:
    """Bytes as nodes write them. Raises RpcAnswer."""
    if not isinstance(value, str) or not _BYTES.fullmatch(value):
        raise RpcAnswer("not bytes in hex", where=where)
    found = bytes.fromhex(value[2:])
    if length is not None and len(found) != length:
        raise RpcAnswer("wrong number of bytes", where=where, expected=length, got=len(found))
    return found


def read_object(value: Any, where: str) -> dict[str, Any]:
    """A JSON object. Raises RpcAnswer."""
    if not isinstance(value, dict):
        raise RpcAnswer("not an object", where=where)
    return value


def read_list(value: Any, where: str) -> list[Any]:
    """A JSON array. Raises RpcAnswer."""
    if not isinstance(value, list):
        raise RpcAnswer("not an array", where=where)
    return value
