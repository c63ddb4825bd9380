"""Evidence of prices through the commands: messages, rules, snapshot, policy, proof, verdict, and who cheats."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from calling import Called, call, ok
from chain_figures import figures
from parties import DOMAIN, KEYS, PUBLISHER, VENUE
from passphrase import PASSPHRASE
from priced_world import BTC, COIN, ETH, OTHER, PAYLOAD, PYTH, UPDATE, WRAPPED, by_pyth, by_redstone

from zkmargin.attestations.keyfiles import OwnerKeyFile, SigningKeyFile
from zkmargin.attestations.market import MarketSnapshotDocument, sign_snapshot
from zkmargin.attestations.price_evidence import SOURCE, PriceEvidence
from zkmargin.circuits.rules import load_rules
from zkmargin.margin.market import Market
from zkmargin.verifier.clearing import ClearingBook, Member, check_book
from zkmargin.verifier.policy import Policy

pytestmark = pytest.mark.prove

RULES = """\
rules: 1
name: priced
axes:
  instrument: {capacity: 2}
  asset: {capacity: 2}
public:
  mark: {axes: [instrument], unit: usd/contract, decimals: 8, min: 0, max: 1e7}
  unit_value: {axes: [asset], unit: usd/atom, decimals: 30, min: 0, max: 1}
parameters:
  cent: {unit: usd, decimals: 2, min: 0.01, max: 0.01, default: 0.01}
private:
  size: {axes: [instrument], unit: contract, decimals: 4, min: -1e3, max: 1e3, from: venue}
  held: {axes: [asset], unit: atom, decimals: 0, min: 0, max: 1e24, from: venue}
  cash: {unit: usd, decimals: 2, min: -1e9, max: 1e9, from: venue}
equity: cash + sum(size * mark, over=instrument) + floor(sum(held * unit_value, over=asset), cent)
requirements:
  maintenance: 0
