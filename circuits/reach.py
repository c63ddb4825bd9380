"""What slack checks that are narrower than their interval leave provable.
                                                                                specs/rules.md#reach

A bound from above is shown by the slack of each branch, in so many bits of the node's last decimal. Where the interval
of that slack is wider, the width is cut: an honest account whose slack is larger finds no proof. That loses accounts
and never lets one pass; but with many decimals few bits are left for the amount itself, so whoever writes rules is told
how far it goes, and rules that stop short of ``LEAST`` in the unit of equity are refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

from zkmargin.circuits.gadgets.maximum import slack_width
from zkmargin.circuits.integers import Num
from zkmargin.circuits.rules.problems import Problem, RuleProblems
from zkmargin.circuits.rules.tree import Node, RuleSet, Span

VALUE_BITS, MAX_VALUE_BITS = 88, 128
AMOUNT_BITS = 30
"""Bits above the denominator that a slack has unless the rules state ``value_bits``: a billion of the node's unit."""
LEAST = 10**6
"""Rules that cannot show so much of the unit of equity are refused."""
MODEST = 10**9
"""Amounts below it are warned of."""


@dataclass(frozen=True)
class Cut:
    """A node whose slack is cut: ``bits`` of a number over ``denominator``, at a line of the rule file."""

    name: str
    line: int
    unit: str
    bits: int
    denominator: int

    @property
    def amount(self) -> Fraction:
        """The largest slack that can be shown, in ``unit``."""
        return Fraction((1 << self.bits) - 1, self.denominator)

    def __str__(self) -> str:
        return f"`{self.name}`, line {self.line}"

    def text(self) -> str:
        """The amount with its unit, rounded down."""
        return f"{_format(self.amount)} {self.unit}".removesuffix(" 1")


@dataclass(frozen=True)
class Reach:
    """All cut slacks of a rule set, and the unit of equity."""

    unit: str
    cuts: tuple[Cut, ...]

    @property
    def tightest(self) -> Cut | None:
        """The cut of the smallest amount in the unit of equity; None where nothing is cut."""
        return min((cut for cut in self.cuts if cut.unit == self.unit), key=lambda cut: cut.amount, default=None)

    def summary(self) -> str:
        """One line."""
        if self.tightest is None:
            return f"all amounts of {self.unit} within the declared bounds can be proven"
        return f"amounts up to {self.tightest.text()} can be proven; tightest: {self.tightest}"

    def warnings(self) -> list[str]:
        """A line for each cut below MODEST, the smallest first."""
        low = sorted((cut for cut in self.cuts if cut.amount < MODEST), key=lambda cut: cut.amount)
        return [f"{cut} shows no more than {cut.text()}: {_help(cut)}" for cut in low]

    def as_json(self) -> dict[str, Any]:
        """The reach as data; amounts are whole numbers of their unit, rounded down, in text."""
        cuts = [{**asdict(cut), "denominator": str(cut.denominator), "amount": _plain(cut)} for cut in self.cuts]
        tightest = self.tightest
        return {
            "unit": self.unit,
            "amount": None if tightest is None else _plain(tightest),
            "tightest": None if tightest is None else tightest.name,
            "cuts": cuts,
            "warnings": self.warnings(),
        }

    def to_bytes(self) -> bytes:
        """JSON."""
        return json.dumps(asdict(self), indent=1).encode("utf-8")

    @staticmethod
    def of_bytes(content: bytes) -> Reach:
        """The inverse of ``to_bytes``."""
        document: dict[str, Any] = json.loads(content)
        return Reach(document["unit"], tuple(Cut(**cut) for cut in document["cuts"]))


class Slacks:
    """Chooses the widths of slacks of one rule set, and remembers those that are cut."""

    def __init__(self, rules: RuleSet) -> None:
        self._rules = rules
        self._cuts: dict[tuple[str, int, int], tuple[Cut, Span]] = {}

    def bits(self, node: Node) -> int:
        """The largest width of a slack of this node: ``value_bits``, or what its denominator takes."""
        if self._rules.value_bits is not None:
            return self._rules.value_bits
        return min(max(VALUE_BITS, node.type.denominator.bit_length() + AMOUNT_BITS), MAX_VALUE_BITS)

    def of_branches(self, node: Node, name: str, branches: Sequence[Num]) -> int:
        """The width for slacks of these branches, which are about to be placed."""
        bits = self.bits(node)
        if slack_width(branches, 1 << 30) > bits:
            self._keep(Cut(name, node.span.line, str(node.type.unit or 1), bits, node.type.denominator), node.span)
        return bits

    def of_margin(self, common: int, ratio_bits: int, largest: int) -> int:
        """The width for ``denominator * equity - numerator * requirement`` over ``common``, at most ``largest``."""
        bits = (self._rules.value_bits or VALUE_BITS) + common.bit_length()
        if largest.bit_length() > bits + ratio_bits:
            equity = self._rules.equity
            self._keep(Cut("margin", equity.span.line, str(equity.type.unit or 1), bits, common), equity.span)
        return bits + ratio_bits

    def _keep(self, cut: Cut, span: Span) -> None:
        self._cuts[cut.name, cut.line, cut.bits] = (cut, span)

    def reach(self) -> Reach:
        """What can be proven. Raises RuleProblems where that is less than LEAST of the unit of equity."""
        unit = str(self._rules.equity.type.unit or 1)
        found = Reach(unit, tuple(cut for cut, _ in self._cuts.values()))
        problems = list(_refused(self._cuts.values(), unit))
        if problems:
            raise RuleProblems(problems)
        return found


def _refused(cuts: Iterable[tuple[Cut, Span]], unit: str) -> Iterable[Problem]:
    for cut, span in cuts:
        if cut.unit == unit and cut.amount < LEAST:
            words = f"its slack has {cut.bits} bits: honest accounts beyond {cut.text()} find no proof"
            yield Problem("bits", words, span, _help(cut))


def _help(cut: Cut) -> str:
    missing = (MODEST * cut.denominator).bit_length() - cut.bits
    more = f"value_bits: {cut.bits + missing}" if cut.bits + missing <= MAX_VALUE_BITS else ""
    fewer = f"fewer decimals ({len(str(cut.denominator)) - 1} meet here), or round what is multiplied: floor(x, u)"
    return f"{more}; or {fewer}" if more else fewer


def _plain(cut: Cut) -> str:
    return str(cut.amount.numerator // cut.amount.denominator)


def _format(amount: Fraction) -> str:
    """Two digits and a power of ten, rounded down; small numbers as they are."""
    whole = amount.numerator // amount.denominator
    if whole < 1000:
        return f"{amount.numerator * 1000 // amount.denominator / 1000:g}"
    digits = str(whole)
    return f"{digits[0]}.{digits[1]}e{len(digits) - 1}"
