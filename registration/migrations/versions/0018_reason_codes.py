"""Staged refusals with a reason's code, and a note for the file."""

from alembic import op
from sqlalchemy import Column, String, Text

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.add_column("staged_decisions", Column("reason_code", String(64)))
    op.add_column("staged_decisions", Column("note", Text()))