"""
ACCOUNT = f"""\
column,instrument,asset,value
size,BTC-PERPETUAL,,0.5
held,,{COIN},2000000000000000000
held,,{WRAPPED},10000000
cash,,,-30000
"""
HEADER = "column,row,decimals,rounding,pyth,redstone\n"
FEEDS = {
    "pyth": f"mark,BTC-PERPETUAL,0,down,0x{BTC.hex()},\nunit_value,{WRAPPED},8,down,0x{BTC.hex()},\n"
    f"unit_value,{COIN},18,down,0x{ETH.hex()},\n",
    "redstone": f"mark,BTC-PERPETUAL,0,down,,BTC\nunit_value,{WRAPPED},8,down,,BTC\nunit_value,{COIN},18,down,,ETH\n",
}
MARKS = {"pyth": "59240.02645461", "redstone": "83960.83019375"}


class Desk:
    """A folder in which one oracle's messages back the prices. ``now``: the time of its messages."""

    def __init__(self, folder: Path, oracle: str) -> None:
        self.folder, self.oracle = folder, oracle
        self.now = {"pyth": by_pyth, "redstone": by_redstone}[oracle]().judge().oldest
        for name, key in (("publisher", PUBLISHER), ("venue", VENUE)):
            self.write(f"{name}.key", SigningKeyFile.of_key(key, PASSPHRASE).to_text())
        self.write("owner.key", OwnerKeyFile.of_seed(b"\x34" * 32, PASSPHRASE).to_text())
        self.write("rules.yaml", RULES)
        self.write("domain.json", DOMAIN.to_text())
        self.write("account.csv", ACCOUNT)
        self.write("assets.csv", f"asset\n{COIN}\n{WRAPPED}\n")
        self.write("marks.csv", f"instrument,mark\nBTC-PERPETUAL,{MARKS[oracle]}\n")
        self.write("feeds.csv", HEADER + FEEDS[oracle])
        self["update.bin"].write_bytes(UPDATE)
        self.write("other.hex", "0x" + OTHER.hex() + "\n")
        self.write("payload.hex", PAYLOAD.hex())
        ok("setup", "dev", self["rules.yaml"], "--out", self["keys"])
        self.rules_file("asked.json")
        message = ("--pyth", self["update.bin"]) if oracle == "pyth" else ("--redstone", self["payload.hex"])
        ok("market", "evidence", *message, "--price-rules", self["asked.json"], "--out", self["prices.json"])
        self.build("assets.csv", "marks.csv")
        self.policy("policy.json", "--price-rules", self["asked.json"])
        self.attest()

    def __getitem__(self, name: str) -> Path:
        return self.folder / name

    def write(self, name: str, text: str) -> None:
        self[name].write_text(text)

    def rules_file(self, out: str, feeds: str = "feeds.csv", *more: object) -> None:
        signers: list[object] = ["--guardian-set", PYTH.guardian_set]
        signers += [word for address in PYTH.guardians for word in ("--guardian", "0x" + address.hex())]
        for address in figures("redstone")["signerSets"]["PRIMARY_SIGNERS"]:
            signers += ["--redstone-signer", address]
        ok(
            "policy", "price-rules", self[feeds], *signers, "--redstone-threshold", 3, "--complete", "unit_value",
            "--complete", "mark", *more, "--out", self[out], "--force",
        )  # fmt: skip

    def build(self, *sources: str, out: str = "market.json", code: int = 0, prices: str = "prices.json") -> Called:
        built = call(
            "market", "build", *(self[name] for name in sources), "--rules", self["rules.yaml"], "--domain",
            self["domain.json"], "--prices", self[prices], "--price-rules", self["asked.json"], "--key",
            self["publisher.key"], "--at", self.now + 1, "--out", self[out], "--force",
        )  # fmt: skip
        assert built.code == code, built.err
        return built

    def policy(self, out: str, *more: object) -> None:
        ok(
            "policy", "new", "--name", "tests", "--domain", self["domain.json"], "--verifier", self["publisher.key"],
            "--publisher", self["publisher.key"], "--venue", f"venue={self['venue.key']}", "--keys", self["keys"],
            "--insecure", *more, "--out", self[out], "--force",
        )  # fmt: skip

    def attest(self, market: str = "market.json", policy: str = "policy.json") -> None:
        ok(
            "attest", "positions", *self.given(market), "--account", self["account.csv"], "--policy", self[policy],
            "--owner", KEYS.owner, "--key", self["venue.key"], "--at", self.now, "--out", self["statement.json"],
            "--opening", self["opening.json"], "--force",
        )  # fmt: skip

    def given(self, market: str = "market.json") -> list[object]:
        return ["--rules", self["rules.yaml"], "--market", self[market]]

    def prove(self, *more: object, market: str = "market.json", policy: str = "policy.json") -> Called:
        return call(
            "prove", *self.given(market), "--policy", self[policy], "--keys", self["keys"], "--owner-key",
            self["owner.key"], "--positions", self["statement.json"], "--opening", self["opening.json"], "--at",
            self.now + 2, "--out", self["proof.json"], "--force", *more,
        )  # fmt: skip

    def verify(self, *more: object, market: str = "market.json", policy: str = "policy.json", after: int = 5) -> Called:
        return call(
            "verify", self["proof.json"], *self.given(market), "--policy", self[policy], "--key",
            self["keys"] / "verification_key.json", "--at", self.now + after, *more,
        )  # fmt: skip

    @property
    def evidence(self) -> tuple[object, ...]:
        return "--prices", self["prices.json"]

    def sign(self, market: Market, out: str) -> None:
        """As a publisher does whom no command keeps from it."""
        document = sign_snapshot(
            market, rule_digest=load_rules(str(self["rules.yaml"])).digest, issued_at=self.now + 1,
            expires_at=self.now + 900, domain=DOMAIN.domain(), keys=[PUBLISHER],
        )  # fmt: skip
        self.write(out, document.to_text())

    def snapshot(self) -> MarketSnapshotDocument:
        return MarketSnapshotDocument.read(self["market.json"])


