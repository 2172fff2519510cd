"""Decisions on several people that wait half a minute, to be seen and undone, before they are taken: kept in a table."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import JSON, Column, Connection, Index, MetaData, String, Table, Text, Uuid, func, select

from registration.decisions.reasons import Reason
from shared.database import UtcDateTime

DELAY = timedelta(seconds=30)
ABANDONED = timedelta(seconds=30)
"""After which a decision that a process began, and did not end, is begun again."""

_FORGOTTEN = dict.fromkeys(("reason", "note"))

State = Literal["staged", "deciding", "decided", "undone", "failed"]


@dataclass(frozen=True, slots=True)
class Staged:
    """`delegates` are ids with the revisions at which they were chosen; with their numbers where corrections are decided on."""

    staged_id: UUID
    account: str
    decision: str
    reason: Reason
    delegates: Sequence[tuple[UUID, int]]
    due_at: datetime
    state: State
    faults: Sequence[tuple[str, str]] = ()
    """Why nothing was decided: a delegate's id, or nothing, and the fault's code."""


class Staging:
    def __init__(self, metadata: MetaData) -> None:
        self._staged = Table(
            "staged_decisions",
            metadata,
            Column("staged_id", Uuid, primary_key=True),
            Column("account", String(64), nullable=False),
            Column("decision", String(16), nullable=False),
            Column("reason", Text),
            Column("delegates", JSON, nullable=False, comment="[id, revision] of each"),
            Column("due_at", UtcDateTime(), nullable=False),
            Column("state", String(16), nullable=False),
            Column("faults", JSON(none_as_null=True), comment="[delegate id or empty, code] of each"),
            Column("reason_code", String(64)),
            Column("note", Text),
            Index("staged_decisions_by_state", "state", "due_at"),
        )

    def stage(self, tx: Connection, staged: Staged) -> None:
        row = {
            "staged_id": staged.staged_id,
            "account": staged.account,
            "decision": staged.decision,
            "reason": staged.reason.words,
            "reason_code": staged.reason.code,
            "note": staged.reason.note,
            "delegates": [[str(delegate_id), revision] for delegate_id, revision in staged.delegates],
            "due_at": staged.due_at,
            "state": staged.state,
        }
        tx.execute(self._staged.insert().values(row))

    def find(self, tx: Connection, staged_id: UUID) -> Staged | None:
        row = tx.execute(select(self._staged).where(self._staged.c.staged_id == staged_id)).first()
        return None if row is None else _staged(row)

    def waiting(self, tx: Connection, account: str) -> list[Staged]:
        """What this account has staged and can undo still."""
        s = self._staged.c
        rows = tx.execute(select(self._staged).where(s.account == account, s.state == "staged").order_by(s.due_at))
        return [_staged(row) for row in rows]

    def undo(self, tx: Connection, staged_id: UUID, account: str, now: datetime) -> bool:
        """`False` where it is too late, or another's."""
        s = self._staged.c
        mine = (s.staged_id == staged_id, s.account == account, s.state == "staged", s.due_at > now)
        return bool(tx.execute(self._staged.update().where(*mine).values(state="undone", **_FORGOTTEN)).rowcount)

    def claim(self, tx: Connection, now: datetime) -> list[Staged]:
        """What is to be decided now, also what another process began and left: each is one process's at a time."""
        s = self._staged.c
        due = (s.state.in_(("staged", "deciding"))) & (s.due_at <= now)
        rows = tx.execute(select(self._staged).where(due).order_by(s.due_at).with_for_update(skip_locked=True)).all()
        for row in rows:
            again_at = now + ABANDONED
            tx.execute(self._staged.update().where(s.staged_id == row.staged_id).values(state="deciding", due_at=again_at))
        return [_staged(row) for row in rows]

    def end(self, tx: Connection, staged_id: UUID, state: State, faults: Sequence[tuple[str, str]] = ()) -> None:
        """Its reason is kept no longer: where it was decided, it is in the registrations."""
        values = {"state": state, "faults": [list(each) for each in faults] or None, **_FORGOTTEN}
        tx.execute(self._staged.update().where(self._staged.c.staged_id == staged_id).values(values))

    def next_due(self, tx: Connection) -> datetime | None:
        s = self._staged.c
        return tx.execute(select(func.min(s.due_at)).where(s.state.in_(("staged", "deciding")))).scalar()


def _staged(row: Any) -> Staged:
    staged_id, account, decision, words, delegates, due_at, state, faults, code, note = row
    reason = Reason(words, code, note)
    chosen = [(UUID(delegate_id), revision) for delegate_id, revision in delegates]
    return Staged(staged_id, account, decision, reason, chosen, due_at, state, [tuple(each) for each in faults or ()])
