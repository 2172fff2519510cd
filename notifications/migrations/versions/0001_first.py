"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    _outbox()
    for facts in ("delegates", "sessions"):
        op.create_table(
            facts,
            sa.Column("key", sa.String(64), primary_key=True),
            sa.Column("revision", sa.Integer, nullable=False),
            sa.Column("content", sa.Text, nullable=False),
        )
        op.create_table(f"{facts}_erased", sa.Column("key_hash", sa.String(64), primary_key=True))
    op.create_table(
        "enrolments",
        sa.Column("session_id", sa.String(64), primary_key=True),
        sa.Column("delegate_id", sa.String(36), primary_key=True),
    )
    op.create_index("enrolments_by_delegate", "enrolments", ["delegate_id"])
    op.create_table(
        "told",
        sa.Column("delegate_id", sa.String(36), primary_key=True),
        sa.Column("number", sa.Integer, nullable=False, comment="of the last notice that was written"),
        sa.Column("view", sa.Text, comment="JSON of what the last notice that was sent said"),
    )
    op.create_table(
        "due",
        sa.Column("delegate_id", sa.String(36), primary_key=True),
        sa.Column("first_change_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("latest_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("traceparent", sa.String(64), nullable=False, comment="of the first change that was not told"),
    )
    op.create_index("ix_due_due_at", "due", ["due_at"])
    _notices()


def _outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("topic", sa.String(249), nullable=False),
        sa.Column("key", sa.LargeBinary, nullable=False),
        sa.Column("value", sa.LargeBinary),
        sa.Column("headers", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("refusal", sa.String(200)),
        sqlite_autoincrement=True,
    )


def _notices() -> None:
    op.create_table(
        "notices",
        sa.Column("delegate_id", sa.String(36), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("message_id", sa.String(200), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("view", sa.Text, comment="JSON of what it says; only until it is sent"),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("traceparent", sa.String(64), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True)),
        sa.Column("reply_code", sa.Integer, comment="of the mail server that refused it for good"),
        sa.Column("refused_address", sa.LargeBinary(32), comment="SHA-256"),
    )
    op.create_index("notices_by_state", "notices", ["state", "next_attempt_at"])
