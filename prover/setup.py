"""A development setup: one party's randomness, for tests and demonstrations.          specs/documents.md#keys

Whoever runs it could keep the secrets and forge proofs. So its key description says ``insecure`` and names no
transcript, and no policy accepts it without listing it as such.
"""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Final

from zkmargin.attestations.context import ZERO32
from zkmargin.backend import engine as arithmetic_engine
from zkmargin.circuits.compile import CompiledCircuit
from zkmargin.encoding import write_atomic
from zkmargin.errors import FileUnreadable, KeyCircuitMismatch
from zkmargin.formats import (
    verifying_key_to_json,
    vk_hash,
)
from zkmargin.verifier import keys
from zkmargin.verifier.keys import KeyDescription

PROVING_KEY_FILE: Final = "proving_key.zkey"
VERIFYING_KEY_FILE: Final = "verification_key.json"
DESCRIPTION_FILE: Final = "key.json"
SETUP_ENTROPY_BYTES: Final = 4 * 64


def setup_dev(compiled: CompiledCircuit, folder: Path, *, engine: str | None = None) -> KeyDescription:
    """Make a proving key for a circuit and write it to ``folder``, made if missing.

    Writes ``proving_key.zkey`` and ``verification_key.json``, as snarkjs reads them, and last ``key.json``.
    Raises FileUnreadable where the folder cannot be written, EngineUnavailable.
    """
    arithmetic = arithmetic_engine(engine)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileUnreadable("folder cannot be made", where=str(folder), got=error.strerror) from None
    path = folder / PROVING_KEY_FILE
    write_atomic(path, arithmetic.groth16_setup(compiled.r1cs, secrets.token_bytes(SETUP_ENTROPY_BYTES)))
    verifying_key = arithmetic.ProvingKey(str(path)).verifying_key()
    snarkjs_json = verifying_key_to_json(verifying_key, arithmetic)
    write_atomic(folder / VERIFYING_KEY_FILE, json.dumps(snarkjs_json, indent=1) + "\n")
    description = KeyDescription(
        name=compiled.rules.name,
        rule_digest=compiled.rules.digest,
        r1cs_digest=compiled.r1cs_digest,
        vk_hash=vk_hash(verifying_key),
        transcript_digest=ZERO32,
        insecure=True,
    )
    write_atomic(folder / DESCRIPTION_FILE, description.to_text())
    return description


def read_description(folder: Path) -> KeyDescription:
    """The description in a key folder. Raises FileUnreadable and the errors of documents."""
    return KeyDescription.read(folder / DESCRIPTION_FILE)


def read_verifying_key(folder: Path) -> bytes:
    """The verifying key in a key folder. Raises KeyCircuitMismatch where the description names another."""
    verifying_key = keys.read_verifying_key(folder / VERIFYING_KEY_FILE)
    if vk_hash(verifying_key) != read_description(folder).vk_hash:
        raise KeyCircuitMismatch("the verifying key is not the one that is described", where=str(folder))
    return verifying_key
