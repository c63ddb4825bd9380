"""The classes of wires.
specs/determinism.md#classes
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum


class Verdict(IntEnum):
    """What fixes a wire."""

    UNDETERMINED = 0
    ONE = 1
    PUBLIC = 2
    PRIVATE = 3
    COMMITTED = 4
    LINEAR = 5
    PRODUCT = 6
    QUOTIENT = 7
    DIGITS = 8
    ZERO_TEST = 9
    CHALLENGE = 10
    BRACKET = 11
    BOUND = 12
    CHOICE = 13
    DEAD = 14


DESCRIPTIONS: Mapping[Verdict, str] = {
    Verdict.ONE: "the constant one",
    Verdict.PUBLIC: "public inputs that are given",
    Verdict.PRIVATE: "private inputs",
    Verdict.COMMITTED: "private inputs that a public input commits to",
    Verdict.LINEAR: "fixed by a linear equation",
    Verdict.PRODUCT: "fixed as the product of fixed values",
    Verdict.QUOTIENT: "fixed as the inverse of a fixed value that is not zero",
    Verdict.DIGITS: "fixed as digits of a fixed value",
    Verdict.ZERO_TEST: "fixed as a test for zero",
    Verdict.CHALLENGE: "fixed by their commitment and the challenge",
    Verdict.BRACKET: "fixed by inequalities from both sides",
    Verdict.BOUND: "one-sided bounds, chosen by the prover",
    Verdict.CHOICE: "choices of the prover between bounds",
    Verdict.DEAD: "advice that nothing reads where it is free",
}
