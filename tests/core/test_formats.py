"""Files and documents: what is written is read back; everything else is refused by its code."""

from __future__ import annotations

import copy
import hashlib
import json
import random
import re
import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from points import g1, g2, integers, le

from zkmargin.errors import (
    BytesLength,
    FieldRange,
    FileMagic,
    FileSection,
    FileTruncated,
    FileVersion,
    IntFormat,
    ProofPoint,
    SchemaType,
    SchemaUnknownField,
    ZkMarginError,
)
from zkmargin.field import FQ_MODULUS as Q
from zkmargin.field import FR_MODULUS as R
from zkmargin.field import encode_elements
from zkmargin.formats import (
    R1cs,
    count_public,
    dump_json,
    parse_json,
    proof_from_json,
    proof_to_json,
    public_from_json,
    public_to_json,
    read_ptau,
    read_r1cs,
    read_wtns,
    read_zkey,
    read_zkey_header,
    verifying_key_from_json,
    verifying_key_to_json,
    vk_hash,
    write_r1cs,
    write_wtns,
    write_zkey,
)

READERS: dict[str, Callable[[bytes], Any]] = {
    "r1cs": read_r1cs,
    "wtns": read_wtns,
    "zkey": read_zkey,
    "ptau": read_ptau,
}
POWERS = Path(__file__).parent / "vectors" / "powers_of_tau_1.ptau"


@pytest.fixture(scope="module")
def files(small_circuit: Any, small_proof: Any) -> dict[str, bytes]:
    return {
        "r1cs": small_circuit.r1cs_bytes,
        "wtns": write_wtns(small_circuit.witness),
        "zkey": small_proof.zkey.read_bytes(),
        "ptau": POWERS.read_bytes(),
    }


def section(section_id: int, content: bytes) -> bytes:
    return struct.pack("<IQ", section_id, len(content)) + content


# --- binary files -------------------------------------------------------------------------------------


def test_constraint_systems_round_trip(small_circuit: Any) -> None:
    system = small_circuit.r1cs
    parsed = read_r1cs(write_r1cs(system))
    assert parsed.n_public == 3
    assert [[list(t) for t in c] for c in parsed.constraints] == [[list(t) for t in c] for c in system.constraints]
    assert list(parsed.wire_labels or []) == list(range(9))
    labelled = R1cs(2, 1, 0, 0, [], n_labels=40, wire_labels=[0, 39])
    again = read_r1cs(write_r1cs(labelled))
    assert (again.n_labels, list(again.wire_labels or [])) == (40, [0, 39])
    assert write_r1cs(again) == write_r1cs(labelled)


def test_the_header_is_where_circom_puts_it(small_circuit: Any) -> None:
    content = small_circuit.r1cs_bytes
    assert content[:12] == b"r1cs" + struct.pack("<II", 1, 3)
    assert content[12:24] == struct.pack("<IQ", 1, 64)
    assert content[24:60] == struct.pack("<I", 32) + le(R)
    assert content[60:88] == struct.pack("<IIIIQI", 9, 1, 2, 2, 9, 5)


def test_witnesses_round_trip(small_circuit: Any) -> None:
    content = write_wtns(small_circuit.witness)
    assert content[:8] == b"wtns" + struct.pack("<I", 2)
    assert read_wtns(content) == small_circuit.witness


def test_keys_round_trip(files: dict[str, bytes]) -> None:
    key = read_zkey(files["zkey"])
    assert write_zkey(key) == files["zkey"]
    header, verifying_key = read_zkey_header(files["zkey"])
    assert header == key.header
    assert verifying_key == key.verifying_key()


@pytest.mark.parametrize("kind", READERS)
def test_every_truncation_is_refused(kind: str, files: dict[str, bytes]) -> None:
    content = files[kind]
    for length in range(len(content)):
        with pytest.raises((FileMagic, FileTruncated)):
            READERS[kind](content[:length])


@pytest.mark.parametrize("kind", READERS)
def test_anything_after_the_last_section_is_refused(kind: str, files: dict[str, bytes]) -> None:
    with pytest.raises(FileSection):
        READERS[kind](files[kind] + b"\0")


