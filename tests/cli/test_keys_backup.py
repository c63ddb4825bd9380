"""``keys backup|restore|passphrase|rotate``: words on paper make the same key again, and nothing tells them."""

from __future__ import annotations

import io
import itertools
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from calling import Called, call, ok
from collateral_world import EPOCH, HOLDER, KEYS, NOW, signed_binding
from collateral_world import binding as words_of_binding
from passphrase import PASSPHRASE

from zkmargin.attestations.backup import backup_text, read_backup, seed_of, words_of
from zkmargin.attestations.collateral.documents import OwnerBindingDocument
from zkmargin.attestations.documents import DomainFile
from zkmargin.attestations.keyfiles import OwnerKeyFile, SigningKeyFile
from zkmargin.attestations.owner import OwnerKeys
from zkmargin.encoding import write_atomic
from zkmargin.errors import BackupWords, BytesLength

SEED = bytes(range(7, 39))
OTHER = "another phrase, just as long"


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "owner.key"
    path.write_text(OwnerKeyFile.of_seed(SEED, PASSPHRASE).to_text())
    return path


def refused(called: Called) -> str:
    assert called.code in (1, 2), called.out
    return str(called.json["error"]["code"])


# --- words ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entropy", "words"),
    [
        ("00" * 32, "abandon " * 23 + "art"),
        (
            "7f" * 32,
            "legal winner thank year wave sausage worth useful " * 2
            + "legal winner thank year wave sausage worth title",
        ),
        (
            "80" * 32,
            "letter advice cage absurd amount doctor acoustic avoid " * 2
            + "letter advice cage absurd amount doctor acoustic bless",
        ),
        ("ff" * 32, "zoo " * 23 + "vote"),
    ],
)  # fmt: skip
def test_the_vectors_of_bip39(entropy: str, words: str) -> None:
    """https://github.com/trezor/python-mnemonic, vectors.json, those of 32 bytes."""
    assert words_of(bytes.fromhex(entropy)) == words.split()
    assert seed_of(words.split()) == bytes.fromhex(entropy)
    assert seed_of(words.upper().split()) == bytes.fromhex(entropy)


def test_one_wrong_word_or_order() -> None:
    """Each slip of one word and each swap fails but for one of 256, which the owner tells."""
    words = words_of(SEED)
    owner = OwnerKeys.of_seed(SEED).owner
    passed = 0
    for place in range(24):
        for wrong in ("abandon", "zoo", words[place - 1]):
            changed = [*words[:place], wrong, *words[place + 1 :]]
            swapped = list(words)
            swapped[place], swapped[place - 1] = words[place - 1], words[place]
            for attempt in (changed, swapped):
                if attempt == words:
                    continue
                try:
                    seed_of(attempt)
                    passed += 1
                except BackupWords as error:
                    assert "checksum" in error.message  # noqa: PT017  most raise, some must not
                with pytest.raises(BackupWords):
                    read_backup(" ".join(attempt), owner)
                with pytest.raises(BackupWords):
                    read_backup(f"# owner {owner}\n" + " ".join(attempt))
    assert passed <= 4


@pytest.mark.parametrize("count", [0, 1, 12, 15, 18, 21, 23, 25, 48])
def test_other_numbers_of_words(count: int) -> None:
    with pytest.raises(BackupWords, match=f"expected 24, got {count}"):
        seed_of((words_of(SEED) * 2)[:count])


def test_a_word_that_is_none_is_placed_and_not_named() -> None:
    words = words_of(SEED)
    words[4] = "secretword"
    with pytest.raises(BackupWords) as caught:
        seed_of(words)
    assert "word 5 of 24" in str(caught.value)
    shown = f"{caught.value!r} {caught.value} {vars(caught.value)} {caught.value.__context__!r}"
    assert not any(word in shown for word in words)


