"""Powers of tau: a file of snarkjs's reads back to the byte; powers that are not those of one tau are refused."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from points import g1, g2, twist_point_outside_subgroup

from zkmargin.backend import Arithmetic
from zkmargin.backend import engine as arithmetic_engine
from zkmargin.errors import FieldRange, FileSection, FileTruncated, ProofPoint, ZkMarginError
from zkmargin.field import FQ_MODULUS as Q
from zkmargin.formats import PowersOfTau, read_ptau, write_ptau
from zkmargin.formats.binfile import write_prime
from zkmargin.formats.ptau import Points, lengths
from zkmargin.prover.powers_of_tau import check_points, check_powers

FILE = Path(__file__).parent / "vectors" / "powers_of_tau_1.ptau"
"""By snarkjs 0.7.6: powersoftau new bn128 1, contribute --name=first, beacon 0102..1f 10, prepare phase2."""
CONTENT = FILE.read_bytes()
POWERS = read_ptau(CONTENT)


def points_of(powers: PowersOfTau) -> dict[int, bytes]:
    return {number: points.read() for number, points in (powers.powers | powers.lagrange).items()}


def changed(points: Mapping[int, bytes]) -> PowersOfTau:
    """The file with these sections in place of its own."""
    return read_ptau(write_ptau(1, 1, {**points_of(POWERS), **points}, POWERS.contributions))


def at(number: int, place: int, point: bytes) -> dict[int, bytes]:
    """A section with another point at a place."""
    content = points_of(POWERS)[number]
    start = place * len(point)
    return {number: content[:start] + point + content[start + len(point) :]}


def known(tau: int, alpha: int, beta: int, n: int = 2) -> dict[int, bytes]:
    """Powers of secrets that everybody knows, by py_ecc."""
    return {
        2: b"".join(g1(tau**k) for k in range(2 * n - 1)),
        3: b"".join(g2(tau**k) for k in range(n)),
        4: b"".join(g1(alpha * tau**k) for k in range(n)),
        5: b"".join(g1(beta * tau**k) for k in range(n)),
        6: g2(beta),
    }


def test_a_file_of_snarkjs_reads_back() -> None:
    assert (POWERS.power, POWERS.ceremony_power, POWERS.is_prepared) == (1, 1, True)
    assert write_ptau(1, 1, points_of(POWERS), POWERS.contributions) == CONTENT
    first, last = POWERS.contributions
    assert (first.name, first.beacon, first.iterations_exponent) == ("first", None, 0)
    assert (last.name, last.beacon, last.iterations_exponent) == ("final beacon", bytes(range(1, 32)), 10)
    assert [len(points) for points in POWERS.powers.values()] == [3, 2, 2, 2, 1]
    assert [len(points) for points in POWERS.lagrange.values()] == [7, 3, 3, 3]
    assert POWERS.lagrange_points(12, 0) == g1(1)


def test_powers_of_one_tau_are_accepted(engine: Arithmetic) -> None:
    check_powers(POWERS, engine)
    check_powers(read_ptau(write_ptau(1, 5, known(5, 7, 11))), engine)


def test_larger_powers() -> None:
    check_powers(read_ptau(write_ptau(3, 3, known(2**200 + 9, 7, 11, 8))), arithmetic_engine())


SECRETLESS = {"tau": (1, 7, 11), "alpha": (5, 1, 11), "beta": (5, 7, 1), "tau ": (0, 7, 11), "beta ": (5, 7, 0)}


@pytest.mark.parametrize("name", SECRETLESS)
def test_powers_without_a_secret_are_refused(name: str) -> None:
    with pytest.raises(FileSection, match=f"{name.strip()} is 0 or 1"):
        check_powers(read_ptau(write_ptau(1, 1, known(*SECRETLESS[name]))), arithmetic_engine())


@pytest.mark.parametrize("secrets", [(5, 5, 11), (5, 7, 5), (5, 7, 7)])
def test_one_secret_in_two_places_is_refused(secrets: tuple[int, int, int]) -> None:
    with pytest.raises(FileSection, match="not three secrets"):
        check_powers(read_ptau(write_ptau(1, 1, known(*secrets))), arithmetic_engine())


@pytest.mark.parametrize("number", [2, 3, 4, 5, 6, 12, 13, 14, 15])
def test_every_point_counts(number: int) -> None:
    """Another point of the same group, at each place of each section."""
    count, size = lengths(POWERS.power)[number]
    for place in range(count):
        for point in (g1(123), bytes(64)) if size == 64 else (g2(123), bytes(128)):
            with pytest.raises(FileSection):
                check_powers(changed(at(number, place, point)), arithmetic_engine())


def test_other_powers_than_the_last_contribution_left() -> None:
    content = write_ptau(1, 1, known(5, 7, 11), POWERS.contributions)
    with pytest.raises(FileSection, match="last contribution"):
        check_powers(read_ptau(content), arithmetic_engine())


def test_points_are_in_their_groups(engine: Arithmetic) -> None:
    off_curve, outside = b"\x05" + bytes(63), twist_point_outside_subgroup()
    for number, place, point in ((4, 1, off_curve), (3, 1, outside), (13, 2, outside), (12, 6, off_curve)):
        powers = changed(at(number, place, point))
        section = (powers.powers | powers.lagrange)[number]
        with pytest.raises(ProofPoint, match=f"section {number} .*, point {place}"):
            check_points(section, engine)
        with pytest.raises(ProofPoint):
            check_powers(powers, engine)


def test_a_sample_of_points() -> None:
    points = Points(memoryview(CONTENT), 64, "x")
    with pytest.raises((ProofPoint, FieldRange)):
        check_points(points, arithmetic_engine(), sample=30)
    check_points(POWERS.powers[2], arithmetic_engine(), sample=30)


def test_coordinates_are_canonical() -> None:
    start = CONTENT.index(bytes(POWERS.powers[2].view))
    content = CONTENT[:start] + Q.to_bytes(32, "little") + CONTENT[start + 32 :]
    with pytest.raises(FieldRange, match=r"section 2 .*, element 0"):
        check_powers(read_ptau(content), arithmetic_engine())
    start = CONTENT.index(bytes(POWERS.powers[6].view)) + 128 + 12 + 4  # the first contribution's first coordinate
    with pytest.raises(FieldRange, match="section 7"):
        read_ptau(CONTENT[:start] + b"\xff" * 32 + CONTENT[start + 32 :])


def test_no_more_points_than_there_are() -> None:
    for first, count in ((0, 4), (3, 1), (-1, 1), (2, -1)):
        with pytest.raises(FileSection, match="not so many points"):
            POWERS.powers[2].read(first, count)


def header(power: int, ceremony_power: int) -> bytes:
    return write_prime(Q) + struct.pack("<II", power, ceremony_power)


@pytest.mark.parametrize("powers", [(0, 1), (2, 1), (1, 29), (29, 29), (2**32 - 1, 2**32 - 1)])
def test_powers_that_do_not_exist(powers: tuple[int, int]) -> None:
    with pytest.raises(FileSection, match="no such power"):
        read_ptau(CONTENT.replace(header(1, 1), header(*powers)))


@pytest.mark.parametrize("power", [2, 28])
def test_sections_have_the_length_that_the_power_implies(power: int) -> None:
    with pytest.raises(FileSection, match="wrong length"):
        read_ptau(CONTENT.replace(header(1, 1), header(power, power)))


def test_a_basis_is_whole_or_missing() -> None:
    points = points_of(POWERS)
    for number in (12, 13, 14, 15):
        some = {k: content for k, content in points.items() if k != number}
        with pytest.raises(FileSection, match=f"section {number}"):
            read_ptau(write_ptau(1, 1, some, POWERS.contributions))
    none = {k: content for k, content in points.items() if k < 12}
    assert not read_ptau(write_ptau(1, 1, none)).is_prepared


def with_parameters(kind: int, parameters: bytes) -> bytes:
    """The file with other parameters of its first contribution."""
    old = struct.pack("<II", 0, 7) + b"\x01\x05first"
    new = struct.pack("<II", kind, len(parameters)) + parameters
    start = CONTENT.index(old)
    content = CONTENT[:start] + new + CONTENT[start + len(old) :]
    (length,) = struct.unpack_from("<Q", CONTENT, _contributions_at() - 8)
    return content.replace(struct.pack("<IQ", 7, length), struct.pack("<IQ", 7, length + len(new) - len(old)))


def _contributions_at() -> int:
    return CONTENT.index(bytes(POWERS.powers[6].view)) + 128 + 12


def test_names_are_shown_safely() -> None:
    for name, shown in (
        (b"plain", "plain"),
        (b"\x1b[31mred", "\\x1b[31mred"),
        (b"\xff", "\\xff"),
        ("\u202ereversed".encode(), "\\u202ereversed"),
        ("k\u00f6nig".encode(), "k\u00f6nig"),
    ):
        found = read_ptau(with_parameters(0, bytes([1, len(name)]) + name)).contributions[0]
        assert found.name == shown
    assert read_ptau(with_parameters(0, b"")).contributions[0].name == ""
    with pytest.raises(FileSection, match="too long"):
        write_ptau(1, 1, {}, [replace(POWERS.contributions[0], name="x" * 256)])


@pytest.mark.parametrize(
    ("kind", "parameters", "error"),
    [
        (2, b"", FileSection),
        (0, b"\x01\x01a\x01\x01b", FileSection),
        (0, b"\x04\x00", FileSection),
        (0, b"\x00\x00", FileSection),
        (0, b"\x01", FileTruncated),
        (0, b"\x01\x05a", FileTruncated),
        (0, b"\x02\x0a\x03\x01a", FileSection),
        (1, b"\x01\x01a", FileSection),
        (1, b"\x02\x0a", FileSection),
        (1, b"\x03\x01a", FileSection),
        (1, b"\x03\x01a\x02\x0a", FileSection),
    ],
)
def test_parameters_of_contributions(kind: int, parameters: bytes, error: type[ZkMarginError]) -> None:
    with pytest.raises(error):
        read_ptau(with_parameters(kind, parameters))


@pytest.mark.parametrize("count", [0, 1, 3, 4, 2**32 - 1])
def test_the_number_of_contributions(count: int) -> None:
    start = _contributions_at()
    with pytest.raises((FileSection, FileTruncated)):
        read_ptau(CONTENT[:start] + struct.pack("<I", count) + CONTENT[start + 4 :])


def test_another_curve() -> None:
    with pytest.raises(FileSection, match="field size"):
        read_ptau(CONTENT.replace(write_prime(Q)[:4], struct.pack("<I", 48), 1))
    with pytest.raises(FileSection, match="BN254"):
        read_ptau(CONTENT.replace(Q.to_bytes(32, "little"), (Q - 2).to_bytes(32, "little"), 1))