@pytest.mark.parametrize("kind", READERS)
def test_another_magic_or_version_is_refused(kind: str, files: dict[str, bytes]) -> None:
    content = files[kind]
    with pytest.raises(FileMagic):
        READERS[kind](b"junk" + content[4:])
    for version in (0, 3, 2**32 - 1):
        with pytest.raises(FileVersion):
            READERS[kind](content[:4] + struct.pack("<I", version) + content[8:])


@pytest.mark.parametrize("kind", READERS)
def test_sections_come_once_and_are_known(kind: str, files: dict[str, bytes]) -> None:
    content = files[kind]
    count = struct.unpack("<I", content[8:12])[0]
    for extra in (section(1, b""), section(77, b"")):
        with pytest.raises(FileSection):
            READERS[kind](content[:8] + struct.pack("<I", count + 1) + content[12:] + extra)
    with pytest.raises(FileTruncated):
        READERS[kind](content[:8] + struct.pack("<I", count + 1) + content[12:])
    with pytest.raises(FileSection):
        READERS[kind](content[:8] + struct.pack("<I", 2**32 - 1) + content[12:])
    with pytest.raises(FileSection):
        READERS[kind](content[:8] + struct.pack("<I", 0))


@pytest.mark.parametrize("kind", READERS)
@settings(deadline=None, max_examples=300)
@given(data=st.data())
def test_damage_never_gives_another_exception(kind: str, files: dict[str, bytes], data: st.DataObject) -> None:
    """A damaged file is refused by name, or read: no IndexError, no MemoryError, no endless loop."""
    content = bytearray(files[kind])
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, min(len(content) - 1, 400)))
        content[at] = data.draw(st.integers(0, 255))
    with suppress(ZkMarginError):
        READERS[kind](bytes(content))


def test_sizes_that_the_file_cannot_hold_are_refused() -> None:
    header = struct.pack("<I", 32) + le(R) + struct.pack("<IIIIQI", 2**32 - 1, 0, 0, 0, 0, 0)
    content = b"r1cs" + struct.pack("<II", 1, 2) + section(1, header) + section(2, b"")
    with pytest.raises(FileSection):
        read_r1cs(content)
    header = header[:-4] + struct.pack("<I", 2**32 - 1)
    header = header[:36] + struct.pack("<I", 1) + header[40:]
    with pytest.raises(FileTruncated):
        read_r1cs(b"r1cs" + struct.pack("<II", 1, 2) + section(1, header) + section(2, b""))
    with pytest.raises(FileSection):
        read_wtns(
            b"wtns"
            + struct.pack("<II", 2, 2)
            + section(1, struct.pack("<I", 32) + le(R) + struct.pack("<I", 2**32 - 1))
            + section(2, le(1))
        )


def test_custom_gates_are_refused(small_circuit: Any) -> None:
    content = small_circuit.r1cs_bytes
    more = content[:8] + struct.pack("<I", 5) + content[12:]
    assert read_r1cs(more + section(4, bytes(4)) + section(5, bytes(4))).n_wires == 9
    with pytest.raises(FileSection, match="custom gates"):
        read_r1cs(more + section(4, struct.pack("<I", 1) + b"gate\0" + bytes(4)) + section(5, bytes(4)))


def test_witness_values_never_show(small_circuit: Any) -> None:
    secret = 2**256 - 987654321987654321
    content = write_wtns(small_circuit.witness)[:-32] + le(secret)
    with pytest.raises(FieldRange) as refusal:
        read_wtns(content)
    assert "element 8" in str(refusal.value)
    assert str(secret) not in str(refusal.value)
    with pytest.raises(FieldRange):
        write_wtns(le(1, R))
    with pytest.raises(FileSection):
        read_wtns(write_wtns(le(2, 3)))


def test_coefficients_are_canonical() -> None:
    for value in (R, R + 1, 2**256 - 1):
        bad = R1cs(2, 0, 0, 1, [([(1, value)], [], [])])
        with pytest.raises(FieldRange):
            write_r1cs(bad)
        marked = write_r1cs(R1cs(2, 0, 0, 1, [([(1, 2**253)], [], [])]))
        with pytest.raises(FieldRange):
            read_r1cs(marked.replace(le(2**253), le(value)))
    with pytest.raises(FileSection):
        read_r1cs(write_r1cs(R1cs(2, 0, 0, 1, [([(2, 1)], [], [])])))


