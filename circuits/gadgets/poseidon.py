"""circomlib's Poseidon in a circuit: three constraints per S-box.
                                                                                     specs/gadgets.md#poseidon

Between S-boxes everything is linear. A template per width holds, for every S-box, its input as coefficients
over the outputs of the S-boxes that it depends on: all of the round before in full rounds; the last full
round and all partial S-boxes so far in partial rounds. Placing an instance is then a matter of copying rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from zkmargin.circuits.constraints import ConstraintSystem
from zkmargin.circuits.linear import ONE_WIRE, LinearCombination
from zkmargin.encoding import tag
from zkmargin.errors import CircuitError
from zkmargin.field import FR_MODULUS
from zkmargin.reference.poseidon_permutation import FULL_ROUNDS, MAX_INPUTS, PARTIAL_ROUNDS, parameters
from zkmargin.reference.program import Op


@dataclass(frozen=True)
class SBoxRow:
    """An S-box input: ``constant + sum coefficients[i] * output[first + i]`` over the numbered S-boxes before
    it.
    """

    first: int
    coefficients: tuple[int, ...]
    constant: int


@dataclass(frozen=True)
class Template:
    """S-boxes of one width in order. The first ``width`` take the inputs plus ``first_constants``."""

    width: int
    first_constants: tuple[int, ...]
    rows: tuple[SBoxRow, ...]
    """The S-boxes of number ``width`` and above."""
    output: tuple[int, ...]
    """The digest, as coefficients over the last ``width`` S-boxes."""


@lru_cache(maxsize=MAX_INPUTS)
def template(width: int) -> Template:
    """The S-box rows of Poseidon with state width t (inputs + 1)."""
    constants, matrix = parameters(width)
    mix = np.array(matrix, dtype=object)
    half, partial = FULL_ROUNDS // 2, PARTIAL_ROUNDS[width - 2]
    rows: list[SBoxRow] = []

    def full_round(state: np.ndarray[Any, Any], first: int) -> None:
        for row in state:
            rows.append(SBoxRow(first, tuple(int(c) for c in row[:-1]), int(row[-1])))

    def mixed(first_constant_row: int) -> np.ndarray[Any, Any]:
        """The state after a full round and the next constants, over that round's outputs; the last column is
        1's.
        """
        column = np.array(constants[first_constant_row], dtype=object)[:, None]
        return np.concatenate([mix, column], axis=1)

    for index in range(1, half):
        full_round(mixed(index), (index - 1) * width)
    state = mixed(half)
    first = (half - 1) * width
    for index in range(half, half + partial):
        rows.append(SBoxRow(first, tuple(int(c) for c in state[0, :-1]), int(state[0, -1])))
        # Columns: the last full round, the partial S-boxes so far and this one, the constant.
        kept = np.insert(state[1:], -1, 0, axis=1)
        state = mix[:, 1:] @ kept
        state[:, -2] += mix[:, 0]
        state[:, -1] += np.array(constants[index + 1], dtype=object)
        state %= FR_MODULUS
    full_round(state, first)
    first = half * width + partial
    for index in range(half + partial + 1, FULL_ROUNDS + partial):
        full_round(mixed(index), first)
        first += width
    return Template(width, tuple(constants[0]), tuple(rows), tuple(matrix[0]))


def _interned(cs: ConstraintSystem, width: int) -> list[tuple[int, tuple[int, ...], int]]:
    """The template's rows with the indices that their coefficients have in this system's table."""
    key = ("poseidon", width)
    if key not in cs.templates:
        index = cs.table.constant_index
        cs.templates[key] = [
            (row.first, (index(row.constant), *map(index, row.coefficients)), row.constant)
            for row in template(width).rows
        ]
    rows: list[tuple[int, tuple[int, ...], int]] = cs.templates[key]
    return rows


def poseidon(cs: ConstraintSystem, inputs: Sequence[LinearCombination], label: str = "poseidon") -> LinearCombination:
    """The Poseidon hash of 1 to 16 field elements.
                                                                                     specs/gadgets.md#poseidon

    Requires: p is BN254's r. Constant inputs (tags, lengths) are folded in.
    Ensures: the digest, a linear combination of the last round's wires.
    Cost: 3 per S-box: ``3 (8 t + partial rounds - 1 - c)`` with c constant inputs: 240 for 2 inputs, 297 for
    4, 402 for 8, 609 for 16 without constant ones.
    """
    if cs.modulus != FR_MODULUS:
        raise CircuitError("Poseidon's constants are those of BN254", where=cs.path(label))
    if not 1 <= len(inputs) <= MAX_INPUTS:
        raise CircuitError("Poseidon takes 1 to 16 inputs", where=cs.path(label), got=len(inputs))
    width = len(inputs) + 1
    shape = template(width)
    outputs: list[int] = []  # the wire of every S-box so far; 0 stands for one that is constant
    fixed: list[int] = []  # the value of the constant ones, in the order of the first round
    with cs.scope(label):
        for value, constant in zip((LinearCombination({}), *inputs), shape.first_constants, strict=True):
            shifted = value.plus_constant(constant)
            known = shifted.constant
            outputs.append(0 if known is not None else _sbox(cs, cs.table.row(shifted)))
            fixed.append(pow(known, 5, FR_MODULUS) if known is not None else 0)
        for number, (first, coefficients, constant) in enumerate(_interned(cs, width)):
            row = shape.rows[number]
            wires = outputs[first : first + len(row.coefficients)]
            if first == 0 and 0 in wires:
                outputs.append(_sbox(cs, _row_with_constants(cs, wires, row, fixed)))
            else:
                indices = coefficients if constant else coefficients[1:]
                outputs.append(_sbox(cs, cs.table.append([ONE_WIRE, *wires] if constant else wires, indices)))
    return LinearCombination(dict(zip(outputs[-width:], shape.output, strict=True)))


def _row_with_constants(cs: ConstraintSystem, wires: Sequence[int], row: SBoxRow, fixed: Sequence[int]) -> int:
    terms = {ONE_WIRE: row.constant}
    for wire, coefficient, value in zip(wires, row.coefficients, fixed, strict=True):
        if wire == ONE_WIRE:
            terms[ONE_WIRE] += coefficient * value
        else:
            terms[wire] = coefficient
    terms[ONE_WIRE] %= FR_MODULUS
    return cs.table.row(LinearCombination(terms))


def _sbox(cs: ConstraintSystem, x: int) -> int:
    """``x^5`` of a row, on a new wire: ``x x = x2``, ``x2 x2 = x4``, ``x x4 = x5``."""
    square = cs.allocate(3)
    fourth, fifth = square + 1, square + 2
    row2, row4, row5 = (cs.table.of_wire(wire) for wire in (square, fourth, fifth))
    label = cs.program_label("sbox")
    cs.program.emit(Op.MUL, label, square, x, x)
    cs.program.emit(Op.MUL, label, fourth, row2, row2)
    cs.program.emit(Op.MUL, label, fifth, x, row4)
    cs.enforce_rows(x, x, row2, "sbox")
    cs.enforce_rows(row2, row2, row4, "sbox")
    cs.enforce_rows(x, row4, row5, "sbox")
    return fifth


def tagged(cs: ConstraintSystem, name: str, inputs: Sequence[LinearCombination], label: str) -> LinearCombination:
    """``H(T_name, inputs...)``: the tag is always the first input.             specs/statement.md#hashing"""
    return poseidon(cs, [LinearCombination.of_constant(tag(name)), *inputs], label)


def sponge(cs: ConstraintSystem, name: str, values: Sequence[LinearCombination], label: str) -> LinearCombination:
    """Hash any number of values: chained compressions, tag and length first.      specs/statement.md#sponge

    ``h_1 = H_16(tag, n, x_1..x_14)``, ``h_(i+1) = H(h_i, next 15 values)``, the last block as narrow as its
    values allow.
    Ensures: collisions of the sponge are collisions of Poseidon; no input is a prefix of another.
    Cost: 609 per 15 values.
    """
    state = [LinearCombination.of_constant(tag(name)), LinearCombination.of_constant(len(values))]
    rest = list(values)
    with cs.scope(label):
        for block in range(len(values) + 1):
            room = MAX_INPUTS - len(state)
            digest = poseidon(cs, state + rest[:room], f"block[{block}]")
            rest = rest[room:]
            if not rest:
                return digest
            state = [digest]
    raise CircuitError("sponge did not absorb its input", where=cs.path(label))
