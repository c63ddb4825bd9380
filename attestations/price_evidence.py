"""Evidence of prices: what oracles signed, and which prices of a snapshot's tables it stands for.

The snapshot's ``sourcesHash`` commits to the evidence as a source named ``zkmargin/price-evidence``, so that none can
be put in its place once the snapshot is signed.                                     specs/evidence.md#prices-of-tables
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar, Final, Literal, Self

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from zkmargin.attestations.documents import MarketSnapshot
from zkmargin.attestations.evidence.errors import (
    PriceCellMissing,
    PriceDiffers,
    PriceEvidenceMismatch,
    PriceFeed,
    PriceMissing,
)
from zkmargin.attestations.market import require_market
from zkmargin.attestations.price_reading import BASIS_POINTS, EvidencedPrice, read_messages, where_of
from zkmargin.attestations.price_rules import Cells, PriceCell, PriceRules
from zkmargin.attestations.schema import Document, LongBytes
from zkmargin.encoding import sha256
from zkmargin.errors import SchemaType
from zkmargin.margin.market import Market, Source
from zkmargin.margin.tables import Column, Tables

SOURCE: Final = "zkmargin/price-evidence"
"""The evidence among a snapshot's sources: no file's name, which has no folders."""


class PriceEvidence(Document):
    """``*.price-evidence.json``: messages as oracles published them, and the prices that they stand for.

    One message of each oracle at most: of two that carry one feed the publisher would choose.
    """

    TYPE: ClassVar[str] = SOURCE
    LIMIT: ClassVar[int] = 1 << 22
    type: Literal["zkmargin/price-evidence"] = "zkmargin/price-evidence"
    version: Literal["1"] = "1"
    pyth: LongBytes | None = None
    redstone: LongBytes | None = None
    cells: Cells

    @model_validator(mode="after")
    def _every_message_is_read(self) -> Self:
        read_from = {oracle for cell in self.cells for oracle in cell.feeds}
        for oracle, message in (("pyth", self.pyth), ("redstone", self.redstone)):
            if message is not None and oracle not in read_from:
                raise PydanticCustomError(SchemaType.code, f"no price is read from the message of {oracle}")
        return self

    @cached_property
    def source(self) -> Source:
        """As the sources of a snapshot list it: the digest is SHA-256 of the RFC 8785 bytes."""
        return Source(SOURCE, sha256(self.to_bytes()))

    def in_sources(self, market: Market) -> Market:
        """The market whose sources commit to this evidence."""
        return replace(market, sources=(*market.sources, self.source))

    def prices(self, rules: PriceRules) -> tuple[EvidencedPrice, ...]:
        """Those of its cells that ``rules`` have in the same words, for who builds tables.

        Raises what ``read_messages`` and ``Messages.price`` raise, PriceFeed where the two differ on a cell.
        """
        pinned = {cell.place: cell for cell in rules.cells}
        cells = [cell for cell in self.cells if cell.place in pinned]
        for cell in cells:
            _require_same(cell, pinned[cell.place])
        messages = read_messages(self.pyth, self.redstone, rules, cells)
        return tuple(messages.price(cell, rules) for cell in cells)


@dataclass(frozen=True)
class PriceFinding:
    """What evidence showed: each price, Pyth's sequence if there was an update, the oldest message in unix seconds."""

    prices: tuple[EvidencedPrice, ...]
    sequence: int | None
    oldest: int


def require_prices(
    evidence: PriceEvidence | None,
    rules: PriceRules,
    snapshot: MarketSnapshot,
    market: Market,
    *,
    at: int,
    maximum_age: int | None,
    least_sequence: int = 0,
) -> PriceFinding:
    """Raise unless ``evidence`` shows the prices of ``market`` that ``rules`` (a policy's ``prices``) ask for.

    The one check of evidence of prices: of ``verify``, of provers before they prove, of publishers before they sign,
    and of audits (ATTESTATION §2.1, A16), which judge a snapshot document by ``document.snapshot, document.market``.

    ``market`` is what ``snapshot`` names; whose signatures it carries was checked before. ``at``: the time to judge at,
    unix seconds; ``maximum_age``: of each message at that time, in seconds (a policy's ``maximumAge.price``), None
    where prices of the past are judged. ``least_sequence``: a Pyth update before this one is a replay.

    In this order: there is evidence (E_PRICE_MISSING); the snapshot is of this market (E_MARKET, E_LISTING) and commits
    to this evidence (E_PRICE_EVIDENCE); its cells and those of the rules are in the tables (E_PRICE_CELL), complete
    columns are covered (E_PRICE_MISSING), and the evidence has each cell as the rules do (E_PRICE_MISSING,
    E_PRICE_FEED); messages are signed (codes of ``verify_pyth`` and ``verify_redstone``) and no replay (E_PRICE_SEQ);
    each price is sure (E_PRICE_CONF), its oracles agree (E_PRICE_DISAGREE), it is fresh (E_PRICE_STALE,
    E_PRICE_FUTURE), and the table says the same (E_PRICE_TABLE).
    """
    if evidence is None:
        raise PriceMissing("the policy asks for evidence of prices", where="prices", expected="a file of evidence")
    require_market(snapshot, market)
    require_committed(evidence, market)
    cells = require_cells(evidence, rules, market.tables)
    messages = read_messages(evidence.pyth, evidence.redstone, rules, cells, least_sequence)
    found = tuple(messages.price(cell, rules) for cell in cells)
    for price in found:
        for oracle, quote in price.quotes.items():
            where = f"{where_of(price.cell)} {oracle}"
            quote.require_fresh(market.price_time, rules.maximum_age, rules.skew, where)
            quote.require_fresh(at, at if maximum_age is None else maximum_age, rules.skew, where)
        _require_equal(price, market.tables, rules.tolerance)
    return PriceFinding(found, messages.sequence, min(price.oldest for price in found))


