"""Whether the files of a key belong to a rule set: circuit, points, documents.          specs/formats.md#verify-key"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from zkmargin.attestations.context import ZERO32
from zkmargin.backend import engine as arithmetic_engine
from zkmargin.circuits.compile import CompiledCircuit
from zkmargin.encoding import hex_bytes, read_file
from zkmargin.errors import KeyInconsistent
from zkmargin.formats import read_zkey, vk_hash
from zkmargin.formats.zkey import Zkey
from zkmargin.prover.key_check import check_key
from zkmargin.prover.setup import (
    DESCRIPTION_FILE,
    PROVING_KEY_FILE,
    VERIFYING_KEY_FILE,
    read_description,
)
from zkmargin.verifier.keys import KeyDescription, read_verifying_key

_CIRCUIT_HASH_BYTES = 64


@dataclass(frozen=True)
class KeyReport:
    """A key that belongs to its circuit. ``description`` is None where a ``.zkey`` was given alone.

    ``contributions`` is what the key's file says of a second phase; they are not verified, so that every key is still
    ``insecure``: nothing here shows that its secrets are gone.
    """

    vk_hash: bytes
    n_public: int
    n_wires: int
    domain_size: int
    contributions: int
    description: KeyDescription | None

    @property
    def insecure(self) -> bool:
        """A key without a verified transcript is insecure, whatever its files say."""
        return True


def verify_key(compiled: CompiledCircuit, key: Path, *, engine: str | None = None) -> KeyReport:
    """Check ``key``, a key folder or a ``.zkey`` file, against a circuit just compiled from its rule text.

    Raises KeyInconsistent (a coefficient, a point or a document belongs to another circuit or key); ProofPoint; the
    errors of files and of documents where one cannot be read.
    """
    is_folder = key.is_dir()
    zkey = read_zkey(read_file(key / PROVING_KEY_FILE if is_folder else key))
    verifying_key = zkey.verifying_key()
    digest = vk_hash(verifying_key)
    contributions = _count_contributions(zkey)
    description = None
    if is_folder:
        description = read_description(key)
        _require_documents(compiled, description, digest, contributions)
        if read_verifying_key(key / VERIFYING_KEY_FILE) != verifying_key:
            raise KeyInconsistent("the verifying key is not the one in the proving key", where=VERIFYING_KEY_FILE)
    check_key(compiled.r1cs, zkey, arithmetic_engine(engine))
    header = zkey.header
    return KeyReport(digest, header.n_public, header.n_wires, header.domain_size, contributions, description)


def _count_contributions(zkey: Zkey) -> int:
    return int.from_bytes(zkey.contributions[_CIRCUIT_HASH_BYTES : _CIRCUIT_HASH_BYTES + 4], "little")


def _require_documents(
    compiled: CompiledCircuit, description: KeyDescription, digest: bytes, contributions: int
) -> None:
    for what, expected, got in (
        ("rule set", compiled.rules.digest, description.rule_digest),
        ("circuit", compiled.r1cs_digest, description.r1cs_digest),
        ("verifying key", digest, description.vk_hash),
    ):
        if expected != got:
            raise KeyInconsistent(
                f"the key's description names another {what}",
                where=DESCRIPTION_FILE,
                expected=hex_bytes(expected),
                got=hex_bytes(got),
            )
    if description.name != compiled.rules.name:
        raise KeyInconsistent(
            "the key's description is called otherwise than the rule set",
            where=DESCRIPTION_FILE,
            expected=compiled.rules.name,
            got=description.name,
        )
    has_transcript = description.transcript_digest != ZERO32
    if has_transcript and not contributions:
        raise KeyInconsistent("a transcript is named, and nobody contributed to the key", where=DESCRIPTION_FILE)
    if not has_transcript and not description.insecure:
        raise KeyInconsistent("the key calls itself secure and names no transcript", where=DESCRIPTION_FILE)
