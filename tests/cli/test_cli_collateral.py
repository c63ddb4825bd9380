"""Collateral on chains through the commands: policy, receipt, check, proof, verdict, revocation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from attested_lines import collateral_of
from calling import Called, call, ok
from collateral_world import KEYS as ATTESTORS
from collateral_world import revocation
from parties import DOMAIN, KEYS, NOW, PUBLISHER, VENUE
from passphrase import PASSPHRASE

from zkmargin.attestations.collateral.receipts import CollateralReceipt, ReceiptLine
from zkmargin.attestations.documents import sign
from zkmargin.attestations.keyfiles import OwnerKeyFile, SigningKeyFile
from zkmargin.attestations.market import sign_snapshot
from zkmargin.circuits.rules import RuleSet, parse_rules
from zkmargin.margin.market import Market, Source
from zkmargin.margin.tables import Column, Listing, Tables
from zkmargin.verifier.policy import Policy

pytestmark = pytest.mark.prove

RULES = b"""\
rules: 1
name: backed
lines: 3
axes:
  asset: {capacity: 2}
public:
  price: {axes: [asset], unit: usd/atom, decimals: 6, min: 0, max: 1000}
private:
  held: {axes: [asset], unit: atom, decimals: 0, min: 0, max: 1e12, from: chain}
  cash: {unit: usd, decimals: 0, min: -1e12, max: 1e12, from: venue}
equity: cash + sum(held * price, over=asset)
requirements:
  maintenance: 0
"""
ASSETS = ("eip155:1/slip44:60", "eip155:8453/slip44:60")
TABLES = Tables(
    {"asset": 2}, {"asset": ASSETS}, {"price": Column.of("price", ["asset"], 6, [2_000_000, 3_000_000])}, {}, {}
)


class Desk:
    """A folder with everything that the commands read. The account owes 350 USD; its lines are worth just that."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rules: RuleSet = parse_rules(RULES, "backed.yaml")
        for name, key in (
            ("publisher", PUBLISHER),
            ("venue", VENUE),
            *((f"attestor{n}", k) for n, k in enumerate(ATTESTORS)),
        ):
            self.write(f"{name}.key", SigningKeyFile.of_key(key, PASSPHRASE).to_text())
        self.write("rules.yaml", RULES.decode())
        self.write("domain.json", DOMAIN.to_text())
        self.write("owner.key", OwnerKeyFile.of_seed(b"\x34" * 32, PASSPHRASE).to_text())
        market = Market(Listing((), 0, "usd", 0), TABLES, NOW - 10, (Source.of("made up", b"for tests"),))
        snapshot = sign_snapshot(
            market, rule_digest=self.rules.digest, issued_at=NOW - 9, expires_at=NOW + 900, domain=DOMAIN.domain(),
            keys=[PUBLISHER],
        )  # fmt: skip
        self.write("market.json", snapshot.to_text())
        self.write("account.csv", "column,value\ncash,-350\n")
        collateral = collateral_of(self.rules, TABLES, {"held": [100, 50]}, KEYS.owner, 0)
        assert collateral is not None
        lines = tuple(ReceiptLine(opening=line.opening, path=tuple(map(tuple, line.path))) for line in collateral.lines)
        self.receipt = CollateralReceipt(owner=KEYS.owner, lines=lines, root=collateral.root)
        self.write("receipt.json", self.receipt.to_text())
        taken = revocation(collateral.root.digest, ATTESTORS)
        words, domain = taken.revocation, DOMAIN.domain()
        document = taken.model_copy(update={"domain": domain, "signatures": sign(words, domain.signing(), ATTESTORS)})
        self.write("revocation.json", document.to_text())
        ok("setup", "dev", self["rules.yaml"], "--out", self["keys"])

    def __getitem__(self, name: str) -> Path:
        return self.folder / name

    def write(self, name: str, text: str) -> None:
        self[name].write_text(text)

    def policy(self, *more: object, out: str = "policy.json", code: int = 0) -> Called:
        signers = [word for n in range(3) for word in ("--attestor", self[f"attestor{n}.key"])]
        made = call(
            "policy", "new", "--name", "tests", "--domain", self["domain.json"], "--verifier", self["publisher.key"],
            "--publisher", self["publisher.key"], "--venue", f"venue={self['venue.key']}", "--keys", self["keys"],
            "--insecure", *signers, "--attestor-threshold", 2, *more, "--out", self[out], "--force",
        )  # fmt: skip
        assert made.code == code, made.err
        return made

    def attest(self) -> None:
        ok(
            "attest", "positions", *self.given(), "--account", self["account.csv"], "--policy", self["policy.json"],
            "--owner", KEYS.owner, "--key", self["venue.key"], "--at", NOW - 20, "--out", self["statement.json"],
            "--opening", self["opening.json"], "--force",
        )  # fmt: skip

    def given(self) -> list[object]:
        return ["--rules", self["rules.yaml"], "--market", self["market.json"]]

    def prove(self, *more: object) -> Called:
        return call(
            "prove", *self.given(), "--policy", self["policy.json"], "--keys", self["keys"], "--owner-key",
            self["owner.key"], "--positions", self["statement.json"], "--opening", self["opening.json"], "--at", NOW,
            "--out", self["proof.json"], "--force", *more,
        )  # fmt: skip

    def verify(self, *more: object) -> Called:
        return call(
            "verify", self["proof.json"], *self.given(), "--policy", self["policy.json"], "--key",
            self["keys"] / "verification_key.json", "--at", NOW + 5, *more,
        )  # fmt: skip


