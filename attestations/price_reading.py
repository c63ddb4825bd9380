"""Messages of oracles to prices of cells: whose signatures hold, what the feeds say, whether oracles agree.

specs/evidence.md#prices-of-tables
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from zkmargin.attestations.evidence.errors import PriceDisagreement, PriceMissing
from zkmargin.attestations.evidence.oracle import OraclePrice, price_of
from zkmargin.attestations.evidence.pyth import require_later, verify_pyth
from zkmargin.attestations.evidence.redstone import verify_redstone
from zkmargin.attestations.price_rules import PriceCell, PriceRules

BASIS_POINTS = 10_000


@dataclass(frozen=True)
class EvidencedPrice:
    """A price that its oracles vouch for, in dollars per coin, and the messages' prices by oracle."""

    cell: PriceCell
    price: Fraction
    quotes: Mapping[str, OraclePrice]

    @property
    def oldest(self) -> int:
        """Unix seconds."""
        return min(quote.time for quote in self.quotes.values())


@dataclass(frozen=True)
class Messages:
    """Verified messages: prices by feed of each oracle, Pyth's sequence."""

    prices: Mapping[str, Mapping[str, OraclePrice]]
    sequence: int | None

    def price(self, cell: PriceCell, rules: PriceRules) -> EvidencedPrice:
        """What all feeds of a cell say. Raises PriceMissing, PriceConfidence, PriceDisagreement."""
        where = where_of(cell)
        quotes: dict[str, OraclePrice] = {}
        for oracle, feed in cell.feeds.items():
            quote = price_of(dict(self.prices.get(oracle, {})), feed, f"{where} {oracle}")
            quote.require_sure(rules.confidence, f"{where} {oracle}")
            quotes[oracle] = quote
        found = [quote.exact for quote in quotes.values()]
        low, high = min(found), max(found)
        if (high - low) * BASIS_POINTS > low * rules.agreement:
            raise PriceDisagreement(
                f"{' and '.join(quotes)} are too far apart",
                where=where,
                expected=f"at most {rules.agreement} bps",
                got=f"{int((high - low) * BASIS_POINTS / low)} bps",
            )
        return EvidencedPrice(cell, low if cell.rounding == "down" else high, quotes)


def read_messages(
    pyth: bytes | None, redstone: bytes | None, rules: PriceRules, cells: Sequence[PriceCell], least_sequence: int = 0
) -> Messages:
    """The prices of the oracles that ``cells`` read from; other messages count for nothing and are not read.

    Raises PriceMissing where an oracle's message is not there, PythReplay where an update comes before
    ``least_sequence``, and what ``verify_pyth`` and ``verify_redstone`` raise.
    """
    prices: dict[str, Mapping[str, OraclePrice]] = {}
    sequence = None
    read_from = {oracle for cell in cells for oracle in cell.feeds}
    for oracle, message in (("pyth", pyth), ("redstone", redstone)):
        if oracle in read_from and message is None:
            raise PriceMissing(f"there is no message of {oracle}", where="prices", expected=f"a message of {oracle}")
    if "pyth" in read_from and pyth is not None and rules.pyth is not None:
        update = verify_pyth(pyth, rules.pyth.set_of(), "prices.pyth")
        if least_sequence:
            require_later(update, least_sequence - 1, "prices.pyth")
        prices["pyth"], sequence = update.prices, update.sequence
    if "redstone" in read_from and redstone is not None and rules.redstone is not None:
        signers, decimals = rules.redstone.signers, rules.redstone.decimals
        prices["redstone"] = verify_redstone(redstone, signers.members, signers.threshold, decimals, "prices.redstone")
    return Messages(prices, sequence)


def where_of(cell: PriceCell) -> str:
    """A cell's place, for messages."""
    return f"tables.{cell.column}[{cell.row}]"
