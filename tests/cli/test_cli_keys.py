"""``keys``: secrets stay in files that their owner alone can read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from calling import World, call, ok

from zkmargin.attestations.keyfiles import OwnerKeyFile


@pytest.mark.parametrize(("kind", "public"), [("owner", "owner"), ("signer", "address")])
def test_new_and_show(tmp_path: Path, kind: str, public: str) -> None:
    path = tmp_path / "key.json"
    made = ok("keys", "new", kind, "--out", path, "--json")
    assert path.stat().st_mode & 0o077 == 0
    hidden = json.loads(path.read_text())["sealed"]["ciphertext"]
    assert hidden not in made.out
    assert ok("keys", "show", path, "--json").json == made.json
    shown = ok("keys", "show", path).out
    assert made.json[public] in shown
    assert hidden not in shown
    inspected = ok("inspect", path)
    assert hidden not in inspected.out
    assert "secret" in inspected.out


def test_a_key_is_never_overwritten_by_accident(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    ok("keys", "new", "owner", "--out", path)
    before = path.read_bytes()
    assert call("keys", "new", "owner", "--out", path).code == 2
    assert path.read_bytes() == before
    ok("keys", "new", "owner", "--out", path, "--force")
    assert path.read_bytes() != before


def test_a_broken_key_file_shows_nothing_of_itself(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    ok("keys", "new", "signer", "--out", path)
    document = json.loads(path.read_text())
    hidden = document["sealed"]["ciphertext"]
    for broken in (
        document | {"address": hidden},
        document | {"ciphertext": hidden},
        document | {"version": hidden},
        document | {"sealed": document["sealed"] | {"ciphertext": hidden[:-2]}},
        document | {"sealed": document["sealed"] | {"memory": str(1 << 30)}},
    ):
        path.write_text(json.dumps(broken))
        refused = call("keys", "show", path)
        assert refused.code == 2
        assert hidden[2:40] not in refused.out + refused.err


def test_without_a_passphrase_no_key_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ZKMARGIN_PASSPHRASE")
    refused = call("keys", "new", "owner", "--out", tmp_path / "key.json")
    assert (refused.code, "E_PASSPHRASE:" in refused.err) == (2, True)
    monkeypatch.setenv("ZKMARGIN_PASSPHRASE", "short")
    refused = call("keys", "new", "owner", "--out", tmp_path / "key.json")
    assert (refused.code, "E_PASSPHRASE_WEAK" in refused.err) == (2, True)
    assert not list(tmp_path.iterdir())


def test_the_passphrase_of_a_file_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = tmp_path / "passphrase"
    monkeypatch.setenv("ZKMARGIN_PASSPHRASE_FILE", str(named))
    named.write_bytes(b"\xff\n")
    assert "E_PASSPHRASE:" in call("keys", "new", "owner", "--out", tmp_path / "key.json").err
    named.write_text("from a file, with words\nnot this line\n")
    ok("keys", "new", "owner", "--out", tmp_path / "key.json")
    OwnerKeyFile.read(tmp_path / "key.json").unlock("from a file, with words")


def test_the_public_part_alone(world: World) -> None:
    assert ok("keys", "show", world["owner.key"], "--public").out == f"{world.owner}\n"
    assert ok("keys", "show", world["venue.key"], "--public").out == f"{world.address('venue')}\n"
    assert ok("keys", "show", world["venue.key"], "--public", "--json").json["address"] == world.address("venue")
