"""Portraits that corrections propose, while they wait."""

from alembic import op
from sqlalchemy import Column, LargeBinary, String, Uuid

revision = "0020"
down_revision = "0018"


def upgrade() -> None:
    op.create_table(
        "proposed_portraits",
        Column("delegate_id", Uuid(), primary_key=True),
        Column("sha256", String(64), nullable=False),
        Column("jpeg", LargeBinary(), nullable=False),
        comment="of corrections, while they wait",
    )
