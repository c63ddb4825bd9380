"""Forms: read as browsers send them, and nothing else."""

from __future__ import annotations

import pytest

from zkmargin.verifier.service.errors import FormWrong
from zkmargin.verifier.service.pages.forms import MAX_FIELDS, document_of, parse_form, text_of

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=b"
PART = b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'


def test_what_browsers_send() -> None:
    assert parse_form(URLENCODED, b"a=%C3%A9+x&b=&c=%26") == {"a": "é x".encode(), "b": b"", "c": b"&"}
    assert parse_form(URLENCODED, b"") == {}
    body = PART % (b"a", b"x\r\n--c\r\n") + PART % (b"file", b"\x00\xff") + b"--b--\r\n"
    assert parse_form(MULTIPART, body) == {"a": b"x\r\n--c\r\n", "file": b"\x00\xff"}
    assert parse_form('multipart/form-data; boundary="b"', b"--b--") == {}


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("", b"a=b"),
        ("application/json", b"{}"),
        ("text/plain", b"a=b"),
        (URLENCODED, b"a"),
        (URLENCODED, b"a=\xff"),
        (URLENCODED, b"a=1&a=2"),
        (URLENCODED, b"&".join(b"%d=1" % n for n in range(MAX_FIELDS + 1))),
        ("multipart/form-data", PART % (b"a", b"x") + b"--b--"),
        ("multipart/form-data; boundary=" + "b" * 71, b""),
        (MULTIPART, b""),
        (MULTIPART, PART % (b"a", b"x")),  # no end
        (MULTIPART, b"before" + PART % (b"a", b"x") + b"--b--"),
        (MULTIPART, PART % (b"a", b"x") * 2 + b"--b--"),
        (MULTIPART, b"".join(PART % (b"%d" % n, b"x") for n in range(MAX_FIELDS + 1)) + b"--b--"),
        (MULTIPART, b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--"),
        (MULTIPART, b"--b\r\nno header\r\n--b--"),
    ],
)
def test_what_they_do_not_send(kind: str, body: bytes) -> None:
    with pytest.raises(FormWrong):
        parse_form(kind, body)


def test_fields() -> None:
    assert text_of({"a": b" x "}, "a") == "x"
    assert text_of({}, "a") == ""
    with pytest.raises(FormWrong):
        text_of({"a": b"\xff"}, "a")
    assert document_of({"file": b"", "text": b" {} "}) == b"{}"
    assert document_of({"file": b"1", "text": b"2"}) == b"1"
    with pytest.raises(FormWrong):
        document_of({"file": b"", "text": b" "})
