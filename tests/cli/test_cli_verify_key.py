"""``rules verify-key``: exit codes 0, 1 and 2, both table bindings, and descriptions that lie."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from calling import ROOT, call, ok

from zkmargin.formats import read_zkey, write_zkey

RULES = ROOT / "specs" / "rules" / "isolated_bracket.yaml"
ONE = "0x" + "01" * 32


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``public`` and ``committed``: a rule file and a key folder each; ``other`` is a key of equal sizes."""
    folder = tmp_path_factory.mktemp("keys")
    shutil.copy(RULES, folder / "public.yaml")
    options = ["--name", "isolated_committed", "--capacity", "tier=2", "--out", folder / "committed.yaml"]
    ok("rules", "variant", RULES, *options)
    text = RULES.read_text()
    assert "size * mark - entry" in text
    (folder / "other.yaml").write_text(text.replace("size * mark - entry", "size * mark + entry"))
    for name in ("public", "committed", "other"):
        ok("setup", "dev", folder / f"{name}.yaml", "--out", folder / name)
    return folder


@pytest.fixture
def copy(keys: Path, tmp_path: Path) -> Path:
    """A key folder to spoil."""
    return Path(shutil.copytree(keys / "public", tmp_path / "key"))


def edit(path: Path, **fields: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


@pytest.mark.parametrize("binding", ["public", "committed"])
def test_a_key_of_the_rule_text(keys: Path, binding: str) -> None:
    rules, key = keys / f"{binding}.yaml", keys / binding
    found = ok("rules", "verify-key", rules, key, "--json").json
    described = json.loads((key / "key.json").read_text())
    compiled = ok("rules", "compile", rules, "--json").json
    assert found["valid"] is True
    assert found["binding"] == binding
    assert (found["digest"], found["r1csDigest"], found["vkHash"]) == (
        described["ruleDigest"],
        described["r1csDigest"],
        described["vkHash"],
    )
    assert (found["publicInputs"], found["wires"]) == (compiled["publicInputs"], compiled["wires"])
    assert (found["insecure"], found["transcriptVerified"], found["transcriptDigest"]) == (True, False, None)
    shown = ok("rules", "verify-key", rules, key / "proving_key.zkey").out
    assert "belongs to this circuit" in shown
    assert "insecure (no transcript)" in shown


def refused(rules: Path, key: Path, *words: str, code: int = 1) -> None:
    called = call("rules", "verify-key", rules, key)
    assert called.code == code, called.out + called.err
    assert called.out == ""
    for word in words:
        assert word in called.err


def test_a_key_of_another_rule_set_of_equal_sizes(keys: Path) -> None:
    rules = keys / "public.yaml"
    mine, other = (ok("inspect", keys / name / "proving_key.zkey", "--json").json for name in ("public", "other"))
    for size in ("wires", "publicInputs", "domain"):
        assert mine[size] == other[size]
    refused(rules, keys / "other", "E_KEY_INCONSISTENT", "another rule set")
    refused(rules, keys / "other" / "proving_key.zkey", "E_KEY_INCONSISTENT", "matrices of another circuit")
    refused(rules, keys / "committed" / "proving_key.zkey", "another number of")


def test_the_points_of_another_rule_set_behind_the_matrices_of_this_one(keys: Path, tmp_path: Path) -> None:
    mine, other = (read_zkey((keys / name / "proving_key.zkey").read_bytes()) for name in ("public", "other"))
    forged = tmp_path / "forged.zkey"
    forged.write_bytes(write_zkey(replace(other, coefficients=mine.coefficients)))
    refused(keys / "public.yaml", forged, "E_KEY_INCONSISTENT", "do not fit")


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"ruleDigest": ONE}, "another rule set"),
        ({"r1csDigest": ONE}, "another circuit"),
        ({"vkHash": ONE}, "another verifying key"),
        ({"name": "portfolio_scan"}, "called otherwise"),
        ({"insecure": False}, "names no transcript"),
        ({"insecure": False, "transcriptDigest": ONE}, "nobody contributed"),
        ({"transcriptDigest": ONE}, "nobody contributed"),
    ],
)
def test_a_description_that_lies(keys: Path, copy: Path, fields: dict[str, object], word: str) -> None:
    edit(copy / "key.json", **fields)
    refused(keys / "public.yaml", copy, "E_KEY_INCONSISTENT", word)
    found = call("rules", "verify-key", keys / "public.yaml", copy, "--json")
    assert (found.code, found.json["error"]["code"]) == (1, "E_KEY_INCONSISTENT")


def test_a_verifying_key_that_is_not_the_proving_keys(keys: Path, copy: Path) -> None:
    shutil.copy(keys / "other" / "verification_key.json", copy)
    refused(keys / "public.yaml", copy, "E_KEY_INCONSISTENT", "not the one in the proving key")


def test_a_contribution_that_is_claimed_is_no_transcript(keys: Path, copy: Path) -> None:
    """Contributions in the file are counted and not believed."""
    path = copy / "proving_key.zkey"
    key = read_zkey(path.read_bytes())
    path.write_bytes(write_zkey(replace(key, contributions=bytes(64) + (3).to_bytes(4, "little") + bytes(900))))
    edit(copy / "key.json", insecure=False, transcriptDigest=ONE)
    found = ok("rules", "verify-key", keys / "public.yaml", copy, "--json").json
    assert (found["contributions"], found["insecure"], found["transcriptVerified"]) == (3, True, False)
    assert found["transcriptDigest"] == ONE
    assert "3 contributions, not verified" in ok("rules", "verify-key", keys / "public.yaml", copy).out


def test_what_cannot_be_read_is_bad_input(keys: Path, copy: Path, tmp_path: Path) -> None:
    rules = keys / "public.yaml"
    refused(rules, tmp_path / "nothing", "E_FILE", code=2)
    refused(rules, keys / "public" / "key.json", "E_FILE_MAGIC", code=2)
    refused(tmp_path / "nothing.yaml", copy, code=2)
    (copy / "key.json").unlink()
    refused(rules, copy, "E_FILE", code=2)
    content = (copy / "proving_key.zkey").read_bytes()
    (copy / "proving_key.zkey").write_bytes(content[:-1])
    refused(rules, copy / "proving_key.zkey", "E_FILE_TRUNCATED", code=2)
