"""What staff see of notices: to whom and how far, neither what they say nor at which address."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, func, select

from notifications.model import Kind
from notifications.store import NoticeState, due, notices

MOST_LISTED = 1000


class NoticeRecord(NamedTuple):
    """One notice. `next_attempt_at` tells only where it waits; `reply_code` is the mail server's that refused it."""

    delegate_id: str
    number: int
    message_id: str
    kind: Kind
    state: NoticeState
    revision: int
    attempts: int
    reply_code: int | None
    created_at: datetime
    next_attempt_at: datetime
    sent_at: datetime | None


@dataclass(frozen=True, slots=True)
class Standing:
    """How many people are due, how many notices wait to be sent, and how many could not be delivered."""

    due: int
    waiting: int
    undeliverable: int


def of_delegate(tx: Connection, delegate_id: str) -> list[NoticeRecord]:
    """The notices to one delegate, the first first."""
    return _records(tx, notices.c.delegate_id == delegate_id)


def undeliverable(tx: Connection) -> list[NoticeRecord]:
    """Notices that could not be delivered and that no later one has overtaken."""
    return _records(tx, notices.c.state == NoticeState.UNDELIVERABLE)


def standing(tx: Connection) -> Standing:
    return Standing(
        due=tx.execute(select(func.count()).select_from(due)).scalar_one(),
        waiting=_count(tx, NoticeState.WAITING),
        undeliverable=_count(tx, NoticeState.UNDELIVERABLE),
    )


def _records(tx: Connection, which: ColumnElement[bool]) -> list[NoticeRecord]:
    columns = (notices.c[field] for field in NoticeRecord._fields)
    query = select(*columns).where(which).order_by(notices.c.created_at, notices.c.number).limit(MOST_LISTED)
    return [NoticeRecord(*row) for row in tx.execute(query)]


def _count(tx: Connection, state: NoticeState) -> int:
    return tx.execute(select(func.count()).where(notices.c.state == state)).scalar_one()
