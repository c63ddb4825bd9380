"""The five real chains of BTC and ETH, in their compact forms (tests/data/chains, demo)."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from zkmargin.margin.chain import Chain
from zkmargin.margin.compact import read_source

FOLDERS = (Path(__file__).parent / "data" / "chains", Path(__file__).parents[1] / "demo")
MOMENTS = ("20260110T211832Z", "20260205T093647Z", "20260205T212937Z", "20260206T213057Z", "20260822T153351Z")
COINS = ("BTC", "ETH")


def path_of(coin: str, moment: str) -> Path:
    """The file of a coin's chain at a moment."""
    name = f"chain_{coin.lower()}_{moment}.csv"
    return next(folder / name for folder in FOLDERS if (folder / name).is_file())


@cache
def real_chain(coin: str, moment: str) -> Chain:
    """A coin's chain at a moment."""
    return read_source(path_of(coin, moment))
