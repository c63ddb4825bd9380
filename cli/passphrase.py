"""The passphrase of key files: from a file, from the environment, or asked for. Never an argument: those are public.

``ZKMARGIN_PASSPHRASE_FILE`` names a file whose first line it is; ``ZKMARGIN_PASSPHRASE`` holds it; otherwise a terminal
is asked, without echo.
"""

from __future__ import annotations

import os
import sys
from functools import lru_cache

import click

from zkmargin.encoding import read_file
from zkmargin.errors import PassphraseMissing

FILE_VARIABLE = "ZKMARGIN_PASSPHRASE_FILE"
VARIABLE = "ZKMARGIN_PASSPHRASE"
_LIMIT = 4096


def passphrase(*, new: bool = False) -> str:
    """The passphrase; asked for twice where a ``new`` key is made. Raises PassphraseMissing, FileUnreadable."""
    if name := os.environ.get(FILE_VARIABLE):
        return _first_line(name)
    if given := os.environ.get(VARIABLE):
        return given
    if not sys.stdin.isatty():
        raise PassphraseMissing("a key file needs its passphrase", expected=f"{FILE_VARIABLE} or {VARIABLE}")
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
    answer: str = click.prompt("Passphrase of the key file", hide_input=True, confirmation_prompt=new, err=True)
    return answer
