"""The tables of notifications, and their queries.

What a person was told, and their address, are each kept in one place: `told` and `delegates`. A notice holds what it says
only until it is sent.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    case,
    exists,
    literal,
    select,
)

from notifications.views import View
from shared.database import UtcDateTime, insert
from shared.dead_letters import DeadLetters
from shared.events import DelegateRegistered, SessionChanged
from shared.outbox import Outbox
from shared.revisions import KnownFacts

metadata = MetaData()
outbox = Outbox(metadata, "notifications")
dead_letters = DeadLetters(metadata, outbox)
delegates = KnownFacts(metadata, "delegates", DelegateRegistered)
sessions = KnownFacts(metadata, "sessions", SessionChanged)

enrolments = Table(
    "enrolments",
    metadata,
    Column("session_id", String(64), primary_key=True),
    Column("delegate_id", String(36), primary_key=True),
    Index("enrolments_by_delegate", "delegate_id"),
)
told = Table(
    "told",
    metadata,
    Column("delegate_id", String(36), primary_key=True),
    Column("number", Integer, nullable=False, comment="of the last notice that was written"),
    Column("view", Text, comment="JSON of what the last notice that was sent said"),
)
due = Table(
    "due",
    metadata,
    Column("delegate_id", String(36), primary_key=True),
    Column("first_change_at", UtcDateTime, nullable=False),
    Column("latest_at", UtcDateTime, nullable=False),
    Column("due_at", UtcDateTime, nullable=False, index=True),
    Column("traceparent", String(64), nullable=False, comment="of the first change that was not told"),
)
notices = Table(
    "notices",
    metadata,
    Column("delegate_id", String(36), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("message_id", String(200), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("view", Text, comment="JSON of what it says; only until it is sent"),
    Column("revision", Integer, nullable=False),
    Column("traceparent", String(64), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt_at", UtcDateTime, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("sent_at", UtcDateTime),
    Column("reply_code", Integer, comment="of the mail server that refused it for good"),
    Column("refused_address", LargeBinary(32), comment="SHA-256"),
    Index("notices_by_state", "state", "next_attempt_at"),
)


class NoticeState(StrEnum):
    WAITING = "waiting"
    SENT = "sent"
    UNDELIVERABLE = "undeliverable"
    OVERTAKEN = "overtaken"
    """It was undeliverable, and what it said was told by a later notice or needs telling no more."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Why and when delegates become due. Instants are UTC."""

    at: datetime
    due_at: datetime
    latest_at: datetime
    traceparent: str

    def row(self, delegate_id: str) -> dict[str, Any]:
        return {
            "delegate_id": delegate_id,
            "first_change_at": self.at,
            "latest_at": self.latest_at,
            "due_at": self.due_at,
            "traceparent": self.traceparent,
        }


# --- marking people due -------------------------------------------------------------------------------------------


def mark(tx: Connection, marks: Mapping[str, Mark]) -> None:
    """Make delegates due, by id. Who is due already keeps the first change and the earliest limit."""
    if marks:
        tx.execute(_merging(insert(tx, due)), [mark.row(delegate_id) for delegate_id, mark in sorted(marks.items())])


def mark_enrolled(tx: Connection, session_id: str, mark: Mark) -> int:
    """Make everybody due who has a place in the session, or had one, in one statement; return how many."""
    at, due_at, latest_at = (literal(instant, UtcDateTime) for instant in (mark.at, mark.due_at, mark.latest_at))
    columns = (enrolments.c.delegate_id, at, due_at, latest_at, literal(mark.traceparent, String))
    people = select(*columns).where(enrolments.c.session_id == session_id).order_by(enrolments.c.delegate_id)
    names = ("delegate_id", "first_change_at", "due_at", "latest_at", "traceparent")
    marking = _merging(insert(tx, due).from_select(names, people))
    return tx.execute(marking, execution_options={"preserve_rowcount": True}).rowcount


def _merging(marking: Any) -> Any:
    """On conflict: the quiet window starts again, within the earliest of all limits."""
    new = marking.excluded
    return marking.on_conflict_do_update(
        index_elements=["delegate_id"],
        set_={"latest_at": _earlier(due.c.latest_at, new.latest_at), "due_at": _earlier(due.c.latest_at, new.due_at)},
    )


def _earlier(one: Any, other: Any) -> ColumnElement[datetime]:
    return case((one < other, one), else_=other)


def hold_sessions(tx: Connection, session_ids: Collection[str]) -> None:
    """Let no session among these change until this transaction ends.

    Else, on PostgreSQL, a session and an enrolment in it, committed at once, could each miss the other.
    """
    rows = sessions.table
    tx.execute(select(rows.c.key).where(rows.c.key.in_(session_ids)).order_by(rows.c.key).with_for_update(read=True))


def enrol(tx: Connection, registrations: Iterable[DelegateRegistered]) -> None:
    """Keep which sessions the newest registrations name, in any state, and no others."""
    newest = list(registrations)
    tx.execute(enrolments.delete().where(enrolments.c.delegate_id.in_([each.key for each in newest])))
    rows = [
        {"session_id": enrolment.session_id, "delegate_id": registration.key}
        for registration in newest
        for enrolment in {each.session_id: each for each in registration.enrolments}.values()
    ]
    if rows:
        tx.execute(enrolments.insert(), rows)


