"""Tables of ISDA SIMM 2.5 (ten days) for equity and foreign exchange: weights, correlations, thresholds.

An example of a methodology with sensitivities and correlations; commercial use of ISDA SIMM needs a licence of ISDA.

Figures: AcadiaSoft/simm-lib (MIT), commit cefc23b, simm/src/main/java/com/acadiasoft/im/simm/model/param:
SimmHvr.java, equity/EquityRiskWeight.java, EquityCorrelation.java, EquityConcentrationRisk.java,
fx/FXRiskWeight.java, FXCorrelation.java, FXConcentrationRisk.java, FXCurrencyVolatility.java. What the columns mean
is said by the rule sets ``simm_equity`` and ``simm_fx``; each value is rounded to the nearest unit of its column's
last decimal. Weights multiply sensitivities to a move of 1%, thresholds are in USD.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import combinations
from math import sqrt
from typing import Any

from scipy.special import ndtri

from zkmargin.errors import MarketSource
from zkmargin.margin.tables import Column, Tables

__all__ = [
    "BUCKETS",
    "ISSUERS",
    "PAIRS",
    "TENORS",
    "equity_tables",
    "fx_tables",
    "pair_of",
    "tail_factor",
    "volatility_factor",
]

TENORS = ("2w", "1m", "3m", "6m", "1y", "2y", "3y", "5y", "10y", "15y", "20y", "30y")
BUCKETS = (*map(str, range(1, 13)), "Residual")
ISSUERS = 6
"""Issuers of one bucket that the rule set has rows for."""
PAIRS = 16
"""Currencies, and currency pairs with volatility risk, that the rule set has rows for."""

MILLION = 10**6
_DAYS = {"w": Fraction(7), "m": Fraction(365, 12), "y": Fraction(365)}


def _fractions(*texts: str) -> tuple[Fraction, ...]:
    return tuple(Fraction(text) for text in " ".join(texts).split())


EQUITY_WEIGHTS = _fractions("26 28 34 28 23 25 29 27 32 32 18 18 34")
EQUITY_VEGA_WEIGHTS = _fractions("0.45 0.45 0.45 0.45 0.45 0.45 0.45 0.45 0.45 0.45 0.45 0.96 0.45")
EQUITY_RHO = _fractions("0.18 0.23 0.3 0.26 0.23 0.35 0.36 0.33 0.19 0.2 0.45 0.45 0")
EQUITY_GAMMA = (
    _fractions("0.2"),
    _fractions("0.2 0.25"),
    _fractions("0.2 0.23 0.24"),
    _fractions("0.13 0.14 0.13 0.17"),
    _fractions("0.16 0.17 0.17 0.22 0.27"),
    _fractions("0.16 0.18 0.18 0.22 0.26 0.34"),
    _fractions("0.16 0.17 0.16 0.22 0.27 0.33 0.32"),
    _fractions("0.17 0.19 0.2 0.21 0.15 0.18 0.18 0.18"),
    _fractions("0.12 0.13 0.13 0.16 0.2 0.24 0.24 0.23 0.14"),
    _fractions("0.18 0.19 0.18 0.24 0.3 0.38 0.37 0.37 0.2 0.25"),
    _fractions("0.18 0.19 0.18 0.24 0.3 0.38 0.37 0.37 0.2 0.25 0.45"),
)
"""Between buckets: row b - 2 has bucket b with 1 to b - 1."""
EQUITY_DELTA_THRESHOLDS = _fractions("10 10 10 10 21 21 21 21 1.4 0.6 2100 2100 0.6")  # millions
EQUITY_VEGA_THRESHOLDS = _fractions("210 210 210 210 1300 1300 1300 1300 40 200 5900 5900 40")
EQUITY_HISTORICAL_RATIO = Fraction("0.58")
VOLATILITY_INDEXES = 11
"""Row of the bucket without curvature."""

HIGH_VOLATILITY = frozenset({"BRL", "RUB", "TRY", "ZAR"})
FX_WEIGHTS = {0: Fraction("7.4"), 1: Fraction("13.6"), 2: Fraction("14.6")}
"""By how many of the two currencies are of high volatility."""
FX_RHO_REGULAR = {0: Fraction("0.5"), 1: Fraction("0.27"), 2: Fraction("0.42")}
"""Between currencies: by how many of the two are of high volatility, that of calculation being a regular one."""
FX_RHO_HIGH = {0: Fraction("0.85"), 1: Fraction("0.54"), 2: Fraction("0.5")}
FX_CATEGORY_1 = frozenset({"USD", "EUR", "JPY", "GBP", "AUD", "CHF", "CAD"})
FX_CATEGORY_2 = frozenset(("BRL", "CNY", "HKD", "INR", "KRW", "MXN", "NOK", "NZD", "RUB", "SEK", "SGD", "TRY", "ZAR"))
FX_DELTA_THRESHOLDS = {1: 5100, 2: 1200, 3: 190}
FX_VEGA_THRESHOLDS = {
    (1, 1): 2800,
    (1, 2): 1300,
    (1, 3): 550,
    (2, 2): 490,
    (2, 3): 310,
    (3, 3): 200,
}
FX_VEGA_WEIGHT = Fraction("0.47")
FX_HISTORICAL_RATIO = Fraction("0.52")


def volatility_factor() -> Fraction:
    """``vol``: a risk weight times this is a yearly volatility: sqrt(365 / 14) / N^-1(0.99)."""
    return Fraction(sqrt(365 / 14) / float(ndtri(0.99)))


def tail_factor() -> Fraction:
    """``tail``: N^-1(0.995)^2 - 1, the factor of the curvature margin's root where nothing nets."""
    return Fraction(float(ndtri(0.995)) ** 2 - 1)


