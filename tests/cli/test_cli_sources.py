"""``market build`` from the files of venues, and from plain tables."""

from __future__ import annotations

from pathlib import Path

import pytest
from calling import DEMO, World, call, ok
from real_chains import MOMENTS
from venue_files import BRACKETS, HYPERLIQUID, as_bytes, brackets, brackets_json, genesis, premium_index

DATA = Path(__file__).parents[1] / "data"
CLOSES = DATA / "prices" / "daily_close_usd.csv"
MARKS = {"BTCUSDT": "66344.1", "ETHUSDT": "1923.55", "ETHBTC": "0.02899", "SOLUSDT": "83.2"}
PRICED = ("--price-time", "2026-02-06T12:54:16Z")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("sources")
    contents = {
        "brackets.json": as_bytes(brackets_json(brackets())),
        "marks.json": as_bytes(premium_index(MARKS, 1770382456)),
        "marks.csv": ("symbol,price\n" + "".join(f"{name},{mark}\n" for name, mark in MARKS.items())).encode(),
        "genesis.json": as_bytes(genesis()),
        "rates.csv": b"instrument,mark,rate,fee\nX-PERP,100.5,0.01,0.0005\n",
        "other.json": b'{"rates": []}',
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return {path.name: path for path in folder.iterdir()} | {
        "compact.csv": BRACKETS,
        "meta.json": HYPERLIQUID["20260206"],
    }


ONLY = [part for name in ("BTCUSDT", "ETHUSDT", "ETHBTC") for part in ("--only", name)]


@pytest.mark.parametrize(
    ("rules", "sources", "options", "rows"),
    [
        ("binance_usdm", ["brackets.json", "marks.json"], ONLY, ["BTCUSDT", "ETHUSDT", "ETHBTC"]),
        ("cross_bracket", ["marks.csv", "compact.csv"], [*ONLY, *PRICED], ["BTCUSDT", "ETHUSDT", "ETHBTC"]),
        ("isolated_bracket", ["compact.csv", "marks.json"], ["--only", "SOLUSDT"], ["SOLUSDT"]),
        ("isolated_entry", ["meta.json"], ["--only", "HYPE", *PRICED], ["HYPE"]),
        ("cross_bracket", ["meta.json"], ["--only", "SOL", "--only", "BTC", *PRICED], ["SOL", "BTC"]),
        ("isolated_fee", ["rates.csv"], PRICED, ["X-PERP"]),
    ],
)
def test_each_source(
    world: World,
    files: dict[str, Path],
    tmp_path: Path,
    rules: str,
    sources: list[str],
    options: list[str],
    rows: list[str],
) -> None:
    out = tmp_path / "market.json"
    common = ("--rules", rules, "--domain", world["domain.json"], "--key", world["publisher.key"], "--out", out)
    built = ok("market", "build", *(files[name] for name in sources), *common, *options, "--json").json
    assert built["signers"] == [world.address("publisher")]
    assert built["snapshot"]["priceTime"] == "1770382456"
    listed = ok("market", "show", out, "--instruments", "--json").json["instruments"]
    assert [entry["id"] for entry in listed] == rows


@pytest.mark.parametrize(
    ("rules", "source", "count"), [("hyperliquid", "meta.json", 189), ("dydx_v4", "genesis.json", 33)]
)
def test_whole_venues(
    world: World, files: dict[str, Path], tmp_path: Path, rules: str, source: str, count: int
) -> None:
    options = PRICED if rules == "hyperliquid" else ()
    common = ("--rules", rules, "--domain", world["domain.json"], "--out", tmp_path / "market.json")
    built = ok("market", "build", files[source], *common, *options, "--json").json
    assert built["sizes"]["instrument"] == count


@pytest.mark.parametrize(
    ("rules", "sources", "options", "words"),
    [
        ("binance_usdm", ["brackets.json"], [], "these files do not go together; got brackets.json: Binance brackets"),
        ("binance_usdm", ["brackets.json", "compact.csv", "marks.json"], [], "do not go together"),
        ("binance_usdm", ["brackets.json", "meta.json"], [], "do not go together"),
        ("hyperliquid", ["meta.json", "meta.json"], PRICED, "do not go together"),
        ("hyperliquid", ["meta.json"], [], "do not tell the time of their prices"),
        ("hyperliquid", ["meta.json"], ["--currency", "BTC"], "coins are chosen from option chains only"),
        ("hyperliquid", ["other.json"], [], "JSON of no known source"),
        ("dydx_v4", ["genesis.json"], PRICED, "tell the time of their prices"),
        ("isolated_fee", ["rates.csv"], ["--only", "X-PERP"], "plain tables, without --only"),
        ("cross_bracket", ["rates.csv"], PRICED, "a header names axes"),
        ("cross_bracket", ["meta.json"], PRICED, "axis `instrument` is full"),
        ("portfolio_scan", ["chain"], ["--only", "BTC-PERPETUAL"], "option chains tell their time"),
        ("portfolio_scan", ["chain"], PRICED, "option chains tell their time"),
    ],
)
def test_refused(
    world: World,
    files: dict[str, Path],
    tmp_path: Path,
    rules: str,
    sources: list[str],
    options: list[str],
    words: str,
) -> None:
    known = files | {"chain": DEMO / "chain_btc_20260205T093647Z.csv"}
    out = tmp_path / "market.json"
    common = ("--rules", rules, "--domain", world["domain.json"], "--out", out)
    refused = call("market", "build", *(known[name] for name in sources), *common, *options)
    assert refused.code == 2
    assert words in " ".join(refused.err.split())
    assert not out.exists()


@pytest.mark.parametrize(
    ("size", "requirement"),
    [
        ("-120.5", "99930.65"),  # 7,994,452 USD at 1/80
        ("3000", "3100800"),  # 199,032,000 USD at 1/40, less 1,875,000: beyond 150 million the leverage is 20
    ],
)
def test_an_account_of_a_venue_is_checked(world: World, tmp_path: Path, size: str, requirement: str) -> None:
    market, account = tmp_path / "market.json", tmp_path / "account.csv"
    common = ("--rules", "hyperliquid", "--domain", world["domain.json"], *PRICED, "--out", market)
    ok("market", "build", HYPERLIQUID["20260206"], *common)
    account.write_text(f"column,instrument,value\nsize,BTC,{size}\nown_rate,BTC,0.05\ncash,,100000000\n")
    checked = ok("check", "--rules", "hyperliquid", "--market", market, "--account", account, "--json").json
    assert checked["requirement"] == requirement


def test_exotic_options_beside_both_chains(world: World, tmp_path: Path) -> None:
    """Two coins and two exotic options, from four files."""
    out = tmp_path / "market.json"
    chains = [DATA / "chains" / f"chain_eth_{MOMENTS[1]}.csv", DEMO / f"chain_btc_{MOMENTS[1]}.csv"]
    common = ("--rules", "deribit_pm_2", "--domain", world["domain.json"], "--key", world["publisher.key"])
    ok("market", "build", *chains, DATA / "exotics.json", *common, "--out", out, "--json")
    shown = ok("market", "show", out, "--find", "-C-", "--json").json
    assert [(row["id"], row["kind"]) for row in shown["instruments"]] == [
        ("BTC-27MAR26-70000-C-DO60000", "barrier"),
        ("BTC-27MAR26-72000-C-ASIAN", "asian"),
    ]
    assert shown["sizes"]["underlying"] == 2
    assert "exotics.json" in shown["sources"]
    refused = call("market", "build", DATA / "exotics.json", *common, "--out", tmp_path / "none.json")
    assert "do not go together" in " ".join(refused.err.split())


def test_price_histories(world: World, tmp_path: Path) -> None:
    """Historical simulation under a GARCH forecast; a chain that is scanned by its coin's volatility."""
    common = ("--rules", "historical_es", "--domain", world["domain.json"], "--key", world["publisher.key"])
    options = (
        "--volatility",
        "garch",
        "--days-ahead",
        "2",
        "--only",
        "BTC",
        "--only",
        "AVAX",
        "--parameter",
        "horizon=2",
    )
    built = ok("market", "build", CLOSES, *common, *options, "--out", tmp_path / "history.json", "--json").json
    assert built["sizes"] == {"instrument": 2, "scenario": 1000}
    assert built["snapshot"]["priceTime"] == "1704067200"
    common = ("--rules", "portfolio_scan", *common[2:])
    sources = (DEMO / f"chain_btc_{MOMENTS[1]}.csv", DATA / "prices" / "daily_close_usdt_2025.csv")
    options = ("--scan", "3,2,0.05", "--volatility", "ewma", "--decay", "0.94")
    built = ok("market", "build", *sources, *common, *options, "--out", tmp_path / "chain.json", "--json").json
    assert built["sources"][-1] == "daily_close_usdt_2025.csv"
    for change, words in (
        (("--scan", "3,2"), "is not three numbers"),
        (("--decay", "0.94", "--volatility", "garch"), "is of --volatility ewma"),
        (("--days-ahead", "3", "--volatility", "ewma"), "is of --volatility garch"),
        (("--scan", "3,2,nan"), "no price range"),
        ((), "chain, history and --scan together"),
    ):
        refused = call("market", "build", *sources, *common, *change, "--out", tmp_path / "none.json")
        assert refused.code == 2
        assert words in " ".join(refused.err.split())
    refused = call("market", "build", CLOSES, *common, *PRICED, "--out", tmp_path / "none.json")
    assert "tell the time of their prices" in " ".join(refused.err.split())


def test_collateral_beside_a_chain(world: World, tmp_path: Path) -> None:
    chain = DATA / "chains" / f"chain_eth_{MOMENTS[1]}.csv"
    common = ("--domain", world["domain.json"], "--key", world["publisher.key"], "--rules")
    sources = (chain, DATA / "collateral_eth.csv")
    built = ok(
        "market", "build", *sources, *common, "portfolio_collateral", "--out", tmp_path / "m.json", "--json"
    ).json
    assert (built["sizes"]["asset"], built["sizes"]["tier"]) == (4, 3)
    assert built["sources"][-1] == "collateral_eth.csv"
    for files, rules, words in (
        (sources, "portfolio_scan", "lacks a column that another one needs"),
        (sources[:1], "portfolio_collateral", "nothing for the axis `asset`"),
        (sources[1:], "portfolio_collateral", "do not go together"),
    ):
        refused = call("market", "build", *files, *common, rules, "--out", tmp_path / "none.json")
        assert words in " ".join(refused.err.split())
