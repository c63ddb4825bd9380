"""The table of all error codes.    Regenerate: ``python -m zkmargin.cli.error_table specs/errors.md``

It stands in the top layer because it must see every class, wherever it is declared.
"""

from __future__ import annotations

import inspect
import pkgutil
import sys
from importlib import import_module
from pathlib import Path

import zkmargin
from zkmargin.encoding import write_atomic
from zkmargin.errors import InputError, VerificationError, ZkMarginError

_HEAD = """\
# Errors

Generated from the exception classes by `python -m zkmargin.cli.error_table specs/errors.md`. A code is here when
something raises it, and a test provokes each.

An error is data: `CODE: what failed; expected X, got Y; where; what to do`, and with `--json` an object
`error` with `code`, `message`, `where`, `expected`, `got` and `hint`. Codes are stable, words are not. What is
not known is left out; where the place that raised the error has no better hint, the last column is given.
No error says anything secret: no size, amount, key, salt or witness value. Those about
a bundle of collateral tell amounts of its lines, to attestors and auditors, who hold it.

A command ends with 0 where what it was asked for holds or was done, 1 where a statement does not hold, 2 where
an input cannot be used. In Python, 1 is mostly a `VerificationError` and 2 an `InputError`; both are
`ZkMarginError`.

| code | exit | class | meaning | what to do |
| --- | --- | --- | --- | --- |
"""
_FAMILIES = (InputError, VerificationError)


def error_classes() -> list[type[ZkMarginError]]:
    """Every class that is the first to have its code, in the order of declaration, modules by name."""
    for module in pkgutil.walk_packages(zkmargin.__path__, "zkmargin."):
        import_module(module.name)
    found: dict[str, type[ZkMarginError]] = {}
    waiting: list[type[ZkMarginError]] = [ZkMarginError]
    while waiting:
        cls = waiting.pop(0)
        if cls.__module__.startswith("zkmargin."):
            if "code" in vars(cls):
                if cls.code in found:
                    raise ValueError(f"{cls.code} is the code of {found[cls.code].__name__} and {cls.__name__}")
                found[cls.code] = cls
            waiting.extend(cls.__subclasses__())
    return sorted(found.values(), key=lambda cls: (cls.__module__, inspect.getsourcelines(cls)[1]))


def error_table() -> str:
    """The content of ``specs/errors.md``."""
    return _HEAD + "".join(map(_row, error_classes()))


def _row(cls: type[ZkMarginError]) -> str:
    families = [family.__name__ for family in _FAMILIES if issubclass(cls, family)]
    name = f"`{cls.__name__}`" + "".join(f" ({family})" for family in families)
    meaning = (inspect.getdoc(cls) or "").partition("\n\n")[0].replace("\n", " ").replace("|", "\\|")
    cells = (f"`{cls.code}`", str(cls.exit_code), name, meaning, cls.advice.replace("|", "\\|"))
    return "| " + " | ".join(cells) + " |\n"


def main(arguments: list[str]) -> None:
    """Write the table to the file that is the only argument."""
    (path,) = arguments
    write_atomic(Path(path), error_table())


if __name__ == "__main__":
    main(sys.argv[1:])