CHAINS: Sequence[object] = ("--chain", "eip155:1=1800", "--chain", "eip155:8453=1800,finalized,observed")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    made = Desk(tmp_path_factory.mktemp("desk"))
    made.policy(*CHAINS)
    made.attest()
    return made


def test_a_policy_lists_attestors_and_chains(desk: Desk) -> None:
    accepted = Policy.read(desk["policy.json"]).collateral
    assert accepted is not None
    assert accepted.attestors == desk.receipt.root.attestors
    assert [(c.chain, c.maximum_age, c.finality, c.observed) for c in accepted.chains] == [
        ("eip155:1", 1800, 2, False),
        ("eip155:8453", 1800, 2, True),
    ]
    assert accepted.exclusive
    shown = ok("policy", "show", desk["policy.json"]).out
    assert "eip155:8453, finalized, at most 1800 s old, observed lines too" in " ".join(shown.split())
    for bad in (("--chain", "eip155:1"), ("--chain", "eip155:1=soon"), ("--chain", "eip155:1=5,final"), ()):
        assert desk.policy(*bad, out="bad.json", code=2).err
    assert "E_ID_CANONICAL" in desk.policy("--chain", "eip155:01=5", out="bad.json", code=2).err
    assert not desk["bad.json"].exists()


def test_an_account_is_checked_and_proven_with_its_lines(desk: Desk) -> None:
    account = ("--account", desk["account.csv"])
    assert call("check", *desk.given(), *account).code == 1
    held = ok("check", *desk.given(), *account, "--collateral", desk["receipt.json"], "--json").json
    assert held["holds"] is True
    alone = desk.prove("--json")
    assert (alone.code, alone.json["error"]["code"]) == (1, "E_MARGIN_SHORT")
    assert desk.prove("--collateral", desk["receipt.json"]).code == 0
    found = desk.verify("--json")
    assert found.code == 0, found.err
    verdict = found.json
    assert verdict["exclusive"] is True
    assert verdict["collateral"]["chains"] == ["eip155:1", "eip155:8453"]
    assert "collateral on" in desk.verify().out
    taken = desk.verify("--revocation", desk["revocation.json"], "--json")
    assert (taken.code, taken.json["error"]["code"]) == (1, "E_ROOT_REVOKED")
    known = desk.prove("--collateral", desk["receipt.json"], "--revocation", desk["revocation.json"], "--json")
    assert (known.code, known.json["error"]["code"]) == (1, "E_ROOT_REVOKED")


def test_a_receipt_is_listed_and_cut(desk: Desk) -> None:
    listed = ok("collateral", "list", desk["receipt.json"], "--json").json
    assert sum(int(line["amount"]) for line in listed["lines"] if line["asset"] == ASSETS[0]) == 100
    assert "number 1 of epoch" in ok("collateral", "list", desk["receipt.json"]).out
    out = desk["some.json"]
    some = ok("collateral", "select", desk["receipt.json"], "--asset", ASSETS[1], "--out", out, "--json").json
    assert {line["asset"] for line in some["lines"]} == {ASSETS[1]}
    assert out.stat().st_mode & 0o077 == 0
    fewer = desk.prove("--collateral", out, "--json")
    assert (fewer.code, fewer.json["error"]["code"]) == (1, "E_MARGIN_SHORT")
    one = listed["lines"][0]["cid"]
    ok("collateral", "select", desk["receipt.json"], "--line", one, "--pocket", 0, "--out", out, "--force")
    for bad in (("--line", "5"), ("--line", "x"), ("--asset", "eip155:10/slip44:60"), ("--pocket", 9)):
        refused = call("collateral", "select", desk["receipt.json"], *bad, "--out", desk["none.json"])
        assert refused.code == 2
        assert not desk["none.json"].exists()


def test_a_receipt_that_was_altered_is_no_receipt(desk: Desk) -> None:
    line = desk.receipt.lines[0]
    richer = line.model_copy(update={"opening": line.opening.model_copy(update={"amount": line.opening.amount + 1})})
    desk.write("forged.json", desk.receipt.model_copy(update={"lines": (richer, *desk.receipt.lines[1:])}).to_text())
    for command in (
        ("collateral", "list", desk["forged.json"]),
        ("check", *desk.given(), "--account", desk["account.csv"], "--collateral", desk["forged.json"]),
    ):
        refused = call(*command, "--json")
        assert (refused.code, refused.json["error"]["code"]) == (1, "E_CID_MISMATCH")
    assert desk.prove("--collateral", desk["forged.json"]).code == 1