def curvature_scale(tenor: str) -> Fraction:
    """``SF(t) = min(1, 14 days / t) / 2``; a month is 365 / 12 days. Raises MarketSource for an unknown tenor."""
    if tenor not in TENORS:
        raise MarketSource("not a tenor of SIMM", got=tenor[:20], expected=" ".join(TENORS))
    return min(Fraction(1), 14 / (_DAYS[tenor[-1]] * int(tenor[:-1]))) / 2


def pair_of(qualifier: str) -> str:
    """The pair that a volatility qualifier names, its currencies in alphabetical order: volatility has no direction."""
    if len(qualifier) != 6 or not qualifier.isalpha():
        raise MarketSource("not a pair of currencies", got=qualifier[:20], expected="six letters")
    return "".join(sorted((qualifier[:3].upper(), qualifier[3:].upper())))


def equity_tables() -> Tables:
    """The tables of ``simm_equity``. They hold no market data: the parameters of the methodology alone."""
    gamma = [[_gamma(b, c) for c in range(13)] for b in range(13)]
    vol = volatility_factor()
    ratios = [EQUITY_HISTORICAL_RATIO * weight for weight in EQUITY_WEIGHTS]
    curvature = [
        [Fraction(0) if bucket == VOLATILITY_INDEXES else weight * curvature_scale(tenor) for tenor in TENORS]
        for bucket, weight in enumerate(EQUITY_WEIGHTS)
    ]
    columns: dict[str, tuple[tuple[str, ...], int, Sequence[Any]]] = {
        "delta_weight": (("bucket",), 5, EQUITY_WEIGHTS),
        "vega_weight": (("bucket",), 5, [r * w for r, w in zip(ratios, EQUITY_VEGA_WEIGHTS, strict=True)]),
        "curvature_weight": (("bucket", "tenor"), 12, curvature),
        "delta_load": (("bucket",), 24, [1 / (t * MILLION) for t in EQUITY_DELTA_THRESHOLDS]),
        "vega_load": (
            ("bucket",),
            24,
            [r * vol / (t * MILLION) for r, t in zip(ratios, EQUITY_VEGA_THRESHOLDS, strict=True)],
        ),
        "rho": (("bucket",), 4, EQUITY_RHO),
        "gamma": (("bucket", "other_bucket"), 4, gamma),
    }
    names = {
        "bucket": BUCKETS,
        "other_bucket": BUCKETS,
        "issuer": tuple(str(row + 1) for row in range(ISSUERS)),
        "pair": tuple(f"{one + 1} {other + 1}" for one, other in combinations(range(ISSUERS), 2)),
        "tenor": TENORS,
        "part": ("correlated", "residual"),
    }
    return _tables(names, columns, {})


def _gamma(b: int, c: int) -> Fraction:
    """Between buckets, 0 with itself and with the residual one."""
    high, low = max(b, c), min(b, c)
    return Fraction(0) if b == c or high == len(BUCKETS) - 1 else EQUITY_GAMMA[high - 1][low]


