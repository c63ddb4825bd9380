"""Every way to change one thing in an envelope, and what a verifier says to it."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

from parties import World

from zkmargin.errors import ZkMarginError
from zkmargin.field import FQ_MODULUS, FR_MODULUS

Path = tuple[str | int, ...]


def leaves(tree: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Path and value of everything that is neither an object nor a non-empty array."""
    if isinstance(tree, dict):
        for name, value in tree.items():
            yield from leaves(value, (*path, name))
    elif isinstance(tree, list) and tree:
        for index, value in enumerate(tree):
            yield from leaves(value, (*path, index))
    else:
        yield path, tree


def objects(tree: Any, path: Path = ()) -> Iterator[Path]:
    """Paths of all objects."""
    if isinstance(tree, dict):
        yield path
        for name, value in tree.items():
            yield from objects(value, (*path, name))
    elif isinstance(tree, list):
        for index, value in enumerate(tree):
            yield from objects(value, (*path, index))


def other_values(value: Any) -> list[Any]:
    """Other values for a leaf: near ones, aliases of the same number, other spellings, other types."""
    if value is None:
        return ["0", "1", [], False]
    if isinstance(value, list):
        return [["0"], None, {}, "0"]
    if isinstance(value, bool):
        return [not value, "true", 1]
    if value.startswith("0x"):
        digits = value[2:]
        if not digits:
            return ["0x00", "", "0x0", None]
        swap = {"0": "1"}
        return [
            "0x" + swap.get(digits[0], "0") + digits[1:],
            "0x" + digits[:-1] + swap.get(digits[-1], "0"),
            "0x" + digits[:-2],
            value + "00",
            value.upper(),
            "0x" + "00" * (len(digits) // 2),
            None,
        ]
    if value.isdigit():
        number = int(value)
        near = [number + 1, max(number - 1, 0), number ^ 1 << 3, 0, number + FR_MODULUS, number + FQ_MODULUS]
        spelled = [str(other) for other in near if other != number]
        return [*spelled, "0" + value, "-" + value, value + ".0", number, None]
    return [value + "x", value[:-1], value.upper() + " ", 7, None]


def changed(tree: dict[str, Any], path: Path, value: Any) -> dict[str, Any]:
    """A copy with another value at ``path``."""
    altered = copy.deepcopy(tree)
    node: Any = altered
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = value
    return altered


def without(tree: dict[str, Any], path: Path) -> dict[str, Any]:
    """A copy without what is at ``path``."""
    altered = copy.deepcopy(tree)
    node: Any = altered
    for step in path[:-1]:
        node = node[step]
    del node[path[-1]]
    return altered


def code_of(world: World, tree: Any, engine: str, **arguments: Any) -> str:
    """The error code of a verification, or ``holds``."""
    raw = tree if isinstance(tree, bytes) else json.dumps(tree).encode()
    try:
        world.verify(raw, engine=engine, **arguments)
    except ZkMarginError as error:
        return error.code
    return "holds"
