"""Names for the parts of a circuit: inputs, constraints, advice.
specs/circuits.md#names
"""

from __future__ import annotations

import json
import zlib
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any

from zkmargin.circuits.constraints import ConstraintSystem, InputWires, OneSidedBound
from zkmargin.circuits.program import HintPlacement
from zkmargin.errors import CircuitError


@dataclass(frozen=True)
class CircuitMap:
    """What stands where in a circuit."""

    inputs: Mapping[str, InputWires]
    """First wire and number of wires of every input, public ones in the order of ``Plan.public_inputs``."""
    paths: Sequence[tuple[str, int]]
    """Runs of constraints with one path."""
    hints: Sequence[HintPlacement]
    bounds: Sequence[OneSidedBound]

    @staticmethod
    def of(cs: ConstraintSystem) -> CircuitMap:
        """The names of a circuit that has been built."""
        return CircuitMap({**cs.publics, **cs.privates}, cs.paths, cs.program.hints, cs.bounds)

    @cached_property
    def _ends(self) -> list[int]:
        return list(accumulate(count for _, count in self.paths))

    def path_of(self, constraint: int) -> str:
        """The path of a constraint, such as ``account/size[17]/recompose``."""
        if not 0 <= constraint < (self._ends[-1] if self._ends else 0):
            raise CircuitError("no such constraint", got=constraint)
        return self.paths[bisect_right(self._ends, constraint)][0]

    def to_bytes(self) -> bytes:
        """Compressed JSON."""
        document = {
            "inputs": {name: astuple(wires) for name, wires in self.inputs.items()},
            "paths": list(self.paths),
            "hints": [astuple(hint) for hint in self.hints],
            "bounds": [astuple(bound)[:5] for bound in self.bounds],
        }
        return zlib.compress(json.dumps(document, separators=(",", ":")).encode("utf-8"), 6)

    @staticmethod
    def of_bytes(content: bytes) -> CircuitMap:
        """The inverse of ``to_bytes``."""
        document: dict[str, Any] = json.loads(zlib.decompress(content))
        return CircuitMap(
            {name: InputWires(*wires) for name, wires in document["inputs"].items()},
            [(path, count) for path, count in document["paths"]],
            [HintPlacement(*hint) for hint in document["hints"]],
            [OneSidedBound(*bound) for bound in document["bounds"]],
        )


def without_indices(path: str) -> str:
    """The path of a class of constraints: ``account/size[17]/bit`` becomes ``account/size/bit``."""
    return "/".join(step.split("[")[0] for step in path.split("/"))
