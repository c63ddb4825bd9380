"""Two venues, sub-accounts and own columns through the commands, as their user types them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from calling import Called, call, ok

RULES = """\
rules: 1
name: two_desks
venues: 2
axes:
  account: {size: 2}
  instrument: {capacity: 4}
  scenario: {size: 2}
public:
  mark: {axes: [instrument], unit: usd/contract, decimals: 2, min: 0, max: 1e6}
  pnl: {axes: [instrument, scenario], unit: usd/contract, decimals: 2, min: -1e6, max: 1e6}
private:
  size: {axes: [venue, account, instrument], unit: contract, decimals: 1, min: -1e4, max: 1e4, from: venue}
  balance: {axes: [venue, account], unit: usd, decimals: 2, min: -1e9, max: 1e9, from: venue}
  rate: {axes: [instrument], decimals: 2, min: 0, max: 1, from: prover}
define:
  loss: -sum(size * pnl, over=[venue, instrument])  # of each sub-account, over both venues
equity: sum(balance, over=venue) + sum(size * mark, over=[venue, instrument])
requirements:
  maintenance: max(0, max(loss, over=scenario)) + sum(abs(sum(size, over=venue)) * mark * rate, over=instrument)
"""
AT = ("--at", "2026-02-05T09:36:55Z")
OWN = "column,instrument,value\nrate,A,0.05\nrate,B,0\n"
ALPHA = "column,account,instrument,value\nsize,1,A,3\nsize,2,B,-1.5\nbalance,1,,50\nbalance,2,,400\n"
BETA = "column,account,instrument,value\nsize,1,A,-3\nbalance,1,,0.05\nbalance,2,,1.25\n"


class Desk:
    """The files of one folder, and the commands on them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name, text in (
            ("rules.yaml", RULES), ("own.csv", OWN), ("alpha.csv", ALPHA), ("beta.csv", BETA),
            ("marks.csv", "instrument,mark\nA,100\nB,200\n"),
            ("pnl.csv", "instrument,scenario,pnl\nA,up,10\nA,down,-10\nB,up,30\nB,down,-25\n"),
        ):  # fmt: skip
            (folder / name).write_text(text)
        self.common = ("--rules", self["rules.yaml"], "--market", self["market.json"])
        ok("policy", "domain", "--name", "tests", "--out", self["domain.json"])
        for name in ("alpha", "beta", "publisher", "verifier"):
            ok("keys", "new", "signer", "--out", self[f"{name}.key"])
        self.owner = ok("keys", "new", "owner", "--out", self["owner.key"], "--json").json["owner"]
        ok("setup", "dev", self["rules.yaml"], "--out", self["keys"])
        ok(
            *("market", "build", self["marks.csv"], self["pnl.csv"], "--rules", self["rules.yaml"]),
            *("--domain", self["domain.json"], "--key", self["publisher.key"], *AT),
            *("--price-time", "2026-02-05T09:36:47Z", "--out", self["market.json"]),
        )
        assert self.new_policy("policy.json", "alpha=alpha", "beta=beta").code == 0
        policy = json.loads(self["policy.json"].read_text())
        self.order = [venue["name"] for venue in policy["venues"]]
        for venue in ("alpha", "beta"):
            self.attest(venue)

    def __getitem__(self, name: str) -> Path:
        return self.folder / name

    def new_policy(self, out: str, *venues: str) -> Called:
        listed = [f"{name}={self[key + '.key']}" for name, key in (venue.split("=") for venue in venues)]
        return call(
            *("policy", "new", "--name", "p", "--domain", self["domain.json"], "--verifier", self["verifier.key"]),
            *("--publisher", self["publisher.key"], "--keys", self["keys"], "--insecure", "--price-age", 900),
            *(word for venue in listed for word in ("--venue", venue)),
            *("--out", self[out], "--json"),
        )

    def attest(self, venue: str) -> None:
        ok(
            *("attest", "positions", *self.common, "--account", self[f"{venue}.csv"], *AT),
            *("--policy", self["policy.json"], "--owner", self.owner, "--key", self[f"{venue}.key"]),
            *("--out", self[f"{venue}.positions"], "--opening", self[f"{venue}.opening"]),
        )

    def check(self, *arguments: object) -> Called:
        return call("check", *self.common, *arguments, "--json")

    def statements(self, *venues: str) -> list[object]:
        pairs = [("--positions", self[f"{v}.positions"], "--opening", self[f"{v}.opening"]) for v in venues]
        return [word for pair in pairs for word in pair]

    def prove(self, out: str, *arguments: object) -> Called:
        return call(
            *("prove", *self.common, "--policy", self["policy.json"], "--keys", self["keys"]),
            *("--owner-key", self["owner.key"], *AT, "--out", self[out], "--json", *arguments),
        )


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("desk"))


def test_check_reads_accounts_or_openings(desk: Desk) -> None:
    accounts = [word for venue in desk.order for word in ("--account", desk[f"{venue}.csv"])]
    by_accounts = desk.check(*accounts, "--own", desk["own.csv"])
    assert by_accounts.code == 0, by_accounts.out
    for venues in (("alpha", "beta"), ("beta", "alpha")):
        assert desk.check(*desk.statements(*venues), "--own", desk["own.csv"]).json == by_accounts.json
    found = by_accounts.json
    assert found["elements"] == [
        {"name": "account 1", "equity": "50.05", "requirement": "0", "headroom": "50.05"},
        {"name": "account 2", "equity": "101.25", "requirement": "45", "headroom": "56.25"},
    ]
    assert found["worstScenarios"][0] == {"group": "account 2", "scenario": "up", "pnl": "-45"}
    assert [entry["instrument"] for entry in found["worstPositions"]] == ["B"]


