"""An index that the desk's queue is read from alone; on SQLite what is typed of a name is, too."""

from alembic import op

revision = "0022"
down_revision = "0021"

SOUGHT_BY = ["status", "delegate_id", "category", "delegation", "protected", "endorsement", "endorse_until"]


def upgrade() -> None:
    op.drop_index("delegates_by_status", "delegates")
    if op.get_bind().dialect.name == "sqlite":
        op.create_index("delegates_sought", "delegates", [*SOUGHT_BY, "searched_function", "searched_name"])
    else:
        op.create_index("delegates_by_status", "delegates", SOUGHT_BY)
