"""``attest revoke``: a quorum signs the same words, one after another, and nobody else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from calling import Called, call, ok
from collateral_world import ATTESTORS, DOMAIN, EPOCH, HONEST, KEYS, NOW, STRANGER, judge, revocation
from passphrase import PASSPHRASE

from zkmargin.attestations.collateral.documents import Attestors, CollateralRootDocument, RevokeRootDocument
from zkmargin.attestations.collateral.errors import RootRevoked
from zkmargin.attestations.documents import DomainFile, Signers
from zkmargin.attestations.keyfiles import SigningKeyFile
from zkmargin.attestations.schema import Document
from zkmargin.errors import Quorum

ROOT = HONEST.document()


class Office:
    """A folder with a root and the attestors' keys."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write("root.json", ROOT)
        for number, key in enumerate((*KEYS, STRANGER)):
            self.write(f"{number}.key", SigningKeyFile.of_key(key, PASSPHRASE))
        self.files = sorted(os.listdir(folder))

    def __getitem__(self, name: str) -> Path:
        return self.folder / name

    def write(self, name: str, document: Document) -> None:
        self[name].write_bytes(document.to_bytes())

    def revoke(self, *more: object, out: str = "out.json", root: str = "root.json") -> Called:
        return call("attest", "revoke", self[root], *more, "--at", NOW, "--out", self[out], "--json")

    def key(self, number: int) -> tuple[object, ...]:
        return "--key", self[f"{number}.key"]

    def join(self, *names: str) -> tuple[object, ...]:
        return tuple(word for name in names for word in ("--join", self[name]))

    def judge(self, name: str, root: CollateralRootDocument = ROOT) -> None:
        judge(root, revocations=[RevokeRootDocument.read(self[name])])


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def refused(called: Called) -> str:
    assert called.code in (1, 2), called.out
    return str(called.json["error"]["code"])


def test_one_after_another(office: Office) -> None:
    first = office.revoke("--reason", "balance", *office.key(1), out="a.json")
    assert (first.code, first.json["signatures"], first.json["needed"]) == (0, 1, 2)
    assert first.json["revocation"]["reason"] == "2"
    with pytest.raises(Quorum):
        office.judge("a.json")
    assert office.revoke(*office.join("a.json"), *office.key(0), out="b.json").json["signatures"] == 2
    with pytest.raises(RootRevoked, match="reason 2"):
        office.judge("b.json")
    other = HONEST.document(seq=2)
    office.judge("b.json", other)  # another root stands
    assert RevokeRootDocument.read(office["b.json"]).revocation.root_digest == ROOT.digest


def test_copies_are_put_together(office: Office) -> None:
    assert office.revoke("--reason", "key", *office.key(2), out="a.json").code == 0
    for number, name in ((0, "b.json"), (1, "c.json")):
        assert office.revoke(*office.join("a.json"), *office.key(number), out=name).code == 0
    made = office.revoke(*office.join("b.json", "c.json", "b.json"), out="all.json")
    assert made.json["signatures"] == 3
    with pytest.raises(RootRevoked):
        office.judge("all.json")
    shown = ok("attest", "revoke", office["root.json"], *office.join("a.json"), "--out", office["d.json"]).out
    assert "1 of 2" in shown
    assert "other attestors" in shown
    assert refused(office.revoke(*office.join("b.json"), out="all.json")) == "E_FILE"


def test_all_keys_at_once(office: Office) -> None:
    made = office.revoke("--reason", "reorganised", *office.key(0), *office.key(2), *office.key(0))
    assert made.json["signatures"] == 2
    with pytest.raises(RootRevoked, match="reason 1"):
        office.judge("out.json")


def test_who_may_not(office: Office) -> None:
    assert refused(office.revoke("--reason", "other", *office.key(3))) == "E_SIG_NOT_ATTESTOR"
    stranger = revocation(ROOT.digest, [STRANGER, KEYS[0]])
    office.write("stranger.json", stranger)
    assert refused(office.revoke(*office.join("stranger.json"), *office.key(1))) == "E_SIG_NOT_ATTESTOR"
    good = revocation(ROOT.digest, KEYS[:2])
    swapped = tuple(
        entry.model_copy(update={"signature": other.signature})
        for entry, other in zip(good.signatures, reversed(good.signatures), strict=True)
    )
    office.write("swapped.json", good.model_copy(update={"signatures": swapped}))
    assert refused(office.revoke(*office.join("swapped.json"), *office.key(2))) == "E_SIG_NOT_ATTESTOR"
    assert not office["out.json"].exists()


def test_what_does_not_go_together(office: Office) -> None:
    for name, document in (
        ("reason.json", revocation(ROOT.digest, KEYS[:1], reason=1)),
        ("root2.json", revocation(HONEST.document(seq=2).digest, KEYS[:1])),
        ("good.json", revocation(ROOT.digest, KEYS[1:2])),
    ):
        office.write(name, document)
    assert refused(office.revoke(*office.join("good.json", "reason.json"))) == "E_USAGE"
    assert refused(office.revoke(*office.join("root2.json"), *office.key(0))) == "E_USAGE"
    elsewhere = DomainFile(name="elsewhere", epoch_length=86400).domain()
    office.write("elsewhere.json", revocation(ROOT.digest, KEYS[:1]).model_copy(update={"domain": elsewhere}))
    assert refused(office.revoke(*office.join("elsewhere.json"), *office.key(0))) == "E_DOMAIN"
    for words in (
        (),
        ("--reason", "key"),
        office.key(0),
        ("--reason", "key", *office.join("good.json"), *office.key(0)),
    ):
        assert refused(office.revoke(*words)) == "E_USAGE"
    assert not office["out.json"].exists()


def test_a_root_with_another_set_in_its_file(office: Office) -> None:
    """Whoever sends the root cannot choose who must take it back."""
    alone = Attestors(set_nonce=1, signers=Signers.of(STRANGER.address))
    office.write("lying.json", ROOT.model_copy(update={"attestors": alone}))
    assert refused(office.revoke("--reason", "key", *office.key(3), root="lying.json")) == "E_ATTESTOR_SET"
    office.write("good.json", revocation(ROOT.digest, KEYS[:1]))
    assert refused(office.revoke(*office.join("good.json"), root="lying.json")) == "E_ATTESTOR_SET"
    assert (ATTESTORS.signers.threshold, ROOT.root.epoch, ROOT.domain) == (2, EPOCH, DOMAIN)
