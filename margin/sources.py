"""Files of whatever source to the tables of a rule set: what each file is shows in its content.

=====================  ====================================================================================
option chains          Deribit price files, or the compact form (``compact``): one or more
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
from dataclasses import dataclass
from pathlib import Path

from zkmargin.encoding import read_file
from zkmargin.errors import MarketSource
from zkmargin.margin.assemble import Figures, assemble_market
from zkmargin.margin.delimited import MAX_BYTES
from zkmargin.margin.market import Market
from zkmargin.margin.schema import TableSchema
from zkmargin.margin.venue_json import parse

CHAIN, BRACKETS, MARKS, PLAIN = "option chain", "Binance brackets", "Binance marks", "plain table"
HYPERLIQUID, DYDX, EXOTICS = "Hyperliquid markets", "dYdX state", "exotic options"
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
) -> Market:
    """The tables that ``schema`` asks for.

    ``currencies`` chooses coins of option chains, ``only`` contracts of the others, in that order; ``price_time`` (unix
    seconds) is for sources that do not tell the time of their prices. Raises MarketSource where files do not go
    together, and whatever their readers and ``assemble_market`` raise.
    """
    files = [File(path, read_file(path, MAX_BYTES)) for path in paths]
    kinds = sorted(kind_of(file, schema) for file in files)
    if CHAIN in kinds and set(kinds) <= {CHAIN, EXOTICS}:
        if only or price_time is not None:
            raise MarketSource("option chains tell their time, and are listed whole", hint="leave out the option")
        return _of_chains(files, schema, parameters, currencies)
    if currencies:
        raise MarketSource("coins are chosen from option chains only", hint="leave out --currency, or use --only")
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

        figures = plain_figures([(file.name, file.content) for file in files], schema)
    else:
        raise MarketSource(
            "these files do not go together",
            got=", ".join(f"{file.name}: {kind_of(file, schema)}" for file in files),
            hint="give option chains, perhaps with exotic options; plain tables, without --only; Binance brackets and "
            "marks; or one other file",
        )
    return assemble_market(figures, schema, parameters, price_time)


def _of_chains(
    files: Sequence[File], schema: TableSchema, parameters: Mapping[str, str] | None, currencies: Sequence[str]
) -> Market:
    from zkmargin.margin.build import build_market
    from zkmargin.margin.compact import read_source
    from zkmargin.margin.exotics import price_exotics, read_exotics
    from zkmargin.margin.scenarios import deribit_grid

    exotics = [file for file in files if kind_of(file, schema) == EXOTICS]
    paths = [file.path for file in files if file not in exotics]
    chains = [read_source(path, coin) for path in paths for coin in currencies or (None,)]
    contracts = [contract for file in exotics for contract in read_exotics(file.content, file.name)]
    grid = deribit_grid()
    return build_market(chains, schema, parameters, grid, priced=price_exotics(contracts, chains, grid))


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
    if header[0] in {axis.name for axis in schema.axes}:
        return PLAIN
    return CHAIN