def test_only_seeds_have_words() -> None:
    for length in (0, 16, 31, 33):
        with pytest.raises(BytesLength):
            words_of(bytes(length))


# --- commands -------------------------------------------------------------------------------------------------------


def test_a_restored_key_is_the_same(key: Path, tmp_path: Path) -> None:
    out, again = tmp_path / "words", tmp_path / "again.key"
    made = ok("keys", "backup", key, "--out", out, "--json").json
    owner = OwnerKeys.of_seed(SEED).owner
    assert made == {"owner": str(owner), "file": str(out)}
    assert out.stat().st_mode & 0o777 == 0o600
    assert " ".join(words_of(SEED)[:4]) in out.read_text()
    restored = ok("keys", "restore", "--words", out, "--out", again, "--json").json
    assert restored == {"kind": "owner", "owner": str(owner), "file": str(again)}
    assert again.stat().st_mode & 0o777 == 0o600
    keys = OwnerKeyFile.read(again).unlock(PASSPHRASE)
    assert (keys.ask, keys.nk) == (OwnerKeys.of_seed(SEED).ask, OwnerKeys.of_seed(SEED).nk)
    assert keys.nullifier(5, 1) == OwnerKeys.of_seed(SEED).nullifier(5, 1)
    shown = ok("keys", "backup", key, "--out", tmp_path / "two")
    words = words_of(SEED)
    pairs = [f"{word} {after}" for word, after in itertools.pairwise(words)]
    assert not any(pair in shown.out for pair in pairs)


def test_the_derivation_is_frozen() -> None:
    """From words to a nullifier: another build must find the same coins."""
    keys = OwnerKeys.of_seed(seed_of(("abandon " * 23 + "art").split()))
    assert keys == OwnerKeys.of_seed(bytes(32))
    assert (keys.owner, keys.nullifier(1, 1)) == (FROZEN_OWNER, FROZEN_NULLIFIER)


FROZEN_OWNER = 2269873646693909375410538254165816625316782661323855597875813783305309253679
FROZEN_NULLIFIER = 14116990941331737518511858177177942416084315889722637191650514536574289935688


def test_words_go_to_a_file_or_a_terminal_only(key: Path, tmp_path: Path) -> None:
    before = sorted(os.listdir(tmp_path))
    assert refused(call("keys", "backup", key, "--json")) == "E_USAGE"
    piped = call("keys", "backup", key)
    assert (piped.code, piped.out) == (2, "")
    taken = tmp_path / "taken"
    taken.write_text("mine")
    assert refused(call("keys", "backup", key, "--out", taken, "--json")) == "E_FILE"
    assert taken.read_text() == "mine"
    assert sorted(os.listdir(tmp_path)) == [*before, "taken"]
    signer = tmp_path / "signer.key"
    signer.write_text(SigningKeyFile.of_key(KEYS[0], PASSPHRASE).to_text())
    assert refused(call("keys", "backup", signer, "--out", tmp_path / "none", "--json")) == "E_VERSION"


def test_on_a_terminal(key: Path) -> None:
    """A real one: the words are there, and the passphrase is not echoed."""
    terminal, inside = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if name != "ZKMARGIN_PASSPHRASE"}
    process = subprocess.Popen(
        [sys.executable, "-m", "zkmargin.cli.main", "keys", "backup", str(key)],
        stdin=inside, stdout=inside, stderr=inside, env=environment, start_new_session=True,
    )  # fmt: skip
    os.close(inside)
    shown = b""
    while b"Passphrase" not in shown:
        shown += os.read(terminal, 4096)
    os.write(terminal, PASSPHRASE.encode() + b"\n")
    try:
        while chunk := os.read(terminal, 4096):
            shown += chunk
    except OSError:  # Linux says so at the end
        pass
    os.close(terminal)
    assert process.wait(30) == 0, shown
    assert backup_text(SEED).replace("\n", "\r\n").encode() in shown
    assert PASSPHRASE.encode() not in shown


