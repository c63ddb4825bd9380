"""Makes what the provers are measured on: circuits, witnesses and keys, kept between runs."""

from __future__ import annotations

import os
from pathlib import Path

from peers import Case
from synthetic import write_synthetic


def _setup(r1cs: Path, zkey: Path) -> None:
    """A development key for ``r1cs``, unless a current one is there."""
    from zkmargin.backend import engine

    if zkey.exists() and zkey.stat().st_mtime >= r1cs.stat().st_mtime:
        return
    unfinished = zkey.with_suffix(".part")
    unfinished.write_bytes(engine().groth16_setup(r1cs.read_bytes(), os.urandom(256)))
    unfinished.replace(zkey)


def synthetic_case(work: Path, constraints: int) -> Case:
    """A circuit of the right size and shape, without any rule set."""
    folder = work / f"synthetic-{constraints}"
    folder.mkdir(exist_ok=True)
    r1cs, wtns = folder / "synthetic.r1cs", folder / "synthetic.wtns"
    if not (r1cs.exists() and wtns.exists()):
        r1cs, wtns = write_synthetic(folder, constraints)
    zkey = folder / "synthetic.zkey"
    _setup(r1cs, zkey)
    return Case(f"synthetic-{constraints}", r1cs, wtns, zkey)
