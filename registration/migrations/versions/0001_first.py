"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "answers",
        sa.Column("name", sa.String(length=600), nullable=False, comment="whose key it is, and the key"),
        sa.Column("body_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "badges",
        sa.Column("badge_id", sa.Uuid(), nullable=False),
        sa.Column("delegate_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("badge_id"),
    )
    op.create_index(op.f("ix_badges_delegate_id"), "badges", ["delegate_id"], unique=False)
    op.create_table(
        "delegates",
        sa.Column("delegate_id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("delegation", sa.String(length=64), nullable=False),
        sa.Column("category", sa.String(length=64), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("delegate_id"),
    )
    op.create_index("delegates_by_delegation", "delegates", ["delegation", "status", "category"], unique=False)
    op.create_index("delegates_by_status", "delegates", ["status"], unique=False)
    op.create_table(
        "enrolments",
        sa.Column("delegate_id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("delegate_id", "session_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "form_keys",
        sa.Column("key_hash", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("categories", sa.JSON(), nullable=True, comment="slugs; null is all"),
        sa.Column("delegations", sa.JSON(), nullable=True, comment="codes; null is all"),
        sa.Column("revoked", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("key_hash"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "outbox",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("topic", sa.String(length=249), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=True),
        sa.Column("headers", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("refusal", sa.String(length=200), nullable=True),
        sa.PrimaryKeyConstraint("seq"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "people",
        sa.Column("known_by", sa.String(length=64), nullable=False),
        sa.Column("delegate_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("known_by"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "quota_places",
        sa.Column("delegation", sa.String(length=64), nullable=False),
        sa.Column("category", sa.String(length=64), nullable=False),
        sa.Column("held", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("delegation", "category"),
        sqlite_with_rowid=False,
        comment="kept with every change of a delegate: counting them takes longer the more there are",
    )
    op.create_table(
        "session_places",
        sa.Column("session_id", sa.String(length=64), nullable=False),
        sa.Column("enrolled", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("session_id"),
        sqlite_with_rowid=False,
        comment="kept with every change of an enrolment",
    )
    op.create_table(
        "sessions",
        sa.Column("session_id", sa.String(length=64), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("session_id"),
    )
