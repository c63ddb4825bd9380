"""The registry's tables. Numbers of up to 256 bits and digests are 32 bytes, big-endian; times are unix seconds.

What must not happen twice is a primary key or a unique column: the database decides who was first.
A change here needs a migration; a test compares both.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Integer, LargeBinary, MetaData, Table, Text

NUMBER_BITS = 63
"""Of the numbers in columns, besides the sign."""

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)


def _word(name: str, length: int = 32, *, primary_key: bool = False) -> tuple[Column[bytes], CheckConstraint]:
    """A column of exactly so many bytes."""
    column = Column(name, LargeBinary(length), primary_key=primary_key, nullable=False)
    return column, CheckConstraint(f"length({name}) = {length}", name=name)


def _number(
    name: str, *, primary_key: bool = False, nullable: bool = False, index: bool = False, unique: bool = False
) -> Column[int]:
    return Column(
        name, BigInteger, primary_key=primary_key, autoincrement=False, nullable=nullable, index=index or None,
        unique=unique or None,
    )  # fmt: skip


registry = Table(
    "registry",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    *_word("pledge_domain"),
    *_word("operator", 20),
    _number("epoch_length"),
    _number("size"),
    _number("signed_at"),
    CheckConstraint("id = 1", name="one_row"),
)
"""Whose registry it is, how many entries its log has, the time of the last head. Writers lock this row."""

challenges = Table(
    "challenges",
    metadata,
    *_word("challenge", primary_key=True),
    *_word("venue_id"),
    _number("expires_at", index=True),
    _number("used_at", nullable=True),
    sqlite_with_rowid=False,
)

pledges = Table(
    "pledges",
    metadata,
    *_word("nullifier", primary_key=True),
    _number("epoch", index=True),
    *_word("venue_id"),
    _number("issued_at"),
    _number("expires_at"),
    *_word("context"),
    *_word("vk_hash"),
    *_word("policy_id"),
    _number("log_index", unique=True),
    _number("recorded_at"),
    sqlite_with_rowid=False,
)
"""A nullifier belongs to one epoch by its making, so it alone is the key."""

contexts = Table("contexts", metadata, *_word("context", primary_key=True), _number("epoch"), sqlite_with_rowid=False)
"""Contexts of every pledge that was ever recorded, also of those that were released or replaced."""

releases = Table(
    "releases",
    metadata,
    *_word("nullifier", primary_key=True),
    _number("at", primary_key=True),
    _number("epoch"),
    *_word("venue_id"),
    _number("log_index", unique=True),
    sqlite_with_rowid=False,
)

entries = Table(
    "entries",
    metadata,
    _number("log_index", primary_key=True),
    Column("body", LargeBinary, nullable=False),
)

nodes = Table(
    "nodes",
    metadata,
    Column("level", Integer, primary_key=True, autoincrement=False),
    _number("position", primary_key=True),
    *_word("hash"),
    sqlite_with_rowid=False,
)
"""Complete subtrees of the log's Merkle tree; level 0 are the leaves."""

heads = Table(
    "heads",
    metadata,
    _number("size", primary_key=True),
    *_word("root"),
    _number("time"),
    *_word("signature", 65),
)
"""One for each transaction that wrote to the log."""

# --- the margin clock of each venue ---------------------------------------------------------------------------------

accounts = Table(
    "accounts",
    metadata,
    *_word("venue_id", primary_key=True),
    Column("account", Text, primary_key=True),
    Column("state", Text, nullable=False),
    _number("since"),
    _number("due", nullable=True),
    Column("band", Integer, nullable=True),
    _number("issued_at"),
    _number("price_time"),
    sqlite_with_rowid=False,
)

clocks = Table(
    "clocks",
    metadata,
    *_word("venue_id", primary_key=True),
    _number("now"),
    _number("jumped"),
    Column("pause", Text, nullable=True),
    Column("prices", Text, nullable=True),
    _number("revision"),
    sqlite_with_rowid=False,
)
"""What a clock holds besides its accounts; ``pause`` and ``prices`` are JSON. ``revision`` counts what was stored: who
writes names the one that it has read.
"""

changes = Table(
    "changes",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    *_word("venue_id"),
    _number("at"),
    Column("account", Text, nullable=True),
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
    Column("reason", Text, nullable=False),
)

commitments = Table(
    "commitments",
    metadata,
    *_word("venue_id", primary_key=True),
    *_word("commitment", primary_key=True),
    Column("account", Text, nullable=False),
    sqlite_with_rowid=False,
)
"""Which position statements are whose."""

statements = Table(
    "statements",
    metadata,
    *_word("venue_id", primary_key=True),
    Column("account", Text, primary_key=True),
    *_word("signer", primary_key=True),
    _number("epoch"),
    *_word("seq"),
    sqlite_with_rowid=False,
)
"""Per account, and venue that signs its statements, the number of the last one that was proved about."""

credits = Table(
    "credits",
    metadata,
    *_word("venue_id", primary_key=True),
    *_word("nullifier", primary_key=True),
    Column("account", Text, nullable=False),
    sqlite_with_rowid=False,
)
"""A venue credits a nullifier to one customer."""
