"""What holds an external form's key: how often, from which pages, as a test, signed."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("form_keys", sa.Column("rate", sa.Integer(), nullable=True, comment="requests an hour; null is any number"))
    op.add_column("form_keys", sa.Column("origins", sa.JSON(), nullable=True, comment="of pages that post; null is none"))
    op.add_column("form_keys", sa.Column("test", sa.Boolean(), nullable=False, server_default=sa.false()))
    secret = sa.Column("signing_secret", sa.String(length=120), nullable=True, comment="as it is: to check needs it")
    op.add_column("form_keys", secret)
