"""Notices on their way: what the sender takes from the tables, and what it writes back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, func, select

from notifications.model import Notice
from notifications.store import NoticeState, delegates, notices, told
from notifications.views import View
from shared.events import DelegateRegistered


class Key(NamedTuple):
    """Names a notice: the number-th to this delegate."""

    delegate_id: str
    number: int


@dataclass(frozen=True, slots=True)
class Letter:
    """A notice to be mailed, and to whom: all that the mail is made of, the same at each attempt."""

    key: Key
    address: str
    message_id: str
    notice: Notice
    created_at: datetime
    revision: int
    traceparent: str
    attempts: int
    """How often it was tried before."""


@dataclass(frozen=True, slots=True)
class Sent:
    key: Key
    at: datetime


@dataclass(frozen=True, slots=True)
class Deferred:
    """It could not be sent now, and will be tried again."""

    key: Key
    until: datetime


@dataclass(frozen=True, slots=True)
class Refused:
    """The mail server will never take it for this address."""

    key: Key
    reply_code: int
    address_hash: bytes


Outcome = Sent | Deferred | Refused


def waiting(tx: Connection, now: datetime, limit: int) -> list[Key]:
    """Notices to be tried now, those that have waited longest first."""
    query = select(notices.c.delegate_id, notices.c.number).where(
        notices.c.state == NoticeState.WAITING, notices.c.next_attempt_at <= now
    )
    return [Key(*row) for row in tx.execute(query.order_by(notices.c.next_attempt_at).limit(limit))]


def letter(tx: Connection, key: Key) -> Letter | None:
    """The notice with the address as it is now; `None` where it needs no sending any more."""
    n, registrations = notices.c, delegates.table
    query = (
        select(n.message_id, n.view, n.created_at, n.revision, n.traceparent, n.attempts, told.c.view, registrations.c.content)
        .join(told, told.c.delegate_id == n.delegate_id)
        .join(registrations, registrations.c.key == n.delegate_id)
        .where(n.delegate_id == key.delegate_id, n.number == key.number, n.state == NoticeState.WAITING)
    )
    for message_id, view, created_at, revision, traceparent, attempts, was, content in tx.execute(query):
        registration = DelegateRegistered.model_validate_json(content)
        person = registration.person
        if person is not None:
            says = View.model_validate_json(view)
            if registration.protected:  # perhaps only since it was written
                says = says.model_copy(update={"name": person.function, "protected": True})
            notice = Notice(None if was is None else View.model_validate_json(was), says)
            return Letter(key, person.email, message_id, notice, created_at, revision, traceparent, attempts)
    return None


def settle(tx: Connection, outcomes: Sequence[Outcome]) -> None:
    """Write down what became of notices. What was sent is from now on what the delegate was told."""
    this_one = (notices.c.delegate_id == bindparam("delegate"), notices.c.number == bindparam("of_number"))
    if sent := [each for each in outcomes if isinstance(each, Sent)]:
        said = select(notices.c.view).where(*this_one, notices.c.state == NoticeState.WAITING).scalar_subquery()
        rows = [{"delegate": each.key.delegate_id, "of_number": each.key.number, "at": each.at} for each in sent]
        tx.execute(
            told.update().where(told.c.delegate_id == bindparam("delegate")).values(view=func.coalesce(said, told.c.view)), rows
        )
        done = notices.update().where(*this_one)
        done = done.values(state=NoticeState.SENT, view=None, sent_at=bindparam("at"), attempts=notices.c.attempts + 1)
        tx.execute(done, rows)
    for each in outcomes:
        row = notices.update().where(notices.c.delegate_id == each.key.delegate_id, notices.c.number == each.key.number)
        again = {"attempts": notices.c.attempts + 1}
        if isinstance(each, Deferred):
            tx.execute(row.values(next_attempt_at=each.until, **again))
        elif isinstance(each, Refused):
            refusal = {"reply_code": each.reply_code, "refused_address": each.address_hash}
            tx.execute(row.values(state=NoticeState.UNDELIVERABLE, **refusal, **again))