# --- documents ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def documents(small_proof: Any) -> dict[str, Any]:
    from zkmargin import reference

    return {
        "proof": proof_to_json(small_proof.proof),
        "public": public_to_json(small_proof.publics),
        "key": verifying_key_to_json(small_proof.verifying_key, reference),
    }


def test_documents_round_trip(documents: dict[str, Any], small_proof: Any) -> None:
    for name, document in documents.items():
        assert parse_json(dump_json(document), name) == document
    assert proof_from_json(documents["proof"]) == small_proof.proof
    assert public_from_json(documents["public"]) == small_proof.publics
    assert verifying_key_from_json(documents["key"]) == small_proof.verifying_key
    assert list(documents["proof"]) == ["pi_a", "pi_b", "pi_c", "protocol", "curve"]
    assert documents["key"]["nPublic"] == count_public(small_proof.verifying_key) == 3
    assert public_from_json([]) == b""


def test_points_at_infinity_round_trip() -> None:
    proof = bytes(256)
    document = proof_to_json(proof)
    assert document["pi_a"] == ["0", "1", "0"]
    assert document["pi_b"] == [["0", "0"], ["1", "0"], ["0", "0"]]
    assert proof_from_json(document) == proof


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (str(Q), FieldRange),
        (str(Q + 1), FieldRange),
        (str(2**256), FieldRange),
        ("9" * 78, FieldRange),
        ("9" * 79, IntFormat),
        ("-1", IntFormat),
        ("+1", IntFormat),
        ("01", IntFormat),
        ("", IntFormat),
        (" 1", IntFormat),
        ("1\n", IntFormat),
        ("0x1", IntFormat),
        ("1_0", IntFormat),
        ("٣", IntFormat),
        (1, SchemaType),
        (None, SchemaType),
        (True, SchemaType),
        (["1"], SchemaType),
    ],
)
def test_coordinates_are_canonical_decimal_strings(
    documents: dict[str, Any], value: Any, error: type[ZkMarginError]
) -> None:
    for path in (("pi_a", 0), ("pi_c", 1)):
        document = copy.deepcopy(documents["proof"])
        document[path[0]][path[1]] = value
        with pytest.raises(error):
            proof_from_json(document)
    document = copy.deepcopy(documents["proof"])
    document["pi_b"][1][0] = value
    with pytest.raises(error):
        proof_from_json(document)
    key = copy.deepcopy(documents["key"])
    key["IC"][2][1] = value
    with pytest.raises(error):
        verifying_key_from_json(key)


def test_public_inputs_are_canonical() -> None:
    for value, error in [
        (str(R), FieldRange),
        (str(2**256 - 1), FieldRange),
        ("00", IntFormat),
        (5, SchemaType),
    ]:
        with pytest.raises(error):
            public_from_json(["1", value])
    for document in ({}, "1", None, {"0": "1"}):
        with pytest.raises(SchemaType):
            public_from_json(document)


def test_points_are_normalised(documents: dict[str, Any]) -> None:
    for z in ("2", "0"):
        document = copy.deepcopy(documents["proof"])
        document["pi_a"][2] = z
        with pytest.raises(ProofPoint):
            proof_from_json(document)
    document = copy.deepcopy(documents["proof"])
    document["pi_b"][2] = ["1", "1"]
    with pytest.raises(ProofPoint):
        proof_from_json(document)
    document = copy.deepcopy(documents["proof"])
    document["pi_a"] = ["0", "0", "1"]  # its bytes would be those of infinity
    with pytest.raises(ProofPoint):
        proof_from_json(document)


