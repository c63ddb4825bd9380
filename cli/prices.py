"""Evidence of prices in commands: rules to read it by, oracles' messages into a document, what a publisher checks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from zkmargin.cli.files import read_document, read_signer, refuse_existing, write_document
from zkmargin.cli.options import FILE, force_option, json_option, out_option
from zkmargin.cli.output import format_time, print_json, print_pairs, print_table, signers_text

if TYPE_CHECKING:
    from fractions import Fraction

    from zkmargin.attestations.market import MarketSnapshotDocument
    from zkmargin.attestations.price_evidence import PriceEvidence
    from zkmargin.attestations.price_rules import PriceRules, PythRules, RedstoneRules
    from zkmargin.margin.market import Market
    from zkmargin.margin.plain import GivenPrices
    from zkmargin.margin.schema import TableSchema

BPS = click.IntRange(min=0, max=65535)
SECONDS = click.IntRange(min=0, max=(1 << 32) - 1)
MAX_MESSAGE = 1 << 20


@click.command("price-rules")
@click.argument("feeds", type=FILE)
@click.option("--guardian-set", type=click.IntRange(min=0), help="Number of Wormhole's guardian set, for Pyth.")
@click.option("--guardian", "guardians", multiple=True, metavar="ADDRESS", help="A guardian, in order; repeatable.")
@click.option("--redstone-signer", "signers", multiple=True, metavar="SIGNER", help="A RedStone signer; repeatable.")
@click.option("--redstone-threshold", type=click.IntRange(min=1), help="How many of them must sign (default: all).")
@click.option("--redstone-decimals", type=click.IntRange(0, 30), default=8, show_default=True, help="Of their values.")
@click.option("--age", type=SECONDS, default=60, show_default=True, help="Oldest message before the prices, seconds.")
@click.option("--skew", type=SECONDS, default=60, show_default=True, help="Messages may be later by, seconds.")
@click.option("--confidence", type=BPS, default=50, show_default=True, help="Widest interval of Pyth, basis points.")
@click.option("--agreement", type=BPS, default=50, show_default=True, help="Two oracles may differ by, basis points.")
@click.option("--tolerance", type=BPS, default=0, show_default=True, help="Tables may differ by, basis points.")
@click.option("--complete", multiple=True, metavar="COLUMN", help="Every row of this column is listed; repeatable.")
@out_option("the rules (*.price-rules.json)")
@force_option
@json_option
def price_rules(
    feeds: Path,
    guardian_set: int | None,
    guardians: tuple[str, ...],
    signers: tuple[str, ...],
    redstone_threshold: int | None,
    redstone_decimals: int,
    age: int,
    skew: int,
    confidence: int,
    agreement: int,
    tolerance: int,
    complete: tuple[str, ...],
    out: Path,
    force: bool,
    as_json: bool,
) -> None:
    """Write rules for evidence of prices: whose signatures count, and which of the FEEDS stands for which price.

    \b
    FEEDS is a CSV file; a feed that does not count is left empty:
      column,row,decimals,rounding,pyth,redstone
      unit_value,eip155:1/slip44:60,18,down,0xff61491a...,ETH
      mark,BTC-PERPETUAL,0,up,0xe62df6c8...,

    A price is the value of 10^-decimals of the coin that the feed quotes, rounded down or up to the column's decimals.
    Verifiers take the rules into their policy (`policy new --price-rules`), publishers check their snapshots with them.
    """
    from zkmargin.attestations.price_rules import PriceRules, PriceRulesFile, read_cells
    from zkmargin.encoding import read_file

    refuse_existing(out, force)
    rules = PriceRules(
        pyth=_pyth(guardian_set, guardians),
        redstone=_redstone(signers, redstone_threshold, redstone_decimals),
        maximum_age=age,
        skew=skew,
        confidence=confidence,
        agreement=agreement,
        tolerance=tolerance,
        cells=read_cells(read_file(feeds, MAX_MESSAGE), feeds.name),
        complete=tuple(sorted(complete)),
    )
    write_document(out, PriceRulesFile(prices=rules), force=force)
    if as_json:
        print_json({"file": str(out), "prices": rules.to_json()})
        return
    show_price_rules(rules)
    print_table(("trusts for", "name", "signers"), oracle_rows(rules))
    print_pairs([("file", str(out))])


@click.command()
@click.option("--pyth", type=FILE, help="A Pyth update: the bytes, or as hex.")
@click.option("--redstone", type=FILE, help="A RedStone payload: the bytes, or as hex.")
@click.option("--price-rules", type=FILE, required=True, help="Rules for evidence of prices (`policy price-rules`).")
@click.option(
    "--row", "rows", multiple=True, metavar="NAME", help="Row to have evidence of; repeatable (default: all)."
)
@out_option("the evidence (*.price-evidence.json)")
@force_option
@json_option
def evidence(
    pyth: Path | None,
    redstone: Path | None,
    price_rules: Path,
    rows: tuple[str, ...],
    out: Path,
    force: bool,
    as_json: bool,
) -> None:
    """Put messages of oracles into a document of evidence, after verifying them, with the prices they stand for."""
    from zkmargin.attestations.price_evidence import PriceEvidence
    from zkmargin.attestations.price_rules import PriceRulesFile

    refuse_existing(out, force)
    rules = read_document(price_rules, PriceRulesFile).prices
    cells = tuple(cell for cell in rules.cells if not rows or cell.row in rows)
    if not cells or set(rows) - {cell.row for cell in cells}:
        raise click.BadParameter("the rules have no feed for a row of this name", param_hint="--row")
    document = PriceEvidence(pyth=_message(pyth), redstone=_message(redstone), cells=cells)
    found = document.prices(rules)
    write_document(out, document, force=force)
    digest = "0x" + document.source.digest.hex()
    listed = [[p.cell.column, p.cell.row, ", ".join(p.quotes), _decimal(p.price), str(p.oldest)] for p in found]
    if as_json:
        keys = ("column", "row", "oracles", "price", "time")
        prices = [dict(zip(keys, row, strict=True)) for row in listed]
        print_json({"file": str(out), "digest": digest, "prices": prices})
        return
    shown = [[*row[:4], format_time(int(row[4]))] for row in listed]
    print_table(("column", "row", "oracles", "price (USD)", "oldest"), shown, right=(3,))
    print_pairs([("digest", digest), ("file", str(out))])


@dataclass(frozen=True)
class PublisherPrices:
    """A publisher's evidence and the rules to read it by; both or neither."""

    evidence: PriceEvidence | None
    rules: PriceRules | None

    def given(self, schema: TableSchema) -> GivenPrices | None:
        """The columns of ``schema`` that the evidence gives. None without evidence."""
        from zkmargin.margin.plain import GivenPrices

        if self.evidence is None or self.rules is None:
            return None
        decimals = {column.name: column.decimals for column in schema.columns}
        found = [price for price in self.evidence.prices(self.rules) if price.cell.column in decimals]
        if not found:
            return None
        values: dict[str, dict[str, int]] = {}
        for price in found:
            column, row = price.cell.place
            values.setdefault(column, {})[row] = price.cell.units(price.price, decimals[column])
        return GivenPrices(values, min(price.oldest for price in found))

    def in_sources(self, market: Market) -> Market:
        """The market, committing to the evidence if there is some."""
        return market if self.evidence is None else self.evidence.in_sources(market)

    def require(self, document: MarketSnapshotDocument) -> None:
        """Raise where a price contradicts its evidence, before anything is signed."""
        from zkmargin.attestations.price_evidence import require_publishable

        require_publishable(document.snapshot, document.market, self.evidence, self.rules)


