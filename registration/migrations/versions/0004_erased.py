"""Who was erased."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "erased",
        sa.Column("key_hash", sa.String(length=64), nullable=False, comment="SHA-256 of the delegate's id"),
        sa.PrimaryKeyConstraint("key_hash"),
        sqlite_with_rowid=False,
    )
