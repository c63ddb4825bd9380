"""One trader, two chains, two venues, end to end by the commands; then what nobody gets past the lender."""

from __future__ import annotations

from fractions import Fraction

import pytest
from attesting import ATTESTORS, DOMAIN
from calling import ok
from chain_world import DEPLOYER, HOLDER
from desk import (
    ACCOUNTS,
    BASE,
    EQUITY,
    ISSUED,
    JUDGED,
    LOCKED,
    MAINNET,
    NOW,
    OTHERS,
    PRICES,
    SCAN,
    SIGNERS,
    THIEF,
    TRADER,
    WALLET,
    Desk,
    of_chain,
    refusal,
    vaults,
    worth,
)

from zkmargin.attestations.collateral.documents import CollateralRootDocument
from zkmargin.attestations.collateral.identifiers import compute_cid
from zkmargin.attestations.collateral.receipts import CollateralReceipt
from zkmargin.attestations.collateral.roots import leaf_of
from zkmargin.attestations.context import Claim, compute_scope
from zkmargin.attestations.documents import sign
from zkmargin.attestations.eip712 import encode_address, encode_uint
from zkmargin.attestations.positions import PositionStatementDocument
from zkmargin.verifier.envelope import Envelope, SignedRoot, SignedStatement

pytestmark = [pytest.mark.chain, pytest.mark.prove]
VAULTS = {MAINNET: LOCKED, BASE: LOCKED}
ALL = {MAINNET: LOCKED + WALLET, BASE: LOCKED + WALLET}


@pytest.fixture(scope="session")
def locked(desk: Desk) -> Envelope:
    """A proof over both vaults, which are locked beyond it."""
    chosen = desk.select(vaults, "vaults.json")
    made = desk.prove("locked.json", "--collateral", chosen)
    assert made.code == 0, made.out
    return Envelope.read(desk["locked.json"])


def test_the_chains_have_equal_blocks(desk: Desk) -> None:
    """The same transactions, signed without a chain id, at the same times: a header has nothing that could differ."""
    marks = desk.bundle().document.checkpoints
    assert [entry.chain for entry in marks] == [MAINNET, BASE]
    top = max(entry.block_number for entry in marks)
    hashes = [
        [chain.rpc.call("eth_getBlockByNumber", hex(n), False)["hash"] for n in range(1, top + 1)]
        for chain in desk.world.chains.values()
    ]
    assert hashes[0] == hashes[1]
    assert {hashes[0][entry.block_number - 1] for entry in marks} == {f"0x{e.block_hash.hex()}" for e in marks}


def test_a_root_of_three_attestors_over_both_chains(desk: Desk) -> None:
    root = CollateralRootDocument.read(desk["first.out"] / "collateral.root.json")
    assert [entry.signer for entry in root.signatures] == list(ATTESTORS.signers.members)
    listed = ok("collateral", "list", desk.receipt(), "--json").json["lines"]
    held = sorted((line["asset"].partition("/")[0], int(line["amount"])) for line in listed)
    assert held == [(chain, amount) for chain in (MAINNET, BASE) for amount in (WALLET, LOCKED)]


def test_an_account_on_both_chains_is_proven(desk: Desk, locked: Envelope) -> None:
    accounts = [word for venue in desk.order for word in ("--account", desk[f"{venue}.csv"])]
    for lines, amounts in ((desk.receipt(), ALL), (desk["vaults.json"], VAULTS)):
        found = ok("check", *desk.given, *accounts, "--collateral", lines, "--json").json
        assert (float(found["equity"]), float(found["requirement"])) == (float(EQUITY + worth(amounts)), SCAN)
    verdict = desk.verify(desk["locked.json"])
    assert verdict.code == 0, verdict.out
    assert verdict.json["exclusive"] is True
    assert verdict.json["collateral"]["chains"] == [MAINNET, BASE]
    assert sorted(venue["name"] for venue in verdict.json["venues"]) == ["alpha", "beta"]
    assert locked.public_inputs.nullifier == TRADER.nullifier(locked.public_inputs.scope, 0)


def test_the_audit_passes(desk: Desk) -> None:
    audited = desk.audit("first", "--report", desk["first.html"])
    assert audited.code == 0, audited.out
    report = audited.json["report"]
    assert (report["holds"], report["findings"], report["layouts"]) == (True, [], "own")
    verdicts = {step["step"]: step["verdict"] for step in report["steps"]}
    assert verdicts == dict.fromkeys([*(f"A{n}" for n in range(1, 15)), "A16"], "pass") | {"A15": "notDone"}
    coverage = report["coverage"]
    assert [coverage[name] for name in ("lines", "provenLines", "observedLines")] == ["6", "6", "0"]
    value = coverage["value"]
    held = sum((ALL[chain] + OTHERS) * Fraction(price) / 10**6 for chain, price in PRICES.items())
    assert Fraction(int(value["proven"]), 10 ** int(value["decimals"])) == held
    assert value["provenShare"] == "10000"
    assert desk["first.html"].read_text().startswith("<!doctype html>")


