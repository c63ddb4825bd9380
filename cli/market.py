"""``zkmargin market``: build, show and sign market snapshots."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from zkmargin.cli.files import read_document, read_domain, read_keys, refuse_existing, write_document
from zkmargin.cli.options import (
    FILE,
    at_option,
    domain_option,
    force_option,
    json_option,
    now,
    out_option,
    price_rules_option,
    prices_option,
    rules_option,
    signers_option,
    time_option,
    valid_option,
)
from zkmargin.cli.output import format_time, print_json, print_pairs, print_table, progress
from zkmargin.cli.prices import evidence

if TYPE_CHECKING:
    from zkmargin.attestations.market import MarketSnapshotDocument
    from zkmargin.margin.volatility import Regime, Scan


@click.group()
def command() -> None:
    """Market snapshots: the public tables that a requirement is computed from, signed by a risk publisher."""


@command.command()
@click.argument("sources", nargs=-1, required=True, type=FILE)
@rules_option
@domain_option
@out_option("the snapshot")
@click.option("--currency", multiple=True, help="Coin to read from a chain file that has several; repeatable.")
@click.option(
    "--only", multiple=True, metavar="NAME", help="Contract to list, in this order; repeatable (default: all)."
)
@click.option(
    "--volatility",
    type=click.Choice(["plain", "ewma", "garch"]),
    help="Model of a price history's volatility (default: plain).",
)
@click.option("--decay", type=float, metavar="X", help="Of the model ewma (default: 0.97).")
@click.option("--days-ahead", type=int, metavar="N", help="Days that garch forecasts (default: 1).")
@click.option(
    "--scan",
    metavar="DEVIATIONS,DAYS,FLOOR",
    help="Price moves of a chain by volatility: max(FLOOR, DEVIATIONS x volatility x sqrt(DAYS)).",
)
@time_option("--price-time", "When the prices were read, for sources that do not tell")
@click.option("--parameter", "parameters", multiple=True, metavar="NAME=VALUE", help="A parameter of the rules.")
@prices_option
@price_rules_option
@signers_option("risk publisher", required=False)
@at_option("When the snapshot is issued")
@valid_option(86400)
@force_option
@json_option
def build(
    sources: tuple[Path, ...],
    rules: str,
    domain: Path,
    out: Path,
    currency: tuple[str, ...],
    only: tuple[str, ...],
    volatility: str | None,
    decay: float | None,
    days_ahead: int | None,
    scan: str | None,
    price_time: int | None,
    parameters: tuple[str, ...],
    prices: Path | None,
    price_rules: Path | None,
    keys: tuple[Path, ...],
    at: int | None,
    valid: int,
    force: bool,
    as_json: bool,
) -> None:
    """Build a snapshot from SOURCES (files), with the tables that a rule set asks for.

    \b
    What a file is shows in its content:
      option chains   Deribit price files, or their compact form; each option is
                      revalued in full in every scenario
      price history   CSV date,ASSET,... of daily closes: historical simulation; beside
                      a chain of its coin, with --scan, price moves by volatility
      collateral      CSV asset,underlying,exchange_rate,discount,haircut,bound, beside
                      the chains of its coins
      exotic options  JSON: barrier and Asian options, beside the chains of their
                      coins (needs QuantLib: the extra `markets`)
      Binance         leverage brackets, and marks: premiumIndex, or CSV symbol,price
      Hyperliquid     the answer to metaAndAssetCtxs
      dYdX v4         a genesis, or an exported state
      plain tables    CSV with the columns of your own rule set: instrument,mark,...

    The tables are checked against the bounds and conditions of the rule set. With --key the snapshot is signed
    at once; `market sign` adds signatures later.

    With --prices and --price-rules the snapshot commits to what oracles signed. Prices that contradict it are refused;
    columns of prices that plain tables do not have are filled from it.
    """
    from zkmargin.attestations.market import sign_snapshot
    from zkmargin.circuits.plan import compute_table_commitment
    from zkmargin.circuits.rules import check_tables, load_rules
    from zkmargin.circuits.tables import table_schema
    from zkmargin.cli.prices import publisher_prices
    from zkmargin.margin.sources import build_from_files

    refuse_existing(out, force)
    issued = now(at)
    with progress("building the tables"):
        rule_set = load_rules(rules)
        schema, backed = table_schema(rule_set), publisher_prices(prices, price_rules)
        market = build_from_files(
            sources,
            schema,
            _assignments(parameters),
            currencies=currency,
            only=only,
            price_time=price_time,
            regime=_regime(volatility, decay, days_ahead),
            scan=_scan(scan),
            prices=backed.given(schema),
        )
        market = backed.in_sources(market)
        check_tables(rule_set, market.tables)
        document = sign_snapshot(
            market,
            rule_digest=rule_set.digest,
            table_commitment=compute_table_commitment(rule_set, market.tables),
            issued_at=issued,
            expires_at=issued + valid,
            domain=read_domain(domain).domain(),
            keys=[],
        )
        backed.require(document)
        document = document.with_signatures(read_keys(keys))
    write_document(out, document, force=force)
    _show(document, out, as_json)


@command.command()
@click.argument("market", type=FILE)
@click.option("--instruments", is_flag=True, help="List the instruments with their marks.")
@click.option("--find", metavar="TEXT", help="List the instruments whose name contains TEXT.")
@json_option
def show(market: Path, instruments: bool, find: str | None, as_json: bool) -> None:
    """Show what a snapshot says and who signed it."""
    from zkmargin.attestations.market import MarketSnapshotDocument

    document = read_document(market, MarketSnapshotDocument)
    listed = _instruments(document, find or "") if instruments or find is not None else None
    _show(document, market, as_json, listed)


@command.command()
@click.argument("market", type=FILE)
@rules_option
@prices_option
@price_rules_option
@signers_option("risk publisher")
@out_option("the signed snapshot")
@force_option
@json_option
def sign(
    market: Path,
    rules: str,
    prices: Path | None,
    price_rules: Path | None,
    keys: tuple[Path, ...],
    out: Path,
    force: bool,
    as_json: bool,
) -> None:
    """Add signatures to a snapshot, after checking its tables against the rule set and against their evidence.

    A snapshot that commits to evidence of prices is signed with --prices and --price-rules only.
    """
    from zkmargin.attestations.market import MarketSnapshotDocument
    from zkmargin.circuits.rules import check_tables, load_rules
    from zkmargin.cli.prices import publisher_prices
    from zkmargin.errors import MarketMismatch
    from zkmargin.verifier.checks import require_table_commitment

    refuse_existing(out, force)
    document = read_document(market, MarketSnapshotDocument)
    rule_set = load_rules(rules)
    if document.snapshot.rule_digest != rule_set.digest:
        raise MarketMismatch(
            "the snapshot is for another rule set",
            where=str(market),
            expected="0x" + rule_set.digest.hex(),
            got="0x" + document.snapshot.rule_digest.hex(),
        )
    check_tables(rule_set, document.market.tables)
    require_table_commitment(rule_set, document.market.tables, document.snapshot)
    publisher_prices(prices, price_rules).require(document)
    signed = document.with_signatures(read_keys(keys))
    write_document(out, signed, force=force)
    _show(signed, out, as_json)


command.add_command(evidence)


def _regime(volatility: str | None, decay: float | None, ahead: int | None) -> Regime | None:
    from zkmargin.margin.volatility import Regime

    if decay is not None and volatility != "ewma":
        raise click.BadParameter("is of --volatility ewma", param_hint="--decay")
    if ahead is not None and volatility != "garch":
        raise click.BadParameter("is of --volatility garch", param_hint="--days-ahead")
    if volatility is None:
        return None
    return Regime(volatility, 0.97 if decay is None else decay, 1 if ahead is None else ahead)


def _scan(text: str | None) -> Scan | None:
    from zkmargin.margin.volatility import Scan

    if text is None:
        return None
    try:
        deviations, days, floor = map(float, text.split(","))
    except ValueError:
        raise click.BadParameter(f"{text!r} is not three numbers such as 6,2,0.093", param_hint="--scan") from None
    return Scan(deviations, days, floor)


def _assignments(texts: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in texts:
        name, separator, value = text.partition("=")
        if not separator or not name or name in found:
            raise click.BadParameter(f"{text!r} is not NAME=VALUE, each name once", param_hint="--parameter")
        found[name] = value
    return found


def _instruments(document: MarketSnapshotDocument, find: str) -> list[dict[str, str]]:
    from zkmargin.encoding import format_decimal

    market = document.market
    mark = market.tables.columns.get("mark")
    listed = []
    for row, instrument in enumerate(market.listing.instruments):
        if find.lower() in instrument.id.lower():
            value = "" if mark is None else format_decimal(int(mark.values[row]), mark.decimals)
            listed.append({"id": instrument.id, "kind": instrument.kind, "mark": value})
    return listed


def _show(
    document: MarketSnapshotDocument, file: Path, as_json: bool, listed: list[dict[str, str]] | None = None
) -> None:
    snapshot, market = document.snapshot, document.market
    signers = ["0x" + entry.signer.hex() for entry in document.signatures]
    if as_json:
        print_json(
            {
                "file": str(file),
                "snapshot": snapshot.to_json(),
                "sizes": dict(market.tables.sizes),
                "sources": [source.name for source in market.sources],
                "signers": signers,
                **({} if listed is None else {"instruments": listed}),
            }
        )
        return
    sizes = ", ".join(f"{count:,} {axis}" for axis, count in market.tables.sizes.items())
    print_pairs(
        [
            ("snapshot", str(file)),
            ("prices of", format_time(snapshot.price_time)),
            ("valid", f"{format_time(snapshot.issued_at)} to {format_time(snapshot.expires_at)}"),
            ("tables", sizes),
            ("market digest", "0x" + snapshot.market_digest.hex()),
            ("rule digest", "0x" + snapshot.rule_digest.hex()),
            *([("table commitment", str(snapshot.table_commitment))] if snapshot.table_commitment else []),
            ("sources", ", ".join(source.name for source in market.sources)),
            ("signed by", ", ".join(signers) or "nobody yet"),
        ]
    )
    if listed is not None:
        rows = [[entry["id"], entry["kind"], entry["mark"]] for entry in listed]
        print_table(("instrument", "kind", "mark (USD)"), rows, right=(2,))
