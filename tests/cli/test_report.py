"""``check --report`` and ``--sweep``: what the page and the sweep say, exactly; who may read it; what is refused."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from calling import DEMO, EVENING, MORNING, World, call, ok
from real_chains import MOMENTS, path_of

HISTORY = Path(__file__).parents[1] / "data" / "history" / "deribit_atm_20251230_20260822.csv"
CHAINS = [path_of("BTC", moment) for moment in MOMENTS]
MORNING_CHAIN, EVENING_CHAIN = CHAINS[1], CHAINS[2]
STANDING = """instrument,size
BTC-27MAR26-60000-P,-20
BTC-26JUN26-50000-P,10
BTC-PERPETUAL,-2
cash,600000
"""
"""Of expiries that were listed all winter."""


@dataclass(frozen=True)
class Page:
    """A page that was written, and what the command told."""

    path: Path
    told: Any

    @cached_property
    def text(self) -> str:
        return self.path.read_text()

    @cached_property
    def plots(self) -> dict[str, Any]:
        found = re.search(r'<script type="application/json" id="plots">(.*?)</script>', self.text, re.DOTALL)
        assert found is not None
        plots: dict[str, Any] = json.loads(found.group(1))
        return plots

    def plot(self, title: str) -> Any:
        found = re.search(rf'id="(plot-\d+)-title">{title}', self.text)
        assert found is not None, title
        return self.plots[found.group(1)]

    @cached_property
    def shown(self) -> str:
        """The page's own words: no script, no style, no tags."""
        body = re.sub(r"<(script|style).*?</\1>", " ", self.text, flags=re.DOTALL)
        return unescape(" ".join(re.sub(r"<[^>]*>", " ", body).split()))


@pytest.fixture(scope="module")
def page(world: World, tmp_path_factory: pytest.TempPathFactory) -> Page:
    """The demo's account in the morning, through the five chains and the history."""
    out = tmp_path_factory.mktemp("report") / "out.html"
    sweep = [part for path in (*CHAINS, HISTORY) for part in ("--sweep", path)]
    told = ok("check", *_morning(world), *sweep, "--report", out, "--json").json
    return Page(out, told)


def _morning(world: World) -> list[object]:
    return ["--rules", "portfolio_scan", "--market", world["morning.market.json"], "--account", DEMO / "account.csv"]


def test_the_page_is_for_its_owner_alone_and_says_so(page: Page) -> None:
    assert page.path.stat().st_mode & 0o777 == 0o600
    assert "This page is private" in page.shown