def test_an_isolated_account_falls_short_alone(desk: Desk) -> None:
    """What the first has too much does not help the second."""
    (desk.folder / "poor.csv").write_text(ALPHA.replace("balance,1,,50", "balance,1,,500000").replace("400", "343.7"))
    accounts = [desk["poor.csv" if venue == "alpha" else "beta.csv"] for venue in desk.order]
    short = desk.check(*(word for path in accounts for word in ("--account", path)), "--own", desk["own.csv"])
    assert (short.code, short.json["headroom"]) == (1, "-0.05")
    shown = call("check", *desk.common, *(w for p in accounts for w in ("--account", p)), "--own", desk["own.csv"])
    assert "account 2" in shown.out
    assert re.search(r"smallest deposit +0\.05 USD, at 1/2\n", shown.out)  # its own, and not the other's


@pytest.mark.parametrize(
    ("own", "message"),
    [
        (None, "lets you choose `rate`"),
        ("column,instrument,value\nsize,A,0\n", "`size` is not a column that this file fills"),
        ("column,instrument,value\nrate,A,1.01\n", "outside the bounds"),
        ("column,instrument,value\nrate,C,0\n", "`C` is no row of `instrument`"),
    ],
)
def test_own_columns_are_asked_for_and_checked(desk: Desk, own: str | None, message: str) -> None:
    more: list[object] = []
    if own is not None:
        (desk.folder / "bad.csv").write_text(own)
        more = ["--own", desk["bad.csv"]]
    for refused in (
        desk.check(*desk.statements("alpha", "beta"), *more),
        desk.prove("none.json", *desk.statements("alpha", "beta"), *more),
    ):
        assert refused.code == 2
        assert message in refused.json["error"]["message"]
    assert not desk["none.json"].exists()


def test_the_account_is_given_once(desk: Desk) -> None:
    account = ("--account", desk["alpha.csv"])
    assert desk.check().code == 2
    assert desk.check(*account, *desk.statements("alpha")).code == 2
    one = desk.check(*account, "--own", desk["own.csv"])
    assert (one.code, one.json["error"]["expected"], one.json["error"]["got"]) == (2, "2 venues", "1")
    (desk.folder / "short.csv").write_text("instrument,size\nA,1\ncash,5\n")
    refused = desk.check("--account", desk["short.csv"], *account, "--own", desk["own.csv"])
    assert refused.json["error"]["code"] == "E_ACCOUNT"
    assert refused.json["error"]["hint"].endswith("column,account,instrument,value")


@pytest.mark.prove
def test_both_venues_are_proven_and_judged(desk: Desk) -> None:
    made = desk.prove("proof.json", *desk.statements("beta", "alpha"), "--own", desk["own.csv"])
    assert made.code == 0, made.out
    common = ("--policy", desk["policy.json"], *desk.common, "--key", desk["keys"] / "verification_key.json")
    judged = ok("verify", desk["proof.json"], *common, "--at", "2026-02-05T09:37:10Z", "--json").json
    assert [venue["name"] for venue in judged["venues"]] == desk.order
    shown = ok("verify", desk["proof.json"], *common, "--at", "2026-02-05T09:37:10Z").out
    assert "positions at alpha" in shown
    assert "positions at beta" in shown
    assert "statements[1].statement.venueId" in ok("inspect", desk["proof.json"]).out


@pytest.mark.parametrize(
    ("venues", "code"), [(("beta",), "E_STATEMENT"), (("beta", "beta"), "E_STATEMENT_TWICE"), ((), "E_USAGE")]
)
def test_each_statement_once(desk: Desk, venues: tuple[str, ...], code: str) -> None:
    refused = desk.prove("none.json", *desk.statements(*venues), "--own", desk["own.csv"])
    assert refused.json["error"]["code"] == code
    unopened = desk.prove("none.json", *desk.statements("alpha", "beta")[:-2], "--own", desk["own.csv"])
    assert unopened.json["error"]["code"] == "E_OPENING"
    assert not desk["none.json"].exists()


def test_policies_list_a_venue_once(desk: Desk) -> None:
    twice = desk.new_policy("twice.json", "alpha=alpha", "beta=alpha")
    assert twice.code == 2
    assert "is a venue that is listed already" in twice.json["error"]["message"]
    assert desk.new_policy("one.json", "alpha=alpha").code == 0
    one = [*desk.statements("alpha"), "--own", desk["own.csv"], "--policy", desk["one.json"]]
    assert desk.prove("none.json", *one).json["error"]["code"] == "E_VENUE_COUNT"


def test_the_policy_is_shows_the_order_of_accounts(desk: Desk) -> None:
    """``policy show`` lists venues in the order in which accounts are given."""
    shown = ok("policy", "show", desk["policy.json"]).out
    first, second = (shown.index(f" {name} ") for name in desk.order)
    assert first < second
