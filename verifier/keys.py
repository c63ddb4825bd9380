"""What a setup says about the key it made: the digests that a policy lists.        specs/documents.md#keys"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Final, Literal

from zkmargin.attestations.schema import Bytes32, Document, Empty, Text
from zkmargin.encoding import read_file
from zkmargin.formats import parse_json, verifying_key_from_json
from zkmargin.verifier.policy import AcceptedRuleSet

_LIMIT: Final = 1 << 26


def read_verifying_key(path: Path) -> bytes:
    """A ``verification_key.json``, as engines take it. It counts for nothing unless a policy lists it."""
    return verifying_key_from_json(parse_json(read_file(path, _LIMIT), str(path)))


class KeyDescription(Document):
    """``key.json``, beside a ``.zkey`` and its ``verification_key.json``.

    It vouches for nothing: a verifier copies it to its policy after checking where the key comes from. A
    development setup has no transcript (zero digest) and is insecure: its maker could forge proofs.
    """

    TYPE: ClassVar[str] = "zkmargin/key-description"
    type: Literal["zkmargin/key-description"] = "zkmargin/key-description"
    version: Literal["1"] = "1"
    proof_system: Literal["groth16-bn254"] = "groth16-bn254"
    commitments: Empty = ()
    name: Text
    rule_digest: Bytes32
    r1cs_digest: Bytes32
    vk_hash: Bytes32
    transcript_digest: Bytes32
    insecure: bool

    def accepted(self) -> AcceptedRuleSet:
        """The entry for a policy. Raises SchemaType for a key without transcript that is not ``insecure``."""
        return AcceptedRuleSet(
            name=self.name,
            rule_digest=self.rule_digest,
            r1cs_digest=self.r1cs_digest,
            vk_hash=self.vk_hash,
            transcript_digest=self.transcript_digest,
            insecure=self.insecure,
        )
