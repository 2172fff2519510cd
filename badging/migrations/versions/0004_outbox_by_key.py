"""On PostgreSQL a relay claims the oldest row of each key."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.create_index("outbox_by_key", "outbox", ["key", "seq"])
