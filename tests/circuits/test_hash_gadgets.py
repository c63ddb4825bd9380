"""Poseidon, sponge, packing and Merkle trees in the circuit against their plain versions."""

from __future__ import annotations

from random import Random

import pytest

from zkmargin import poseidon as plain
from zkmargin.circuits.constraints import ConstraintSystem
from zkmargin.circuits.gadgets.bits import boolean, decompose
from zkmargin.circuits.gadgets.merkle import merkle_root
from zkmargin.circuits.gadgets.pack import PACKED_BITS, pack, pack_integers
from zkmargin.circuits.gadgets.poseidon import poseidon, sponge, tagged
from zkmargin.circuits.integers import Num, UInt
from zkmargin.circuits.linear import LinearCombination
from zkmargin.circuits.testing import Gadget, check_gadget, check_tampering
from zkmargin.errors import CircuitError
from zkmargin.field import FR_MODULUS as R
from zkmargin.field import signed

WIDE = (-R // 4, R // 4)


@pytest.mark.parametrize("inputs", range(1, 17))
def test_poseidon_is_circomlibs(inputs: int) -> None:
    gadget = Gadget(lambda cs, x: [poseidon(cs, [n.lc for n in x])], [WIDE] * inputs)
    values = [Random(inputs).randrange(R // 4) for _ in range(inputs)]
    check_gadget(gadget, lambda *x: [signed(plain.poseidon(x))], [values, [0] * inputs])


@pytest.mark.parametrize(("inputs", "cost"), [(2, 240), (4, 297), (8, 402), (16, 609)])
def test_poseidon_costs(inputs: int, cost: int) -> None:
    assert Gadget(lambda cs, x: [poseidon(cs, [n.lc for n in x])], [WIDE] * inputs).cost == cost


def test_constant_inputs_are_folded_in() -> None:
    gadget = Gadget(lambda cs, x: [tagged(cs, "nf", [n.lc for n in x], "nf")], [WIDE] * 3)
    check_gadget(gadget, lambda *x: [signed(plain.tagged("nf", *x))], [(1, 2, 3)])
    assert gadget.cost == 297 - 3


def test_no_wire_of_poseidon_can_be_changed_alone() -> None:
    check_tampering(Gadget(lambda cs, x: [poseidon(cs, [n.lc for n in x])], [WIDE] * 2), (5, 6))


@pytest.mark.parametrize("count", [0, 1, 13, 14, 15, 29, 30, 47])
def test_sponge(count: int) -> None:
    gadget = Gadget(lambda cs, x: [sponge(cs, "size", [n.lc for n in x[1:]], "sponge")], [WIDE] * (count + 1))
    values = [Random(count).randrange(R // 4) for _ in range(count + 1)]
    check_gadget(gadget, lambda *x: [signed(plain.sponge("size", x[1:]))], [values])


def test_packing_agrees_with_integers() -> None:
    widths = [38] * 7 + [100, 100, 100, 1, 248, 3]
    random = Random(5)
    values = [random.choice((0, (1 << width) - 1, random.randrange(1 << width))) for width in widths]
    expected = pack_integers(values, widths)

    def build(cs: ConstraintSystem, x: list[Num]) -> list[LinearCombination]:
        return pack(cs, [UInt(n.lc, 0, (1 << width) - 1, width) for n, width in zip(x, widths, strict=True)])

    gadget = Gadget(build, [(0, (1 << width) - 1) for width in widths], n_outputs=len(expected))
    assert gadget.cost == 0
    assert expected[0] == sum(value << 38 * place for place, value in enumerate(values[:6]))
    check_gadget(gadget, lambda *_: [signed(value) for value in expected], [values])


def test_packing_refuses_what_does_not_fit() -> None:
    with pytest.raises(CircuitError, match="does not fit"):
        pack_integers([8], [3])
    with pytest.raises(CircuitError, match="does not fit"):
        pack_integers([-1], [3])
    cs = ConstraintSystem()
    wide = UInt(LinearCombination.of_wire(cs.private("x").first), 0, 1, PACKED_BITS + 1)
    with pytest.raises(CircuitError, match="too wide"):
        pack(cs, [wide])


def _merkle(cs: ConstraintSystem, x: list[Num], levels: int, digits: int) -> list[LinearCombination]:
    """Inputs: leaf, index, then per level all children."""
    arity = 1 << digits
    place = decompose(cs, x[1], 0, levels * digits, "index")
    bits = [[place.bit(level * digits + digit) for digit in range(digits)] for level in range(levels)]
    children = [[n.lc for n in x[2 + level * arity :][:arity]] for level in range(levels)]
    return [merkle_root(cs, x[0].lc, bits, children)]


def _paths(leaf: int, index: int, levels: int, arity: int) -> tuple[list[int], int]:
    random = Random(index)
    given, current = [leaf, index], leaf
    for _ in range(levels):
        children = [random.randrange(R // 4) for _ in range(arity)]
        children[index % arity] = current
        index //= arity
        given += children
        current = plain.poseidon(children)
    return given, current


@pytest.mark.parametrize(("levels", "digits"), [(1, 3), (3, 3), (4, 1)])
def test_merkle_membership(levels: int, digits: int) -> None:
    arity = 1 << digits
    gadget = Gadget(
        lambda cs, x: _merkle(cs, x, levels, digits), [WIDE, (0, arity**levels - 1)] + [WIDE] * arity * levels
    )
    given, root = _paths(7, arity**levels - 2, levels, arity)
    check_gadget(gadget, lambda *_: [signed(root)], [given])
    another_leaf = [8, *given[1:]]
    another_place = [given[0], given[1] - 1, *given[2:]]
    for lie in (another_leaf, another_place):
        wires = gadget.run_stubbornly(lie).wires
        assert "merkle/level[0]/child" in gadget.violated(wires)


def test_merkle_cost_per_level() -> None:
    gadget = Gadget(lambda cs, x: _merkle(cs, x, 7, 3), [WIDE, (0, 8**7 - 1)] + [WIDE] * 56)
    assert gadget.cost == 7 * (402 + 7 + 1) + 3 * 7 + 1


def test_a_single_bit() -> None:
    gadget = Gadget(lambda cs, x: [boolean(cs, cs.advise_sign(x[0].lc, "sign"))], [(-8, 7)])
    check_gadget(gadget, lambda x: [int(x >= 0)], [(-8,), (0,), (7,)])
    wires = list(gadget.run((3,)).wires)
    wires[-1] = wires[1] = 2
    assert gadget.violated(wires) == ["bit"]