def fx_tables(currencies: Sequence[str], pairs: Sequence[str], calculation: str = "USD") -> Tables:
    """The tables of ``simm_fx`` for at most 16 currencies and as many pairs, each in the order of its rows.

    Rows that are left over have no weight, nor has the currency of calculation. Raises MarketSource where there are
    too many of either, or one twice.
    """
    for given in (currencies, pairs):
        if len(given) > PAIRS or len(set(given)) != len(given):
            raise MarketSource("at most 16 currencies or pairs, each once", got=len(given))
    spare = PAIRS - len(currencies)
    own = [_fx_weight(currency, calculation) if currency != calculation else Fraction(0) for currency in currencies]
    between = [
        _fx_correlation(currencies[one], currencies[other], calculation) if other < len(currencies) else Fraction(0)
        for one, other in combinations(range(PAIRS), 2)
    ]
    weights = [_fx_weight(pair[:3], pair[3:]) for pair in map(pair_of, pairs)]
    ratios = [FX_HISTORICAL_RATIO * weight for weight in weights]
    vol, zeros = volatility_factor(), [Fraction(0)] * (PAIRS - len(pairs))
    thresholds = [FX_VEGA_THRESHOLDS[_categories(pair)] * MILLION for pair in map(pair_of, pairs)]
    loads = [Fraction(1, FX_DELTA_THRESHOLDS[_category(currency)] * MILLION) for currency in currencies]
    curvature = [[weight * curvature_scale(tenor) for tenor in TENORS] for weight in [*weights, *zeros]]
    columns: dict[str, tuple[tuple[str, ...], int, Sequence[Any]]] = {
        "delta_weight": (("currency",), 4, [*own, *[Fraction(0)] * spare]),
        "delta_load": (("currency",), 24, [*loads, *[Fraction(0)] * spare]),
        "delta_rho": (("two",), 4, between),
        "vega_weight": (("fx",), 5, [*(ratio * FX_VEGA_WEIGHT for ratio in ratios), *zeros]),
        "curvature_weight": (("fx", "tenor"), 12, curvature),
        "vega_load": (("fx",), 24, [*(r * vol / t for r, t in zip(ratios, thresholds, strict=True)), *zeros]),
    }
    names = {
        "currency": _filled(currencies),
        "fx": _filled(list(map(pair_of, pairs))),
        "two": tuple(f"{one + 1} {other + 1}" for one, other in combinations(range(PAIRS), 2)),
        "tenor": TENORS,
    }
    return _tables(names, columns, {"vega_rho": (4, Fraction("0.5"))})


def _filled(elements: Sequence[str]) -> tuple[str, ...]:
    return (*elements, *(f"unused {row + 1}" for row in range(len(elements), PAIRS)))


def _fx_weight(one: str, other: str) -> Fraction:
    return FX_WEIGHTS[(one in HIGH_VOLATILITY) + (other in HIGH_VOLATILITY)]


def _fx_correlation(one: str, other: str, calculation: str) -> Fraction:
    table = FX_RHO_HIGH if calculation in HIGH_VOLATILITY else FX_RHO_REGULAR
    return table[(one in HIGH_VOLATILITY) + (other in HIGH_VOLATILITY)]


def _category(currency: str) -> int:
    return 1 if currency in FX_CATEGORY_1 else 2 if currency in FX_CATEGORY_2 else 3


def _categories(pair: str) -> tuple[int, int]:
    first, second = sorted((_category(pair[:3]), _category(pair[3:])))
    return first, second


def _tables(
    names: Mapping[str, tuple[str, ...]],
    columns: Mapping[str, tuple[tuple[str, ...], int, Sequence[Any]]],
    parameters: Mapping[str, tuple[int, Fraction]],
) -> Tables:
    common = {"vol": (12, volatility_factor()), "tail": (12, tail_factor()), "tick": (6, Fraction(1, MILLION))}
    return Tables(
        sizes={axis: len(elements) for axis, elements in names.items()},
        names=names,
        columns={
            name: Column.of(name, axes, decimals, _scaled(values, decimals))
            for name, (axes, decimals, values) in columns.items()
        },
        parameters={
            name: Column.of(name, (), decimals, round(value * 10**decimals))
            for name, (decimals, value) in {**common, **parameters}.items()
        },
    )


def _scaled(values: Sequence[Any], decimals: int) -> list[Any]:
    return [round(x * 10**decimals) if isinstance(x, Fraction) else _scaled(x, decimals) for x in values]
