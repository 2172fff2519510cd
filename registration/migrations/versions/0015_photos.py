"""Portraits, and pictures while their portrait is chosen."""

import sqlalchemy as sa
from alembic import op

from shared.database import UtcDateTime

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.create_table(
        "portraits",
        sa.Column("delegate_id", sa.Uuid(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("jpeg", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("delegate_id"),
    )
    op.create_table(
        "pictures",
        sa.Column("picture_id", sa.Uuid(), nullable=False),
        sa.Column("delegate_id", sa.Uuid(), nullable=False),
        sa.Column("jpeg", sa.LargeBinary(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("picture_id"),
        comment="uploaded, and their portrait not chosen yet",
    )
    op.create_index("pictures_by_delegate", "pictures", ["delegate_id"])
    op.create_index("pictures_by_age", "pictures", ["at"])
