"""Keys and proofs as the contracts take them, and where contracts come to stand.        specs/contracts.md#encoding"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from zkmargin.attestations.eip712 import encode_uint
from zkmargin.encoding import keccak256
from zkmargin.errors import ProofPoint
from zkmargin.field import FQ_MODULUS, decode_elements
from zkmargin.formats import split_verifying_key
from zkmargin.verifier.contracts.artifacts import artifact

DEPLOYER: Final = bytes.fromhex("4e59b44847b379578588920ca78fbf26c0b4956c")
"""The deterministic deployment proxy (github.com/Arachnid/deterministic-deployment-proxy): it stands at this address on
nearly every EVM chain, and on any where its one transaction, signed for no chain, is sent."""
SALT: Final = keccak256(b"zkmargin.v1.contracts")


def proof_words(proof: bytes) -> list[int]:
    """A proof of 256 bytes as eight words: ``A.x, A.y, B.x.c1, B.x.c0, B.y.c1, B.y.c0, C.x, C.y``.

    The pairing precompile (EIP-197) takes the halves of a coordinate of G2 the other way round than snarkjs's JSON.
    Raises BytesLength, FieldRange.
    """
    a_x, a_y, x0, x1, y0, y1, c_x, c_y = decode_elements(proof, FQ_MODULUS)
    return [a_x, a_y, x1, x0, y1, y0, c_x, c_y]


def key_words(verifying_key: bytes) -> list[int]:
    """A verifying key as ``Groth16Key`` takes it: the coordinates in the order of its digest.

    Raises ProofPoint where a point is at infinity: such a key leaves a public input free.
    """
    *fixed, points = split_verifying_key(verifying_key)
    for point in (*fixed, *points):
        if not any(point):
            raise ProofPoint("a point of the key is at infinity", where="verifying key")
    return decode_elements(b"".join((*fixed, *points)), FQ_MODULUS)


def verifier_creation(verifying_key: bytes) -> bytes:
    """The code that creates the verifier of a key."""
    return artifact("Groth16Key").creation + encode_words_argument(key_words(verifying_key))


def verifier_runtime(verifying_key: bytes) -> bytes:
    """The code that then runs: that of every verifier, the key, the number of public inputs."""
    words = key_words(verifying_key)
    inputs = len(words) // 2 - 8
    return artifact("Groth16Verifier").runtime + b"".join(map(encode_uint, [*words, inputs]))


def encode_words_argument(words: Sequence[int]) -> bytes:
    """ABI encoding of one ``uint256[]``."""
    return b"".join(map(encode_uint, [32, len(words), *words]))


def create2_address(creation: bytes, salt: bytes = SALT, deployer: bytes = DEPLOYER) -> bytes:
    """Where CREATE2 puts a contract (EIP-1014): the same on every chain that has the deployer."""
    return keccak256(b"\xff" + deployer + salt + keccak256(creation))[-20:]
