"""Option values: Black (1976) on the forward, as the venue quotes them.

Deribit's options are inverse: quoted and settled in the coin. Their mark is the undiscounted Black-76 value
on the expiry's forward F, divided by F; that the published marks and volatilities agree with it is a test.
The coin is worth the index S, so the value in USD is

    V = (S / F) * Black76(F, K, sigma, T)

that is, Black-76 discounted by S / F: the rate that the venue's own forwards imply. Put-call parity then
reads ``call - put = (S / F) * (F - K)``. Where S and F move together by a factor k, S / F stays.

Source: F. Black, "The pricing of commodity contracts", Journal of Financial Economics 3 (1976), 167-179.
Floats live here and in the table builder only; tables and everything below them are exact integers.
Specified in specs/market.md#pricing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

SECONDS_PER_DAY = 86_400
SECONDS_PER_YEAR = 365 * SECONDS_PER_DAY  # the venue's year: 365 days
NEGLIGIBLE = 1e-12
"""A total volatility (sigma sqrt T) up to here counts as none: it is worth under 4e-13 of the forward."""


@dataclass(frozen=True)
class _Terms:
    forward: FloatArray
    strike: FloatArray
    sign: FloatArray  # 1 for calls, -1 for puts
    total: FloatArray  # sigma sqrt T; 1 where it is negligible
    is_live: BoolArray
    d1: FloatArray

    @classmethod
    def of(
        cls,
        forward: ArrayLike,
        strike: ArrayLike,
        volatility: ArrayLike,
        years: ArrayLike,
        is_call: ArrayLike,
    ) -> Self:
        f, k = np.asarray(forward, dtype=np.float64), np.asarray(strike, dtype=np.float64)
        total = np.asarray(volatility, dtype=np.float64) * np.sqrt(np.asarray(years, dtype=np.float64))
        is_live = total > NEGLIGIBLE
        total = np.where(is_live, total, 1.0)
        sign = np.where(np.asarray(is_call, dtype=np.bool_), 1.0, -1.0)
        return cls(f, k, sign, total, is_live, np.log(f / k) / total + total / 2.0)


def black_76(
    forward: ArrayLike, strike: ArrayLike, volatility: ArrayLike, years: ArrayLike, is_call: ArrayLike
) -> FloatArray:
    """Undiscounted Black-76 value per unit of the underlying, in the unit of ``forward`` and ``strike``.

    All arguments broadcast. ``forward`` and ``strike`` are positive, ``volatility`` is a decimal per square
    root of a year (0.456 = 45.6%) and ``years`` the time to expiry; where ``sigma sqrt T`` is negligible the
    value is the intrinsic one.

        d1 = ln(F / K) / (sigma sqrt T) + sigma sqrt T / 2,  d2 = d1 - sigma sqrt T
        call = F N(d1) - K N(d2),  put = K N(-d2) - F N(-d1)
    """
    t = _Terms.of(forward, strike, volatility, years, is_call)
    priced = t.sign * (t.forward * ndtr(t.sign * t.d1) - t.strike * ndtr(t.sign * (t.d1 - t.total)))
    intrinsic = np.maximum(t.sign * (t.forward - t.strike), 0.0)
    # Cancellation can leave a value a few ulps under the intrinsic one, a lower bound without discounting.
    return np.where(t.is_live, np.maximum(priced, intrinsic), intrinsic)


def forward_delta(
    forward: ArrayLike, strike: ArrayLike, volatility: ArrayLike, years: ArrayLike, is_call: ArrayLike
) -> FloatArray:
    """Derivative of ``black_76`` by the forward: N(d1) for a call, N(d1) - 1 for a put. Same arguments.

    Where ``sigma sqrt T`` is negligible: 1, 0 or, at the money, 1/2 in size.
    """
    t = _Terms.of(forward, strike, volatility, years, is_call)
    return t.sign * np.where(t.is_live, ndtr(t.sign * t.d1), np.heaviside(t.sign * (t.forward - t.strike), 0.5))


def forward_gamma(
    forward: ArrayLike, strike: ArrayLike, volatility: ArrayLike, years: ArrayLike, is_call: ArrayLike
) -> FloatArray:
    """Second derivative of ``black_76`` by the forward: n(d1) / (F sigma sqrt T), calls and puts alike.

    n is the normal density. Same arguments; 0 where ``sigma sqrt T`` is negligible.
    """
    t = _Terms.of(forward, strike, volatility, years, is_call)
    return np.where(t.is_live, _density(t.d1) / (t.forward * t.total), 0.0)


def volatility_derivative(
    forward: ArrayLike, strike: ArrayLike, volatility: ArrayLike, years: ArrayLike, is_call: ArrayLike
) -> FloatArray:
    """Derivative of ``black_76`` by the volatility: F n(d1) sqrt T per 1.00 of volatility. Same arguments."""
    t = _Terms.of(forward, strike, volatility, years, is_call)
    return np.where(t.is_live, t.forward * _density(t.d1) * np.sqrt(np.asarray(years, dtype=np.float64)), 0.0)


def strike_derivative(
    forward: ArrayLike, strike: ArrayLike, volatility: ArrayLike, years: ArrayLike, is_call: ArrayLike
) -> FloatArray:
    """Derivative of ``black_76`` by the strike: -N(d2) for a call, N(-d2) for a put. Same arguments.

    Where ``sigma sqrt T`` is negligible: 1, 0 or, at the money, 1/2 in size.
    """
    t = _Terms.of(forward, strike, volatility, years, is_call)
    d2 = t.sign * (t.d1 - t.total)
    return -t.sign * np.where(t.is_live, ndtr(d2), np.heaviside(t.sign * (t.forward - t.strike), 0.5))


def _density(x: FloatArray) -> FloatArray:
    density: FloatArray = np.exp(-x * x / 2.0) / np.sqrt(2.0 * np.pi)
    return density
