"""Quantiles and expected shortfalls of samples, by each of the definitions of OpenGamma's Strata.

Source: OpenGamma, "Value-at-Risk", Quantitative Research 31 (2015); OpenGamma/Strata, commit 39c46e3, package
math.impl.statistics.descriptive. With the sample in ascending order a quantile at a level lies at a place of it: a
whole one, or between two. The expected shortfall is the mean of the quantiles at all levels below. Both are
combinations of order statistics and of sums of the smallest values, so a case becomes a rule set of its own, over an
axis as long as its sample.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from typing import Any

from zkmargin.circuits.rules import parse_rules
from zkmargin.circuits.vectors.engines.base import Case, Cases, Unsupported
from zkmargin.circuits.vectors.world import World
from zkmargin.margin.tables import Tables

RULES = """rules: 1
name: {name}
binding: public
axes:
  sample: {{size: {size}}}
private:
  x: {{axes: [sample], unit: usd, decimals: 12, min: -1e12, max: 1e12, from: venue}}
  cash: {{unit: usd, decimals: 2, min: 0, max: 1, from: venue}}
define:
  result: {result}
equity: cash
requirements:
  maintenance: result
"""
Term = tuple[Fraction, str]
HALF = Fraction(1, 2)


@dataclass(frozen=True)
class Method:
    """Where the quantile at a level lies among n ascending values: at ``level * (n + extra) + correction``.

    ``rounding`` says how a discrete method makes a place of it; without one the method interpolates.
    """

    extra: int
    correction: Fraction = Fraction(0)
    rounding: str = ""


METHODS = {
    "index above": Method(0, rounding="up"),
    "nearest index": Method(0, rounding="nearest"),
    "sample plus one nearest": Method(1, rounding="nearest"),
    "sample interpolation": Method(0),
    "sample plus one interpolation": Method(1),
    "midway interpolation": Method(0, correction=HALF),
    "excel": Method(-1, correction=Fraction(1)),
}


def method_of(text: str) -> Method:
    """The definition that a case's words name. Raises Unsupported."""
    words = text.lower().replace("(n-1)", "excel").replace("(n+1)", "plus one")
    if "above" in words:
        return METHODS["index above"]
    more = "plus one" in words or "plusone" in words.replace(" ", "")
    if "nearest" in words:
        return METHODS["sample plus one nearest" if more else "nearest index"]
    if "excel" in words:
        return METHODS["excel"]
    if "midway" in words:
        return METHODS["midway interpolation"]
    if "interpolation" in words:
        return METHODS["sample plus one interpolation" if more else "sample interpolation"]
    raise Unsupported(f"unknown definition of a quantile: {text[:60]}")


def quantile(case: Case, _: Cases) -> dict[str, Any]:
    """The quantile at a level of a sample; levels beyond its ends have none, unless the method extrapolates."""
    method, level, sample = _read(case, "quantile")
    size = len(sample)
    place = level * (size + method.extra) + method.correction
    if method.rounding:
        place = Fraction(_rounded(place, method.rounding))
    clamped = min(max(place, Fraction(1)), Fraction(size))
    if clamped != place and "extrapolat" not in case["params"]["method"].lower():
        raise Unsupported("the level lies beyond the ends of the sample")
    lower, upper = floor(clamped), ceil(clamped)
    high = clamped - lower
    terms = [(1 - high, _at(lower, size)), *([(high, _at(upper, size))] if high else [])]
    return {"quantile": _value("quantile", terms, sample)}


def shortfall(case: Case, _: Cases) -> dict[str, Any]:
    """The mean of the quantiles at all levels up to one, those beyond the ends being the ends."""
    method, level, sample = _read(case, "expected_shortfall")
    terms = _discrete(method, level, len(sample)) if method.rounding else _interpolated(method, level, len(sample))
    return {"expected_shortfall": _value("shortfall", list(terms), sample)}


def _discrete(method: Method, level: Fraction, size: int) -> Iterator[Term]:
    """Steps of one place each; a nearest place begins half a step before it."""
    count = size + method.extra
    shift = HALF if method.rounding == "nearest" else Fraction(0)
    place = level * count
    last = min(max(_rounded(place, method.rounding), 1), size)
    weight = 1 / (level * count)
    yield from _smallest(last - 1, size, weight)
    yield shift * weight, _at(1, size)
    yield (place - last + 1 - shift) * weight, _at(last, size)


def _interpolated(method: Method, level: Fraction, size: int) -> Iterator[Term]:
    """Trapezoids between places; the first value before them, the last after them."""
    count = size + method.extra
    place = level * count + method.correction
    clamped = min(max(place, Fraction(1)), Fraction(size))
    lower, upper = floor(clamped), ceil(clamped)
    weight, rest = 1 / (level * count), clamped - lower
    yield from _smallest(lower, size, weight)
    yield (min(place, Fraction(1)) - method.correction - HALF) * weight, _at(1, size)
    yield (rest - rest * rest / 2 - HALF + max(place - size, Fraction(0))) * weight, _at(lower, size)
    yield rest * rest / 2 * weight, _at(upper, size)


def _read(case: Case, kind: str) -> tuple[Method, Fraction, list[Any]]:
    if case["kind"] != kind:
        raise Unsupported(f"no adapter for {case['kind']}")
    level, sample = Fraction(case["params"]["level"]), case["private"]["sample"]
    if not 0 < level < 1 or len(sample) < 2:
        raise Unsupported("a level lies between 0 and 1, a sample has two values or more")
    return method_of(case["params"]["method"]), level, sample


def _rounded(place: Fraction, rounding: str) -> int:
    return ceil(place) if rounding == "up" else floor(place + HALF)


def _at(rank: int, size: int) -> str:
    """The value at a place from the smallest."""
    return f"value_at_risk(x, over=sample, worst={size - rank + 1})"


def _smallest(count: int, size: int, weight: Fraction) -> Iterator[Term]:
    """Weight times the sum of the ``count`` smallest values."""
    if 0 < count <= size:
        yield -count * weight, f"expected_shortfall(-x, over=sample, worst={count})"


def _value(name: str, terms: list[Term], sample: list[Any]) -> Fraction:
    """The combination of terms, as a rule set says."""
    result = " + ".join(f"{_factor(c.numerator)} * {call} / {c.denominator}" for c, call in terms)
    text = RULES.format(name=name, size=len(sample), result=result)
    rules = parse_rules(text.encode(), f"{name}.yaml")
    tables = Tables({"sample": len(sample)}, {"sample": tuple(str(row + 1) for row in range(len(sample)))})
    return World.on(rules, tables, {"x": sample, "cash": 0}).value("result")


def _factor(number: int) -> str:
    return str(number) if number >= 0 else f"(-{-number})"