def test_shapes_and_fields_are_exact(documents: dict[str, Any]) -> None:
    cases: list[tuple[str, Callable[[Any], Any], type[ZkMarginError]]] = [
        ("proof", lambda d: d.pop("pi_c"), SchemaType),
        ("proof", lambda d: d.update(extra="1"), SchemaUnknownField),
        ("proof", lambda d: d.update(publicSignals=[]), SchemaUnknownField),
        ("proof", lambda d: d.update(protocol="plonk"), SchemaType),
        ("proof", lambda d: d.update(curve="bls12381"), SchemaType),
        ("proof", lambda d: d["pi_a"].append("1"), SchemaType),
        ("proof", lambda d: d["pi_b"].pop(), SchemaType),
        ("proof", lambda d: d["pi_b"][0].pop(), SchemaType),
        ("proof", lambda d: d.update(pi_a="1"), SchemaType),
        ("key", lambda d: d.pop("vk_gamma_2"), SchemaType),
        ("key", lambda d: d.update(note=""), SchemaUnknownField),
        ("key", lambda d: d.update(nPublic=2), SchemaType),
        ("key", lambda d: d.update(nPublic="3"), SchemaType),
        ("key", lambda d: d.update(nPublic=True), SchemaType),
        ("key", lambda d: d.update(nPublic=-1), SchemaType),
        ("key", lambda d: d["IC"].pop(), SchemaType),
    ]
    readers = {"proof": proof_from_json, "key": verifying_key_from_json}
    for name, change, error in cases:
        document = copy.deepcopy(documents[name])
        change(document)
        with pytest.raises(error):
            readers[name](document)
        for other in (None, [], "x", 5):
            with pytest.raises(SchemaType):
                readers[name](other)


def test_derived_data_in_a_key_is_not_trusted(documents: dict[str, Any], small_proof: Any) -> None:
    document = copy.deepcopy(documents["key"])
    document["vk_alphabeta_12"] = "nonsense"
    assert verifying_key_from_json(document) == small_proof.verifying_key
    del document["vk_alphabeta_12"]
    assert verifying_key_from_json(document) == small_proof.verifying_key


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1, "a": 2}',
        '{"a": {"b": 1, "b": 1}}',
        "[1.5]",
        "[1e3]",
        "[NaN]",
        "[Infinity]",
        "",
        "{",
        "[1] x",
        "[" * 100_000,
        '{"a":' * 100_000,
        "[" * 33 + "]" * 33,
        "[" + "9" * 5000 + "]",
        b"\xff\xfe",
    ],
)
def test_json_is_strict(text: str | bytes) -> None:
    with pytest.raises(SchemaType):
        parse_json(text, "test")


def test_other_lengths_are_refused() -> None:
    for call in (
        lambda: proof_to_json(bytes(255)),
        lambda: public_to_json(bytes(31)),
        lambda: count_public(bytes(448)),
        lambda: count_public(bytes(100)),
        lambda: vk_hash(bytes(448 + 63)),
    ):
        with pytest.raises(BytesLength):
            call()


def test_vk_hash_by_its_definition(small_proof: Any) -> None:
    """SHA-256 of tag, u32 nPublic, and each coordinate as 32 big-endian bytes."""
    vk = small_proof.verifying_key
    expected = hashlib.sha256(b"zkmargin.v1.vk" + (3).to_bytes(4, "big"))
    for value in integers(vk):
        expected.update(value.to_bytes(32, "big"))
    assert vk_hash(vk) == expected.digest()
    rng = random.Random(0)
    for _ in range(20):
        changed = bytearray(vk)
        changed[rng.randrange(len(vk) // 32) * 32] ^= 1
        assert vk_hash(bytes(changed)) != expected.digest()


def test_vk_hash_of_a_fixed_key() -> None:
    """A changed digest is a breaking change: policies list it."""
    vk = g1(1) + g2(2) + g2(1) + g2(3) + g1(4) + g1(5)
    assert vk_hash(vk).hex() == "7dd67009a1cb444a7359eb87d9ad017b45ba3ed8d048d0f5c092293410d029b8"
    with pytest.raises(FieldRange):
        vk_hash(le(Q) + vk[32:])


def test_documents_are_plain_json(documents: dict[str, Any]) -> None:
    assert json.loads(dump_json(documents["public"])) == documents["public"]
    assert dump_json(["57", "5"]) == '[\n "57",\n "5"\n]'
    assert encode_elements([57, 5]) == public_from_json(["57", "5"])


def test_the_example_of_the_specification() -> None:
    text = (Path(__file__).resolve().parents[2] / "specs" / "formats.md").read_text()
    section_text = text.partition("\n### vk-hash\n")[2].partition("\n## ")[0]
    (example,) = re.findall(r"```python\n(.*?)```", section_text, re.DOTALL)
    exec(compile(example, "specs/formats.md", "exec"), {})
