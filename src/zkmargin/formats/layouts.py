"""Keys, proofs and public inputs as the verifiers of other chains take them.     specs/formats.md#other-chains

A layout writes files from the byte strings that engines take and reads them back; a module beside this one holds each.
Writing and reading refuse the same things, so that what is written reads back, and what is read is written the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Final, cast

from zkmargin.backend import Arithmetic
from zkmargin.errors import BytesLength, FileUnreadable, LayoutLimit
from zkmargin.formats.documents import PROOF_BYTES, count_public
from zkmargin.formats.points import G1_BYTES, G2_BYTES, require_scalars

Files = Mapping[str, bytes]


@dataclass(frozen=True)
class Layout:
    """``key_files(vk)`` and ``proof_files(publics, proof)`` give files by name; ``read_...`` are their inverses.

    All raise FieldRange and ProofPoint for values and points that are not canonical or not in their group, the
    readers also BytesLength and the errors of documents.
    """

    name: str
    max_public: int | None
    write_key: Callable[[bytes, Arithmetic], dict[str, bytes]]
    read_key: Callable[[Files, Arithmetic], bytes]
    write_proof: Callable[[bytes, bytes, Arithmetic], dict[str, bytes]]
    read_proof: Callable[[Files, Arithmetic], tuple[bytes, bytes]]

    def key_files(self, verifying_key: bytes, engine: Arithmetic) -> dict[str, bytes]:
        """Raises LayoutLimit where the chain takes no key of so many public inputs; BytesLength, FieldRange,
        ProofPoint.
        """
        self._require_number(count_public(verifying_key))
        return self.write_key(verifying_key, engine)

    def proof_files(self, publics: bytes, proof: bytes, engine: Arithmetic) -> dict[str, bytes]:
        """Raises LayoutLimit, BytesLength, FieldRange, ProofPoint."""
        if len(proof) != PROOF_BYTES:
            raise BytesLength("a proof is 256 bytes", where="proof", got=len(proof))
        self._require_number(len(require_scalars(publics)) // 32)
        return self.write_proof(publics, proof, engine)

    def key_of(self, files: Files, engine: Arithmetic) -> bytes:
        """The verifying key. Raises as ``key_files``, and FileUnreadable where a file is missing."""
        verifying_key = self.read_key(_Present(files), engine)
        self._require_number(count_public(verifying_key))
        return verifying_key

    def proof_of(self, files: Files, engine: Arithmetic) -> tuple[bytes, bytes]:
        """Public inputs and proof. Raises as ``key_of``."""
        publics, proof = self.read_proof(_Present(files), engine)
        self._require_number(len(publics) // 32)
        return publics, proof

    def _require_number(self, n_public: int) -> None:
        if self.max_public is not None and n_public > self.max_public:
            raise LayoutLimit(
                f"{self.name} takes fewer public inputs", expected=f"at most {self.max_public}", got=n_public
            )


class _Present(dict[str, bytes]):
    def __missing__(self, name: str) -> bytes:
        raise FileUnreadable("file is missing", where=name)


LAYOUTS: Final = ("solana", "sui", "aptos", "starknet")


def layout(name: str) -> Layout:
    """The layout of a chain, one of LAYOUTS."""
    return cast(Layout, import_module(f"zkmargin.formats.{name}").LAYOUT)


# --- shared by the layouts ----------------------------------------------------------------------------------


def key_points(verifying_key: bytes) -> list[tuple[str, bytes]]:
    """``alpha, beta, gamma, delta, IC 0, IC 1 ..`` by name."""
    sizes = [("alpha", G1_BYTES), ("beta", G2_BYTES), ("gamma", G2_BYTES), ("delta", G2_BYTES)]
    sizes += [(f"IC {index}", G1_BYTES) for index in range(count_public(verifying_key) + 1)]
    return _cut(verifying_key, sizes)


def proof_points(proof: bytes) -> list[tuple[str, bytes]]:
    """``A, B, C`` by name."""
    return _cut(proof, [("A", G1_BYTES), ("B", G2_BYTES), ("C", G1_BYTES)])


def _cut(encoded: bytes, sizes: list[tuple[str, int]]) -> list[tuple[str, bytes]]:
    points, at = [], 0
    for name, size in sizes:
        points.append((name, encoded[at : at + size]))
        at += size
    return points