def wipe(tx: Connection, delegate_ids: Sequence[str]) -> None:
    """Drop all that is to be told, and was told, to these people; the number of their last notice stays."""
    for table in (due, notices, enrolments):
        tx.execute(table.delete().where(table.c.delegate_id.in_(delegate_ids)))
    tx.execute(told.update().where(told.c.delegate_id.in_(delegate_ids)).values(view=None))


def forget(tx: Connection, delegate_ids: Sequence[str]) -> None:
    """Drop even that there was such a person."""
    wipe(tx, delegate_ids)
    tx.execute(told.delete().where(told.c.delegate_id.in_(delegate_ids)))


# --- converging ---------------------------------------------------------------------------------------------------


class Due(NamedTuple):
    """A person to be told. `traceparent` is of the first change that was not told."""

    delegate_id: str
    first_change_at: datetime
    traceparent: str


class Told(NamedTuple):
    """The number of the last notice that was written to a person, and what the last one that was sent said."""

    number: int
    view: View | None


class Parked(NamedTuple):
    """A notice that a mail server refused for good."""

    number: int
    view: View
    refused_address: bytes


def _free_to_be_told() -> ColumnElement[bool]:
    """Whoever has a notice on its way is told the next one after it, so that they come in order and none is stale."""
    on_its_way = select(notices.c.number).where(
        notices.c.delegate_id == due.c.delegate_id, notices.c.state == NoticeState.WAITING
    )
    return ~exists(on_its_way)


def next_due_at(tx: Connection) -> datetime | None:
    """When the next person becomes due, in the past where one is due already; `None` while there is nobody."""
    return tx.execute(select(due.c.due_at).where(_free_to_be_told()).order_by(due.c.due_at).limit(1)).scalar()


def claim_due(tx: Connection, now: datetime, limit: int) -> list[Due]:
    """Those to be told now, their rows locked; another replica skips them."""
    query = select(due.c.delegate_id, due.c.first_change_at, due.c.traceparent)
    ripe = query.where(due.c.due_at <= now, _free_to_be_told()).order_by(due.c.due_at).limit(limit)
    return [Due(*row) for row in tx.execute(ripe.with_for_update(skip_locked=True, of=due))]


def hasten(tx: Connection, now: datetime, longest_wait: timedelta) -> int:
    """Make due at once who, or what notice, is due later than anything ever is; return how many."""
    too_late = now + longest_wait
    people = due.update().where(due.c.due_at > too_late).values(first_change_at=now, latest_at=now, due_at=now)
    waits = (notices.c.state == NoticeState.WAITING, notices.c.next_attempt_at > too_late)
    hastened = [people, notices.update().where(*waits).values(next_attempt_at=now)]
    return sum(tx.execute(each, execution_options={"preserve_rowcount": True}).rowcount for each in hastened)


def last_told(tx: Connection, delegate_ids: Sequence[str]) -> dict[str, Told]:
    query = select(told.c.delegate_id, told.c.number, told.c.view).where(told.c.delegate_id.in_(delegate_ids))
    return {
        delegate_id: Told(number, None if view is None else View.model_validate_json(view))
        for delegate_id, number, view in tx.execute(query)
    }


def undeliverable(tx: Connection, delegate_ids: Sequence[str]) -> dict[str, Parked]:
    """The parked notice of each of these people who has one."""
    query = select(notices.c.delegate_id, notices.c.number, notices.c.view, notices.c.refused_address)
    parked = query.where(notices.c.delegate_id.in_(delegate_ids), notices.c.state == NoticeState.UNDELIVERABLE)
    return {
        delegate_id: Parked(number, View.model_validate_json(view), refused_address)
        for delegate_id, number, view, refused_address in tx.execute(parked)
    }


def settle_due(tx: Connection, delegate_ids: Sequence[str]) -> None:
    tx.execute(due.delete().where(due.c.delegate_id.in_(delegate_ids)))


def settle_all(tx: Connection) -> None:
    tx.execute(due.delete())


def postpone(tx: Connection, delegate_id: str, until: datetime) -> None:
    tx.execute(due.update().where(due.c.delegate_id == delegate_id).values(due_at=until))


def keep_told(tx: Connection, latest: Mapping[str, Told]) -> None:
    """Keep what each was told last, by delegate id."""
    if not latest:
        return
    keeping = insert(tx, told)
    changed = {name: keeping.excluded[name] for name in ("number", "view")}
    rows = [
        {"delegate_id": delegate_id, "number": each.number, "view": each.view and each.view.model_dump_json()}
        for delegate_id, each in latest.items()
    ]
    tx.execute(keeping.on_conflict_do_update(index_elements=["delegate_id"], set_=changed), rows)


def add_notices(tx: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        tx.execute(notices.insert(), rows)


def close_undeliverable(tx: Connection, delegate_ids: Sequence[str]) -> None:
    parked = (notices.c.delegate_id.in_(delegate_ids), notices.c.state == NoticeState.UNDELIVERABLE)
    tx.execute(notices.update().where(*parked).values(state=NoticeState.OVERTAKEN, view=None, refused_address=None))


def try_again(tx: Connection, delegate_id: str, now: datetime) -> None:
    """Have a parked notice sent again, under its number and Message-ID."""
    parked = (notices.c.delegate_id == delegate_id, notices.c.state == NoticeState.UNDELIVERABLE)
    tx.execute(notices.update().where(*parked).values(state=NoticeState.WAITING, next_attempt_at=now, refused_address=None))
