"""An option chain at another price of its coin: what a snapshot would have been, all else equal.

Index, forwards and the prices of futures and perpetuals move by one factor k. Every option is revalued at its own
volatility (sticky strike), and time does not pass; what its mark is off Black-76 today stays, in coins of today:

    USD mark at k S = mark S + (S / F) (Black76(k F, K, sigma, T) - Black76(F, K, sigma, T)), at least zero

So a mark moves by the same gain that the table's scenarios are made of (``build``).       specs/market.md#check
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import numpy as np

from zkmargin.errors import MarketSource
from zkmargin.margin.chain import Chain
from zkmargin.margin.pricing import SECONDS_PER_YEAR, black_76

__all__ = ["cut_chain", "moved_chain"]


def moved_chain(chain: Chain, factor: Fraction) -> Chain:
    """The chain with its coin at ``factor`` times the price. Raises MarketSource unless that is above zero."""
    if factor <= 0:
        raise MarketSource("a price moves to something above zero", where=chain.underlying)
    if factor == 1:
        return chain
    k = float(factor)
    quotes = chain.options
    forward = np.array([chain.forwards[quote.expiry] for quote in quotes])
    strike = np.array([float(quote.strike) for quote in quotes])
    volatility = np.array([float(quote.volatility) for quote in quotes])
    years = np.array([quote.expiry - chain.time for quote in quotes]) / SECONDS_PER_YEAR
    is_call = np.array([quote.is_call for quote in quotes])
    terms = (strike, volatility, years, is_call)
    gain = (black_76(k * forward, *terms) - black_76(forward, *terms)) / forward
    marks = np.maximum(np.array([float(quote.mark) for quote in quotes]) + gain, 0.0) / k
    exact = Decimal(factor.numerator) / Decimal(factor.denominator)
    return replace(
        chain,
        index=chain.index * k,
        forwards={expiry: value * k for expiry, value in chain.forwards.items()},
        options=tuple(
            replace(quote, mark=Decimal(repr(float(mark)))) for quote, mark in zip(quotes, marks, strict=True)
        ),
        futures=tuple(replace(quote, price=quote.price * exact) for quote in chain.futures),
    )


def cut_chain(chain: Chain, kept: Collection[str]) -> Chain:
    """The chain with only the options ``kept`` (one stays in any case) and all futures."""
    options = tuple(quote for quote in chain.options if quote.id in kept) or chain.options[:1]
    return replace(chain, options=options)
