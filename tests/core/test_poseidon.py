"""Poseidon against published vectors. Both engines; tests/peers runs circomlibjs itself."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from points import SILENT, integers, le

from zkmargin import reference
from zkmargin.backend import Arithmetic
from zkmargin.field import FR_MODULUS as R

# Origins: circomlibjs, test/poseidon.js (1, 2, 4 and both of 16 inputs);
# Kadena, Pact documentation of poseidon-hash-hack-a-chain (8 inputs).
PUBLISHED = [
    ([1], 18586133768512220936620570745912940619677854269274689475585506675881198879027),
    ([1, 2], 7853200120776062878684798364095072458815029376092732009249414926327459813530),
    ([1, 2, 3, 4], 18821383157269793795438455681495246036402687001665670618754263018637548127333),
    (range(1, 9), 18604317144381847857886385684060986177838410221561136253933256952257712543953),
    (range(1, 17), 9989051620750914585850546081941653841776809718687451684622678807385399211877),
    (
        [*range(1, 10), *[0] * 7],
        11882816200654282475720830292386643970958445617880627439994635298904836126497,
    ),
]


@pytest.mark.parametrize(("inputs", "expected"), PUBLISHED, ids=lambda v: str(v)[:16])
def test_published_vectors(engine: Arithmetic, inputs: list[int], expected: int) -> None:
    assert integers(engine.poseidon(le(*inputs))) == [expected]


@pytest.mark.parametrize("count", range(1, 17))
def test_the_reference_is_the_oracle(engine: Arithmetic, count: int) -> None:
    for inputs in (le(*[0] * count), le(*[R - 1] * count), le(*range(R - count, R))):
        assert engine.poseidon(inputs) == reference.poseidon(inputs)


@pytest.mark.parametrize("count", range(1, 17))
@settings(deadline=None, max_examples=3)
@given(data=st.data())
def test_any_inputs_at_every_width(engine: Arithmetic, count: int, data: st.DataObject) -> None:
    inputs = data.draw(st.lists(st.integers(0, R - 1), min_size=count, max_size=count))
    assert engine.poseidon(le(*inputs)) == reference.poseidon(le(*inputs))
    assert engine.poseidon_many(le(*inputs, *inputs), count) == 2 * reference.poseidon(le(*inputs))


@settings(deadline=None, max_examples=25)
@given(inputs=st.lists(st.integers(0, R - 1), min_size=1, max_size=16))
def test_any_inputs(engine: Arithmetic, inputs: list[int]) -> None:
    assert engine.poseidon(le(*inputs)) == reference.poseidon(le(*inputs))


@pytest.mark.parametrize("inputs", [b"", le(*range(17)), le(R), le(1, 2, R + 1), le(1)[:-1], b"\xff" * 32])
def test_other_inputs_are_refused(engine: Arithmetic, inputs: bytes) -> None:
    with pytest.raises(ValueError, match=SILENT):
        engine.poseidon(inputs)


@pytest.mark.parametrize("arity", [1, 8, 9, 16])
def test_many_are_as_one_by_one(engine: Arithmetic, arity: int) -> None:
    groups = [[group * 31 + at for at in range(arity)] for group in range(5)]
    one_by_one = b"".join(engine.poseidon(le(*group)) for group in groups)
    assert engine.poseidon_many(le(*[value for group in groups for value in group]), arity) == one_by_one
    assert engine.poseidon_many(b"", arity) == b""


@pytest.mark.parametrize(("inputs", "arity"), [(le(*range(8)), 3), (le(1), 0), (le(*range(17)), 17), (le(R), 1)])
def test_other_groups_are_refused(engine: Arithmetic, inputs: bytes, arity: int) -> None:
    with pytest.raises(ValueError, match=SILENT):
        engine.poseidon_many(inputs, arity)
