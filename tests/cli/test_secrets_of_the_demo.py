"""The demo makes keys of its own: what it prints and leaves behind is searched for them, and for the account's cash."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Mapping
from pathlib import Path

import pytest
from cages import files, run_caged
from calling import DEMO
from canaries import AMOUNTS, SALTS, SECRETS, Canary, leaks

from zkmargin.attestations.keyfiles import OwnerKeyFile, SigningKeyFile
from zkmargin.attestations.positions import PositionOpening
from zkmargin.backend import engines
from zkmargin.circuits import cache

pytestmark = [
    pytest.mark.prove,
    pytest.mark.skipif("rust" not in engines(), reason="the demo's circuit is too large for the reference"),
]
CASH = 60_031_729  # 600,317.29 USD, marked
DEPOSIT = 7_500_000
MAY_HOLD: Mapping[str, set[str]] = {
    "passphrase": {SECRETS},
    "account-after-deposit.csv": {AMOUNTS},
    **{f"{name}.opening.json": {AMOUNTS, SALTS} for name in ("morning", "evening", "deposit")},
}
"""Files of the demo to the kinds of secrets that belong there."""
SIGNERS = ("venue", "publisher", "verifier")


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's figures, the cash marked."""
    folder = tmp_path_factory.mktemp("demo") / "figures"
    shutil.copytree(DEMO, folder)
    account = folder / "account.csv"
    marked = account.read_text().replace("cash,600000", f"cash,{CASH / 100:.2f}")
    assert str(CASH // 100) in marked
    account.write_text(marked)
    return folder


@pytest.fixture(scope="module")
def environment(home: Path) -> dict[str, str]:
    """Compiled circuits are where they always are: compiling is no part of this."""
    return {"HOME": str(home), "ZKMARGIN_CACHE": str(cache.folder().parent)}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


def _amounts() -> list[Canary]:
    return [Canary.of_number("cash", AMOUNTS, cash, 2, (8, 32)) for cash in (CASH, CASH + DEPOSIT)]


def _canaries(folder: Path) -> list[Canary]:
    """All that the demo made up, from the files that hold it."""
    phrase = (folder / "passphrase").read_text().strip()
    owner = OwnerKeyFile.read(folder / "trader.key")
    keys = owner.unlock(phrase)
    seeds = {"owner": owner.sealed.open(phrase, f"owner {owner.owner}")}
    for name in SIGNERS:
        signer = SigningKeyFile.read(folder / f"{name}.key")
        seeds[name] = signer.sealed.open(phrase, f"signer 0x{signer.address.hex()}")
    salts = [PositionOpening.read(path).salt for path in folder.glob("*.opening.json")]
    assert len(salts) == 3
    return [
        *_amounts(),
        *(Canary.of_number("salt", SALTS, salt) for salt in salts),
        Canary.of_number("ask", SECRETS, keys.ask),
        Canary.of_number("nk", SECRETS, keys.nk),
        *(Canary.of_bytes(f"seed of {name}", SECRETS, seed) for name, seed in seeds.items()),
        Canary.of_bytes("passphrase", SECRETS, phrase.encode()),
    ]


def test_the_story_and_its_files(figures: Path, home: Path, environment: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "out" / "story"
    ran = run_caged(["demo", "--data", str(figures), "--out", str(folder)], tmp_path, environment)
    assert ran.code == 0, str(ran)
    canaries = _canaries(folder)
    assert leaks(canaries, ran.out + ran.err, {AMOUNTS}) == []  # the trader looks at the account
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    found: set[str] = set()
    for path in (*files(folder), *files(home)):
        content = path.read_bytes()
        assert leaks(canaries, content, MAY_HOLD.get(path.name, set())) == [], path.name
        found |= set(leaks(canaries, content))
        if path.name in MAY_HOLD or path.suffix == ".key":
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path.name
    assert found == {"cash", "salt", "passphrase"}, "the canaries are where they belong"


def test_nothing_is_left_of_a_story_told_as_data(
    figures: Path, home: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    """Keys, passphrase and openings go with the temporary folder; amounts are no part of the data."""
    ran = run_caged(["demo", "--data", str(figures), "--json"], tmp_path, environment)
    assert ran.code == 0, str(ran)
    assert leaks(_amounts(), ran.out + ran.err) == []
    assert files(home) == []
    assert not list((tmp_path / "tmp").iterdir())


@pytest.mark.parametrize("style", [[], ["--json"]], ids=["text", "json"])
def test_nothing_is_left_of_a_story_that_breaks(
    style: list[str], figures: Path, home: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    """Keys are made by then: a chain cut short ends the story."""
    broken = tmp_path / "broken"
    shutil.copytree(figures, broken)
    (broken / "chain_btc_20260205T093647Z.csv").write_text("cut short")
    ran = run_caged(["demo", "--data", str(broken), *style], tmp_path, environment)
    assert ran.code == 2, str(ran)
    assert b"E_DEMO" in ran.out + ran.err
    assert leaks(_amounts(), ran.out + ran.err) == []
    assert files(home) == []
    assert not list((tmp_path / "tmp").iterdir())
