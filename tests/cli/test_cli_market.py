"""``market``: build, show, sign."""

from __future__ import annotations

from pathlib import Path

import pytest
from calling import DEMO, MORNING, World, call, ok

CHAIN = DEMO / "chain_btc_20260205T093647Z.csv"


def test_show_names_time_tables_and_signer(world: World) -> None:
    shown = ok("market", "show", world["morning.market.json"], "--json").json
    assert shown["sizes"] == {"instrument": 800, "scenario": 35}
    assert shown["snapshot"]["priceTime"] == "1770284207"
    assert shown["signers"] == [world.address("publisher")]
    assert "instruments" not in shown
    text = ok("market", "show", world["morning.market.json"]).out
    assert "2026-02-05 09:36:47 UTC" in text
    assert world.address("publisher") in text


def test_show_finds_instruments(world: World) -> None:
    market = world["morning.market.json"]
    found = ok("market", "show", market, "--find", "27feb26-65000", "--json").json["instruments"]
    assert [entry["id"] for entry in found] == ["BTC-27FEB26-65000-C", "BTC-27FEB26-65000-P"]
    assert "BTC-PERPETUAL" in ok("market", "show", market, "--instruments").out


def test_one_snapshot_for_one_chain(world: World, tmp_path: Path) -> None:
    for name in ("a", "b"):
        ok(
            *("market", "build", CHAIN, "--rules", "portfolio_scan", "--domain", world["domain.json"]),
            *("--at", MORNING, "--out", tmp_path / name),
        )
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_signatures_are_added(world: World, tmp_path: Path) -> None:
    built, signed = tmp_path / "built", tmp_path / "signed"
    ok(
        *("market", "build", CHAIN, "--rules", "portfolio_scan", "--domain", world["domain.json"]),
        *("--out", built, "--at", MORNING, "--key", world["publisher.key"]),
    )
    assert "nobody" not in ok("market", "show", built).out
    key = world["stranger.key"]
    sign = ("market", "sign", built, "--rules", "portfolio_scan", "--key", key, "--out", signed, "--json")
    signers = ok(*sign).json["signers"]
    assert signers == sorted([world.address("publisher"), world.address("stranger")])
    assert call(*sign).code == 2  # exists
    other = call("market", "sign", built, "--rules", "deribit_pm", "--key", key, "--out", tmp_path / "x", "--json")
    assert (other.code, other.json["error"]["code"]) == (1, "E_MARKET")


def test_nothing_is_replaced_without_force(world: World) -> None:
    build = ("market", "build", CHAIN, "--rules", "portfolio_scan", "--domain", world["domain.json"])
    refused = call(*build, "--out", world["morning.market.json"], "--json")
    assert (refused.code, refused.json["error"]["code"]) == (2, "E_FILE")
    assert "--force" in refused.json["error"]["hint"]


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--parameter", "im_factor"], "E_USAGE"),
        (["--parameter", "im_factor=1.4", "--parameter", "im_factor=1.5"], "E_USAGE"),
        (["--parameter", "im_factor=99"], "E_CONDITION"),
        (["--parameter", "nothing=1"], "E_MARKET_SOURCE"),
        (["--currency", "ETH"], "E_MARKET_SOURCE"),
        (["--at", "yesterday"], "E_USAGE"),
    ],
)
def test_unusable_options(world: World, tmp_path: Path, options: list[str], code: str) -> None:
    build = ("market", "build", CHAIN, "--rules", "portfolio_scan", "--domain", world["domain.json"])
    refused = call(*build, "--out", tmp_path / "x", *options, "--json")
    assert refused.code in (1, 2)
    assert refused.json["error"]["code"] == code
    assert not (tmp_path / "x").exists()


def test_altered_tables_are_refused(world: World, tmp_path: Path) -> None:
    text = world["morning.market.json"].read_text()
    at = text.index('"values"')
    digit = next(i for i in range(at, len(text)) if text[i] in "123456789")
    (tmp_path / "bent").write_text(text[:digit] + ("1" if text[digit] != "1" else "2") + text[digit + 1 :])
    refused = call("market", "show", tmp_path / "bent", "--json")
    assert (refused.code, refused.json["error"]["code"]) == (1, "E_MARKET")
