"""Focal points of delegations, their sign-in by mail, and the order in which they list their people."""

import sqlalchemy as sa
from alembic import op

from shared.database import UtcDateTime

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "focal_points",
        sa.Column("delegation", sa.String(length=64), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("name", sa.String(length=160), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("delegation", "email"),
        comment="e-mail addresses in small letters",
    )
    op.create_index("focal_points_by_email", "focal_points", ["email"])
    op.create_table(
        "sign_in_links",
        sa.Column("link_id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("language", sa.String(length=2), nullable=False),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("link_id"),
        comment="asked for and not used; next_attempt_at is null once mailed",
    )
    op.create_index("sign_in_links_to_mail", "sign_in_links", ["next_attempt_at"])
    op.create_table(
        "focal_point_sessions",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("ends_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("token_hash"),
    )
    op.create_table(
        "delegation_order",
        sa.Column("delegate_id", sa.Uuid(), nullable=False),
        sa.Column("delegation", sa.String(length=64), nullable=False),
        sa.Column("head", sa.Boolean(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("delegate_id"),
    )
    op.create_index("delegation_order_by_delegation", "delegation_order", ["delegation"])
