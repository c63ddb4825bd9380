"""Option values: Black (1976) on the forward, as the venue quotes them.

Deribit's options are inverse: quoted and settled in the coin. Their mark is the undiscounted Black-76 value
on the expiry's forward F, divided by F; that the published marks and volatilities agree with it is a test.
The coin is worth the index S, so the value in USD is

    V = (S / F) * Black76(F, K, sigma, T)

that is, Black-76 discounted by S / F: the rate that the venue's own forwards imply. Put-call parity then
reads ``call - put = (S / F) * (F - K)``. Where S and F move together by a factor k, S / F stays.

Source: F. Black, "The pricing of commodity contracts", Journal of Financial Economics 3 (1976), 167-179.
Floats live here and in the table builder only; tables and everything below them are exact integers.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

SECONDS_PER_DAY = 86_400
SECONDS_PER_YEAR = 365 * SECONDS_PER_DAY  # the venue's year: 365 days


def black_76(
    forward: ArrayLike, strike: ArrayLike, volatility: ArrayLike, years: ArrayLike, is_call: ArrayLike
) -> FloatArray:
    """Undiscounted Black-76 value per unit of the underlying, in the unit of ``forward`` and ``strike``.

    All arguments broadcast. ``forward`` and ``strike`` are positive, ``volatility`` is a decimal per square
    root of a year (0.456 = 45.6%) and ``years`` the time to expiry; where either is zero the value is the
    intrinsic one.

        d1 = ln(F / K) / (sigma sqrt T) + sigma sqrt T / 2,  d2 = d1 - sigma sqrt T
        call = F N(d1) - K N(d2),  put = K N(-d2) - F N(-d1)
    """
    f, k = np.asarray(forward, dtype=np.float64), np.asarray(strike, dtype=np.float64)
    sign = np.where(np.asarray(is_call, dtype=np.bool_), 1.0, -1.0)
    total = np.asarray(volatility, dtype=np.float64) * np.sqrt(np.asarray(years, dtype=np.float64))
    spread = np.where(
        total > 0.0, total, 1.0
    )  # any positive number: the result is not used where total is zero
    d1 = np.log(f / k) / spread + spread / 2.0
    priced = sign * (f * ndtr(sign * d1) - k * ndtr(sign * (d1 - spread)))
    intrinsic = np.maximum(sign * (f - k), 0.0)
    # Cancellation can leave a value a few ulps under the intrinsic one, a lower bound without discounting.
    return np.where(total > 0.0, np.maximum(priced, intrinsic), intrinsic)


def forward_delta(
    forward: ArrayLike, strike: ArrayLike, volatility: ArrayLike, years: ArrayLike, is_call: ArrayLike
) -> FloatArray:
    """Derivative of ``black_76`` by the forward: N(d1) for a call, N(d1) - 1 for a put. Same arguments."""
    f, k = np.asarray(forward, dtype=np.float64), np.asarray(strike, dtype=np.float64)
    sign = np.where(np.asarray(is_call, dtype=np.bool_), 1.0, -1.0)
    total = np.asarray(volatility, dtype=np.float64) * np.sqrt(np.asarray(years, dtype=np.float64))
    spread = np.where(total > 0.0, total, 1.0)
    d1 = np.log(f / k) / spread + spread / 2.0
    return sign * np.where(total > 0.0, ndtr(sign * d1), (sign * (f - k) > 0.0).astype(np.float64))
