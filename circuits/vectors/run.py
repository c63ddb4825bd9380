"""Run published cases: pass, fail (expected, got) or unsupported (why)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal

from zkmargin.circuits.vectors.engines import ENGINES, Unsupported
from zkmargin.errors import SchemaType, ZkMarginError

__all__ = ["Outcome", "read_cases", "run_cases"]

MAX_EXPONENT = 100
"""Of a number in a file of cases: exact arithmetic would write out all of its digits."""


@dataclass(frozen=True)
class Outcome:
    """What became of one case; ``expected`` and ``got`` hold the values that differ, ``why`` the reason."""

    id: str
    engine: str
    status: Literal["pass", "fail", "unsupported"]
    expected: Mapping[str, str] | None = None
    got: Mapping[str, str] | None = None
    why: str = ""


def read_cases(content: bytes) -> list[Mapping[str, Any]]:
    """The cases of a file ``{"meta": {...}, "vectors": [case, ...]}``, numbers as exact decimals. Raises SchemaType.

    A case whose ``params`` are a text that ends in ``meta.NAME`` has those of the file's ``meta`` under that
    name; where the file has no ``meta``, the text stays.
    """
    try:
        document = json.loads(content.decode(), parse_float=_decimal)
    except (ValueError, RecursionError) as error:
        raise SchemaType("is not JSON") from error
    cases = document.get("vectors") if isinstance(document, dict) else None
    if not isinstance(cases, list):
        raise SchemaType("has no list of cases", where="vectors")
    meta = document.get("meta")
    for at, case in enumerate(cases):
        if not isinstance(case, dict):
            raise SchemaType("a case is an object", where=f"vectors[{at}]")
        for key, kind in (("id", str), ("engine", str), ("kind", str), ("expected", dict)):
            if not isinstance(case.get(key), kind):
                raise SchemaType(f"needs `{key}`", where=f"vectors[{at}]")
        if not case["expected"]:
            raise SchemaType("expects nothing", where=f"vectors[{at}].expected")
        if isinstance(shared := case.get("params"), str) and meta is not None:
            name = shared.rpartition("meta.")[2]
            if not isinstance(meta, dict) or not isinstance(meta.get(name), dict):
                raise SchemaType("`meta` has no such parameters", where=f"vectors[{at}].params", got=name[:60])
            case["params"] = meta[name]
    return cases


def run_cases(cases: Sequence[Mapping[str, Any]], engine: str | None = None) -> Iterator[Outcome]:
    """Each case, or each of one engine, in order."""
    known = {case["id"]: case for case in cases}
    for case in cases:
        if engine in (None, case["engine"]):
            yield _run(case, known)


def _run(case: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]]) -> Outcome:
    if case["engine"] not in ENGINES:
        return Outcome(case["id"], case["engine"], "unsupported", why="no rule set yet")
    try:
        got = ENGINES[case["engine"]](case, known)
        tolerance = Fraction(case.get("tolerance", 0))
        wrong = [key for key, value in case["expected"].items() if not _equal(value, got.get(key), tolerance)]
    except Unsupported as reason:
        return Outcome(case["id"], case["engine"], "unsupported", why=str(reason))
    except ZkMarginError as error:
        return Outcome(case["id"], case["engine"], "unsupported", why=str(error))
    except (KeyError, TypeError, AttributeError, ValueError, ArithmeticError, IndexError) as error:
        raise SchemaType(f"the case cannot be read ({type(error).__name__}: {error})", where=case["id"]) from error
    if not wrong:
        return Outcome(case["id"], case["engine"], "pass")
    expected = {key: _shown(case["expected"][key]) for key in wrong}
    return Outcome(case["id"], case["engine"], "fail", expected, {key: _shown(got.get(key)) for key in wrong})


def _decimal(text: str) -> Decimal:
    number = Decimal(text)
    if abs(number.adjusted()) > MAX_EXPONENT:
        raise ValueError("exponent is too large")
    return number


def _equal(expected: Any, got: Any, tolerance: Fraction) -> bool:
    if isinstance(expected, bool) or isinstance(got, bool) or got is None:
        return expected is got and got is not None
    if isinstance(expected, list):
        if not isinstance(got, list) or len(got) != len(expected):
            return False
        return all(_equal(*pair, tolerance) for pair in zip(expected, got, strict=True))
    return abs(Fraction(expected) - Fraction(got)) <= tolerance


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(_shown, value)) + "]"
    if value is None or isinstance(value, bool):
        return str(value)
    number = Fraction(value)
    return str(number.numerator) if number.denominator == 1 else f"{float(number):.12g}"
