"""The margin clocks of venues."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("venue_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("due", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("band", sa.Integer(), nullable=True),
        sa.Column("issued_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("price_time", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.CheckConstraint("length(venue_id) = 32", name=op.f("ck_accounts_venue_id")),
        sa.PrimaryKeyConstraint("venue_id", "account", name=op.f("pk_accounts")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "clocks",
        sa.Column("venue_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("now", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("jumped", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("pause", sa.Text(), nullable=True),
        sa.Column("prices", sa.Text(), nullable=True),
        sa.Column("revision", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.CheckConstraint("length(venue_id) = 32", name=op.f("ck_clocks_venue_id")),
        sa.PrimaryKeyConstraint("venue_id", name=op.f("pk_clocks")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "changes",
        sa.Column("number", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("venue_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("account", sa.Text(), nullable=True),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("after", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.CheckConstraint("length(venue_id) = 32", name=op.f("ck_changes_venue_id")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_changes")),
    )
    for name, key in (("commitments", "commitment"), ("credits", "nullifier")):
        op.create_table(
            name,
            sa.Column("venue_id", sa.LargeBinary(length=32), nullable=False),
            sa.Column(key, sa.LargeBinary(length=32), nullable=False),
            sa.Column("account", sa.Text(), nullable=False),
            sa.CheckConstraint("length(venue_id) = 32", name=op.f(f"ck_{name}_venue_id")),
            sa.CheckConstraint(f"length({key}) = 32", name=op.f(f"ck_{name}_{key}")),
            sa.PrimaryKeyConstraint("venue_id", key, name=op.f(f"pk_{name}")),
            sqlite_with_rowid=False,
        )
    op.create_table(
        "statements",
        sa.Column("venue_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("signer", sa.LargeBinary(length=32), nullable=False),
        sa.Column("epoch", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.LargeBinary(length=32), nullable=False),
        sa.CheckConstraint("length(venue_id) = 32", name=op.f("ck_statements_venue_id")),
        sa.CheckConstraint("length(signer) = 32", name=op.f("ck_statements_signer")),
        sa.CheckConstraint("length(seq) = 32", name=op.f("ck_statements_seq")),
        sa.PrimaryKeyConstraint("venue_id", "account", "signer", name=op.f("pk_statements")),
        sqlite_with_rowid=False,
    )