@pytest.fixture(scope="module", params=["pyth", "redstone"])
def desk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp(request.param), request.param)


@pytest.fixture(scope="module")
def pyth(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("attacked"), "pyth")


def test_tables_are_built_from_evidence(desk: Desk) -> None:
    """The column of unit values is in no file: it comes from what the oracles signed, and so does the time."""
    document = desk.snapshot()
    priced = {"pyth": by_pyth, "redstone": by_redstone}[desk.oracle]()
    values = dict(
        zip(document.market.tables.names["asset"], document.market.tables.columns["unit_value"].values, strict=True)
    )
    assert [values[name] for name in priced.names] == priced.values
    assert document.snapshot.price_time == desk.now
    assert [source.name for source in document.market.sources] == ["assets.csv", "marks.csv", SOURCE]
    assert document.market.sources[2] == PriceEvidence.read(desk["prices.json"]).source
    assert document.signatures


def test_a_proof_is_judged_with_its_evidence(desk: Desk) -> None:
    shown = " ".join(ok("policy", "show", desk["policy.json"]).out.split())
    for text in (
        "Pyth, guardian set 4",
        "13 of 0x",
        "RedStone",
        "3 of 0x",
        "mark, unit_value",
        "10^-18, down",
        "equal, as rounded",
    ):
        assert text in shown
    accepted = Policy.read(desk["policy.json"]).prices
    assert accepted is not None
    assert len(accepted.cells) == 3
    assert desk.prove(*desk.evidence).code == 0
    held = desk.verify(*desk.evidence, "--json")
    assert held.code == 0, held.err
    found = held.json["priceEvidence"]
    assert [cell["row"] for cell in found["cells"]] == ["BTC-PERPETUAL", WRAPPED, COIN]
    assert {tuple(cell["oracles"]) for cell in found["cells"]} == {(desk.oracle,)}
    assert found["oldest"] == str(desk.now)
    assert found["sequence"] == ("76744502" if desk.oracle == "pyth" else None)
    assert int(held.json["validUntil"]) == desk.now + 61
    words = desk.verify(*desk.evidence).out
    assert f"unit_value ({desk.oracle}) of {WRAPPED}, {COIN}" in words
    assert "no evidence of prices" not in words
    assert b"504e4155" not in desk["proof.json"].read_bytes()  # the evidence stays outside


def test_without_evidence_nothing_is_judged(desk: Desk) -> None:
    assert desk.prove(*desk.evidence).code == 0
    assert "E_PRICE_MISSING" in desk.verify().err
    assert desk.verify().code == 1
    refused = desk.prove()
    assert (refused.code, "E_PRICE_MISSING" in refused.err) == (1, True)
    late = desk.verify(*desk.evidence, after=61)
    assert (late.code, "E_PRICE_STALE" in late.err) == (1, True)


def test_a_clearing_book_has_each_members_evidence(desk: Desk) -> None:
    assert desk.prove(*desk.evidence).code == 0
    member = Member(
        name="backed", proof="proof.json", policy="policy.json", rules="rules.yaml", market="market.json",
        key="keys/verification_key.json", challenge=None, prices="prices.json",
    )  # fmt: skip
    members = (member, member.model_copy(update={"name": "bare", "prices": None}))
    found = []
    for entry in members:  # one at a time: they show the same pledge
        desk.write("book.json", ClearingBook(name="house", members=(entry,), revocations=()).to_text())
        (finding,) = check_book(desk.folder, at=desk.now + 5)
        found.append("holds" if finding.error is None else finding.error.code)
    assert found == ["holds", "E_PRICE_MISSING"]


