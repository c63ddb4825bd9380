"""Position statements: a venue's commitment, its private opening.          specs/documents.md#positions

``positions = H(T_POS, owner, pocket, subject, sizeCommitment, cash, u248(listingDigest), salt)``;
``sizeCommitment = Sponge(T_SIZE; layout, packed sizes)``. Every value is packed as its offset from the low end of its
column's interval, ``floor(248 / bits)`` to a field element, the first in the lowest bits; a column starts a
new element.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Final, Literal

from zkmargin.attestations import schema
from zkmargin.attestations.documents import (
    SCHEME_POSEIDON,
    AnyDomain,
    HomeDomain,
    OfflineDomain,
    PositionStatement,
    Signatures,
    sign,
)
from zkmargin.attestations.layout import CASH as CASH
from zkmargin.attestations.layout import PACKED_BITS as PACKED_BITS
from zkmargin.attestations.layout import SIZE as SIZE
from zkmargin.attestations.layout import ColumnLayout as ColumnLayout
from zkmargin.attestations.layout import PositionLayout as PositionLayout
from zkmargin.attestations.schema import (
    U8,
    U248,
    Bytes32,
    Document,
    FieldElement,
    Private,
    SignedInteger,
    Text,
)
from zkmargin.attestations.signatures import SigningKey
from zkmargin.encoding import u248
from zkmargin.errors import OpeningMismatch, SchemaType
from zkmargin.field import FR_MODULUS
from zkmargin.poseidon import tagged

SALT_BITS: Final = 248


# --- documents --------------------------------------------------------------------------------------------


class PositionStatementDocument(Document):
    """``*.positions.json``: a signed position statement. Safe to publish: it holds a hiding commitment."""

    TYPE: ClassVar[str] = "zkmargin/position-statement"
    type: Literal["zkmargin/position-statement"] = "zkmargin/position-statement"
    version: Literal["1"] = "1"
    domain: AnyDomain
    statement: PositionStatement
    signatures: Signatures


class OpenedColumn(Private):
    """The values of a private column, row by row over its capacity."""

    name: Text
    values: Annotated[tuple[SignedInteger, ...], schema.Sequence]


class PositionOpening(schema.PrivateDocument):
    """``*.opening.json``: what the commitment hides; from the venue to its customer alone."""

    TYPE: ClassVar[str] = "zkmargin/position-opening"
    LIMIT: ClassVar[int] = 1 << 24
    type: Literal["zkmargin/position-opening"] = "zkmargin/position-opening"
    version: Literal["1"] = "1"
    owner: FieldElement
    pocket: U8
    subject: FieldElement
    listing_digest: Bytes32
    salt: U248
    cash: SignedInteger
    columns: Annotated[tuple[OpenedColumn, ...], schema.Sequence]

    def values(self) -> dict[str, list[int]]:
        """The private columns by name. Raises SchemaType where one comes twice."""
        found = {column.name: list(column.values) for column in self.columns}
        if len(found) != len(self.columns):
            raise SchemaType("a column comes twice", where="opening.columns")
        return found

    def commitment(self, layout: PositionLayout) -> int:
        """The commitment that this opens. Raises SchemaType, AmountRange, Capacity."""
        return compute_commitment(
            layout.size_commitment(self.values()),
            layout.check_cash(self.cash),
            owner=self.owner,
            pocket=self.pocket,
            subject=self.subject,
            listing_digest=self.listing_digest,
            salt=self.salt,
        )

    def require_opens(self, statement: PositionStatement, layout: PositionLayout, where: str = "opening") -> None:
        """Raise OpeningMismatch unless this opens ``statement``."""
        if statement.scheme != SCHEME_POSEIDON:
            raise OpeningMismatch("unknown commitment scheme", where="statement.scheme", expected=SCHEME_POSEIDON)
        if self.listing_digest != statement.listing_digest:
            raise OpeningMismatch("opening and statement are about different listings", where=f"{where}.listingDigest")
        if self.commitment(layout) != statement.commitment:
            raise OpeningMismatch(
                "the opening does not open the signed statement",
                where=where,
                hint="use the opening that the venue sent with this statement",
            )


def compute_commitment(
    size_commitment: int,
    cash: int,
    *,
    owner: int,
    pocket: int,
    subject: int,
    listing_digest: bytes,
    salt: int,
) -> int:
    """``H(T_POS, owner, pocket, subject, sizeCommitment, cash, listing, salt)``; a negative cash stands for
    ``r - |x|``.
    """
    listing = u248(listing_digest)
    return tagged("positions", owner, pocket, subject, size_commitment, cash % FR_MODULUS, listing, salt)


def compute_subject(legal_id_hash: int, secret: int) -> int:
    """``H(T_ID, legalIdHash, secret)``: the identity authority's name for a person, equal in all
    statements.
    """
    return tagged("subject", legal_id_hash, secret)


@dataclass(frozen=True)
class StatementTerms:
    """Everything of a position statement that is not the positions: for whom, when, under which venue and
    audience.
    """

    venue_id: bytes
    audience: bytes
    listing_digest: bytes
    as_of: int
    issued_at: int
    expires_at: int
    epoch: int
    seq: int
    domain: OfflineDomain | HomeDomain
    keys: list[SigningKey] = field(repr=False)


@dataclass(frozen=True)
class Customer:
    """Whose positions: the owner key's public name, the pocket of the epoch, the identity authority's
    subject (0: none).
    """

    owner: int
    pocket: int = 0
    subject: int = 0


def issue_statement(
    layout: PositionLayout,
    sizes: Mapping[str, Sequence[int]],
    cash: int,
    customer: Customer,
    terms: StatementTerms,
) -> tuple[PositionStatementDocument, PositionOpening]:
    """A venue's signed statement and its opening, with a fresh salt: one statement per customer and audience.

    ``sizes``: for each column ``from: venue`` but ``cash`` its values in integers of its decimals, row-major over
    capacities (over the listing's rows alone, where there is no other axis: completed here by zeros).
    Raises AmountRange, Capacity, SchemaType.
    """
    complete = {column.name: column.complete(sizes.get(column.name, ())) for column in layout.columns}
    if sizes.keys() - complete.keys():
        raise SchemaType("exactly the columns that a venue vouches for are needed", where="sizes")
    opening = PositionOpening(
        owner=customer.owner,
        pocket=customer.pocket,
        subject=customer.subject,
        listing_digest=terms.listing_digest,
        salt=secrets.randbits(SALT_BITS),
        cash=cash,
        columns=tuple(OpenedColumn(name=name, values=tuple(values)) for name, values in complete.items()),
    )
    statement = PositionStatement(
        commitment=opening.commitment(layout),
        scheme=SCHEME_POSEIDON,
        size_commitment=b"",
        listing_digest=terms.listing_digest,
        as_of=terms.as_of,
        issued_at=terms.issued_at,
        expires_at=terms.expires_at,
        venue_id=terms.venue_id,
        audience=terms.audience,
        epoch=terms.epoch,
        seq=terms.seq,
    )
    signatures = sign(statement, terms.domain.signing(), terms.keys)
    return PositionStatementDocument(domain=terms.domain, statement=statement, signatures=signatures), opening