def test_neither_chain_is_enough(desk: Desk) -> None:
    for chain in (MAINNET, BASE):
        assert EQUITY + worth({chain: ALL[chain]}) < SCAN <= EQUITY + worth(VAULTS)
        alone = desk.select(of_chain(chain), "alone.json")
        assert refusal(desk.prove("none.json", "--collateral", alone, policy="open.json")) == "E_MARGIN_SHORT"
    assert refusal(desk.prove("none.json")) == "E_MARGIN_SHORT"
    assert not desk["none.json"].exists()


@pytest.fixture(scope="session")
def unlocked(desk: Desk) -> Envelope:
    """A proof over wallets and vaults, for the policy that does not rely on exclusivity."""
    made = desk.prove("unlocked.json", "--collateral", desk.receipt(), policy="open.json")
    assert made.code == 0, made.out
    return Envelope.read(desk["unlocked.json"])


def test_locks_that_end_too_early(desk: Desk, unlocked: Envelope) -> None:
    verdict = desk.verify(desk["unlocked.json"], policy="open.json")
    assert (verdict.code, verdict.json["exclusive"]) == (0, False)
    assert refusal(desk.prove("none.json", "--collateral", desk.receipt())) == "E_LOCK"  # the wallets are not locked
    assert desk.code(unlocked) == "E_POLICY"
    exclusive = desk.under(unlocked, "policy.json")
    assert desk.code(exclusive) == "E_LOCK"
    claim = Claim.unpack(unlocked.public_inputs.claim)
    for least in (exclusive.context.expires_at, 1):
        stated = Claim(claim.kind, claim.num, claim.den, least).pack()
        lying = desk.rebound(exclusive, {"claim": stated})
        assert desk.code(lying) == ("E_PROOF_INVALID" if least > 1 else "E_LOCK")


# --- roots ----------------------------------------------------------------------------------------------------------


def test_roots_and_blocks_grow_old(desk: Desk, locked: Envelope) -> None:
    assert locked.collateral is not None
    oldest = min(entry.block_time for entry in locked.collateral.checkpoints)
    assert desk.verify(desk["locked.json"], at=oldest + 1800).code == 0
    assert desk.code(locked, at=oldest + 1801) == "E_STALE_BLOCK"
    assert desk.code(locked, at=NOW + 3600) == "E_ROOT_EXPIRED"


def test_roots_of_others(desk: Desk, locked: Envelope) -> None:
    desk.policy("others.json", nonce=2)
    assert desk.code(desk.under(locked, "others.json"), policy="others.json") == "E_ATTESTOR_SET"
    assert (
        refusal(desk.prove("none.json", "--collateral", desk["vaults.json"], policy="others.json")) == "E_ATTESTOR_SET"
    )
    signed = locked.collateral
    assert signed is not None
    by_others = sign(signed.root, DOMAIN.signing(), [SIGNERS["alpha"], SIGNERS["beta"]])
    for signatures, code in ((by_others, "E_SIG_NOT_ATTESTOR"), (signed.signatures[:1], "E_QUORUM")):
        forged = signed.model_copy(update={"signatures": signatures})
        assert desk.code(locked.model_copy(update={"collateral": forged})) == code


@pytest.fixture(scope="session")
def second(desk: Desk) -> CollateralRootDocument:
    """A later root, after the trader moved 1,500 out of the wallet on Base."""
    away = encode_address(DEPLOYER.address) + encode_uint(1_500_000_000)
    desk.world.chains[BASE].call(HOLDER, desk.world.deployed.token, "transfer(address,uint256)", away)
    desk.publish("second", previous="first", at=NOW + 20)
    return CollateralRootDocument.read(desk["second.out"] / "collateral.root.json")


