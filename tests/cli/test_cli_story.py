"""The demo, and what its files allow: proofs judged, refused, and the exit codes of real processes."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from calling import ROOT, Called, call, ok

from zkmargin.backend import engines

pytestmark = [
    pytest.mark.prove,
    pytest.mark.skipif("rust" not in engines(), reason="the demo's circuit is too large for the reference"),
]


@dataclass(frozen=True)
class Told:
    """What the demo printed, and the folder it worked in."""

    text: str
    folder: Path

    def __getitem__(self, name: str) -> Path:
        return self.folder / name


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    folder = tmp_path_factory.mktemp("demo") / "out"
    return Told(ok("demo", "--out", folder).out, folder)


def verify(told: Told, proof: str, *more: object, market: str = "evening", at: int = 1770327327) -> list[str]:
    """The arguments that judge a proof of the story."""
    arguments = [
        *("verify", told[f"{proof}.margin-proof.json"], "--policy", told["policy.json"]),
        *("--rules", "portfolio_scan", "--market", told[f"{market}.market.json"]),
        *("--key", told["keys"] / "verification_key.json", "--at", at, *more),
    ]
    return list(map(str, arguments))


def prove(told: Told, name: str, market: str, at: int, out: Path, *more: object) -> Called:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("ZKMARGIN_PASSPHRASE_FILE", str(told["passphrase"]))
        return call(
            *("prove", "--rules", "portfolio_scan", "--market", told[f"{market}.market.json"]),
            *("--policy", told["policy.json"], "--keys", told["keys"], "--owner-key", told["trader.key"]),
            *("--positions", told[f"{name}.positions.json"], "--opening", told[f"{name}.opening.json"]),
            *("--at", at, "--out", out, *more),
        )


def test_the_story_is_told_in_order(told: Told) -> None:
    lines = [
        "who is who",
        "54,",  # constraints
        "bitcoin at 71,470 USD",
        "holds: the account meets the claim",
        "holds: equity >= maintenance requirement",
        "bitcoin at 63,858 USD, down 10.7%",
        "falls short: 69,652.45 USD missing",
        "E_MARGIN_SHORT",
        "smallest deposit",
        "-16% vol down",
        "the trader deposits 75,000 USD",
        "holds: equity >= maintenance requirement",
        "python",
        "is stale",
        "E_EXPIRY",
        "E_PROOF_INVALID",
        "all",
    ]
    at = 0
    for line in lines:
        found = told.text.find(line, at)
        assert found >= 0, f"`{line}` is missing after {told.text[max(0, at - 200) : at]}"
        at = found + len(line)
    assert len(re.findall(r"\[[^\]]+: [0-9.]+ m?s\]", told.text)) == 25
    assert str(told.folder) not in told.text


def test_secrets_stay_private(told: Told) -> None:
    for name in ("trader.key", "passphrase", "morning.opening.json", "account-after-deposit.csv"):
        assert told[name].stat().st_mode & 0o077 == 0, name
    assert not told["evening.margin-proof.json"].exists()
    opening = json.loads(told["deposit.opening.json"].read_bytes())
    proof = told["deposit.margin-proof.json"].read_text()
    assert opening["salt"] not in proof
    assert opening["cash"] not in proof
    shown = ok("inspect", told["deposit.opening.json"])
    assert opening["salt"] not in shown.out


def test_the_demo_as_data(tmp_path: Path) -> None:
    done = ok("demo", "--json", "--out", tmp_path / "out")
    steps = {step["name"]: step for step in done.json["steps"]}
    assert steps["prove, evening"]["exitCode"] == 1
    assert steps["verify, deposit"]["exitCode"] == 0
    assert done.json["seconds"] > 0
    again = call("demo", "--out", tmp_path / "out", "--json")
    assert (again.code, again.json["error"]["hint"]) == (2, "give --out a new folder")


def test_the_reference_engine_does_not_try(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZKMARGIN_ENGINE", "reference")
    refused = call("demo")
    assert refused.code == 2
    assert "install a Rust toolchain" in refused.err


def test_without_its_figures_the_demo_says_so(tmp_path: Path) -> None:
    refused = call("demo", "--data", tmp_path)
    assert refused.code == 2
    assert "the demo's figures are not here" in refused.err
    assert "--data" in refused.err


@pytest.mark.parametrize("optimised", [False, True])
@pytest.mark.parametrize(
    ("proof", "code", "error"),
    [("deposit", 0, None), ("morning", 1, "E_EXPIRY"), ("tampered", 1, "E_PROOF_INVALID"), ("none", 2, "E_FILE")],
)
def test_exit_codes_of_processes(told: Told, proof: str, code: int, error: str | None, optimised: bool) -> None:
    command = [sys.executable, *(["-O"] if optimised else []), "-m", "zkmargin.cli.main"]
    done = subprocess.run(
        [*command, *verify(told, proof, "--json")], capture_output=True, text=True, timeout=120, cwd=ROOT
    )
    assert done.returncode == code, done.stderr
    assert done.stderr == ""
    document = json.loads(done.stdout)
    if error is None:
        assert document["holds"] is True
    else:
        assert document["error"]["code"] == error


@pytest.mark.parametrize("engine", ["rust", "python"])
def test_both_engines_judge_alike(told: Told, engine: str) -> None:
    judged = ok(*verify(told, "deposit", "--engine", engine, "--json")).json
    assert judged["engine"] == engine
    assert judged["clock"] == {"time": "1770327327", "source": "given"}
    refused = call(*verify(told, "tampered", "--engine", engine, "--json"))
    assert (refused.code, refused.json["error"]["code"]) == (1, "E_PROOF_INVALID")


def test_a_failed_verification_speaks_on_standard_error(told: Told) -> None:
    refused = call(*verify(told, "tampered"))
    assert (refused.code, refused.out) == (1, "")
    assert refused.err.startswith("E_PROOF_INVALID: ")


@pytest.mark.parametrize(
    ("change", "error", "code"),
    [
        (lambda document: document["context"].update(expiresAt="1770399999"), "E_PLEDGE_TOO_LONG", 1),
        (lambda document: document["publicInputs"].update(claim="17"), "E_CLAIM", 1),
        (lambda document: document["publicInputs"].update(nullifier="5"), "E_PROOF_INVALID", 1),
        (lambda document: document["statements"][0]["statement"].update(seq="9"), "E_SIG_NOT_ATTESTOR", 1),
        (lambda document: document.update(verified=True), "E_SCHEMA_UNKNOWN_FIELD", 2),
        (lambda document: document.update(version="2"), "E_VERSION", 2),
    ],
)
def test_an_altered_proof_does_not_pass(
    told: Told, tmp_path: Path, change: Callable[[Any], None], error: str, code: int
) -> None:
    document = json.loads(told["deposit.margin-proof.json"].read_bytes())
    change(document)
    bent = tmp_path / "bent.margin-proof.json"
    bent.write_text(json.dumps(document))
    arguments = verify(told, "deposit", "--json")
    refused = call(arguments[0], bent, *arguments[2:])
    assert (refused.code, refused.json["error"]["code"]) == (code, error)


def test_a_refusal_to_prove_explains_and_writes_nothing(told: Told, tmp_path: Path) -> None:
    out = tmp_path / "proof.json"
    refused = prove(told, "evening", "evening", 1770326987, out, "--json")
    assert refused.code == 1
    assert refused.json["error"]["code"] == "E_MARGIN_SHORT"
    explanation = refused.json["explanation"]
    assert explanation["holds"] is False
    assert explanation["smallestDeposit"] == "69652.452699"
    assert explanation["worstScenarios"][0]["scenario"] == "-16% vol down"
    assert "69652" not in json.dumps(refused.json["error"])
    assert not out.exists()


def test_an_early_refusal_ends_the_process_cleanly(told: Told) -> None:
    arguments = [
        *("prove", "--rules", "portfolio_scan", "--market", told["morning.market.json"]),
        *("--policy", told["policy.json"], "--keys", told["keys"], "--owner-key", told["trader.key"]),
        *("--positions", told["morning.positions.json"], "--opening", told["morning.opening.json"]),
        *("--out", told["morning.margin-proof.json"]),
    ]
    command = [sys.executable, "-m", "zkmargin.cli.main", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("E_FILE: file exists")
    assert len(done.stderr.splitlines()) == 1


def test_a_wrong_passphrase_is_refused_once(told: Told, tmp_path: Path) -> None:
    (tmp_path / "passphrase").write_text("some other passphrase")
    shutil.copy(told["trader.key"], tmp_path / "trader.key")
    bent = Told(told.text, tmp_path)
    for name in ("morning.market.json", "policy.json", "morning.positions.json", "morning.opening.json"):
        shutil.copy(told[name], tmp_path / name)
    (tmp_path / "keys").symlink_to(told["keys"])
    refused = prove(bent, "morning", "morning", 1770284217, tmp_path / "proof.json", "--json")
    assert (refused.code, refused.json["error"]["code"]) == (2, "E_KEY_LOCKED")
    assert not (tmp_path / "proof.json").exists()


def test_what_would_not_verify_is_not_proven(told: Told, tmp_path: Path) -> None:
    out = tmp_path / "proof.json"
    stale = prove(told, "morning", "morning", 1770284207 + 3600, out, "--json")
    assert (stale.code, stale.json["error"]["code"]) == (1, "E_PRICE_STALE")
    swapped = prove(told, "deposit", "morning", 1770284217, out, "--json")
    assert swapped.code == 1
    weaker = prove(told, "morning", "morning", 1770284217, out, "--buffer", "1.7", "--json")
    assert (weaker.code, weaker.json["error"]["code"]) == (1, "E_MARGIN_SHORT")
    assert not out.exists()


def test_a_stronger_claim_and_a_challenge(told: Told, tmp_path: Path) -> None:
    out = tmp_path / "proof.margin-proof.json"
    challenge = "0x" + "ab" * 32
    made = prove(told, "morning", "morning", 1770284217, out, "--buffer", "5/4", "--challenge", challenge, "--json")
    assert made.code == 0, made.out
    assert made.json["claim"] == "equity >= maintenance requirement times 5/4"
    assert {"witness", "proof", "verification"} <= made.json["seconds"].keys()
    arguments = verify(told, "morning", "--json", market="morning", at=1770284227)
    judge = (arguments[0], out, *arguments[2:])
    assert ok(*judge, "--challenge", challenge).json["challengeChecked"] is True
    for other in ([], ["--challenge", "0x" + "ac" * 32]):
        refused = call(*judge, *other)
        assert (refused.code, refused.json["error"]["code"]) == (1, "E_CHALLENGE")
    assert call(*judge, "--challenge", "0x12").code == 2


def test_inspect_shows_each_file(told: Told) -> None:
    kinds = {
        "deposit.margin-proof.json": "zkmargin/margin-proof",
        "policy.json": "zkmargin/policy",
        "evening.market.json": "zkmargin/market-snapshot",
        "deposit.positions.json": "zkmargin/position-statement",
        "domain.json": "zkmargin/domain",
        "keys/key.json": "zkmargin/key-description",
        "keys/verification_key.json": "Groth16 verifying key, snarkjs's JSON",
        "keys/proving_key.zkey": "proving key (.zkey)",
        "book/20489.book.json": "zkmargin/position-book, secret",
        "trader.key": "zkmargin/owner-key, secret",
    }
    for name, kind in kinds.items():
        assert ok("inspect", told[name], "--json").json["kind"] == kind
        assert kind in ok("inspect", told[name]).out
    digests = {ok("inspect", told[name], "--json").json["vkHash"] for name in list(kinds)[5:8]}
    assert len(digests) == 1


def test_the_book_numbers_statements(told: Told) -> None:
    numbers = [
        json.loads(told[f"{name}.positions.json"].read_bytes())["statement"]["seq"]
        for name in ("morning", "evening", "deposit")
    ]
    assert numbers == ["1", "2", "3"]


def test_policy_asks_before_it_accepts_a_development_key(told: Told, tmp_path: Path) -> None:
    arguments = [
        *("policy", "new", "--name", "strict", "--domain", told["domain.json"], "--keys", told["keys"]),
        *("--verifier", told["verifier.key"], "--publisher", told["publisher.key"]),
        *("--venue", f"exchange={told['venue.key']}", "--out", tmp_path / "policy.json", "--json"),
    ]
    refused = call(*arguments)
    assert (refused.code, refused.json["error"]["code"]) == (2, "E_USAGE")
    assert "--insecure" in refused.json["error"]["message"]
    assert call(*arguments, "--insecure", "--prove-every", 60, "--band", "2", "--band", "1").code == 2  # not ascending
    clock = ("--prove-every", 3600, "--call", 600, "--band", "1", "--band", "5/4", "--breaker", 300, 800, 60, 900)
    made = ok(*arguments, "--insecure", "--claim", "initial", "--buffer", "1.25", *clock).json
    assert made["policy"]["clock"] == {
        "proveEvery": "3600", "grace": "900", "call": "600",
        "bands": [{"num": "1", "den": "1"}, {"num": "5", "den": "4"}],
        "breaker": {"priceAge": "300", "move": "800", "coolDown": "60", "longestPause": "900"},
    }  # fmt: skip
    assert "a proof every 3600 s" in ok("policy", "show", tmp_path / "policy.json").out
    assert made["policy"]["claim"] == {"kind": "initial", "num": "5", "den": "4"}
    assert ok("policy", "show", tmp_path / "policy.json", "--json").json["policyId"] == made["policyId"]
    assert "insecure" in ok("policy", "show", tmp_path / "policy.json").out


def test_setup_replaces_no_key_by_accident(told: Told) -> None:
    before = (told["keys"] / "key.json").read_bytes()
    assert call("setup", "dev", "portfolio_scan", "--out", told["keys"]).code == 2
    assert (told["keys"] / "key.json").read_bytes() == before
