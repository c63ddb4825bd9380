"""Arrays of circuit numbers with named axes: numpy object arrays, axes in the order in which the rules
declare them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from zkmargin.circuits.integers import Num
from zkmargin.circuits.rules.tree import RuleSet

Numbers = npt.NDArray[np.object_]
"""An array whose elements are ``Num``."""


def array_of(numbers: Iterable[Num], shape: Sequence[int]) -> Numbers:
    """An array from its elements in row-major order."""
    flat = list(numbers)
    array = np.empty(len(flat), dtype=object)
    array[:] = flat
    return array.reshape(tuple(shape))


def align(rules: RuleSet, values: Numbers, axes: Sequence[str], to: Sequence[str]) -> Numbers:
    """Broadcast by axis name to the axes ``to``, which contain ``axes``."""
    index: tuple[Any, ...] = tuple(slice(None) if axis in axes else None for axis in to)
    return np.broadcast_to(values[index], rules.shape(tuple(to)))


def elementwise(function: Callable[..., Num], first: Numbers, *rest: Numbers) -> Numbers:
    """Apply a function of numbers to arrays of one shape."""
    flat = zip(first.reshape(-1), *(array.reshape(-1) for array in rest), strict=True)
    return array_of((function(*numbers) for numbers in flat), first.shape)


def along(values: Numbers, axes: Sequence[str], over: Sequence[str]) -> Numbers:
    """Bring the axes ``over`` together as one last dimension; the others stay in front."""
    kept = [place for place, axis in enumerate(axes) if axis not in over]
    gone = [place for place, axis in enumerate(axes) if axis in over]
    moved = values.transpose(kept + gone)
    return moved.reshape((*moved.shape[: len(kept)], -1))


def places(shape: Sequence[int]) -> list[str]:
    """``[i,j]`` for every element in row-major order; empty text for a scalar."""
    return [f"[{','.join(map(str, index))}]" if index else "" for index in np.ndindex(*shape)]