def test_old_receipts_after_a_newer_root(desk: Desk, unlocked: Envelope, second: CollateralRootDocument) -> None:
    """An unlocked line counts until its root expires or is taken back; under the newer root it does not exist."""
    assert second.root.seq == 2
    old, new = (CollateralReceipt.read(desk.receipt(name=name)) for name in ("first", "second"))
    amounts = {name: {line.opening.cid: line.opening.amount for line in each.lines} for name, each in
               (("old", old), ("new", new))}  # fmt: skip
    fallen = {cid for cid, amount in amounts["old"].items() if amounts["new"][cid] < amount}
    (moved,) = (line.opening for line in old.lines if line.opening.cid in fallen)
    assert (moved.chain, moved.custody, amounts["new"][moved.cid]) == (BASE, "eoa", WALLET - 1_500_000_000)
    assert desk.verify(desk["unlocked.json"], policy="open.json").json["collateral"]["seq"] == "1"
    root, begun, taken = desk["first.out"] / "collateral.root.json", desk["begun.json"], desk["revoked.json"]
    ok(
        "attest",
        "revoke",
        root,
        "--reason",
        "balance",
        "--key",
        desk["attestor2.key"],
        "--at",
        NOW + 21,
        "--out",
        begun,
    )
    assert desk.code(unlocked, "--revocation", begun, policy="open.json") == "E_QUORUM"
    ok("attest", "revoke", root, "--join", begun, "--key", desk["attestor0.key"], "--out", taken)
    revoked = ("--revocation", taken)
    assert desk.code(unlocked, *revoked, policy="open.json") == "E_ROOT_REVOKED"
    mixed = desk.write("mixed.json", old.model_copy(update={"root": second}))
    assert refusal(desk.prove("none.json", "--collateral", mixed, policy="open.json")) == "E_TREE_ROOT"
    newer = SignedRoot(root=second.root, checkpoints=second.checkpoints, signatures=second.signatures)
    borrowed = desk.rebound(unlocked.model_copy(update={"collateral": newer}), root_digest=second.digest)
    assert desk.code(borrowed, policy="open.json") == "E_TREE_ROOT"
    claimed = desk.rebound(borrowed, {"collateral_root": second.root.root})
    assert desk.code(claimed, policy="open.json") == "E_PROOF_INVALID"


def test_the_audit_of_a_newer_root(desk: Desk, second: CollateralRootDocument) -> None:
    """With the root before it; without, or with nodes of other chains, it is not taken for shown."""
    assert second.root.prev_digest == desk.bundle().document.digest
    audited = desk.audit("second", "--previous", desk["first"], at=NOW + 25)
    assert audited.code == 0, audited.out
    alone = desk.audit("second", at=NOW + 25)
    assert (alone.code, alone.json["report"]["holds"]) == (1, False)
    backwards = desk.audit("first", "--previous", desk["second"])
    assert "E_ROOT_SEQ" in {entry["code"] for entry in backwards.json["report"]["findings"]}


# --- chains ---------------------------------------------------------------------------------------------------------


def test_one_chain_s_collateral_claimed_under_the_other(desk: Desk, locked: Envelope) -> None:
    signed = locked.collateral
    assert signed is not None
    for marks in (signed.checkpoints[1:], (signed.checkpoints[0].model_copy(update={"chain": "eip155:10"}),
                                           signed.checkpoints[1])):  # fmt: skip
        assert desk.code(
            locked.model_copy(update={"collateral": signed.model_copy(update={"checkpoints": marks})})
        ) == ("E_CHECKPOINTS")
    desk.policy("base.json", chains=(BASE,))
    assert desk.code(desk.under(locked, "base.json"), policy="base.json") == "E_CHECKPOINT_MISSING"
    receipt = CollateralReceipt.read(desk["vaults.json"])
    line = next(line for line in receipt.lines if line.opening.chain == MAINNET)
    renamed = line.opening.model_copy(
        update={
            name: getattr(line.opening, name).replace(MAINNET, BASE)
            for name in ("chain", "account", "asset", "custody")
        }
    )
    cid = compute_cid(renamed.chain, renamed.account, renamed.asset, renamed.custody, renamed.note)
    fitted = renamed.model_copy(update={"cid": cid})
    fitted = fitted.model_copy(update={"leaf": leaf_of(fitted).digest})
    for opening, code in ((renamed, "E_CID_MISMATCH"), (fitted, "E_TREE_ROOT")):
        forged = receipt.model_copy(update={"lines": (line.model_copy(update={"opening": opening}),)})
        assert refusal(desk.prove("none.json", "--collateral", desk.write("forged.json", forged))) == code


