"""Files of whatever source to the tables of a rule set: what each file is shows in its content.

=====================  ====================================================================================
option chains          Deribit price files, or the compact form (``compact``): one or more
price histories        daily closes (``histories``): one alone; or one beside a chain, to scale its price moves
collateral             coins in kind, staked or wrapped (``haircuts``): one, beside the chains of their coins
exotics                barrier and Asian options (``exotics``), beside the chains of their coins
Binance                leverage brackets (JSON or compact) and marks (JSON, or CSV ``symbol,price``)
Hyperliquid            the answer to ``metaAndAssetCtxs``
dYdX v4                a genesis or an exported state
plain tables           CSV files with the rule set's own columns (``plain``): one or more
=====================  ====================================================================================
                                                                                        specs/market.md#sources
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from zkmargin.encoding import read_file
from zkmargin.errors import MarketSource
from zkmargin.margin.assemble import Figures, assemble_market
from zkmargin.margin.delimited import MAX_BYTES
from zkmargin.margin.market import Market, Source
from zkmargin.margin.plain import GivenPrices
from zkmargin.margin.schema import TableSchema
from zkmargin.margin.venue_json import parse
from zkmargin.margin.volatility import Regime, Scan

CHAIN, BRACKETS, MARKS, PLAIN = "option chain", "Binance brackets", "Binance marks", "plain table"
HYPERLIQUID, DYDX, EXOTICS = "Hyperliquid markets", "dYdX state", "exotic options"
HISTORY, COLLATERAL = "price history", "collateral"
JSON_KINDS = {
    "brackets": BRACKETS,
    "markPrice": MARKS,
    "universe": HYPERLIQUID,
    "app_state": DYDX,
    "exotics": EXOTICS,
}
"""A field of the document, or of its first element, that tells what it is."""


@dataclass(frozen=True)
class File:
    """A file that was read."""

    path: Path
    content: bytes

    @property
    def name(self) -> str:
        """Without folders."""
        return self.path.name


def build_from_files(
    paths: Sequence[Path],
    schema: TableSchema,
    parameters: Mapping[str, str] | None = None,
    *,
    currencies: Sequence[str] = (),
    only: Sequence[str] = (),
    price_time: int | None = None,
    regime: Regime | None = None,
    scan: Scan | None = None,
    prices: GivenPrices | None = None,
) -> Market:
    """The tables that ``schema`` asks for.

    ``regime``: whose volatility returns of a history are scaled to, and moves by ``scan``, which a chain with a history
    of its coin takes. ``prices`` fill columns that plain tables do not have.

    ``currencies`` chooses coins of option chains, ``only`` contracts of the others, in that order; ``price_time`` (unix
    seconds) is for sources that do not tell the time of their prices. Raises MarketSource where files do not go
    together, and whatever their readers and ``assemble_market`` raise.
    """
    files = [File(path, read_file(path, MAX_BYTES)) for path in paths]
    kinds = sorted(kind_of(file, schema) for file in files)
    if (scan is not None) is not (CHAIN in kinds and HISTORY in kinds):
        words = "a price range follows from a history beside a chain"
        raise MarketSource(words, hint="give chain, history and --scan together, or neither history nor --scan")
    if regime is not None and HISTORY not in kinds:
        raise MarketSource("volatility is of a price history", hint="give a history, or leave out the option")
    if CHAIN in kinds and set(kinds) <= {CHAIN, EXOTICS, HISTORY, COLLATERAL}:
        if only or price_time is not None:
            raise MarketSource("option chains tell their time, and are listed whole", hint="leave out the option")
        return _of_chains(files, schema, parameters, currencies, regime, scan)
    if currencies:
        raise MarketSource("coins are chosen from option chains only", hint="leave out --currency, or use --only")
    if kinds == [HISTORY]:
        from zkmargin.margin.histories import history_market

        if price_time is not None:
            raise MarketSource("price histories tell the time of their prices", hint="leave out --price-time")
        return history_market(files[0].content, files[0].name, schema, parameters, only, regime or Regime())
    if kinds == [BRACKETS, MARKS]:
        brackets, marks = sorted(files, key=lambda file: kind_of(file, schema))
        figures = _binance(brackets, marks, only)
    elif kinds == [HYPERLIQUID]:
        from zkmargin.margin.hyperliquid import hyperliquid_figures

        figures = hyperliquid_figures(files[0].content, files[0].name, only)
    elif kinds == [DYDX]:
        from zkmargin.margin.dydx import dydx_figures

        figures = dydx_figures(files[0].content, files[0].name, only)
    elif set(kinds) == {PLAIN} and not only:
        from zkmargin.margin.plain import plain_figures

        figures = plain_figures([(file.name, file.content) for file in files], schema, prices)
        if price_time is None and prices is not None:
            price_time = prices.time
    else:
        raise MarketSource(
            "these files do not go together",
            got=", ".join(f"{file.name}: {kind_of(file, schema)}" for file in files),
            hint="give option chains, perhaps with exotic options, collateral and a price history; plain tables, "
            "without --only; Binance brackets and marks; or one other file",
        )
    return assemble_market(figures, schema, parameters, price_time)


def _of_chains(
    files: Sequence[File],
    schema: TableSchema,
    parameters: Mapping[str, str] | None,
    currencies: Sequence[str],
    regime: Regime | None,
    scan: Scan | None,
) -> Market:
    from zkmargin.margin.build import build_market
    from zkmargin.margin.compact import read_source
    from zkmargin.margin.exotics import price_exotics, read_exotics
    from zkmargin.margin.haircuts import haircut_columns, read_collateral
    from zkmargin.margin.histories import dynamic_grid
    from zkmargin.margin.scenarios import deribit_grid

    by_kind = {
        kind: [file for file in files if kind_of(file, schema) == kind]
        for kind in (CHAIN, EXOTICS, HISTORY, COLLATERAL)
    }
    exotics, histories, paths = by_kind[EXOTICS], by_kind[HISTORY], [file.path for file in by_kind[CHAIN]]
    chains = [read_source(path, coin) for path in paths for coin in currencies or (None,)]
    contracts = [contract for file in exotics for contract in read_exotics(file.content, file.name)]
    grid = deribit_grid()
    sources: tuple[Source, ...] = ()
    if scan is not None:
        if len(chains) > 1 or len(histories) > 1:
            raise MarketSource("price moves are those of one coin's history", got=f"{len(chains)} chains")
        grid = dynamic_grid(histories[0].content, histories[0].name, chains[0], regime or Regime(), scan)
        sources = (Source.of(histories[0].name, histories[0].content),)
    collateral = None
    if held := by_kind[COLLATERAL]:
        assets = [asset for file in held for asset in read_collateral(file.content, file.name)]
        origin = [Source.of(file.name, file.content) for file in held]
        collateral = haircut_columns(assets, chains, grid, schema, origin)
    priced = price_exotics(contracts, chains, grid)
    market = build_market(chains, schema, parameters, grid, priced=priced, collateral=collateral)
    return replace(market, sources=(*market.sources, *sources))


def _binance(brackets: File, marks: File, only: Sequence[str]) -> Figures:
    from zkmargin.margin import binance
    from zkmargin.margin.perpetuals import contract_figures

    compact = brackets.content.startswith(b"brackets,")
    held = (binance.parse_compact if compact else binance.parse_brackets)(brackets.content, brackets.name)
    priced = binance.parse_marks(marks.content, marks.name)
    listed = binance.contracts(held, priced, only)
    return contract_figures("Binance's contracts", listed, [*held.sources, priced.source])


def kind_of(file: File, schema: TableSchema) -> str:
    """What a file is. Raises MarketSource where it is none of what is known."""
    if file.content.lstrip()[:1] in (b"[", b"{"):
        document = parse(file.content, file.name)
        first = document[0] if isinstance(document, list) and document else document
        for field, kind in JSON_KINDS.items():
            if isinstance(first, dict) and field in first:
                return kind
        raise MarketSource("JSON of no known source", where=file.name, hint="specs/market.md lists what can be read")
    header = file.content.split(b"\n", 1)[0].decode("utf-8", "replace").strip().split(",")
    if header[0] == "brackets":
        return BRACKETS
    if header == ["symbol", "price"]:
        return MARKS
    if header[0] == "date":
        return HISTORY
    if header[:3] == ["asset", "underlying", "exchange_rate"]:
        return COLLATERAL
    if header[0] in {axis.name for axis in schema.axes}:
        return PLAIN
    return CHAIN
