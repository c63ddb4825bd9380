"""What fuzzing found stays found: the corpus, the seeds and some fresh mutants, on every target."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from zkmargin import backend

from .seeds import PROGRAMS, Seeds
from .targets import TARGETS
from .worker import Work, run_once

CORPUS = Path(__file__).parent / "corpus"
ROOT = Path(__file__).resolve().parents[2]
MUTANTS = 40
REFUSED_SEEDS = {"inspect": 2}
"""`inspect` refuses witness programs and accounts: they do not say what they are."""


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> Seeds:
    return Seeds(tmp_path_factory.mktemp("fuzz"))


@pytest.fixture(autouse=True)
def _alarm() -> Iterator[None]:
    """Work.start sets a handler of its own."""
    before = signal.getsignal(signal.SIGPROF)
    yield
    signal.signal(signal.SIGPROF, before)


@pytest.mark.parametrize("name", list(TARGETS))
def test_seeds_are_accepted(name: str, seeds: Seeds) -> None:
    refused = [run_once(TARGETS[name], content, seeds) for content in TARGETS[name].seeds(seeds)]
    assert sum(error is not None for error in refused) == REFUSED_SEEDS.get(name, 0), refused


@pytest.mark.parametrize("name", list(TARGETS))
def test_corpus_and_fresh_mutants(name: str, seeds: Seeds) -> None:
    work = Work(TARGETS[name], seeds, Random(7))
    pool = work.start([path.read_bytes() for path in sorted((CORPUS / name).glob("*"))])
    mutants = MUTANTS if name != "groth16" else 8  # plain Python pairs for each that is well formed
    work.mutate_until(pool, float("inf"), work.runs + mutants)
    assert not work.found, "\n".join(work.found.values())


def test_the_corpus_is_of_targets_and_small() -> None:
    assert {path.name for path in CORPUS.iterdir()} <= set(TARGETS)
    sizes = [path.stat().st_size for path in CORPUS.glob("*/*")]
    assert max(sizes) <= 4096
    assert sum(sizes) <= 400_000


def test_the_oracle_sees_what_it_must(seeds: Seeds, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that accepts what the other refuses is a finding."""
    if len(backend.engines()) < 2:
        pytest.skip("compares two engines; the Rust core is not built")

    def refuse(_: bytes) -> None:
        raise ValueError("no such program")

    monkeypatch.setattr("zkmargin.reference.WitnessProgram", refuse)
    work = Work(TARGETS["program"], seeds, Random(7))
    work.run(PROGRAMS[0])
    assert any("Finding" in signature for signature in work.found)


def test_headers_that_claim_too_much_take_no_memory() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.claims"], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("claims") == 5