def test_the_page_loads_nothing(page: Page) -> None:
    found = re.search(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', page.text)
    assert found is not None
    rules = dict(part.strip().split(" ", 1) for part in found.group(1).replace("&#x27;", "'").split(";"))
    assert rules.pop("script-src").count("'sha256-") == 2
    assert rules == {
        "default-src": "'none'",
        "style-src": "'unsafe-inline'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    own = re.sub(r"<script>.*?</script>", "", page.text, flags=re.DOTALL)
    assert not re.search(r"""(src|href)=|url\(|@import|https?://""", own)


def test_an_attribute_cannot_be_left(world: World, tmp_path: Path) -> None:
    """What files name goes through the page as text: the data block too."""
    from zkmargin.cli.report.sections import _table

    assert "<td>&lt;script&gt;</td>" in _table(["a", "b"], [["x", "<script>"]])
    out = tmp_path / "out.html"
    ok("check", *_morning(world), "--report", out)
    (data,) = re.findall(r'<script type="application/json" id="plots">(.*?)</script>', out.read_text(), re.DOTALL)
    assert "<" not in data


def test_figures_are_those_of_check(page: Page) -> None:
    told = page.told
    for amount in (told["equity"], told["requirement"], told["headroom"]):
        assert f"{Decimal(amount):,.2f}" in page.shown
    for entry in told["positions"]:
        assert entry["position"] in page.shown


def test_the_price_curve_meets_the_scenarios_of_the_snapshot(page: Page) -> None:
    """Two ways to one number: tables built anew there, and the snapshot's scenario. A new mark is at least zero."""
    equity, asked = page.plot("Equity against requirement")["data"]
    at = dict(zip(equity["x"], equity["y"], strict=True))
    lines = page.plot("P&amp;L over the scenarios of BTC")["data"]
    same = next(line for line in lines if line["name"] == "volatility same")
    assert len(same["x"]) == 9
    for move, pnl in zip(same["x"], same["y"], strict=True):
        assert at[move] == pytest.approx(float(page.told["equity"]) + pnl, abs=10), move
    assert dict(zip(asked["x"], asked["y"], strict=True))[0.0] == pytest.approx(float(page.told["requirement"]))
    assert len(at) == 51


def test_contributions_sum_to_the_worst_scenario(page: Page) -> None:
    (bars,) = page.plot("Positions in the worst scenario")["data"]
    assert sum(bars["x"]) == pytest.approx(float(page.told["worstScenarios"][0]["pnl"]))
    assert len(bars["x"]) == 27


def test_a_sweep_has_figures_where_everything_is_listed_and_gaps_elsewhere(page: Page) -> None:
    moments = page.told["sweep"]
    assert len(moments) == 5 + 931
    held = {line.split(",")[0] for line in (DEMO / "account.csv").read_text().splitlines()[1:]} - {"cash"}
    for moment in moments:
        figures = [moment[name] for name in ("equity", "requirement", "headroom")]
        assert (moment["missing"] == []) == all(figure is not None for figure in figures)
        assert {entry["instrument"] for entry in moment["missing"]} <= held
    chains = [moment for moment in moments if moment["source"] == "chain"]
    reasons = [{entry["reason"] for entry in moment["missing"]} for moment in chains]
    assert reasons == [{"not listed"}, set(), set(), {"expired"}, {"expired", "not listed"}]
    assert chains[1]["headroom"] == page.told["headroom"]


def test_a_sweep_is_what_a_check_of_the_other_snapshot_says(world: World, page: Page) -> None:
    """The evening, by the sweep from the morning and by its own snapshot: one set of figures."""
    market = world["evening.market.json"]
    evening = call(
        "check", "--rules", "portfolio_scan", "--market", market, "--account", DEMO / "account.csv", "--json"
    )
    swept = [moment for moment in page.told["sweep"] if moment["source"] == "chain"][2]
    assert evening.code == 1
    for name in ("equity", "requirement", "headroom"):
        assert swept[name] == evening.json[name]


def test_the_fall_of_february_is_in_view(page: Page) -> None:
    plot = page.plot("Headroom over time")
    first, last = plot["layout"]["xaxis"]["range"]
    assert first < "2026-02-05 00:00:00" < "2026-02-05 23:59:59" < last
    assert "The largest fall shown: BTC −12.6% from 2026-02-04 21:33 to 2026-02-05 21:29 UTC" in page.shown
    history = next(trace for trace in plot["data"] if trace["name"] == "at-the-money history")
    assert None in history["y"], "gaps are not bridged"
    assert history["connectgaps"] is False
    assert sum(shape["fillcolor"] == "--gap" for shape in plot["layout"]["shapes"]) == 2


def test_a_history_is_near_the_chains_of_the_same_seconds(page: Page) -> None:
    by_time: dict[str, dict[str, float]] = {}
    for moment in page.told["sweep"]:
        if moment["headroom"] is not None:
            by_time.setdefault(moment["time"], {})[moment["source"]] = float(moment["headroom"])
    both = [found for found in by_time.values() if len(found) == 2]
    assert len(both) == 2
    for found in both:
        assert found["history"] == pytest.approx(found["chain"], abs=40_000)


def test_an_account_of_long_expiries_has_a_winter(world: World, tmp_path: Path) -> None:
    account = tmp_path / "standing.csv"
    account.write_text(STANDING)
    arguments = [*_morning(world)[:4], "--account", account, "--chain", MORNING_CHAIN, "--sweep", HISTORY, "--json"]
    moments = call("check", *arguments).json["sweep"]
    priced = [moment for moment in moments if moment["headroom"] is not None]
    assert len(priced) > 300
    assert {entry["reason"] for moment in moments[len(priced) :] for entry in moment["missing"]} == {"expired"}
    low = min(priced, key=lambda moment: Fraction(moment["headroom"]))
    assert 1770249600 <= int(low["time"]) <= 1770422400, "5 or 6 February"


def test_without_chains_the_page_says_what_it_does_not_know(world: World, tmp_path: Path) -> None:
    page = Page(tmp_path / "out.html", ok("check", *_morning(world), "--report", tmp_path / "out.html", "--json").json)
    assert "The requirement is today's: a snapshot does not tell what is required at other prices" in page.shown
    equity, asked = page.plot("Equity against requirement")["data"]
    assert (len(equity["x"]), asked["name"], len(set(asked["y"]))) == (9, "requirement today", 1)
    assert "liquidation distance" in page.shown


def test_for_people_a_sweep_is_a_table(world: World) -> None:
    called = ok("check", *_morning(world), *[part for path in CHAINS for part in ("--sweep", path)])
    assert "no figures at 3 of 5 moments" in called.out
    assert "BTC-6FEB26-66000-P, expired" in called.out


def test_what_exists_is_not_replaced(world: World, tmp_path: Path) -> None:
    out = tmp_path / "out.html"
    out.write_text("mine")
    refused = call("check", *_morning(world), "--report", out, "--json")
    assert (refused.code, refused.json["error"]["code"]) == (2, "E_FILE")
    assert out.read_text() == "mine"
    ok("check", *_morning(world), "--report", out, "--force")
    assert out.read_text().startswith("<!doctype html>")
    assert out.stat().st_mode & 0o777 == 0o600


def test_without_plotly_there_is_no_page(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    refused = call("check", *_morning(world), "--report", tmp_path / "out.html", "--json")
    assert (refused.code, refused.json["error"]["code"]) == (2, "E_PACKAGE")
    assert "zkmargin[reports]" in refused.json["error"]["hint"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--sweep", EVENING_CHAIN], "a sweep begins at the chains that the snapshot was built from"),
        (["--sweep", HISTORY], "a sweep begins at the chains that the snapshot was built from"),
        (["--chain", EVENING_CHAIN, "--sweep", HISTORY], "were not made from these chains"),
        (["--sweep", MORNING_CHAIN, "--sweep", MORNING_CHAIN], "two prices of BTC at one moment"),
        (["--sweep", DEMO / "account.csv"], "the header has no column"),
    ],
)
def test_refused_sweeps(world: World, options: list[object], words: str) -> None:
    refused = call("check", *_morning(world), *options, "--json")
    assert (refused.code, refused.json["error"]["code"]) == (2, "E_MARKET_SOURCE")
    assert words in refused.json["error"]["message"]


def test_two_coins_stand_apart(world: World, tmp_path: Path) -> None:
    chains = [path_of(coin, MOMENTS[1]) for coin in ("BTC", "ETH")]
    common = ["--rules", "deribit_pm_2", "--domain", world["domain.json"], "--at", MORNING]
    ok("market", "build", *chains, *common, "--out", tmp_path / "market.json")
    account = tmp_path / "account.csv"
    account.write_text(
        "instrument,size\nBTC-27MAR26-60000-P,-5\nETH-27MAR26-2000-P,-50\nETH-PERPETUAL,10\ncash,90000\n"
    )
    given = ["--rules", "deribit_pm_2", "--market", tmp_path / "market.json", "--account", account]
    sweep = [part for moment in MOMENTS[1:4] for coin in ("BTC", "ETH") for part in ("--sweep", path_of(coin, moment))]
    out = tmp_path / "out.html"
    page = Page(out, call("check", *given, *sweep, "--report", out, "--json").json)
    for coin in ("BTC", "ETH"):
        moved = page.plot(f"Equity against requirement, price of {coin}")["data"][0]
        assert dict(zip(moved["x"], moved["y"], strict=True))[0.0] == pytest.approx(float(page.told["equity"]))
        names = page.plot(f"Positions in the worst scenario of {coin}")["data"][0]["y"]
        assert names
        assert all(name.startswith(coin) for name in names)
    assert [moment["headroom"] is not None for moment in page.told["sweep"]] == [True, True, True]


def ok_or_short(*arguments: object) -> Any:
    """The document of a check, whether the claim holds or not."""
    called = call(*arguments)
    assert called.code in (0, 1), called.out
    return called.json


def test_a_coin_without_prices_is_a_gap(world: World, tmp_path: Path) -> None:
    """An evening of BTC alone does not value an account of both coins by halves."""
    chains = [path_of(coin, MOMENTS[1]) for coin in ("BTC", "ETH")]
    common = ["--rules", "deribit_pm_2", "--domain", world["domain.json"], "--at", MORNING]
    ok("market", "build", *chains, *common, "--out", tmp_path / "market.json")
    account = tmp_path / "account.csv"
    account.write_text("instrument,size\nBTC-PERPETUAL,1\nETH-PERPETUAL,1\ncash,90000\n")
    given = ["--rules", "deribit_pm_2", "--market", tmp_path / "market.json", "--account", account]
    base = [part for path in chains for part in ("--chain", path)]
    (moment,) = ok_or_short("check", *given, *base, "--sweep", EVENING_CHAIN, "--json")["sweep"]
    assert moment["headroom"] is None
    assert moment["missing"] == [{"instrument": "ETH-PERPETUAL", "reason": "no prices of its coin"}]


def test_a_rule_set_without_scenarios_has_a_page(world: World, tmp_path: Path) -> None:
    table = tmp_path / "rates.csv"
    table.write_text("instrument,mark,rate,fee\nX-PERP,100.5,0.01,0.0005\n")
    market, out = tmp_path / "market.json", tmp_path / "out.html"
    common = ["--rules", "isolated_fee", "--domain", world["domain.json"], "--at", EVENING, "--price-time", EVENING]
    ok("market", "build", table, *common, "--out", market)
    account = tmp_path / "account.csv"
    account.write_text("column,instrument,value\nsize,X-PERP,-3\nentry,X-PERP,-300\ncash,,1000\n")
    given = ["--rules", "isolated_fee", "--market", market, "--account", account]
    page = Page(out, ok_or_short("check", *given, "--report", out, "--json"))
    assert f"{Decimal(page.told['equity']):,.2f}" in page.shown
    assert "What closing each position takes off" in page.shown
