"""Staff accounts that a provider of identities vouches for."""

from alembic import op
from sqlalchemy import Column, String

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.add_column("staff_accounts", Column("issuer", String(255), comment="OpenID provider; null where it has a password here"))