def test_evidence_under_a_policy_that_asks_for_none(desk: Desk) -> None:
    """It would not be looked at, and who gave it would think that it had been."""
    desk.policy("plain.json")
    try:
        desk.attest(policy="plain.json")
        assert desk.prove(policy="plain.json").code == 0
        assert "no evidence of prices" in desk.verify(policy="plain.json").out
        refused = desk.verify(*desk.evidence, policy="plain.json")
        assert (refused.code, "E_PRICE_EVIDENCE" in refused.err) == (1, True)
    finally:
        desk.attest()


# --- publishers -----------------------------------------------------------------------------------------------------


def test_a_publisher_is_kept_from_signing_other_prices(pyth: Desk) -> None:
    for row, (value, code) in enumerate(((0, 0), (-1, 1), (1, 1))):
        price = 5924002645461 + value
        pyth.write("given.csv", f"instrument,mark\nBTC-PERPETUAL,{price // 10**8}.{price % 10**8:08}\n")
        built = pyth.build("assets.csv", "given.csv", out=f"given{row}.json", code=code)
        assert ("E_PRICE_TABLE" in built.err) is bool(code)
        assert pyth[f"given{row}.json"].exists() is not bool(code)
    pyth.write("few.csv", f"asset\n{COIN}\neip155:1/slip44:61\n")
    assert (
        "no evidence of `unit_value` of eip155:1/slip44:61" in pyth.build("few.csv", "marks.csv", out="x", code=2).err
    )
    assert "no file names the rows of `unit_value`" in pyth.build("marks.csv", out="x", code=2).err
    later = ("--price-time", pyth.now + 61)
    refused = call(
        "market", "build", pyth["assets.csv"], pyth["marks.csv"], "--rules", pyth["rules.yaml"], "--domain",
        pyth["domain.json"], *pyth.evidence, "--price-rules", pyth["asked.json"], *later, "--at", pyth.now + 62,
        "--out", pyth["x"],
    )  # fmt: skip
    assert (refused.code, "E_PRICE_STALE" in refused.err) == (1, True)
    alone = call(
        "market", "build", pyth["assets.csv"], "--rules", pyth["rules.yaml"], "--domain", pyth["domain.json"],
        *pyth.evidence, "--out", pyth["x"],
    )  # fmt: skip
    assert (alone.code, "--price-rules" in alone.err) == (2, True)
    assert not pyth["x"].exists()


def test_a_second_publisher_signs_with_the_evidence_only(pyth: Desk) -> None:
    def sign(*more: object) -> Called:
        return call(
            "market", "sign", pyth["market.json"], "--rules", pyth["rules.yaml"], "--key", pyth["venue.key"], *more,
            "--out", pyth["signed.json"], "--force",
        )  # fmt: skip

    assert "E_PRICE_EVIDENCE" in sign().err
    assert not pyth["signed.json"].exists()
    assert sign(*pyth.evidence, "--price-rules", pyth["asked.json"]).code == 0
    assert len(MarketSnapshotDocument.read(pyth["signed.json"]).signatures) == 2
    ok(
        "market", "evidence", "--pyth", pyth["other.hex"], "--price-rules", pyth["asked.json"], "--out",
        pyth["other.json"], "--force",
    )  # fmt: skip
    assert "E_PRICE_EVIDENCE" in sign("--prices", pyth["other.json"], "--price-rules", pyth["asked.json"]).err


def test_evidence_is_verified_before_it_is_written(pyth: Desk) -> None:
    def make(*more: object) -> Called:
        return call(
            "market", "evidence", *more, "--price-rules", pyth["asked.json"], "--out", pyth["made.json"], "--force"
        )

    pyth["bad.bin"].write_bytes(UPDATE[:-1] + bytes([UPDATE[-1] ^ 1]))
    assert "E_PRICE_PROOF" in make("--pyth", pyth["bad.bin"]).err
    assert "E_PRICE_MISSING: there is no message of pyth" in make().err
    assert make("--pyth", pyth["update.bin"], "--redstone", pyth["payload.hex"]).code == 2
    assert make("--pyth", pyth["update.bin"], "--row", "SOL").code == 2
    assert not pyth["made.json"].exists()
    made = make("--pyth", pyth["update.bin"], "--row", COIN, "--json")
    assert made.json["prices"] == [
        {"column": "unit_value", "row": COIN, "oracles": "pyth", "price": "2466.82322909", "time": str(pyth.now)}
    ]


