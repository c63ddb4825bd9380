"""The passphrase of key files: from a file, from the environment, or asked for. Never an argument: those are public.

``ZKMARGIN_PASSPHRASE_FILE`` names a file whose first line it is; ``ZKMARGIN_PASSPHRASE`` holds it; otherwise a terminal
is asked, without echo. The one that a key gets in place of its old one is in ``ZKMARGIN_NEW_PASSPHRASE_FILE`` or
``ZKMARGIN_NEW_PASSPHRASE``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import click

from zkmargin.encoding import read_file
from zkmargin.errors import PassphraseMissing

FILE_VARIABLE = "ZKMARGIN_PASSPHRASE_FILE"
VARIABLE = "ZKMARGIN_PASSPHRASE"
NEW_FILE_VARIABLE = "ZKMARGIN_NEW_PASSPHRASE_FILE"
NEW_VARIABLE = "ZKMARGIN_NEW_PASSPHRASE"
_LIMIT = 4096


def passphrase(*, new: bool = False) -> str:
    """The passphrase; asked for twice where a ``new`` key is made. Raises PassphraseMissing, FileUnreadable."""
    return _given(FILE_VARIABLE, VARIABLE, new)


@contextmanager
def in_environment(variable: str, value: str) -> Iterator[None]:
    """What commands of this process, and those it starts, find for a passphrase; afterwards as before."""
    before = os.environ.get(variable)
    os.environ[variable] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[variable]
        else:
            os.environ[variable] = before


def next_passphrase() -> str:
    """The passphrase that a key gets in place of its old one. Raises PassphraseMissing, FileUnreadable."""
    return _given(NEW_FILE_VARIABLE, NEW_VARIABLE, True)


def _given(file_variable: str, variable: str, new: bool) -> str:
    if name := os.environ.get(file_variable):
        return _first_line(name)
    if given := os.environ.get(variable):
        return given
    if not sys.stdin.isatty():
        raise PassphraseMissing("a key file needs its passphrase", expected=f"{file_variable} or {variable}")
    return _asked(new)


def _first_line(name: str) -> str:
    try:
        lines = read_file(name, _LIMIT).decode("utf-8").splitlines()
    except UnicodeDecodeError:
        lines = []
    if not lines or not lines[0]:
        raise PassphraseMissing("the file holds no passphrase", where=name, expected="it on the first line")
    return lines[0]


@lru_cache(maxsize=2)
def _asked(new: bool) -> str:
    """Asked once per run, on the terminal itself, so that standard output stays what it is."""
    what = "New passphrase of the key file" if new else "Passphrase of the key file"
    answer: str = click.prompt(what, hide_input=True, confirmation_prompt=new, err=True)
    return answer