def test_prices_of_the_other_chain_s_coin(desk: Desk, locked: Envelope) -> None:
    """Whoever proves over tables that call the first chain's coin by the second's name has another statement."""
    head, *rows = desk["assets.csv"].read_text().splitlines()
    names, values = zip(*(row.split(",", 1) for row in rows), strict=True)
    swapped = [f"{name},{value}" for name, value in zip(names, values[::-1], strict=True)]
    assert set(swapped).isdisjoint(rows)
    desk["swapped.csv"].write_text("\n".join([head, *swapped, ""]))
    desk.market("swapped.json", "marks.csv", "pnl.csv", "tiers.csv", "swapped.csv")
    made = desk.prove("swapped.proof", "--collateral", desk["vaults.json"], market="swapped.json")
    assert made.code == 0, made.out
    envelope = Envelope.read(desk["swapped.proof"])
    assert desk.code(envelope) == "E_MARKET"
    honest = envelope.model_copy(update={"market": locked.market})
    assert desk.code(desk.rebound(honest, market_digest=locked.context.market_digest)) == "E_PROOF_INVALID"


# --- venues and owners ----------------------------------------------------------------------------------------------


def test_each_venue_once(desk: Desk, locked: Envelope) -> None:
    one, other = locked.statements
    chosen = ("--collateral", desk["vaults.json"])
    for statements, venues, code in (
        ((one,), ("alpha",), "E_STATEMENT"),
        ((one, one), ("alpha", "alpha"), "E_STATEMENT_TWICE"),
        ((other, one), None, "E_STATEMENT"),
        ((one, other, other), ("alpha", "beta", "beta"), "E_STATEMENT_TWICE"),
    ):
        publics = {"positions": tuple(entry.statement.commitment for entry in statements)}
        stated = locked.public_inputs.model_copy(update=publics)
        attempt = locked.model_copy(update={"statements": statements, "public_inputs": stated})
        assert desk.code(attempt) == code
        if venues is not None:
            assert refusal(desk.prove("none.json", *chosen, venues=venues)) == code, venues


def test_the_lines_of_another_owner(desk: Desk, locked: Envelope) -> None:
    for venue in ACCOUNTS:
        desk.attest(venue, f"thief.{venue}", owner=THIEF.owner)
    theirs = {"owner_key": "thief.key", "venues": ("thief.alpha", "thief.beta")}
    assert refusal(desk.prove("none.json", "--collateral", desk["vaults.json"], **theirs)) == "E_OWNER_MIXED"
    own = desk.receipt(THIEF.owner)
    assert [line.opening.amount for line in CollateralReceipt.read(own).lines] == [OTHERS, OTHERS]
    short = desk.prove("none.json", "--collateral", own, policy="open.json", **theirs)
    assert refusal(short) == "E_MARGIN_SHORT"
    stolen = CollateralReceipt.read(desk["vaults.json"]).model_copy(update={"owner": THIEF.owner})
    relabelled = desk.write("stolen.json", stolen)
    assert refusal(desk.prove("none.json", "--collateral", relabelled, **theirs)) == "E_CID_MISMATCH"
    assert refusal(desk.prove("none.json", "--collateral", desk["vaults.json"], venues=theirs["venues"])) == "E_OPENING"
    documents = [PositionStatementDocument.read(desk[f"thief.{venue}.statement"]) for venue in ACCOUNTS]
    signed = {entry.statement.venue_id: SignedStatement(statement=entry.statement, signatures=entry.signatures)
              for entry in documents}  # fmt: skip
    ordered = tuple(signed[entry.statement.venue_id] for entry in locked.statements)
    publics = {
        "positions": tuple(entry.statement.commitment for entry in ordered),
        "nullifier": THIEF.nullifier(locked.public_inputs.scope, 0),
    }
    spliced = desk.rebound(locked.model_copy(update={"statements": ordered}), publics)
    assert desk.code(spliced) == "E_PROOF_INVALID"


def test_nullifiers_of_another_epoch_or_pocket(desk: Desk, locked: Envelope) -> None:
    epoch, stated = locked.context.epoch, locked.public_inputs
    other = compute_scope(DOMAIN.signing().pledge_domain, epoch + 1)
    assert desk.code(desk.rebound(locked, {"scope": other})) == "E_SCOPE"
    for nullifier in (TRADER.nullifier(other, 0), TRADER.nullifier(stated.scope, 1), THIEF.nullifier(stated.scope, 0)):
        assert desk.code(desk.rebound(locked, {"nullifier": nullifier})) == "E_PROOF_INVALID"
    tomorrow = {"scope": other, "nullifier": TRADER.nullifier(other, 0)}
    assert desk.code(desk.rebound(locked, tomorrow, epoch=epoch + 1)) == "E_EPOCH"
    start = (epoch + 1) * 86400
    late = desk.rebound(locked, tomorrow, epoch=epoch + 1, issued_at=start, expires_at=start + 100)
    assert desk.code(late, at=start + 5) == "E_ROOT_EXPIRED"  # a root of the epoch before does not reach into it
    assert ISSUED < JUDGED < start
