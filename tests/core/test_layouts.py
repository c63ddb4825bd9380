"""Keys and proofs in the layouts of other chains: published examples hold, and are written the same again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from py_ecc.optimized_bn128 import FQ, FQ2, G1, G2, b2, multiply, neg, normalize

from zkmargin import backend
from zkmargin.errors import BytesLength, FieldRange, LayoutLimit, ProofInvalid, ProofPoint, ZkMarginError
from zkmargin.field import FQ_MODULUS, FR_MODULUS, encode_elements
from zkmargin.formats import vk_hash
from zkmargin.formats.layouts import LAYOUTS, layout
from zkmargin.formats.points import compress, decompress
from zkmargin.verifier.groth16 import verify_groth16

PUBLISHED = Path(__file__).parent / "published_layouts"
ENGINE = backend.engine()
ENGINES = sorted({backend.engines()[0], "python"})
Files = dict[str, bytes]


def example(name: str) -> dict[str, Any]:
    return json.loads((PUBLISHED / f"{name}.json").read_text())


def raw(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def u256(number: str) -> bytes:
    """BCS of a Move u256."""
    return int(number).to_bytes(32, "little")


def solana() -> tuple[Files, Files]:
    """As the test of the source does: A is negated before it is handed on."""
    found = example("solana")
    proof = raw(found["proof_before_negation"])
    y = FQ_MODULUS - int.from_bytes(proof[32:64], "big")
    negated = proof[:32] + y.to_bytes(32, "big") + proof[64:]
    return (
        {"key.bin": raw(found["alpha_beta_gamma_delta_ic"])},
        {"proof.bin": negated, "public.bin": raw(found["public_inputs"])},
    )


def sui() -> tuple[Files, Files]:
    found = example("sui")
    return (
        {"key.bin": raw(found["key"])},
        {"proof.bin": raw(found["proof"]), "public.bin": raw(found["public_inputs"])},
    )


def aptos() -> tuple[Files, Files]:
    found = example("aptos")

    def element(value: Any) -> str:
        return "0x" + b"".join(map(u256, [value] if isinstance(value, str) else value)).hex()

    key = {name: element(found[name]) for name in ("alpha_g1", "beta_g2", "gamma_g2", "delta_g2")}
    key |= {"gamma_abc_g1": [element(point) for point in found["gamma_abc_g1"]]}
    proof = {name: element(found[name]) for name in "abc"}
    proof |= {"public_inputs": [element(value) for value in found["public_inputs"]]}
    return (
        {"key.json": (json.dumps(key, indent=2) + "\n").encode()},
        {"proof.json": (json.dumps(proof, indent=2) + "\n").encode()},
    )


def starknet() -> tuple[Files, Files]:
    found = example("starknet")
    return {"vk.json": found["vk.json"].encode()}, {"proof.json": found["proof.json"].encode()}


EXAMPLES = {"solana": solana, "sui": sui, "aptos": aptos, "starknet": starknet}


@pytest.fixture(scope="module", params=LAYOUTS)
def chain(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def read(name: str, key: Files, proof: Files) -> tuple[bytes, bytes, bytes]:
    found = layout(name)
    return (found.key_of(key, ENGINE), *found.proof_of(proof, ENGINE))


def test_every_layout_has_a_published_example() -> None:
    assert set(EXAMPLES) == set(LAYOUTS)
    for name in (*LAYOUTS, "sui_framework"):
        source = example(name)["source"]
        assert len(source["commit"]) == 40
        assert source["repository"].count("/") == 1


@pytest.mark.parametrize("engine", ENGINES)
def test_a_published_proof_holds(chain: str, engine: str) -> None:
    verify_groth16(*read(chain, *EXAMPLES[chain]()), engine=engine)


def test_it_is_written_as_it_was_published(chain: str) -> None:
    key, proof = EXAMPLES[chain]()
    vk, publics, encoded = read(chain, key, proof)
    assert layout(chain).key_files(vk, ENGINE) == key
    assert layout(chain).proof_files(publics, encoded, ENGINE) == proof


def test_one_proof_in_all_layouts(chain: str) -> None:
    """The smallest example goes through every layout and comes back: one public input, as each of them takes."""
    vk, publics, proof = read("starknet", *starknet())
    found = layout(chain)
    again = read(chain, found.key_files(vk, ENGINE), found.proof_files(publics, proof, ENGINE))
    assert again == (vk, publics, proof)
    assert vk_hash(again[0]) == vk_hash(vk)


def test_a_flipped_bit_is_refused_wherever_it_is(chain: str) -> None:
    """By the reader, or by the verifier; the text of JSON alone may be written in other ways, and is not."""
    key, proof = EXAMPLES[chain]()
    vk, publics, encoded = read(chain, key, proof)
    step = 37 if chain in ("aptos", "starknet") else 11
    for files, place in ((key, 0), (proof, 1)):
        for name, content in files.items():
            for at in range(3, len(content), step):
                changed = {**files, name: content[:at] + bytes([content[at] ^ 4]) + content[at + 1 :]}
                given = (changed, proof) if place == 0 else (key, changed)
                try:
                    found = read(chain, *given)
                except ZkMarginError:
                    continue
                if found == (vk, publics, encoded):
                    assert json.loads(changed[name]) == json.loads(content)
                    continue
                with pytest.raises((ProofInvalid, BytesLength)):
                    verify_groth16(*found)


def test_the_calldata_of_garaga_begins_with_the_proof() -> None:
    """Coordinates in four limbs of 96 bits, then the inputs in two of 128 bits."""
    (_, publics, proof) = read("starknet", *starknet())
    coordinates = [int.from_bytes(proof[at : at + 32], "little") for at in range(0, 256, 32)]
    limbs = [number >> (96 * limb) & (2**96 - 1) for number in coordinates for limb in range(4)]
    scalar = int.from_bytes(publics, "little")
    expected = [*limbs, 1, scalar & (2**128 - 1), scalar >> 128]
    assert [int(felt, 16) for felt in example("starknet")["calldata"]] == expected


def test_sui_prepares_the_key_as_its_framework_does() -> None:
    """-gamma and -delta of the framework's own test, by the flag of the sign; the key reads and is written the same."""
    found = example("sui_framework")
    encoded = raw(found["key"])
    vk = layout("sui").key_of({"key.bin": encoded}, ENGINE)
    assert layout("sui").key_files(vk, ENGINE) == {"key.bin": encoded}
    for name, at in (("minus_gamma", 96), ("minus_delta", 160)):
        point = decompress(encoded[at : at + 64], ENGINE, name)
        negated = ENGINE.g2_mul(point, encode_elements([FR_MODULUS - 1]))
        assert compress(negated, ENGINE, name) == raw(found[name])
    assert encoded[-64:] == raw(found["ic"])


