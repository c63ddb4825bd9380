"""A clearing party's book: every member judged, and no collateral behind two of them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from parties import CHALLENGE, DOMAIN, NOW, World, small_market

from zkmargin.attestations.documents import OfflineDomain
from zkmargin.attestations.owner import OwnerKeys
from zkmargin.cli.main import run
from zkmargin.errors import DomainMismatch, FileUnreadable, SchemaType
from zkmargin.prover.setup import VERIFYING_KEY_FILE
from zkmargin.verifier.clearing import ClearingBook, Member, check_book

SECOND = OwnerKeys.of_seed(b"\x44" * 32)
OTHER_VERIFIER = b"\x41" * 32


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("key"))


@pytest.fixture(scope="module")
def shelf(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two verifiers' policies, a market, a key, and proofs: of two owners, and of one owner to both verifiers."""
    folder = tmp_path_factory.mktemp("book")
    other = world.policy(verifier_id=OTHER_VERIFIER)
    documents = {
        "a.policy.json": world.policy(),
        "b.policy.json": other,
        "market.json": world.snapshot(),
        "first.proof.json": world.prove(),
        "second.proof.json": world.prove(account=world.statement(owner=SECOND), keys=SECOND),
        "elsewhere.proof.json": world.prove(policy=other, account=world.statement(audience=OTHER_VERIFIER)),
    }
    for name, document in documents.items():
        (folder / name).write_text(document.to_text())
    (folder / "rules.yaml").write_bytes(world.text)
    _ = world.verifying_key
    shutil.copy(world.folder / VERIFYING_KEY_FILE, folder / "key.json")
    return folder


def member(name: str, proof: str, policy: str = "a", **changes: Any) -> Member:
    fields: dict[str, Any] = {
        "name": name,
        "proof": f"{proof}.proof.json",
        "policy": f"{policy}.policy.json",
        "rules": "rules.yaml",
        "market": "market.json",
        "key": "key.json",
        "challenge": CHALLENGE,
        "prices": None,
    }
    return Member(**fields | changes)


def judge(shelf: Path, *members: Member, at: int = NOW) -> dict[str, str]:
    """By member: ``holds``, or the code of what fails."""
    book = ClearingBook(name="clearing house", members=members, revocations=())
    (shelf / "book.json").write_text(book.to_text())
    found = check_book(shelf, at=at)
    assert [finding.name for finding in found] == [entry.name for entry in members]
    return {finding.name: "holds" if finding.error is None else finding.error.code for finding in found}


def test_all_hold(shelf: Path) -> None:
    assert judge(shelf, member("alice", "first"), member("bob", "second")) == {"alice": "holds", "bob": "holds"}


def test_one_failure_stops_nobody_else(shelf: Path) -> None:
    found = judge(
        shelf,
        member("alice", "first"),
        member("bob", "second", challenge=bytes(31) + b"\1"),
        member("carol", "missing"),
        member("dave", "elsewhere", policy="a"),
    )
    assert found == {"alice": "holds", "bob": "E_CHALLENGE", "carol": "E_FILE", "dave": "E_VENUE"}


def test_one_owner_at_two_venues_fails_at_both(shelf: Path) -> None:
    found = judge(shelf, member("alice", "first"), member("bob", "second"), member("mallory", "elsewhere", "b"))
    assert found == {"alice": "E_DOUBLE_PLEDGE", "bob": "holds", "mallory": "E_DOUBLE_PLEDGE"}


def test_one_proof_under_two_names_counts_for_neither(shelf: Path) -> None:
    found = judge(shelf, member("alias", "first"), member("alice", "first"))
    assert found == {"alias": "E_REPLAY", "alice": "E_REPLAY"}


def test_a_failed_proof_takes_nobody_with_it(shelf: Path) -> None:
    """Whose proof does not hold has pledged nothing: it cannot be used to fail another member."""
    found = judge(shelf, member("alice", "first"), member("mallory", "elsewhere", "b", challenge=b"\1" * 32))
    assert found == {"alice": "holds", "mallory": "E_CHALLENGE"}


def test_the_next_epochs_pledge_of_the_same_collateral_does_not_count_yet(world: World, shelf: Path) -> None:
    """Shortly before an epoch ends one owner shows two members the nullifiers of two epochs: both proofs verify."""
    end = (NOW // DOMAIN.epoch_length + 1) * DOMAIN.epoch_length
    other = world.policy(verifier_id=OTHER_VERIFIER)
    market = world.snapshot(small_market(price_time=end - 60))
    (shelf / "late.json").write_text(market.to_text())
    for name, policy, at in (("now", world.policy(), end - 30), ("next", other, end)):
        account = world.statement(
            audience=policy.verifier_id, epoch=at // DOMAIN.epoch_length, as_of=end - 50, issued_at=end - 45,
            expires_at=end + 60,
        )  # fmt: skip
        proof = world.prove(policy=policy, snapshot=market, account=account, at=at)
        (shelf / f"{name}.proof.json").write_text(proof.to_text())
        assert world.verify(proof, policy=policy, market=market, at=end - 30).effective_from == at
    members = (member("alice", "now", market="late.json"), member("mallory", "next", "b", market="late.json"))
    assert judge(shelf, *members, at=end - 30) == {"alice": "holds", "mallory": "E_EPOCH"}
    assert judge(shelf, members[1], at=end) == {"mallory": "holds"}


@pytest.mark.parametrize("change", [{"domain": OfflineDomain(salt=b"\x51" * 32)}, {"epoch_length": 43_200}])
def test_a_book_is_of_one_pledge_domain(world: World, shelf: Path, change: dict[str, Any]) -> None:
    """In another domain, or by other epochs, the same collateral has another nullifier, which nobody would notice."""
    (shelf / "c.policy.json").write_text(world.policy(verifier_id=OTHER_VERIFIER, **change).to_text())
    with pytest.raises(DomainMismatch, match="one pledge domain"):
        judge(shelf, member("alice", "first"), member("mallory", "elsewhere", "c"))


def test_a_book_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(FileUnreadable):
        check_book(tmp_path)
    with pytest.raises(SchemaType, match="strictly ascending"):
        ClearingBook(name="x", members=(member("b", "first"), member("a", "second")), revocations=())
    book = ClearingBook(name="x", members=(), revocations=("revoked.json",))
    (tmp_path / "book.json").write_text(book.to_text())
    with pytest.raises(FileUnreadable, match=r"revoked\.json"):  # a lost revocation concerns everyone
        check_book(tmp_path)


def test_the_command(shelf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    judge(shelf, member("alice", "first"), member("bob", "second"))
    assert run(["verify", "--book", str(shelf), "--at", str(NOW)]) == 0
    assert "2 of 2 members hold" in capsys.readouterr().out
    judge(shelf, member("alice", "first"), member("mallory", "elsewhere", "b"))
    assert run(["verify", "--book", str(shelf), "--at", str(NOW), "--json"]) == 1
    shown = json.loads(capsys.readouterr().out)
    assert shown["failed"] == 2
    assert [entry["error"]["code"] for entry in shown["members"]] == ["E_DOUBLE_PLEDGE", "E_DOUBLE_PLEDGE"]
    assert [entry["error"]["got"] for entry in shown["members"]] == ["mallory", "alice"]
    assert all(entry["verdict"] is None for entry in shown["members"])
    assert run(["verify", "--book", str(shelf), "--rules", "span"]) == 2
    assert run(["verify"]) == 2
    assert run(["verify", str(shelf / "first.proof.json"), "--rules", "span"]) == 2
    assert "--policy" in capsys.readouterr().err
