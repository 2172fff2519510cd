"""Whose a staff account is, where it is known: one person may have an account here and one at the provider."""

from alembic import op
from sqlalchemy import Column, String

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    comment = "in small letters; by it two accounts are known to be one person's"
    op.add_column("staff_accounts", Column("email", String(254), comment=comment))
