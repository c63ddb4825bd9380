"""``rules``: list, show, check, and the printable phases of compile."""

from __future__ import annotations

from pathlib import Path

import pytest
from calling import ROOT, call, ok

from zkmargin.circuits.constraints import ConstraintSystem

SCAN = ROOT / "specs" / "rules" / "portfolio_scan.yaml"


def test_list_and_show() -> None:
    names = [entry["rules"] for entry in ok("rules", "list", "--json").json["rules"]]
    assert {"portfolio_scan", "deribit_pm"} <= set(names)
    assert "portfolio_scan" in ok("rules", "list").out
    shown = ok("rules", "show", "portfolio_scan", "--json").json
    assert shown["text"] == SCAN.read_text()
    assert shown["axes"] == {"instrument": 1024, "scenario": 35}
    assert shown["digest"] in ok("rules", "show", SCAN).out


def test_an_unknown_name_is_bad_input() -> None:
    refused = call("rules", "show", "portfolio_scna")
    assert refused.code == 2
    assert "did you mean `portfolio_scan`" in refused.err


def test_check_shows_every_mistake_with_its_place(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text(SCAN.read_text().replace("over=scenario", "over=scenari"))
    refused = call("rules", "check", SCAN, bad)
    assert refused.code == 2
    assert "a valid rule set" in refused.out
    for word in ("bad.yaml:", "^^^^^^^", "did you mean `scenario`"):
        assert word in refused.err
    found = call("rules", "check", SCAN, bad, "--json")
    assert found.code == 2
    good, broken = found.json["rules"]
    assert good["problems"] == []
    assert broken["problems"][0]["line"] > 1
    assert ok("rules", "check", "portfolio_scan").code == 0


def test_check_classifies_every_wire() -> None:
    checked = ok("rules", "check", *sorted((ROOT / "specs" / "rules").glob("*.yaml")))
    assert "wires classified" in checked.out
    for entry in ok("rules", "check", SCAN, "--json").json["rules"]:
        found = entry["determinism"]
        assert found["classified"] == found["wires"] == sum(found["counts"].values())


def test_check_says_how_large_amounts_may_be(tmp_path: Path) -> None:
    """As reported, warned of below a billion, refused below a million."""
    assert "amounts up to 3.0e14 usd can be proven; tightest: `max:" in ok("rules", "check", SCAN).out
    narrow = tmp_path / "narrow.yaml"
    for bits, code in ((68, 0), (58, 2)):
        narrow.write_text(SCAN.read_text().replace("axes:", f"value_bits: {bits}\naxes:", 1))
        found = call("rules", "check", narrow)
        assert found.code == code
        assert ("warning: `max:" in found.out, "error[bits]" in found.err) == (code == 0, code == 2)
        (entry,) = call("rules", "check", narrow, "--json").json["rules"]
        assert [problem["kind"] for problem in entry["problems"]] == ["bits"] * (code // 2)
        if code == 0:
            assert entry["reach"]["amount"] == str(2**68 // 10**12)
            assert len(entry["reach"]["warnings"]) == 1


def test_check_refuses_a_circuit_that_leaves_a_wire_open(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ZKMARGIN_CACHE", str(tmp_path))
    monkeypatch.setattr(ConstraintSystem, "enforce_bit", lambda *_: None)
    refused = call("rules", "check", SCAN)
    assert refused.code == 2
    assert "E_DETERMINISM" in refused.err
    (entry,) = call("rules", "check", SCAN, "--json").json["rules"]
    assert entry["problems"][0]["kind"] == "E_DETERMINISM"


@pytest.mark.parametrize("phase", ["parse", "resolve", "type", "bound", "side"])
def test_phases_can_be_printed(phase: str) -> None:
    text = ok("rules", "compile", "portfolio_scan", "--show", phase).out
    assert "loss" in text
    assert ok("rules", "compile", "portfolio_scan", "--show", phase, "--json").json["text"] == text


@pytest.mark.parametrize(
    ("phase", "word"),
    [("plan", "t"), ("lower", "wires by hint"), ("determinism", "classified"), ("r1cs", "constraints")],
)
def test_products_of_the_compiler_can_be_printed(phase: str, word: str) -> None:
    assert word in ok("rules", "compile", "portfolio_scan", "--show", phase).out


def test_compile_names_the_circuit_and_writes_it(tmp_path: Path) -> None:
    compiled = ok("rules", "compile", "portfolio_scan", "--out", tmp_path / "circuit", "--json").json
    assert compiled["constraints"] <= 58_000
    inspected = ok("inspect", tmp_path / "circuit" / "circuit.r1cs", "--json").json
    assert inspected["r1csDigest"] == compiled["r1csDigest"]
    assert inspected["constraints"] == compiled["constraints"]
    assert f"{compiled['constraints']:,} constraints" in ok("rules", "compile", "portfolio_scan").out
