"""What became of dead letters."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "dead_letters",
        sa.Column("letter_id", sa.String(length=32), nullable=False),
        sa.Column("key_hash", sa.String(length=64), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=True, comment="null where none can be read"),
        sa.Column("buried_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=True, comment="null while it is open"),
        sa.PrimaryKeyConstraint("letter_id"),
    )
    is_open = sa.text("outcome IS NULL")
    op.create_index("dead_letters_open", "dead_letters", ["key_hash"], sqlite_where=is_open, postgresql_where=is_open)
