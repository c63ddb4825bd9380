"""Derive the compact chains and the history of the demo and of the tests from the original price files.

    python demo/convert.py FOLDER

FOLDER holds the original CSV files named in ``demo/README.md``. Writes one compact file per moment and coin, the demo's
beside this script, the others into ``tests/data/chains`` (form: ``margin/compact.py``), and the history at the money
into ``tests/data/history`` (``margin/atm_history.py``); checks that each reads back as the same.
"""

from __future__ import annotations

import sys
from pathlib import Path

from zkmargin.encoding import write_atomic
from zkmargin.errors import MarketSource, ZkMarginError
from zkmargin.margin.atm_history import format_history, parse_history, read_table
from zkmargin.margin.compact import format_chain, parse_chain
from zkmargin.margin.deribit import files_beside, read_chain

DEMO = Path(__file__).parent
HISTORY = DEMO.parent / "tests" / "data" / "history" / "deribit_atm_20251230_20260822.csv"
TESTS = DEMO.parent / "tests" / "data" / "chains"
STORY = ("20260205T093647Z", "20260205T212937Z")
MOMENTS = ("20260110T211832Z", *STORY, "20260206T213057Z", "20260822T153351Z")
TARGETS = {
    (moment, coin): DEMO if coin == "BTC" and moment in STORY else TESTS
    for moment in MOMENTS
    for coin in ("BTC", "ETH")
}


def convert(folder: Path) -> list[Path]:
    """Write the compact form of each moment's chains; returns the files."""
    written = []
    for (moment, coin), target in TARGETS.items():
        source = folder / f"deribit_chain_{moment}.csv"
        chain = read_chain(source, coin, *files_beside(source))
        text = format_chain(chain)
        path = target / f"chain_{coin.lower()}_{moment}.csv"
        if parse_chain(text, path.name) != chain:
            raise MarketSource("the compact form does not read back as the same chain", where=path.name)
        write_atomic(path, text)
        written.append(path)
    history = read_table(folder / "deribit_atm_history_20251230_20260822.csv")
    text = format_history(history)
    if parse_history(text, HISTORY.name) != history:
        raise MarketSource("the compact form does not read back as the same history", where=HISTORY.name)
    write_atomic(HISTORY, text)
    return [*written, HISTORY]


def main() -> int:
    """Command line entrance."""
    if len(sys.argv) != 2:
        print("usage: python demo/convert.py FOLDER", file=sys.stderr)
        return 2
    try:
        written = convert(Path(sys.argv[1]))
    except ZkMarginError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    for path in written:
        print(f"{path.name}: {path.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