# --- limits -------------------------------------------------------------------------------------------------


def small_key(n_public: int) -> bytes:
    """Points of the groups, one of IC more than there are public inputs."""
    g1 = encode_elements([1, 2])
    g2 = b"".join(int(part).to_bytes(32, "little") for c in normalize(G2) for part in c.coeffs)
    return g1 + 3 * g2 + g1 * (n_public + 1)


def test_sui_takes_eight_public_inputs() -> None:
    sui_layout = layout("sui")
    assert len(sui_layout.key_files(small_key(8), ENGINE)["key.bin"]) == 32 + 3 * 64 + 8 + 9 * 32
    proof = small_key(0)[:192] + small_key(0)[:64]
    assert len(sui_layout.proof_files(bytes(8 * 32), proof, ENGINE)["public.bin"]) == 256
    for call in (
        lambda: sui_layout.key_files(small_key(9), ENGINE),
        lambda: sui_layout.proof_files(bytes(9 * 32), proof, ENGINE),
    ):
        with pytest.raises(LayoutLimit, match=r"at most 8, got 9"):
            call()
    nine = sui_layout.key_files(small_key(8), ENGINE)["key.bin"] + compress(encode_elements([1, 2]), ENGINE, "IC")
    with pytest.raises(LayoutLimit):
        sui_layout.key_of({"key.bin": nine[:224] + b"\x0a" + nine[225:]}, ENGINE)
    with pytest.raises(LayoutLimit, match=r"9"):
        sui_layout.proof_of(
            {**sui_layout.proof_files(b"", proof, ENGINE), "public.bin": bytes(9 * 32)},
            ENGINE,
        )
    with pytest.raises(LayoutLimit, match="without public inputs"):
        layout("starknet").key_files(small_key(0), ENGINE)


