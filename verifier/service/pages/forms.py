"""What a page's form sends: read strictly, and taken from this service's own pages alone."""

from __future__ import annotations

import re
from email.message import Message
from email.parser import BytesHeaderParser
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request

from zkmargin.verifier.service.errors import FormWrong

MAX_FIELDS: Final = 16
_BOUNDARY: Final = re.compile(rb"[0-9A-Za-z'()+_,./:=?-]{1,70}")


async def read_form(request: Request) -> dict[str, bytes]:
    """The fields of a form, files too, by name. Raises FormWrong, also for a form of another site."""
    require_same_origin(request)
    return parse_form(request.headers.get("content-type", ""), await request.body())


def require_same_origin(request: Request) -> None:
    """Raise FormWrong where a browser says that another site's page sends this. What is no browser says nothing."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        own = site in ("same-origin", "none")
    else:
        own = origin is None or _host(origin) == request.headers.get("host", "")
    if not own:
        raise FormWrong("the form was sent by another site", where="Origin")


def _host(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


def parse_form(kind: str, body: bytes) -> dict[str, bytes]:
    """A body of ``application/x-www-form-urlencoded`` or ``multipart/form-data``. Raises FormWrong."""
    header = Message()
    header["Content-Type"] = "".join(c for c in kind if c.isascii() and c.isprintable())
    if header.get_content_type() == "application/x-www-form-urlencoded":
        pairs = _urlencoded(body)
    elif header.get_content_type() == "multipart/form-data":
        pairs = _multipart(body, header.get_boundary(""))
    else:
        raise FormWrong("not a form", where="Content-Type")
    if len(pairs) > MAX_FIELDS or len({name for name, _ in pairs}) < len(pairs):
        raise FormWrong("a field comes twice, or there are too many")
    return dict(pairs)


def _urlencoded(body: bytes) -> list[tuple[str, bytes]]:
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, strict_parsing=bool(body), encoding="latin-1",
            max_num_fields=MAX_FIELDS,
        )  # fmt: skip
    except ValueError:
        raise FormWrong("not a form") from None
    return [(name, value.encode("latin-1")) for name, value in pairs]


def _multipart(body: bytes, boundary: object) -> list[tuple[str, bytes]]:
    """RFC 7578: parts between lines of the boundary, each with a header that names it."""
    mark = boundary.encode() if isinstance(boundary, str) and boundary.isascii() else b""
    if not _BOUNDARY.fullmatch(mark):
        raise FormWrong("the parts of the form have no boundary", where="Content-Type")
    first, *parts = (b"\r\n" + body).split(b"\r\n--" + mark, MAX_FIELDS + 2)
    if first or not parts or parts.pop().rstrip(b"\r\n") != b"--":
        raise FormWrong("the form does not end")
    return [_part(part) for part in parts]


def _part(part: bytes) -> tuple[str, bytes]:
    head, found, content = part.partition(b"\r\n\r\n")
    if not found or not head.startswith(b"\r\n"):
        raise FormWrong("a part of the form has no header")
    name = BytesHeaderParser().parsebytes(head[2:] + b"\r\n\r\n").get_param("name", header="content-disposition")
    if not isinstance(name, str):
        raise FormWrong("a part of the form has no name")
    return name, content


def text_of(form: dict[str, bytes], name: str) -> str:
    """A field as text, without white space around it; empty where it is missing. Raises FormWrong."""
    try:
        return form.get(name, b"").decode("utf-8").strip()
    except UnicodeDecodeError:
        raise FormWrong("not UTF-8", where=name[:40]) from None


def document_of(form: dict[str, bytes]) -> bytes:
    """The field ``file``, or ``text`` where no file was chosen. Raises FormWrong where both are empty."""
    content = form.get("file") or form.get("text", b"").strip()
    if not content:
        raise FormWrong("neither a file was chosen nor a text pasted", where="file")
    return content
