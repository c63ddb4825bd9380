"""What the built-ins do to exact integers: functions of object arrays, which tree.py specifies node by node.

The axis that a function reduces is the last one of its operands; the others broadcast. Nothing here knows of
rule sets or tables.
"""

from __future__ import annotations

from math import isqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.object_]


def floor_quotient(x: IntArray, y: IntArray) -> Any:
    """``floor(x / y)``, towards minus infinity; y > 0."""
    return x // y


def root(x: IntArray, divisor: int) -> Any:
    """The largest r >= 0 with ``divisor * r**2 <= max(x, 0)``."""
    return np.frompyfunc(lambda value: isqrt(max(value, 0) // divisor), 1, 1)(x)


def tier(x: IntArray, bound: IntArray, value: IntArray) -> Any:
    """``value[k]`` for the first k with ``x <= bound[k]``; the last tier has no bound. ``x`` lacks the axis."""
    fits = np.asarray(x[..., np.newaxis] <= bound, dtype=bool)
    fits[..., -1] = True
    return _take(value, np.argmax(fits, axis=-1))


def previous(x: IntArray, axis: int) -> Any:
    """``x`` one place earlier along the axis, 0 at the first place."""
    rows = np.moveaxis(x, axis, 0)
    return np.moveaxis(np.concatenate([rows[:1] * 0, rows[:-1]]), 0, axis)


def pick(y: IntArray, score: IntArray) -> Any:
    """``y`` where ``score`` first is largest."""
    return _take(y, np.argmax(score, axis=-1))


def _take(values: IntArray, index: Any) -> Any:
    shape = np.broadcast_shapes(values.shape[:-1], index.shape)
    values = np.broadcast_to(values, (*shape, values.shape[-1]))
    chosen = np.broadcast_to(index, shape)[..., np.newaxis]
    return np.take_along_axis(values, chosen, axis=-1)[..., 0]


def nth_largest(x: IntArray, n: int) -> Any:
    """The n-th largest along the last axis, counted with repetition."""
    return np.sort(x, axis=-1)[..., -n]


def tail_sum(x: IntArray, p: int, q: int) -> Any:
    """``q * (sum of the m largest) + (p - q*m) * (the next)`` along the last axis, ``m = p // q``."""
    ordered = np.sort(x, axis=-1)[..., ::-1]
    whole, rest = divmod(p, q)
    total = q * ordered[..., :whole].sum(axis=-1)
    return total + rest * ordered[..., whole] if rest else total


def spreads(x: IntArray, ratio: IntArray) -> IntArray:
    """Spreads formed row after row: ``x`` is [..., leg], ``ratio`` [..., row, leg], the result [..., row]."""
    batch = np.broadcast_shapes(x.shape[:-1], ratio.shape[:-2])
    rows, legs = ratio.shape[-2:]
    left = np.array(np.broadcast_to(x, (*batch, legs)), dtype=object)
    ratio = np.broadcast_to(ratio, (*batch, rows, legs))
    formed = np.zeros((*batch, rows), dtype=object)
    for place in np.ndindex(*batch):
        for row in range(rows):
            formed[(*place, row)] = _spread(left[place], ratio[(*place, row)])
    return formed


def _spread(left: IntArray, ratio: IntArray) -> int:
    """The spreads of one row; ``left`` is reduced in place."""
    used = [leg for leg in range(len(ratio)) if ratio[leg]]
    signs = {(left[leg] * ratio[leg] > 0) - (left[leg] * ratio[leg] < 0) for leg in used}
    if signs not in ({1}, {-1}):
        return 0
    count = min(abs(left[leg]) // abs(ratio[leg]) for leg in used)
    sign = signs.pop()
    for leg in used:
        left[leg] -= sign * count * ratio[leg]
    return int(count)
