"""Badges of which there may be a sheet that no printer reported."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("badges", sa.Column("possible_sheets", sa.Integer(), server_default="0", nullable=False))
    op.execute("UPDATE badges SET possible_sheets = sheets")
