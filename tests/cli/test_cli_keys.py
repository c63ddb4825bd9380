"""``keys``: secrets stay in files that their owner alone can read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from calling import call, ok


@pytest.mark.parametrize(("kind", "public", "secret"), [("owner", "owner", "seed"), ("signer", "address", "secret")])
def test_new_and_show(tmp_path: Path, kind: str, public: str, secret: str) -> None:
    path = tmp_path / "key.json"
    made = ok("keys", "new", kind, "--out", path, "--json")
    assert path.stat().st_mode & 0o077 == 0
    hidden = json.loads(path.read_text())[secret]
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
    secret = document["secret"]
    for broken in (
        document | {"secret": secret[:-2]},
        document | {"secrets": secret},
        document | {"version": secret},
    ):
        path.write_text(json.dumps(broken))
        refused = call("keys", "show", path)
        assert refused.code == 2
        assert secret[2:40] not in refused.out + refused.err