@pytest.mark.parametrize("place", range(5))
def test_infinity_is_written_by_no_layout(chain: str, place: int) -> None:
    vk, publics, proof = read("starknet", *starknet())
    at = [0, 64, 192, 320, 448][place]
    size = 64 if place in (0, 4) else 128
    with pytest.raises(ProofPoint, match="infinity"):
        layout(chain).key_files(vk[:at] + bytes(size) + vk[at + size :], ENGINE)
    if place < 3:
        at, size = [(0, 64), (64, 128), (192, 64)][place]
        with pytest.raises(ProofPoint, match="infinity"):
            layout(chain).proof_files(publics, proof[:at] + bytes(size) + proof[at + size :], ENGINE)


def test_values_are_canonical(chain: str) -> None:
    vk, publics, proof = read("starknet", *starknet())
    found = layout(chain)
    alias = (int.from_bytes(publics, "little") + FR_MODULUS).to_bytes(32, "little")
    with pytest.raises(FieldRange):
        found.proof_files(alias, proof, ENGINE)
    x = (int.from_bytes(vk[:32], "little") + FQ_MODULUS).to_bytes(32, "little")
    with pytest.raises(FieldRange):
        found.key_files(x + vk[32:], ENGINE)


# --- compressed points, against py_ecc ----------------------------------------------------------------------


def pairs(seed: int) -> tuple[bytes, bytes, bool]:
    """A point of G2 by py_ecc: its bytes, and those of its compressed form."""
    x, y = normalize(multiply(G2, seed))
    plain = b"".join(int(part).to_bytes(32, "little") for c in (x, y) for part in c.coeffs)
    parts = [int(part) for part in y.coeffs]
    is_larger = (parts[1] or parts[0]) > FQ_MODULUS // 2
    short = bytearray(plain[:64])
    short[-1] |= 0x80 * is_larger
    return plain, bytes(short), is_larger


def test_compressed_points_are_those_of_another_encoder() -> None:
    signs = set()
    for seed in range(1, 25):
        plain, short, is_larger = pairs(seed)
        signs.add(is_larger)
        assert compress(plain, ENGINE, "point") == short
        assert decompress(short, ENGINE, "point") == plain
        for point in (multiply(G1, seed), neg(multiply(G1, seed))):
            x, y = (int(c) for c in normalize(point))
            expected = bytearray(x.to_bytes(32, "little"))
            expected[-1] |= 0x80 * (y > FQ_MODULUS // 2)
            encoded = x.to_bytes(32, "little") + y.to_bytes(32, "little")
            assert compress(encoded, ENGINE, "point") == expected
            assert decompress(bytes(expected), ENGINE, "point") == encoded
    assert signs == {True, False}


def test_compressed_points_outside_the_subgroup_are_refused() -> None:
    """Almost every x of the twist that has a root is of a point of another order than r."""
    refusals: dict[bool, set[str]] = {True: set(), False: set()}
    for start in range(1, 12):
        x = FQ2([start, 1])
        has_root = (x * x * x + b2) ** ((FQ_MODULUS**2 - 1) // 2) == FQ2.one()
        with pytest.raises(ProofPoint) as caught:
            decompress(start.to_bytes(32, "little") + (1).to_bytes(32, "little"), ENGINE, "point")
        refusals[has_root].add(caught.value.message)
    assert refusals[True] == {"point is off its curve or outside its subgroup"}
    assert refusals[False] == {"no point of the curve has this coordinate"}


@pytest.mark.parametrize("length", [32, 64])
def test_compressed_nonsense_is_refused(length: int) -> None:
    for flags in (0x40, 0xC0):
        with pytest.raises(ProofPoint, match="infinity"):
            decompress(bytes(length - 1) + bytes([flags]), ENGINE, "point")
    with pytest.raises(FieldRange):
        decompress(FQ_MODULUS.to_bytes(32, "little") * (length // 32), ENGINE, "point")


def test_where_another_library_finds_no_root_none_is_found() -> None:
    outcomes = set()
    for x in range(2, 20):
        has_root = FQ(x**3 + 3) ** ((FQ_MODULUS - 1) // 2) == FQ.one()
        outcomes.add(has_root)
        if has_root:
            assert decompress(x.to_bytes(32, "little"), ENGINE, "point")[:32] == x.to_bytes(32, "little")
            continue
        with pytest.raises(ProofPoint, match="no point"):
            decompress(x.to_bytes(32, "little"), ENGINE, "point")
    assert outcomes == {True, False}
