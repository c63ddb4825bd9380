"""What an audit found, as a document: steps, findings, coverage.                           specs/audit.md#report"""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal, TypeAlias

from pydantic import PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from zkmargin.attestations.schema import (
    U8,
    U32,
    U64,
    U128,
    Bytes32,
    Model,
    PrivateDocument,
    Sequence,
    Text,
    unsigned_below,
)
from zkmargin.errors import IntFormat, SchemaType, ZkMarginError

LONGEST: Final = 2000
"""Characters of a finding's text; more is cut. Bundles are others' files: they do not decide how long a line is."""
Verdict: TypeAlias = Literal["pass", "fail", "notJudged", "notDone"]


def plain(text: str, longest: int = LONGEST) -> str:
    """Text in printable characters alone, others as escapes, cut where it is too long."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text[: longest + 1])
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"


def _read_line(value: object) -> str:
    if not isinstance(value, str) or len(value) > LONGEST or not value.isprintable():
        raise PydanticCustomError(SchemaType.code, "must be a printable string that is not too long")
    return value


Line = Annotated[str, PlainValidator(_read_line), WithJsonSchema({"type": "string", "maxLength": LONGEST})]
Wide = Annotated[int, *unsigned_below(10**78, IntFormat, "below 10^78")]
"""A sum of amounts times unit values."""


class Finding(Model):
    """What does not hold. ``path``: file and field in the bundle, ``leaves[n]`` a line of its openings."""

    step: Text
    code: Text
    path: Line
    message: Line
    expected: Line | None
    got: Line | None
    hint: Line

    @classmethod
    def of(cls, step: str, error: ZkMarginError) -> Finding:
        """From an error."""
        expected, got = (None if text is None else plain(text) for text in (error.expected, error.got))
        return cls(
            step=step, code=error.code, path=plain(error.where), message=plain(error.message), expected=expected,
            got=got, hint=plain(error.hint or error.advice),
        )  # fmt: skip


class StepResult(Model):
    """A step and its verdict; ``why`` where it was not judged or not done. ``remarks``: no faults, but to be known."""

    step: Text
    title: Text
    verdict: Verdict
    why: Line | None
    remarks: Annotated[tuple[Line, ...], Sequence]


class AssetCoverage(Model):
    """Amounts of one asset, in atomic units: shown by state proofs, only observed, not shown by valid evidence.

    ``unit_value``: of an atomic unit in ``10**-decimals`` of the coverage's unit; null where the market has none.
    """

    asset: Text
    lines: U32
    proven: Wide
    observed: Wide
    unshown: Wide
    unit_value: Wide | None


class ValueCoverage(Model):
    """Values of the priced assets in ``10**-decimals`` of ``unit``; shares in hundredths of a percent, rounded down."""

    unit: Text
    decimals: U8
    proven: Wide
    observed: Wide
    unshown: Wide
    proven_share: U32
    observed_share: U32
    unshown_share: U32


class ObservedLine(Model):
    """A line that is attested, not proven. ``value`` as in ``ValueCoverage``; null where its asset has no price."""

    line: U32
    account: Text
    asset: Text
    custody: Text
    amount: U128
    value: Wide | None


class Coverage(Model):
    """How lines are known. ``value`` is null without a market that gives unit values; ``unpriced`` are not in it."""

    lines: U32
    proven_lines: U32
    observed_lines: U32
    unshown_lines: U32
    value: ValueCoverage | None
    assets: Annotated[tuple[AssetCoverage, ...], Sequence]
    unpriced: Annotated[tuple[Text, ...], Sequence]
    observed: Annotated[tuple[ObservedLine, ...], Sequence]


class Audited(Model):
    """The root that was audited."""

    root_digest: Bytes32
    epoch: U64
    seq: U64
    issued_at: U64


class AuditReport(PrivateDocument):
    """``*.audit.json``. ``holds`` where no step failed and none was left unjudged. It tells balances: private."""

    TYPE: ClassVar[str] = "zkmargin/audit-report"
    LIMIT: ClassVar[int] = 1 << 28
    type: Literal["zkmargin/audit-report"] = "zkmargin/audit-report"
    version: Literal["1"] = "1"
    holds: bool
    root: Audited | None
    policy: Text
    policy_id: Bytes32
    at: U64
    at_source: Literal["given", "issued"]
    layouts: Literal["own", "bundle"]
    steps: Annotated[tuple[StepResult, ...], Sequence]
    findings: Annotated[tuple[Finding, ...], Sequence]
    coverage: Coverage
