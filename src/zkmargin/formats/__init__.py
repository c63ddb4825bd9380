"""The field's file formats, read and written as snarkjs does.                        specs/formats.md"""

from zkmargin.formats.documents import (
    count_public,
    dump_json,
    parse_json,
    proof_from_json,
    proof_to_json,
    public_from_json,
    public_to_json,
    split_verifying_key,
    verifying_key_from_json,
    verifying_key_to_json,
    vk_hash,
)
from zkmargin.formats.ptau import PowersOfTau, PtauContribution, read_ptau, write_ptau
from zkmargin.formats.r1cs import Constraint, LinearCombination, R1cs, read_r1cs, write_r1cs
from zkmargin.formats.wtns import read_wtns, write_wtns
from zkmargin.formats.zkey import Zkey, ZkeyHeader, read_zkey, read_zkey_header, write_zkey

__all__ = [
    "Constraint",
    "LinearCombination",
    "PowersOfTau",
    "PtauContribution",
    "R1cs",
    "Zkey",
    "ZkeyHeader",
    "count_public",
    "dump_json",
    "parse_json",
    "proof_from_json",
    "proof_to_json",
    "public_from_json",
    "public_to_json",
    "read_ptau",
    "read_r1cs",
    "read_wtns",
    "read_zkey",
    "read_zkey_header",
    "split_verifying_key",
    "verifying_key_from_json",
    "verifying_key_to_json",
    "vk_hash",
    "write_ptau",
    "write_r1cs",
    "write_wtns",
    "write_zkey",
]