def test_a_shipped_rule_set_takes_its_unit_values_from_evidence(pyth: Desk) -> None:
    """``cross_chain``: lines of collateral find their price by the asset's identifier, which is the row's name."""
    pyth.write("backed.csv", f"asset,risk\n{COIN},ether\n{WRAPPED},bitcoin\n")
    pyth.write("tiers.csv", "risk,tier,keep,bound,extra\nether,1,0.9,1000,0\nbitcoin,1,0.9,1000,0\n")
    rows = "".join(f"BTC-PERPETUAL,{number},{592 * number - 10000}\n" for number in range(1, 36))
    pyth.write("pnl.csv", "instrument,scenario,pnl\n" + rows)
    common = (
        "--rules", "cross_chain", "--domain", pyth["domain.json"], *pyth.evidence, "--price-rules", pyth["asked.json"],
        "--key", pyth["publisher.key"], "--at", pyth.now + 1, "--out", pyth["cross.json"],
    )  # fmt: skip
    ok("market", "build", *(pyth[name] for name in ("marks.csv", "pnl.csv", "backed.csv", "tiers.csv")), *common)
    market = MarketSnapshotDocument.read(pyth["cross.json"]).market
    assert market.tables.names["asset"] == (COIN, WRAPPED)
    assert market.tables.columns["unit_value"].values.tolist() == list(reversed(by_pyth().values))


# --- publishers who cheat, and provers who help them ----------------------------------------------------------------


def _market(desk: Desk, evidence: PriceEvidence, unit_values: dict[str, int]) -> Market:
    """The honest market with other unit values, committing to ``evidence``."""
    tree = desk.snapshot().market.to_json()
    column = tree["tables"]["columns"]["unit_value"]
    names = tree["tables"]["names"]["asset"]
    column["values"] = [str(unit_values.get(name, int(old))) for name, old in zip(names, column["values"], strict=True)]
    tree["sources"][-1] = {"name": SOURCE, "digest": "0x" + evidence.source.digest.hex()}
    return Market.of_json(tree)


def _cheat(desk: Desk, evidence: PriceEvidence, unit_values: dict[str, int]) -> str:
    """The verifier's code, of a proof whose prover left out all checks of documents."""
    desk.write("cheat.prices.json", evidence.to_text())
    desk.sign(_market(desk, evidence, unit_values), "cheat.json")
    given = ("--prices", desk["cheat.prices.json"])
    refused = desk.prove(*given, market="cheat.json")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("zkmargin.prover.prove.require_statement", lambda _: None)
        assert desk.prove(*given, market="cheat.json").code == 0
    judged = desk.verify(*given, "--json", market="cheat.json")
    code = str(judged.json["error"]["code"])
    assert (refused.code, judged.code) == (1, 1)
    assert code in refused.err
    return code