def test_words_from_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, text in enumerate((" ".join(words_of(SEED)), "# a remark\n" + "\n".join(words_of(SEED)).title())):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
        out = tmp_path / f"{number}.key"
        assert ok("keys", "restore", "--out", out, "--json").json["owner"] == str(OwnerKeys.of_seed(SEED).owner)


def test_restore_refuses(key: Path, tmp_path: Path) -> None:
    words, out = tmp_path / "words", tmp_path / "again.key"
    good = words_of(SEED)
    for text in (
        b"", b"\xff\xfe", " ".join(good[:12]).encode(), " ".join([*good[:-1], "zoo"]).encode(),
        " ".join([good[1], good[0], *good[2:]]).encode(), " ".join(["secretword", *good[1:]]).encode(),
        f"# owner 5\n{' '.join(good)}".encode(),
    ):  # fmt: skip
        words.write_bytes(text)
        called = call("keys", "restore", "--words", words, "--out", out, "--json")
        assert refused(called) == "E_BACKUP_WORDS"
        assert not any(f'"{word}"' in called.out or f" {word} " in called.out for word in (*good[1:4], "secretword"))
    words.write_text(" ".join(good))
    assert refused(call("keys", "restore", "--words", words, "--owner", 5, "--out", out, "--json")) == "E_BACKUP_WORDS"
    assert refused(call("keys", "restore", "--words", words, "--owner", "x", "--out", out, "--json")) == "E_INT_FORMAT"
    before = key.read_bytes()
    assert refused(call("keys", "restore", "--words", words, "--out", key, "--json")) == "E_FILE"
    assert key.read_bytes() == before
    assert not out.exists()
    assert call("keys", "restore", "--words", words, "--out", out, "--force").code == 2  # there is no such option


