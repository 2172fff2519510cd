"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    for facts in ("delegates", "sessions"):
        op.create_table(
            facts,
            sa.Column("key", sa.String(length=64), nullable=False),
            sa.Column("revision", sa.Integer(), nullable=False),
            sa.Column("content", sa.Text(), nullable=False),
            sa.PrimaryKeyConstraint("key"),
        )
        op.create_table(
            f"{facts}_erased",
            sa.Column("key_hash", sa.String(length=64), nullable=False),
            sa.PrimaryKeyConstraint("key_hash"),
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
        "badges",
        sa.Column("badge_id", sa.Uuid(), nullable=False),
        sa.Column("serial", sa.String(length=32), nullable=False),
        sa.Column("delegate_id", sa.Uuid(), nullable=True, comment="null once the delegate is forgotten"),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("void_reason", sa.String(length=64), nullable=True),
        sa.Column("supersedes", sa.Uuid(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("credential", sa.String(length=512), nullable=True),
        sa.Column("content", sa.Text(), nullable=True, comment="a BadgeContent, as printed; null once the delegate is erased"),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("station", sa.String(length=64), nullable=False),
        sa.Column("priority", sa.String(length=8), nullable=False),
        sa.Column("layout", sa.String(length=64), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("voided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("print_state", sa.String(length=8), server_default="queued", nullable=False),
        sa.Column("print_cause", sa.String(length=160), nullable=True),
        sa.Column("printer", sa.String(length=160), nullable=True),
        sa.Column("printed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sheets", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("badge_id"),
        sa.UniqueConstraint("serial"),
    )
    valid, to_destroy = sa.text("state = 'valid'"), sa.text("(state = 'void' and sheets > 0)")
    op.create_index("badges_by_delegate", "badges", ["delegate_id"])
    op.create_index("badges_one_valid_each", "badges", ["delegate_id"], unique=True, sqlite_where=valid, postgresql_where=valid)
    op.create_index("badges_to_destroy", "badges", ["badge_id"], sqlite_where=to_destroy, postgresql_where=to_destroy)
    op.create_table(
        "reports",
        sa.Column("badge_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("printer", sa.String(length=160), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cause", sa.String(length=160), nullable=True),
        sa.ForeignKeyConstraint(["badge_id"], ["badges.badge_id"]),
        sa.PrimaryKeyConstraint("badge_id", "state", "printer", "at"),
    )
    op.create_table(
        "reprints",
        sa.Column("caller", sa.String(length=64), nullable=False),
        sa.Column("idempotency_key", sa.String(length=256), nullable=False),
        sa.Column("request_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("badge_id", sa.Uuid(), nullable=True, comment="the badge that the request made"),
        sa.PrimaryKeyConstraint("caller", "idempotency_key"),
    )