def test_publishers_who_cheat(pyth: Desk) -> None:
    """Signed by the publisher that the policy trusts, proven by a prover that asks nothing: the verifier refuses."""
    honest = PriceEvidence.read(pyth["prices.json"])
    true = by_pyth().values[1]
    assert _cheat(pyth, honest, {COIN: true + 1}) == "E_PRICE_TABLE"
    assert _cheat(pyth, honest, {COIN: true - 1}) == "E_PRICE_TABLE"
    assert _cheat(pyth, honest, {COIN: true * 10}) == "E_PRICE_TABLE"
    mapped = tuple(c.model_copy(update={"pyth": BTC}) if c.row == COIN else c for c in honest.cells)
    worth = by_pyth().values[0] // 10**10
    assert _cheat(pyth, honest.model_copy(update={"cells": mapped}), {COIN: worth}) == "E_PRICE_FEED"
    inflated = tuple(c.model_copy(update={"decimals": 17}) if c.row == COIN else c for c in honest.cells)
    assert _cheat(pyth, honest.model_copy(update={"cells": inflated}), {COIN: true * 10}) == "E_PRICE_FEED"
    assert _cheat(pyth, honest.model_copy(update={"cells": honest.cells[:2]}), {COIN: true * 2}) == "E_PRICE_MISSING"
    assert _cheat(pyth, honest.model_copy(update={"pyth": OTHER}), {}) == "E_PRICE_TABLE"
    altered = UPDATE[:-200] + bytes([UPDATE[-200] ^ 1]) + UPDATE[-199:]
    assert _cheat(pyth, honest.model_copy(update={"pyth": altered}), {}) == "E_PRICE_PROOF"


def test_evidence_of_another_snapshot_and_updates_of_one_time(pyth: Desk) -> None:
    assert pyth.prove(*pyth.evidence).code == 0
    ok(
        "market", "evidence", "--pyth", pyth["other.hex"], "--price-rules", pyth["asked.json"], "--out",
        pyth["other.json"], "--force",
    )  # fmt: skip
    assert "E_PRICE_EVIDENCE" in pyth.verify("--prices", pyth["other.json"]).err
    tree = json.loads(pyth["prices.json"].read_text())
    pyth.write("swapped.json", json.dumps(tree | {"cells": tree["cells"][::-1]}))
    assert pyth.verify("--prices", pyth["swapped.json"]).code == 2
    pyth.write("swapped.json", json.dumps(tree | {"redstone": "0x" + PAYLOAD.hex()}))
    assert pyth.verify("--prices", pyth["swapped.json"]).code == 2
    assert pyth.verify(*pyth.evidence, "--least-sequence", 76744502).code == 0
    later = pyth.verify(*pyth.evidence, "--least-sequence", 76744503)
    assert (later.code, "E_PRICE_SEQ" in later.err) == (1, True)
    earlier = PriceEvidence.read(pyth["other.json"])
    price = 246684400430 * 10**4
    pyth.sign(_market(pyth, earlier, {COIN: price}), "earlier.json")
    given = ("--prices", pyth["other.json"])
    assert pyth.prove(*given, market="earlier.json").code == 0
    assert pyth.verify(*given, market="earlier.json").code == 0
    replayed = pyth.verify(*given, "--least-sequence", 76744502, market="earlier.json")
    assert (replayed.code, "E_PRICE_SEQ" in replayed.err) == (1, True)


def test_rules_that_ask_for_more(pyth: Desk) -> None:
    """A policy is a policy of its own: what is refused is refused by the verifier who asked for it."""
    for name, more, code in (
        ("sure", ("--confidence", 3), "E_PRICE_CONF"),
        ("young", ("--age", 0), None),
        ("loose", ("--tolerance", 1), None),
    ):
        pyth.rules_file(f"{name}.rules.json", "feeds.csv", *more)
        pyth.policy(f"{name}.json", "--price-rules", pyth[f"{name}.rules.json"])
        proven = pyth.prove(*pyth.evidence, policy=f"{name}.json")
        assert proven.code == (0 if code is None else 1), proven.err
        assert code is None or code in proven.err
        if code is None:
            assert pyth.verify(*pyth.evidence, policy=f"{name}.json").code == 0


def test_options_that_do_not_go_together(pyth: Desk) -> None:
    for more in (("--guardian-set", 4), ("--guardian", "0x" + "01" * 20), ("--redstone-signer", "0x" + "01" * 20)):
        refused = call("policy", "price-rules", pyth["feeds.csv"], *more, "--out", pyth["none.json"])
        assert refused.code == 2
    assert not pyth["none.json"].exists()
