"""Who waits for a focal point's endorsement, and what focal points are to be mailed."""

import sqlalchemy as sa
from alembic import op

from shared.database import UtcDateTime

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.add_column("delegates", sa.Column("endorsement", sa.String(16), comment="waiting or given, of those who need one"))
    until = sa.Column("endorse_until", UtcDateTime(), comment="until when the desk waits for it; null is for ever")
    op.add_column("delegates", until)
    language = sa.Column("language", sa.String(2), comment="in which they signed in last; null where they never did")
    op.add_column("focal_points", language)
    op.create_table(
        "focal_news",
        sa.Column("delegation", sa.String(64), nullable=False),
        sa.Column("untold_since", UtcDateTime(), nullable=True),
        sa.Column("noted_at", UtcDateTime(), nullable=False),
        sa.Column("rests_until", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("delegation"),
        comment="untold_since is null once all is told",
    )
    op.create_table(
        "focal_mails",
        sa.Column("mail_id", sa.Uuid(), nullable=False),
        sa.Column("delegation", sa.String(64), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("mail_id"),
    )
    op.create_index("focal_mails_to_mail", "focal_mails", ["next_attempt_at"])
