"""Mails of one kind, waiting in their table: each is claimed by one replica, and sent again if that one dies or fails."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, Table, select

CLAIM = timedelta(seconds=90)
"""How long a mail that somebody is sending is left to them: if they die meanwhile, it is sent again."""
CLAIMED_AT_ONCE = 50


class MailQueue:
    """The mails in `table`, by its columns `mail_id`, `attempts` and `next_attempt_at`.

    What was mailed leaves it; or, where it `keeps_mailed`, stays without a next attempt.
    """

    def __init__(self, table: Table, mail_id: str = "mail_id", *, keeps_mailed: bool = False) -> None:
        self._table = table
        self._id, self._due_at = table.c[mail_id], table.c.next_attempt_at
        self._keeps_mailed = keeps_mailed

    def any_due(self, tx: Connection, now: datetime) -> bool:
        return tx.execute(select(self._id).where(self._due_at <= now).limit(1)).first() is not None

    def claim(self, tx: Connection, now: datetime) -> Sequence[Row[Any]]:
        """Those that are to be mailed now, with all of their columns; `attempts` counts this one."""
        due = select(self._id).where(self._due_at <= now).order_by(self._due_at).limit(CLAIMED_AT_ONCE)
        claimed = self._table.update().where(self._id.in_(due), self._due_at <= now)
        attempt = {"attempts": self._table.c.attempts + 1, "next_attempt_at": now + CLAIM}
        return tx.execute(claimed.values(attempt).returning(*self._table.c)).all()

    def put_off(self, tx: Connection, mail_id: UUID, until: datetime) -> None:
        tx.execute(self._table.update().where(self._id == mail_id).values(next_attempt_at=until))

    def note_mailed(self, tx: Connection, mail_id: UUID) -> None:
        """The mail server took it."""
        if self._keeps_mailed:
            tx.execute(self._table.update().where(self._id == mail_id).values(next_attempt_at=None))
        else:
            self.drop(tx, mail_id)

    def drop(self, tx: Connection, mail_id: UUID) -> None:
        tx.execute(self._table.delete().where(self._id == mail_id))
