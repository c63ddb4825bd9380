"""The first tables of the registry."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "challenges",
        sa.Column("challenge", sa.LargeBinary(length=32), nullable=False),
        sa.Column("venue_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("used_at", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.CheckConstraint("length(challenge) = 32", name=op.f("ck_challenges_challenge")),
        sa.CheckConstraint("length(venue_id) = 32", name=op.f("ck_challenges_venue_id")),
        sa.PrimaryKeyConstraint("challenge", name=op.f("pk_challenges")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_challenges_expires_at"), "challenges", ["expires_at"], unique=False)
    op.create_table(
        "contexts",
        sa.Column("context", sa.LargeBinary(length=32), nullable=False),
        sa.Column("epoch", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.CheckConstraint("length(context) = 32", name=op.f("ck_contexts_context")),
        sa.PrimaryKeyConstraint("context", name=op.f("pk_contexts")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "entries",
        sa.Column("log_index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("log_index", name=op.f("pk_entries")),
    )
    op.create_table(
        "heads",
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("root", sa.LargeBinary(length=32), nullable=False),
        sa.Column("time", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("signature", sa.LargeBinary(length=65), nullable=False),
        sa.CheckConstraint("length(root) = 32", name=op.f("ck_heads_root")),
        sa.CheckConstraint("length(signature) = 65", name=op.f("ck_heads_signature")),
        sa.PrimaryKeyConstraint("size", name=op.f("pk_heads")),
    )
    op.create_table(
        "nodes",
        sa.Column("level", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.CheckConstraint("length(hash) = 32", name=op.f("ck_nodes_hash")),
        sa.PrimaryKeyConstraint("level", "position", name=op.f("pk_nodes")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "pledges",
        sa.Column("nullifier", sa.LargeBinary(length=32), nullable=False),
        sa.Column("epoch", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("venue_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("issued_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("expires_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("context", sa.LargeBinary(length=32), nullable=False),
        sa.Column("vk_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("policy_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("log_index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.CheckConstraint("length(context) = 32", name=op.f("ck_pledges_context")),
        sa.CheckConstraint("length(nullifier) = 32", name=op.f("ck_pledges_nullifier")),
        sa.CheckConstraint("length(policy_id) = 32", name=op.f("ck_pledges_policy_id")),
        sa.CheckConstraint("length(venue_id) = 32", name=op.f("ck_pledges_venue_id")),
        sa.CheckConstraint("length(vk_hash) = 32", name=op.f("ck_pledges_vk_hash")),
        sa.PrimaryKeyConstraint("nullifier", name=op.f("pk_pledges")),
        sa.UniqueConstraint("log_index", name=op.f("uq_pledges_log_index")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_pledges_epoch"), "pledges", ["epoch"], unique=False)
    op.create_table(
        "registry",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("pledge_domain", sa.LargeBinary(length=32), nullable=False),
        sa.Column("operator", sa.LargeBinary(length=20), nullable=False),
        sa.Column("epoch_length", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("signed_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_registry_one_row")),
        sa.CheckConstraint("length(operator) = 20", name=op.f("ck_registry_operator")),
        sa.CheckConstraint("length(pledge_domain) = 32", name=op.f("ck_registry_pledge_domain")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registry")),
    )
    op.create_table(
        "releases",
        sa.Column("nullifier", sa.LargeBinary(length=32), nullable=False),
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("epoch", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("venue_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("log_index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.CheckConstraint("length(nullifier) = 32", name=op.f("ck_releases_nullifier")),
        sa.CheckConstraint("length(venue_id) = 32", name=op.f("ck_releases_venue_id")),
        sa.PrimaryKeyConstraint("nullifier", "at", name=op.f("pk_releases")),
        sa.UniqueConstraint("log_index", name=op.f("uq_releases_log_index")),
        sqlite_with_rowid=False,
    )
