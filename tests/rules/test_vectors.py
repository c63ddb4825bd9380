"""Published numbers of venues, carried here with their sources: the rule sets give every one of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from zkmargin.circuits.vectors import read_cases, run_cases
from zkmargin.circuits.vectors.engines import ENGINES
from zkmargin.cli.main import run
from zkmargin.errors import SchemaType

VECTORS = Path(__file__).parent / "vectors"
COUNTS = {
    "binance_usdm": 12,
    "bybit_isolated": 4,
    "derive_pmrm1": 18,
    "derive_pmrm2": 9,
    "derive_srm": 9,
    "drift_v2": 57,
    "dydx_v4": 17,
    "es_quantile": 12,
    "gate_okx_isolated": 3,
    "gmx_v2": 3,
    "hkex_es": 5,
    "hyperliquid": 3,
    "mango_v4": 18,
    "paradex_cross": 3,
    "simm_2_5": 24,
    "starkex_perp": 4,
    "synthetix_v3": 9,
    "span": 10,
    "okx_pm": 3,
    "paradex_pm": 1,
    "deribit_pm": 1,
    "deribit_like_pm": 1,
    "var_quantile": 12,
}


def test_every_engine_has_its_numbers() -> None:
    assert COUNTS.keys() == ENGINES.keys() == {file.stem for file in VECTORS.iterdir()}


@pytest.mark.parametrize("engine", COUNTS)
def test_the_rule_sets_give_the_published_numbers(engine: str) -> None:
    outcomes = list(run_cases(read_cases((VECTORS / f"{engine}.json").read_bytes())))
    assert [outcome for outcome in outcomes if outcome.status != "pass"] == []
    assert len(outcomes) == COUNTS[engine]


@pytest.mark.parametrize("engine", COUNTS)
def test_another_number_fails(engine: str) -> None:
    """No case passes whatever it expects: each number moved by ten tolerances and a unit is refused."""
    document = json.loads((VECTORS / f"{engine}.json").read_text())
    cases = document["vectors"]
    for case in cases:
        for key, value in case["expected"].items():
            case["expected"][key] = _moved(value, 10 * case["tolerance"])
    outcomes = list(run_cases(read_cases(json.dumps(document).encode())))
    assert {outcome.status for outcome in outcomes} == {"fail"}
    for outcome, case in zip(outcomes, cases, strict=True):
        assert (outcome.expected or {}).keys() == (outcome.got or {}).keys() == case["expected"].keys()


def _moved(value: object, by: float) -> object:
    if isinstance(value, bool):
        return not value
    if isinstance(value, list):
        return [_moved(each, by) for each in value]
    if isinstance(value, str):
        return str(int(value) + 1)
    assert isinstance(value, int | float)
    return value + 1 + int(by) if isinstance(value, int) else value + 1 + by


def test_parameters_of_a_file_or_the_defaults_of_the_table_builder() -> None:
    """The default set that a file's ``meta`` spells out is the builder's: the numbers are the same without it."""
    document = json.loads((VECTORS / "derive_pmrm2.json").read_text())
    assert len(document["meta"]["derive_pmrm2_default_params"]["Scenarios"]) == 31
    cases = read_cases(json.dumps({"vectors": document["vectors"]}).encode())
    assert {case["params"] for case in cases} == {"default set: see meta.derive_pmrm2_default_params"}
    assert {outcome.status for outcome in run_cases(cases)} == {"pass"}
    document["meta"]["derive_pmrm2_default_params"] = {"Margin": {"IM_LOSS_FACTOR": 1.0}}  # the rest as by default
    assert {outcome.status for outcome in run_cases(read_cases(json.dumps(document).encode()))} == {"pass"}
    document["meta"]["derive_pmrm2_default_params"] = {"Margin": {"MM_LOSS_FACTOR": 0.9}}
    changed = [outcome.status for outcome in run_cases(read_cases(json.dumps(document).encode()))]
    assert "fail" in changed


def test_what_a_rule_set_does_not_count_is_unsupported() -> None:
    """Half a SPAN contract and a part of risk that OKX's rule set has not would be rounded away or forgotten."""
    (span,) = [case for case in _cases("span") if case["id"] == "span-mcm-long-call"]
    (unit,) = [case for case in _cases("okx_pm") if case["id"] == "okx-pm-BTC"]
    for case, part, value in ((span, "call_410", 0.5), (span, "put_410", 1), (unit, "mr9", 3)):
        changed = {**case, "private": {**case["private"], part: value}}
        (outcome,) = run_cases(read_cases(json.dumps({"vectors": [changed]}).encode()))
        assert outcome.status == "unsupported"


def _cases(engine: str) -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = json.loads((VECTORS / f"{engine}.json").read_text())["vectors"]
    return cases


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (VECTORS / "hyperliquid.json").read_text()
    good, bad = VECTORS / "hyperliquid.json", tmp_path / "bad.json"
    assert run(["vectors", "run", str(good)]) == 0
    assert "3 pass, 0 fail, 0 unsupported" in capsys.readouterr().out
    bad.write_text(text.replace("1250000.0", "1250001.0").replace('"hyperliquid"', '"nobody"', 1))
    assert run(["vectors", "run", str(bad), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["unsupported"] == 1
    bad.write_text(text.replace("3125000.0", "3125001.0"))
    assert run(["vectors", "run", str(bad)]) == 1
    assert "expected 3125001, got 3125000" in capsys.readouterr().out
    assert run(["vectors", "run", str(bad), "--engine", "nobody"]) == 2


@pytest.mark.parametrize(
    "text",
    [
        "[",
        "[]",
        '{"vectors": [1]}',
        '{"vectors": [{"id": "x", "engine": "gmx_v2", "kind": "y", "expected": {}}]}',
        '{"vectors": [{"id": "x", "engine": "gmx_v2", "kind": "y", "expected": {"a": 1}}]}',
        '{"meta": {}, "vectors": [{"id": "x", "engine": "e", "kind": "y", "expected": {"a": 1}, "params": "meta.p"}]}',
    ],
)
def test_a_file_that_is_none(text: str) -> None:
    with pytest.raises(SchemaType):
        list(run_cases(read_cases(text.encode())))
