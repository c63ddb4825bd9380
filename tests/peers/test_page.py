"""The report and the sweep in headless Chromium: drawn, legible, narrow enough, silent, and shut."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest
from real_chains import MOMENTS, path_of

from zkmargin.cli.main import run

pytestmark = [pytest.mark.browser, pytest.mark.node]

ROOT = Path(__file__).resolve().parents[2]
HISTORY = ROOT / "tests" / "data" / "history" / "deribit_atm_20251230_20260822.csv"
CONTRAST = 4.5
ACCOUNTS = {
    "BTC": (ROOT / "demo" / "account.csv").read_text(),
    "two coins": "instrument,size\nBTC-27MAR26-60000-P,-5\nETH-27MAR26-2000-P,-50\nETH-PERPETUAL,10\ncash,90000\n",
}
CASES = {
    "report": ("BTC", "deribit_pm", MOMENTS[2], ("BTC",), False, 4),
    "sweep": ("two coins", "deribit_pm_2", MOMENTS[1], ("BTC", "ETH"), True, 8),
}
"""Account, rule set, moment of the snapshot, coins, whether there is a sweep, plots."""


@pytest.fixture(scope="module", params=CASES)
def seen(request: pytest.FixtureRequest, node: Any, chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What a browser sees of a page, at 375 and 1280 pixels in both schemes; its screenshots beside it."""
    account, rules, moment, coins, swept, plots = CASES[request.param]
    folder = tmp_path_factory.mktemp("page")
    (folder / "account.csv").write_text(ACCOUNTS[account])
    market, out = folder / "market.json", folder / "out.html"
    chains = [path_of(coin, moment) for coin in coins]
    sweep = [path_of(coin, at) for at in MOMENTS for coin in coins] + [HISTORY]
    given = [part for path in chains for part in ("--chain", path)]
    given += [part for path in sweep if swept for part in ("--sweep", path)]
    assert run(["policy", "domain", "--name", "tests", "--out", str(folder / "domain.json")]) == 0
    built = ["--rules", rules, "--domain", folder / "domain.json", "--at", "2026-02-05T22:00:00Z", "--out", market]
    assert run([str(part) for part in ("market", "build", *chains, *built)]) == 0
    checked = ["check", "--rules", rules, "--market", market, "--account", folder / "account.csv", "--report", out]
    assert run([str(part) for part in (*checked, *given)]) in (0, 1)
    found = json.loads(node("page.cjs", out, chromium, folder).stdout)
    return {**found, "folder": folder, "plots": plots}


def test_every_plot_is_drawn(seen: Any) -> None:
    for look in seen["looks"]:
        assert len(look["plots"]) == seen["plots"]
        for plot in look["plots"]:
            assert plot["lines"] + plot["marks"] >= 1, plot["title"]
            assert plot["height"] > 100
        assert look["tables"] > seen["plots"], "each plot has its table"


def test_nothing_is_written_to_the_console(seen: Any) -> None:
    assert [look["problems"] for look in seen["looks"]] == [[], [], [], []]


def test_no_request_leaves_the_page(seen: Any) -> None:
    assert [look["outside"] for look in seen["looks"]] == [[], [], [], []]


def test_the_policy_holds_against_the_page_itself(seen: Any) -> None:
    """An image, a fetch and a script that the page tries from inside are refused by the browser."""
    assert seen["shut"] is True
    assert seen["refusals"] >= 3


def test_nothing_is_wider_than_the_window(seen: Any) -> None:
    for look in seen["looks"]:
        assert look["scrollWidth"] == look["width"]
        assert look["wide"] == []
        image = (seen["folder"] / f"{look['width']}-{look['scheme']}.png").read_bytes()
        width, height = struct.unpack(">II", image[16:24])
        assert width == look["width"], "a page that overflows is photographed wider than its window"
        assert height > 900


def test_every_text_stands_out(seen: Any) -> None:
    """Each text against what is behind it, labels of plots and opened tables too."""
    for look in [*seen["looks"], seen["turned"]]:
        assert look["texts"] > 100
        assert look["dimmest"][0]["ratio"] >= CONTRAST, look["dimmest"]


def test_both_schemes_are_there_and_an_open_page_follows(seen: Any) -> None:
    light, dark = ({look["pageColour"] for look in seen["looks"] if look["scheme"] == s} for s in ("light", "dark"))
    assert len(light) == len(dark) == 1
    assert light != dark
    assert seen["turned"]["pageColour"] == light.pop()
