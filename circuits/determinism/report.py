"""What the determinism analysis found, as numbers and as text.
specs/determinism.md#report
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from zkmargin.circuits.determinism.verdicts import DESCRIPTIONS, Verdict


@dataclass(frozen=True)
class Determinism:
    """Every wire of a circuit by what fixes it. There is no report of a circuit that leaves a wire open."""

    wires: int
    counts: Mapping[str, int]
    """Number of wires per class: ``Verdict`` in lower case."""
    bounds: Mapping[str, int]
    """Number of wires per class of path, with the inequality that was verified."""
    brackets: Mapping[str, int]
    """Number of values per class of path that inequalities fix, with these and what they take for granted."""
    unread: Mapping[str, str]
    """Public inputs that no constraint reads, bound by the verifying key only, and why that is meant."""

    @property
    def classified(self) -> int:
        return sum(self.counts.values())

    def to_text(self) -> str:
        """The report, for ``--show determinism``."""
        lines = [f"{self.wires:>9,}  wires, {self.classified:,} of them classified:"]
        lines += self.lines()
        if self.brackets:
            lines += ["", "values that inequalities fix from both sides, each found in the constraints:"]
            lines += [f"{count:>9,}  {name}" for name, count in self.brackets.items()]
        if self.bounds:
            lines += ["", "one-sided bounds and choices, each found in the constraints:"]
            lines += [f"{count:>9,}  {name}" for name, count in self.bounds.items()]
        if self.unread:
            lines += ["", "public inputs that only the verifying key binds:"]
            lines += [f"{'':9}  {name}: {reason}" for name, reason in self.unread.items()]
        return "\n".join(lines)

    def lines(self) -> list[str]:
        """Per class of wires a line."""
        return [f"{count:>9,}  {DESCRIPTIONS[Verdict[name.upper()]]}" for name, count in self.counts.items() if count]

    def summary(self) -> str:
        """One line."""
        chosen = sum(self.counts.get(verdict.name.lower(), 0) for verdict in Verdict if verdict >= Verdict.BOUND)
        return (
            f"{self.classified:,} of {self.wires:,} wires classified, "
            f"{self.classified - chosen:,} fixed by the inputs, {chosen:,} by declared bounds"
        )

    def as_json(self) -> dict[str, Any]:
        """The report as data."""
        return {**asdict(self), "classified": self.classified}

    def to_bytes(self) -> bytes:
        """JSON."""
        return json.dumps(asdict(self), indent=1).encode("utf-8")

    @staticmethod
    def of_bytes(content: bytes) -> Determinism:
        """The inverse of ``to_bytes``."""
        document: dict[str, Any] = json.loads(content)
        return Determinism(**document)
