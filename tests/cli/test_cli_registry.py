"""``zkmargin registry`` from terms to a judged log, and an operator who is convicted."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from calling import call
from parties import DOMAIN, NOW, PUBLISHER, VENUE
from passphrase import PASSPHRASE
from registry_files import VENUE_PARTY, write_registry

from zkmargin.attestations.documents import Signers, sign
from zkmargin.attestations.keyfiles import SigningKeyFile
from zkmargin.verifier.registry.documents import LogEvidence, LogHead, LogPage, RegistryTerms, SignedHead
from zkmargin.verifier.registry.log import require_evidence
from zkmargin.verifier.registry.merkle import EMPTY_ROOT, Tree, leaf_hash


@pytest.fixture
def files(tmp_path: Path) -> Path:
    write_registry(tmp_path)
    for name, key in (("operator", PUBLISHER), ("venue", VENUE)):
        (tmp_path / f"{name}.json").write_text(SigningKeyFile.of_key(key, PASSPHRASE).to_text())
    (tmp_path / "domain.json").write_text(DOMAIN.to_text())
    return tmp_path


def test_terms_say_who_attests(files: Path) -> None:
    made = files / "made.json"
    given = ["--domain", files / "domain.json", "--operator", files / "operator.json", "--out", made]
    given += ["--venue", f"one={files / 'venue.json'}", "--venue", "two=0x" + "07" * 20]
    assert call("registry", "terms", *given, "--attests", "one").code == 0
    terms = RegistryTerms.read(made)
    assert {venue.name: venue.attests for venue in terms.venues} == {"one": True, "two": False}
    assert {venue.name: venue.signers for venue in terms.venues}["two"] == Signers.of(b"\x07" * 20)
    assert (terms.operator, terms.epoch_length) == (PUBLISHER.address, DOMAIN.epoch_length)
    for wrong in (["--attests", "three"], ["--venue", "three"], ["--venue", f"again={files / 'venue.json'}"]):
        assert call("registry", "terms", *given, *wrong, "--force").code == 2


def test_from_terms_to_a_judged_log(files: Path) -> None:
    database = f"sqlite:///{files / 'new.db'}"
    terms, key = files / "terms.json", files / "operator.json"
    assert call("registry", "export", terms, "--database", database, "--key", key, "--out", files / "x").code == 2
    assert not (files / "new.db").exists()
    for _ in range(2):  # what is there stays
        assert call("registry", "init", terms, "--database", database).code == 0
    shown = call("registry", "export", terms, "--database", database, "--key", key, "--out", files / "empty", "--json")
    assert shown.code == 0
    assert shown.json["root"] == "0x" + EMPTY_ROOT.hex()
    assert call("registry", "check", files / "empty", "--terms", terms).code == 0
    judged = call("registry", "check", files / "log", "--terms", terms, "--receipt", files / "pledge.json", "--json")
    assert judged.code == 0
    assert judged.json["venues"] == {"venue": "1"}
    assert judged.json["onVenuesWord"] == "1"


def test_an_operator_who_drops_an_entry_is_convicted_with_a_file(files: Path) -> None:
    terms = RegistryTerms.read(files / "terms.json")
    kept = files / "kept-head.json"
    shutil.copy(files / "log" / "head.json", kept)
    signing = terms.domain.signing()
    head = LogHead(pledge_domain=signing.pledge_domain, size=0, root=EMPTY_ROOT, time=NOW + 1)
    document = {
        **json.loads(kept.read_text()),
        "head": head.to_json(),
        "signatures": [entry.to_json() for entry in sign(head, signing, [PUBLISHER])],
    }
    (files / "log" / "entries-000000000.json").unlink()
    (files / "log" / "head.json").write_text(json.dumps(document))
    given = ["registry", "check", files / "log", "--terms", files / "terms.json"]
    assert call(*given).code == 0  # nobody remembers anything
    told = call(*given, "--head", kept, "--evidence", files / "evidence", "--json")
    assert (told.code, told.json["error"]["code"]) == (1, "E_LOG_FORK")
    (written,) = (files / "evidence").iterdir()
    assert str(written) in told.json["error"]["hint"]
    evidence = LogEvidence.parse(written.read_bytes())
    assert evidence.kind == "shrunk"
    require_evidence(evidence, terms)
    assert call(*given, "--receipt", files / "pledge.json").code == 1


def test_an_operator_who_rewrites_an_entry_is_convicted_with_a_file(files: Path) -> None:
    terms = RegistryTerms.read(files / "terms.json")
    path = files / "log" / "entries-000000000.json"
    page = LogPage.parse(path.read_bytes())
    entry = page.entries[0]
    assert entry.registration is not None
    assert entry.venue_id == VENUE_PARTY
    changed = entry.registration.model_copy(update={"expires_at": NOW + 5})
    signing = terms.domain.signing()
    other = entry.model_copy(update={"registration": changed, "signatures": sign(changed, signing, [VENUE])})
    root = Tree([leaf_hash(other.canonical())]).root()
    head = LogHead(pledge_domain=signing.pledge_domain, size=1, root=root, time=NOW)
    signed = SignedHead(head=head, signatures=sign(head, signing, [PUBLISHER]))
    path.write_bytes(page.model_copy(update={"entries": (other,), "heads": (signed,)}).to_bytes())
    told = call(
        "registry", "check", files / "log", "--terms", files / "terms.json", "--evidence", files / "evidence", "--json"
    )
    assert (told.code, told.json["error"]["code"]) == (1, "E_LOG_FORK")
    (written,) = (files / "evidence").iterdir()
    require_evidence(LogEvidence.parse(written.read_bytes()), terms)