def test_another_passphrase(key: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    signer = tmp_path / "signer.key"
    signer.write_text(SigningKeyFile.of_key(KEYS[0], PASSPHRASE).to_text())
    before = key.read_bytes()
    assert refused(call("keys", "passphrase", key, "--json")) == "E_PASSPHRASE"
    monkeypatch.setenv("ZKMARGIN_NEW_PASSPHRASE", "short")
    assert refused(call("keys", "passphrase", key, "--json")) == "E_PASSPHRASE_WEAK"
    monkeypatch.setenv("ZKMARGIN_NEW_PASSPHRASE", OTHER)
    monkeypatch.setenv("ZKMARGIN_PASSPHRASE", "not this one")
    assert refused(call("keys", "passphrase", key, "--json")) == "E_KEY_LOCKED"
    assert key.read_bytes() == before
    monkeypatch.setenv("ZKMARGIN_PASSPHRASE", PASSPHRASE)
    for file in (key, signer):
        shown = ok("keys", "show", file, "--json").json
        assert ok("keys", "passphrase", file, "--json").json == shown
        assert file.stat().st_mode & 0o777 == 0o600
        assert ok("keys", "show", file, "--json").json == shown
    assert OwnerKeyFile.read(key).seed(OTHER) == SEED
    assert SigningKeyFile.read(signer).unlock(OTHER).address == KEYS[0].address
    old, new = json.loads(before)["sealed"], json.loads(key.read_bytes())["sealed"]
    assert old["salt"] != new["salt"]
    assert old["nonce"] != new["nonce"]
    monkeypatch.setenv("ZKMARGIN_PASSPHRASE", OTHER)
    monkeypatch.setenv("ZKMARGIN_NEW_PASSPHRASE_FILE", str(tmp_path / "phrase"))
    (tmp_path / "phrase").write_text(PASSPHRASE + "\n")
    ok("keys", "passphrase", key, "--out", tmp_path / "copy.key")
    assert OwnerKeyFile.read(tmp_path / "copy.key").seed(PASSPHRASE) == SEED
    assert sorted(os.listdir(tmp_path)) == ["copy.key", "owner.key", "phrase", "signer.key"]


# --- rotation -------------------------------------------------------------------------------------------------------


@pytest.fixture
def bound(tmp_path: Path) -> Path:
    """A folder with a domain and two bindings, of which the later one is to the key."""
    write_atomic(tmp_path / "owner.key", OwnerKeyFile.of_seed(SEED, PASSPHRASE).to_text())
    write_atomic(tmp_path / "domain.json", DomainFile(name="collateral", epoch_length=86400).to_text())
    (tmp_path / "known").mkdir()
    owner = OwnerKeys.of_seed(SEED).owner
    for number, words in enumerate(
        (words_of_binding(5, 1, EPOCH - 9, EPOCH + 2), words_of_binding(owner, 4, EPOCH - 1, EPOCH + 800))
    ):
        write_atomic(tmp_path / "known" / f"{number}.json", signed_binding(words).to_text())
    return tmp_path


def rotate(folder: Path, *more: object, old: str = "owner.key") -> Called:
    return call("keys", "rotate", folder / old, "--domain", folder / "domain.json", "--known", folder / "known",
                "--drafts", folder / "drafts", "--out", folder / "new.key", "--at", NOW, *more)  # fmt: skip


def test_rotation(bound: Path) -> None:
    before = (bound / "owner.key").read_bytes()
    called = rotate(bound, "--json")
    assert called.code == 0, called.out
    made = called.json
    new = OwnerKeyFile.read(bound / "new.key")
    assert (bound / "new.key").stat().st_mode & 0o777 == 0o600
    assert new.unlock(PASSPHRASE).owner == int(made["owner"]) != OwnerKeys.of_seed(SEED).owner
    assert (bound / "owner.key").read_bytes() == before
    (draft,) = (bound / "drafts").iterdir()
    words = OwnerBindingDocument.read(draft).binding
    assert (words.owner, words.nonce, words.from_epoch, words.to_epoch) == (new.owner, 5, EPOCH + 1, EPOCH + 800)
    assert OwnerBindingDocument.read(draft).signed.signature == b""
    write_atomic(bound / "wallet.key", SigningKeyFile.of_key(HOLDER, PASSPHRASE).to_text())
    ok("collateral", "sign", draft, "--domain", bound / "domain.json", "--key", bound / "wallet.key", "--at", NOW,
       "--out", bound / "known" / "2.json")  # fmt: skip
    late = call("collateral", "sign", draft, "--domain", bound / "domain.json", "--key", bound / "wallet.key", "--at",
                NOW + 86400, "--out", bound / "late.json", "--json")  # fmt: skip
    assert refused(late) == "E_BINDING_MIDEPOCH"


def test_rotation_says_what_to_do(bound: Path) -> None:
    shown = rotate(bound).out
    assert f"epoch {EPOCH + 1}, 20" in shown
    assert "keep" in shown
    assert "keys backup" in shown


def test_rotation_refuses(bound: Path) -> None:
    names = sorted(os.listdir(bound))
    for first in (EPOCH, EPOCH - 1, 0):
        assert refused(rotate(bound, "--from-epoch", first, "--json")) == "E_BINDING_MIDEPOCH"
    write_atomic(bound / "stranger.key", OwnerKeyFile.of_seed(bytes(32), PASSPHRASE).to_text())
    assert refused(rotate(bound, "--json", old="stranger.key")) == "E_USAGE"
    forged = signed_binding(words_of_binding(OwnerKeys.of_seed(SEED).owner, 9), KEYS[0])
    write_atomic(bound / "known" / "9.json", forged.to_text())
    assert refused(rotate(bound, "--json")) == "E_BINDING_SIG"
    (bound / "known" / "9.json").unlink()
    assert refused(rotate(bound, "--known", bound / "nowhere", "--json")) == "E_FILE"
    assert sorted(os.listdir(bound)) == sorted([*names, "stranger.key"])
