"""Mails to those who registered themselves without the photo that their badge shows."""

import sqlalchemy as sa
from alembic import op

from shared.database import UtcDateTime

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    op.create_table(
        "photo_mails",
        sa.Column("mail_id", sa.Uuid(), nullable=False),
        sa.Column("delegate_id", sa.Uuid(), nullable=False),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("mail_id"),
        sa.UniqueConstraint("delegate_id"),
        comment="not mailed yet",
    )
    op.create_index("photo_mails_to_mail", "photo_mails", ["next_attempt_at"])