def require_committed(evidence: PriceEvidence, market: Market) -> None:
    """Raise PriceEvidenceMismatch unless a market's sources name this evidence, and no other."""
    if [source for source in market.sources if source.name == SOURCE] != [evidence.source]:
        raise PriceEvidenceMismatch(
            "the snapshot does not commit to this evidence",
            where="snapshot.sourcesHash",
            expected="0x" + evidence.source.digest.hex(),
        )


def require_cells(evidence: PriceEvidence, rules: PriceRules, tables: Tables) -> tuple[PriceCell, ...]:
    """The cells of ``rules`` that ``tables`` have, each of which the evidence has in the same words.

    Raises PriceCellMissing, PriceMissing, PriceFeed.
    """
    for cell in evidence.cells:
        _row(tables, cell)
    pinned = {cell.place: cell for cell in rules.cells}
    for name in rules.complete:
        for row in _rows(tables, name):
            if (name, row) not in pinned:
                raise PriceMissing(f"the rules have no feed for a row of `{name}`", where=f"tables.{name}[{row}]")
    shown = {cell.place: cell for cell in evidence.cells}
    cells = []
    for cell in rules.cells:
        if cell.column in rules.complete and cell.row not in _rows(tables, cell.column):
            continue
        _row(tables, cell)
        if cell.place not in shown:
            raise PriceMissing("there is no evidence of this price", where=where_of(cell))
        _require_same(shown[cell.place], cell)
        cells.append(cell)
    return tuple(cells)


def require_publishable(
    snapshot: MarketSnapshot, market: Market, evidence: PriceEvidence | None, rules: PriceRules | None
) -> None:
    """What a publisher checks before it signs: no price contradicts the evidence that the snapshot commits to.

    Raises PriceEvidenceMismatch where that evidence, or rules to read it by, are not given, and what
    ``require_prices`` raises at the time of issue.
    """
    if evidence is None and all(source.name != SOURCE for source in market.sources):
        return
    if evidence is None or rules is None:
        raise PriceEvidenceMismatch(
            "the snapshot commits to evidence of prices, which is not here to be checked",
            where="snapshot.sourcesHash",
            hint="give the evidence, and the rules to read it by",
        )
    require_prices(evidence, rules, snapshot, market, at=snapshot.issued_at, maximum_age=None)


def _require_same(shown: PriceCell, pinned: PriceCell) -> None:
    if shown != pinned:
        raise PriceFeed(
            "the evidence reads this price in another way than the rules",
            where=where_of(pinned),
            expected=_words(pinned),
            got=_words(shown),
        )


def _require_equal(price: EvidencedPrice, tables: Tables, tolerance: int) -> None:
    cell = price.cell
    column, row = _row(tables, cell)
    given, expected = int(column.values[row]), cell.units(price.price, column.decimals)
    if abs(given - expected) * BASIS_POINTS > expected * tolerance:
        raise PriceDiffers(
            "the table's price is not the one that its evidence gives", where=where_of(cell), expected=expected,
            got=given,
        )  # fmt: skip


def _rows(tables: Tables, name: str) -> tuple[str, ...]:
    """The rows of a column along its only axis. Raises PriceCellMissing."""
    column = tables.columns.get(name)
    if column is None or len(column.axes) != 1:
        raise PriceCellMissing("the tables have no such column along one axis", where=f"tables.{name}")
    return tables.names[column.axes[0]]


def _row(tables: Tables, cell: PriceCell) -> tuple[Column, int]:
    """The column and the row's place. Raises PriceCellMissing."""
    rows = _rows(tables, cell.column)
    if cell.row not in rows:
        raise PriceCellMissing(f"`{cell.column}` has no such row in the tables", where=where_of(cell))
    return tables.columns[cell.column], rows.index(cell.row)


def _words(cell: PriceCell) -> str:
    feeds = ", ".join(f"{oracle} {feed}" for oracle, feed in cell.feeds.items())
    return f"{feeds}; per 10^-{cell.decimals} of a coin, rounded {cell.rounding}"
