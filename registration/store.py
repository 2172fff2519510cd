"""Registration's tables, and how what a group decided is stored in them."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    Uuid,
    bindparam,
    cast,
    func,
    or_,
    select,
)

from registration.delegate import Registration
from registration.register import Register
from shared.database import UtcDateTime, insert
from shared.dead_letters import DeadLetters
from shared.events import EnrolmentState, SessionChanged, Status
from shared.outbox import Outbox
from shared.rows import among, execute_many, upsert

ERASED_ANSWER = 410
"""The status of an answer of which only its key is left."""

metadata = MetaData()
outbox = Outbox(metadata, "registration")
dead_letters = DeadLetters(metadata, outbox)

delegates = Table(
    "delegates",
    metadata,
    Column("delegate_id", Uuid, primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("status", String(16), nullable=False),
    Column("delegation", String(64), nullable=False),
    Column("category", String(64), nullable=False),
    Column("content", Text, nullable=False),
    Index("delegates_by_delegation", "delegation", "status", "category"),
    Index("delegates_by_status", "status"),
)
people = Table(
    "people",
    metadata,
    Column("known_by", String(64), primary_key=True),
    Column("delegate_id", Uuid, nullable=False),
    sqlite_with_rowid=False,
)
quota_places = Table(
    "quota_places",
    metadata,
    Column("delegation", String(64), primary_key=True),
    Column("category", String(64), primary_key=True),
    Column("held", Integer, nullable=False),
    sqlite_with_rowid=False,
    comment="kept with every change of a delegate: counting them takes longer the more there are",
)
session_places = Table(
    "session_places",
    metadata,
    Column("session_id", String(64), primary_key=True),
    Column("enrolled", Integer, nullable=False),
    sqlite_with_rowid=False,
    comment="kept with every change of an enrolment",
)
enrolments = Table(
    "enrolments",
    metadata,
    Column("delegate_id", Uuid, primary_key=True),
    Column("session_id", String(64), primary_key=True),
    Column("state", String(16), nullable=False),
    sqlite_with_rowid=False,
)
sessions = Table(
    "sessions",
    metadata,
    Column("session_id", String(64), primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("content", Text, nullable=False),
)
answers = Table(
    "answers",
    metadata,
    Column("name", String(600), primary_key=True, comment="whose key it is, and the key"),
    Column("body_hash", LargeBinary(32), nullable=False),
    Column("status", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
form_keys = Table(
    "form_keys",
    metadata,
    Column("key_hash", String(64), primary_key=True),
    Column("name", String(100), nullable=False, unique=True),
    Column("categories", JSON(none_as_null=True), comment="slugs; null is all"),
    Column("delegations", JSON(none_as_null=True), comment="codes; null is all"),
    Column("revoked", Boolean, nullable=False, default=False),
)
badges = Table(
    "badges",
    metadata,
    Column("badge_id", Uuid, primary_key=True),
    Column("delegate_id", Uuid, nullable=False, index=True),
    Column("state", String(16), nullable=False),
    Column("at", UtcDateTime(), nullable=False),
)
erased = Table(
    "erased",
    metadata,
    Column("key_hash", String(64), primary_key=True, comment="SHA-256 of the delegate's id"),
    sqlite_with_rowid=False,
)

_ERASED = select(erased.c.key_hash).where(among(erased.c.key_hash, "hashes"))
_INSERT_PEOPLE, _INSERT_ENROLMENTS = people.insert(), enrolments.insert()
_FORGET_PEOPLE = people.delete().where(people.c.known_by == bindparam("key"))
_FORGET_ENROLMENTS = enrolments.delete().where(enrolments.c.delegate_id == bindparam("delegate"))


def store(tx: Connection, register: Register) -> None:
    """Write every change of `register`: rows at their newest revision, indexes and counts with them."""
    moved = {each.session_id: each for each in register.changes if isinstance(each, SessionChanged)}
    if moved:
        rows = [{"session_id": s.session_id, "revision": s.revision, "content": s.model_dump_json()} for s in moved.values()]
        upsert(tx, sessions, rows)
    changed = {each.delegate_id: each for each in register.changes if isinstance(each, Registration)}
    if changed:
        _store_delegates(tx, changed)
        _store_people(tx, register, changed.values())
        _store_enrolments(tx, changed.values())
        _store_counts(tx, register, changed.values())
        if gone := [each.delegate_id for each in changed.values() if each.status is Status.ERASED]:
            _wipe(tx, gone)


def absent_sessions(tx: Connection, session_ids: Collection[str]) -> set[str]:
    """Which of these sessions the database does not have yet."""
    return set(session_ids) - set(tx.execute(select(sessions.c.session_id)).scalars())


def erased_among(tx: Connection, delegate_ids: Collection[UUID]) -> set[UUID]:
    """Which of these delegates are erased."""
    if not delegate_ids:
        return set()
    by_hash = {_hash(each): each for each in delegate_ids}
    return {by_hash[found] for found in tx.execute(_ERASED, {"hashes": list(by_hash)}).scalars()}


def erased_registrations(tx: Connection) -> list[Registration]:
    """The erased of whom anything is left, by id."""
    d = delegates.c
    found = tx.execute(select(d.content).where(d.status == Status.ERASED.value).order_by(d.delegate_id))
    return [Registration.model_validate_json(content) for content in found.scalars()]


def remove_delegates(tx: Connection, delegate_ids: Collection[UUID]) -> None:
    """Remove what is left of the erased: that they are is kept, by `erased_among`."""
    for table in (delegates, badges):
        tx.execute(table.delete().where(table.c.delegate_id.in_(delegate_ids)))


def _wipe(tx: Connection, delegate_ids: Collection[UUID]) -> None:
    """Drop what is kept about these delegates beside their registration, and keep that they are erased.

    The keys of answers stay, with nothing of what they answered: who repeats a request must not bring the person back.
    """
    body = func.convert_from(answers.c.body, "UTF8") if tx.dialect.name == "postgresql" else cast(answers.c.body, Text)
    about = answers.update().where(or_(*(body.contains(str(each)) for each in delegate_ids)))
    tx.execute(about.values(status=ERASED_ANSWER, body_hash=b"", body=b"{}"))
    tx.execute(badges.delete().where(badges.c.delegate_id.in_(delegate_ids)))
    tx.execute(insert(tx, erased).on_conflict_do_nothing(), [{"key_hash": _hash(each)} for each in delegate_ids])


def _hash(delegate_id: UUID) -> str:
    return hashlib.sha256(str(delegate_id).encode()).hexdigest()


def _store_delegates(tx: Connection, changed: Mapping[UUID, Registration]) -> None:
    rows = [
        {
            "delegate_id": each.delegate_id,
            "revision": each.revision,
            "status": each.status.value,
            "delegation": each.delegation,
            "category": each.category,
            "content": each.model_dump_json(),
        }
        for each in changed.values()
    ]
    upsert(tx, delegates, rows)


def _store_people(tx: Connection, register: Register, changed: Collection[Registration]) -> None:
    _execute(tx, _FORGET_PEOPLE, [{"key": key} for key in register.forgotten])
    keys = [{"known_by": key, "delegate_id": each.delegate_id} for each in changed for key in each.known_by]
    _execute(tx, _INSERT_PEOPLE, keys)


def _store_enrolments(tx: Connection, changed: Collection[Registration]) -> None:
    _execute(tx, _FORGET_ENROLMENTS, [{"delegate": each.delegate_id} for each in changed if each.revision > 1])
    held = [
        {"delegate_id": each.delegate_id, "session_id": enrolment.session_id, "state": enrolment.state.value}
        for each in changed
        for enrolment in each.enrolments
        if enrolment.state is not EnrolmentState.RELEASED
    ]
    _execute(tx, _INSERT_ENROLMENTS, held)


def _store_counts(tx: Connection, register: Register, changed: Collection[Registration]) -> None:
    quotas = {(each.delegation, each.category) for each in changed}
    held = register.held_by_category
    upsert(tx, quota_places, [{"delegation": d, "category": c, "held": held[d, c]} for d, c in sorted(quotas)])
    crowds = {enrolment.session_id for each in changed for enrolment in each.enrolments}
    if crowds:
        upsert(tx, session_places, [{"session_id": each, "enrolled": register.places[each]} for each in sorted(crowds)])


def _execute(tx: Connection, statement: Any, rows: Sequence[Mapping[str, object]]) -> None:
    if rows:
        execute_many(tx, statement, rows)
