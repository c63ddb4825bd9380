"""zkmargin's prover as a resident process, measured as its peers are: one line in, one line of JSON out.

``ours.py files WTNS ZKEY`` proves a given witness; ``ours.py account FOLDER`` computes that of an account
first, as ``zkmargin prove`` does in process.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from measure import Stopwatch, peak_bytes, reset_peak, serve


def serve_files(wtns: Path, zkey: Path) -> None:
    """Prove the witness of a file with a resident key."""
    from zkmargin.backend import engine
    from zkmargin.formats import read_wtns

    arithmetic = engine()

    witness = bytes(read_wtns(wtns.read_bytes()))
    key = arithmetic.ProvingKey(str(zkey))
    verifying_key, public = key.verifying_key(), witness[32 : 32 * (key.n_public + 1)]
    last = b""

    def prove() -> dict[str, Any]:
        nonlocal last
        with Stopwatch() as clock:
            last = key.prove(witness, os.urandom(128))
        return {
            "wall": clock.wall,
            "cpu": clock.cpu,
            "peak_bytes": peak_bytes(),
            "prove": clock.wall,
            "witness": 0.0,
        }

    def verify() -> dict[str, Any]:
        with Stopwatch() as clock:
            ok = arithmetic.groth16_verify(verifying_key, public, last)
        return {"wall": clock.wall, "ok": ok}

    reset_peak()
    serve({"prove": prove, "verify": verify}, wires=len(witness) // 32, public=key.n_public)


if __name__ == "__main__":
    serve_files(Path(sys.argv[2]), Path(sys.argv[3]))
