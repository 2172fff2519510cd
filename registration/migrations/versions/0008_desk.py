"""The accreditation desk: the audit trail, staff accounts and their sessions, staged decisions, what people are searched by."""

import json

import sqlalchemy as sa
from alembic import op

from shared.database import UtcDateTime
from shared.folding import searched

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    _audit_trail()
    _staff()
    op.create_table(
        "staged_decisions",
        sa.Column("staged_id", sa.Uuid(), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("decision", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("delegates", sa.JSON(), nullable=False, comment="[id, revision] of each"),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("faults", sa.JSON(), nullable=True, comment="[delegate id or empty, code] of each"),
        sa.PrimaryKeyConstraint("staged_id"),
    )
    op.create_index("staged_decisions_by_state", "staged_decisions", ["state", "due_at"])
    _search()


def _audit_trail() -> None:
    op.create_table(
        "audit_trail",
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("delegate_hash", sa.String(length=64), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_index("audit_trail_by_delegate", "audit_trail", ["delegate_hash"])
    head = op.create_table(
        "audit_head",
        sa.Column("chain", sa.String(length=16), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("chain"),
    )
    op.bulk_insert(head, [{"chain": "decisions", "seq": 0, "hash": bytes(32)}])


def _staff() -> None:
    op.create_table(
        "staff_accounts",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("password_hash", sa.String(length=200), nullable=True, comment="argon2id; null until one is set"),
        sa.Column("link_hash", sa.String(length=64), nullable=True, comment="SHA-256 of the link to set a password with"),
        sa.Column("link_ends_at", UtcDateTime(), nullable=True),
        sa.Column("closed", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "staff_sessions",
        sa.Column("session_hash", sa.String(length=64), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("session_hash"),
    )
    op.create_index("staff_sessions_by_account", "staff_sessions", ["account"])


def _search() -> None:
    """What people are searched by, also of those who are registered already."""
    op.add_column(
        "delegates",
        sa.Column("searched_name", sa.Text(), nullable=True, comment="name and e-mail address, folded; null of the erased"),
    )
    op.add_column("delegates", sa.Column("searched_function", sa.Text(), nullable=True, comment="folded"))
    op.add_column("delegates", sa.Column("protected", sa.Boolean(), nullable=True))
    delegates = sa.table(
        "delegates",
        sa.column("delegate_id", sa.Uuid()),
        sa.column("content", sa.Text()),
        sa.column("searched_name", sa.Text()),
        sa.column("searched_function", sa.Text()),
        sa.column("protected", sa.Boolean()),
    )
    d = delegates.c
    for delegate_id, content in op.get_bind().execute(sa.select(d.delegate_id, d.content)).all():
        registration = json.loads(content)
        if (person := registration["person"]) is not None:
            names = [person[each] or "" for each in ("given_name", "family_name", "printed_name", "email")]
            row = {
                "searched_name": searched(" ".join(names)),
                "searched_function": searched(person["function"]),
                "protected": registration["protected"],
            }
            op.execute(delegates.update().where(d.delegate_id == delegate_id).values(row))
