"""zkmargin's prover as a resident process, measured as its peers are: one line in, one line of JSON out.

``ours.py files WTNS ZKEY`` proves a given witness; ``ours.py account FOLDER RULES`` computes the witness of a
prepared account first.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from measure import Stopwatch, cpu_seconds, peak_bytes, reset_peak, serve

if TYPE_CHECKING:
    from zkmargin.backend import ProvingKeyHandle, WitnessHandle


def run(
    key: ProvingKeyHandle,
    make_witness: Callable[[], bytes | WitnessHandle],
    whole: Callable[[], object] | None = None,
) -> None:
    """Serve: each proof makes its witness, then proves it with the resident key.

    ``whole``: all that a prover does, from documents to a verified proof; the request of that name.
    """
    from zkmargin.backend import engine

    arithmetic = engine()
    verifying_key = key.verifying_key()
    last = public = b""

    def prove() -> dict[str, Any]:
        nonlocal last, public
        before = cpu_seconds()
        with Stopwatch() as making:
            witness = make_witness()
        with Stopwatch() as proving:
            last = key.prove(witness, os.urandom(128))
        used = cpu_seconds() - before
        wires = witness if isinstance(witness, bytes) else witness.to_bytes()
        public = wires[32 : 32 * (key.n_public + 1)]
        return {
            "wall": making.wall + proving.wall,
            "cpu": used,
            "peak_bytes": peak_bytes(),
            "witness": making.wall,
            "prove": proving.wall,
        }

    def verify() -> dict[str, Any]:
        with Stopwatch() as clock:
            ok = arithmetic.groth16_verify(verifying_key, public, last)
        return {"wall": clock.wall, "ok": ok}

    def prove_whole() -> dict[str, Any]:
        with Stopwatch() as clock:
            if whole is not None:
                whole()
        return {"wall": clock.wall}

    reset_peak()
    serve({"prove": prove, "verify": verify, "whole": prove_whole}, wires=key.n_wires, public=key.n_public)


def main(what: str, first: str, second: str) -> None:
    """Load what is proven, then serve."""
    if what == "files":
        from zkmargin.backend import engine
        from zkmargin.formats import read_wtns

        values = read_wtns(Path(first).read_bytes())
        run(engine().ProvingKey(second), lambda: values)
    else:
        from prepare import Workbench

        bench = Workbench(Path(first), second)
        run(bench.key, bench.witness, bench.prove)


if __name__ == "__main__":
    main(*sys.argv[1:4])