def publisher_prices(prices: Path | None, price_rules: Path | None) -> PublisherPrices:
    """Of the options ``--prices`` and ``--price-rules``."""
    from zkmargin.attestations.price_evidence import PriceEvidence
    from zkmargin.attestations.price_rules import PriceRulesFile

    if (prices is None) != (price_rules is None):
        raise click.UsageError("evidence of prices needs --prices and --price-rules")
    if prices is None or price_rules is None:
        return PublisherPrices(None, None)
    return PublisherPrices(read_document(prices, PriceEvidence), read_document(price_rules, PriceRulesFile).prices)


def oracle_rows(rules: PriceRules) -> list[list[str]]:
    """Whose signatures on prices count."""
    rows = []
    if rules.pyth is not None:
        guardians = ", ".join("0x" + address.hex() for address in rules.pyth.guardians)
        quorum = rules.pyth.set_of().quorum
        rows.append(["prices", f"Pyth, guardian set {rules.pyth.guardian_set}", f"{quorum} of {guardians}"])
    if rules.redstone is not None:
        rows.append(["prices", "RedStone", signers_text(rules.redstone.signers)])
    return rows


def show_price_rules(rules: PriceRules) -> None:
    """Bounds, and the feeds of each price."""
    print_pairs(
        [
            ("evidence of prices", f"at most {rules.maximum_age} s older than the prices, {rules.skew} s later"),
            ("oracles", f"sure within {rules.confidence} bps, two of them within {rules.agreement} bps"),
            ("tables", f"within {rules.tolerance} bps" if rules.tolerance else "equal, as rounded"),
            ("every row of", ", ".join(rules.complete) or "no column: what is listed"),
        ]
    )
    listed = [
        [
            cell.column,
            cell.row,
            f"10^-{cell.decimals}, {cell.rounding}" if cell.decimals else cell.rounding,
            ", ".join(f"{oracle} {feed}" for oracle, feed in cell.feeds.items()),
        ]
        for cell in rules.cells
    ]
    print_table(("column", "row", "rounded", "feeds"), listed)


def _pyth(guardian_set: int | None, guardians: Sequence[str]) -> PythRules | None:
    from zkmargin.attestations.price_rules import PythRules

    if (guardian_set is None) != (not guardians):
        raise click.UsageError("Pyth's signers are given by --guardian-set and --guardian")
    if guardian_set is None:
        return None
    return PythRules(guardian_set=guardian_set, guardians=tuple(read_signer(text) for text in guardians))


def _redstone(signers: Sequence[str], threshold: int | None, decimals: int) -> RedstoneRules | None:
    from zkmargin.attestations.documents import Signers
    from zkmargin.attestations.price_rules import RedstoneRules

    if not signers:
        return None
    addresses = [read_signer(text) for text in signers]
    return RedstoneRules(signers=Signers.of(*addresses, threshold=threshold or len(addresses)), decimals=decimals)


def _decimal(price: Fraction) -> str:
    """A price, whose denominator is a power of ten."""
    from decimal import Decimal

    return f"{Decimal(price.numerator) / Decimal(price.denominator):f}"


def _message(path: Path | None) -> bytes | None:
    """The bytes of a message, which a file has as they are or as hex."""
    from zkmargin.encoding import read_file

    if path is None:
        return None
    content = read_file(path, MAX_MESSAGE)
    text = content.strip().removeprefix(b"0x")
    try:
        return bytes.fromhex(text.decode("ascii")) if text else content
    except ValueError:
        return content
