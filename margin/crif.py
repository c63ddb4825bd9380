"""Sensitivities of a portfolio, as the common risk interchange format lists them, to an account's columns.

Amounts of one risk factor add up: of a currency, of an issuer in its bucket, of a pair or an issuer at a tenor. Each
product class is margined on its own, and their margins add up: they are accounts of their own. Specified by the rule
sets ``simm_equity`` and ``simm_fx``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from zkmargin.errors import Capacity, MarketSource
from zkmargin.margin.simm import BUCKETS, ISSUERS, PAIRS, TENORS, pair_of

__all__ = ["Sensitivity", "equity_columns", "fx_columns"]


@dataclass(frozen=True)
class Sensitivity:
    """One line: ``risk`` is ``Risk_FX``, ``Risk_FXVol``, ``Risk_Equity`` or ``Risk_EquityVol``; ``amount`` in USD.

    ``qualifier`` is a currency, a pair of currencies or an issuer; ``bucket`` of equities is 1 to 12 or ``Residual``;
    ``tenor`` stands where the risk is a volatility's.
    """

    product: str
    risk: str
    qualifier: str
    bucket: str
    tenor: str
    amount: Fraction


def equity_columns(lines: Iterable[Sensitivity]) -> dict[str, Any]:
    """``delta`` over (bucket, issuer) and ``vega`` over (bucket, issuer, tenor), in USD.

    Issuers get their rows in the order of the lines. Raises Capacity where a bucket has too many of them, MarketSource
    for what is no equity risk.
    """
    delta = np.full((len(BUCKETS), ISSUERS), Fraction(0), dtype=object)
    vega = np.full((*delta.shape, len(TENORS)), Fraction(0), dtype=object)
    rows: dict[str, dict[str, int]] = {}
    known = {bucket.lower(): row for row, bucket in enumerate(BUCKETS)}
    for line in lines:
        bucket = known.get(line.bucket.lower())
        if bucket is None:
            raise MarketSource("not an equity bucket", got=line.bucket[:20], expected="1 to 12, or Residual")
        issuer = _row(rows.setdefault(BUCKETS[bucket], {}), line.qualifier, ISSUERS)
        if line.risk == "Risk_Equity":
            delta[bucket, issuer] += line.amount
        elif line.risk == "Risk_EquityVol":
            vega[bucket, issuer, _tenor(line)] += line.amount
        else:
            raise MarketSource("not a risk of equities", got=line.risk[:20])
    return {"delta": delta, "vega": vega}


def fx_columns(lines: Sequence[Sensitivity]) -> tuple[dict[str, Any], list[str], list[str]]:
    """``delta`` over currencies and ``vega`` over (pair, tenor), in USD; then the currencies and pairs of the rows.

    Raises Capacity where there are too many, MarketSource for what is no foreign exchange risk.
    """
    delta = np.full(PAIRS, Fraction(0), dtype=object)
    vega = np.full((PAIRS, len(TENORS)), Fraction(0), dtype=object)
    currencies: dict[str, int] = {}
    pairs: dict[str, int] = {}
    for line in lines:
        if line.risk == "Risk_FX":
            delta[_row(currencies, line.qualifier.upper(), PAIRS)] += line.amount
        elif line.risk == "Risk_FXVol":
            vega[_row(pairs, pair_of(line.qualifier), PAIRS), _tenor(line)] += line.amount
        else:
            raise MarketSource("not a risk of foreign exchange", got=line.risk[:20])
    return {"delta": delta, "vega": vega}, list(currencies), list(pairs)


def _row(rows: dict[str, int], name: str, capacity: int) -> int:
    row = rows.setdefault(name, len(rows))
    if row >= capacity:
        raise Capacity("there are more risk factors than rows", expected=f"at most {capacity}", got=len(rows))
    return row


def _tenor(line: Sensitivity) -> int:
    tenor = line.tenor.lower()
    if tenor not in TENORS:
        raise MarketSource("not a tenor of SIMM", got=line.tenor[:20], expected=" ".join(TENORS))
    return TENORS.index(tenor)
