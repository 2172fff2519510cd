"""Places are counted by category, which reserved places are held against; who waits for a session is found quickly."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.drop_table("session_places")
    op.create_table(
        "session_places",
        sa.Column("session_id", sa.String(length=64), nullable=False),
        sa.Column("category", sa.String(length=64), nullable=False),
        sa.Column("enrolled", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", "category"),
        sqlite_with_rowid=False,
        comment="kept with every change of an enrolment",
    )
    op.execute(
        "insert into session_places (session_id, category, enrolled)"
        " select e.session_id, d.category, count(*) from enrolments e join delegates d on d.delegate_id = e.delegate_id"
        " where e.state = 'enrolled' group by e.session_id, d.category"
    )
    op.create_index("enrolments_by_session", "enrolments", ["session_id", "state"])
