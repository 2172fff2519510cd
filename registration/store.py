"""Registration's tables, and how a `Register` is loaded from them and stored back."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
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
    delete,
    func,
    select,
)

from registration.delegate import Registration, person_keys
from registration.locks import hold
from registration.model import PersonAmended
from registration.register import Register
from shared.database import UtcDateTime, insert
from shared.events import ENDED, EnrolmentState, SessionChanged
from shared.faults import Overtaken
from shared.outbox import Outbox

metadata = MetaData()
outbox = Outbox(metadata, "registration")

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
    Column("delegate_id", Uuid, nullable=False, index=True),
)
enrolments = Table(
    "enrolments",
    metadata,
    Column("delegate_id", Uuid, primary_key=True),
    Column("session_id", String(64), primary_key=True),
    Column("state", String(16), nullable=False),
    Index("enrolments_by_session", "session_id", "state"),
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
    Column("scope", String(128), primary_key=True),
    Column("idempotency_key", String(520), primary_key=True),
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


@dataclass(frozen=True, slots=True)
class Touched:
    """What a request may look at or change: loaded, and on PostgreSQL locked, before anything is decided."""

    delegates: Collection[UUID] = ()
    delegations: Collection[str] = ()
    sessions: Collection[str] = ()
    people: Collection[str] = ()
    amended: Collection[tuple[UUID, PersonAmended]] = ()
    """People who will be known by something else."""
    crowds: Collection[str] = ()
    """Sessions whose enrolled people may lose their place."""


@dataclass(frozen=True, slots=True)
class _Reach:
    """All that a group touches, and the delegates among it as they stand."""

    delegates: Mapping[UUID, Registration]
    delegations: set[str]
    sessions: set[str]
    people: set[str]

    def names(self) -> set[str]:
        return {
            *(f"delegate {each}" for each in self.delegates),
            *(f"delegation {each}" for each in self.delegations),
            *(f"session {each}" for each in self.sessions),
            *(f"person {each}" for each in self.people),
        }


def load(tx: Connection, touched: Sequence[Touched]) -> Register:
    """The register as far as `touched` reaches, locked against every other group until this transaction ends.

    Raises `Overtaken` where another replica's group changed meanwhile what must be locked: begin again.
    """
    reach = _reach(tx, touched)
    if tx.dialect.name == "postgresql":
        hold(tx, names := reach.names())
        reach = _reach(tx, touched)
        if not reach.names() <= names:
            raise Overtaken
    register = Register(dict(reach.delegates), {each.session_id: each for each in _sessions(tx, reach.sessions)})
    register.people = _people(tx, reach.people)
    register.places.update(places(tx, reach.sessions))
    for delegation, category, count in _held(tx, reach.delegations):
        register.note_held(delegation, category, count)
    return register


def _reach(tx: Connection, touched: Sequence[Touched]) -> _Reach:
    crowds = {each for t in touched for each in t.crowds}
    known = {each.delegate_id: each for each in _registrations(tx, {each for t in touched for each in t.delegates})}
    known |= {each.delegate_id: each for each in _crowd(tx, crowds)}
    amended = [
        (amendment.applied_to(current.person), current.delegation)
        for t in touched
        for delegate_id, amendment in t.amended
        if (current := known.get(delegate_id)) is not None
    ]
    return _Reach(
        delegates=known,
        delegations={each for t in touched for each in t.delegations} | {each.delegation for each in known.values()},
        sessions={each for t in touched for each in t.sessions}
        | crowds
        | {enrolment.session_id for each in known.values() for enrolment in each.enrolments},
        people={each for t in touched for each in t.people}
        | {key for person, delegation in amended for key in person_keys(person, delegation)},
    )


def store(tx: Connection, register: Register) -> None:
    """Write every change of `register`: rows at their newest revision, indexes with them."""
    changed = {each.delegate_id: each for each in register.changes if isinstance(each, Registration)}
    moved = {each.session_id: each for each in register.changes if isinstance(each, SessionChanged)}
    if changed:
        _store_delegates(tx, changed)
    if moved:
        rows = [{"session_id": s.session_id, "revision": s.revision, "content": s.model_dump_json()} for s in moved.values()]
        _upsert(tx, sessions, ["session_id"], rows)


def absent_sessions(tx: Connection, session_ids: Collection[str]) -> set[str]:
    """Which of these sessions the database does not have yet."""
    return set(session_ids) - set(tx.execute(select(sessions.c.session_id)).scalars())


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
    _upsert(tx, delegates, ["delegate_id"], rows)
    known_before = [{"id": each.delegate_id} for each in changed.values() if each.revision > 1]
    if known_before:
        tx.execute(delete(people).where(people.c.delegate_id == bindparam("id")), known_before)
        tx.execute(delete(enrolments).where(enrolments.c.delegate_id == bindparam("id")), known_before)
    keys = [{"known_by": key, "delegate_id": each.delegate_id} for each in changed.values() for key in each.known_by]
    if keys:
        tx.execute(people.insert(), keys)
    held = [
        {"delegate_id": each.delegate_id, "session_id": enrolment.session_id, "state": enrolment.state.value}
        for each in changed.values()
        for enrolment in each.enrolments
        if enrolment.state is not EnrolmentState.RELEASED
    ]
    if held:
        tx.execute(enrolments.insert(), held)


def _upsert(tx: Connection, table: Table, key: list[str], rows: Sequence[Mapping[str, object]]) -> None:
    statement = insert(tx, table)
    updated = {column.name: statement.excluded[column.name] for column in table.columns if column.name not in key}
    tx.execute(statement.on_conflict_do_update(index_elements=key, set_=updated), rows)


def _registrations(tx: Connection, ids: Collection[UUID]) -> list[Registration]:
    if not ids:
        return []
    found = tx.execute(select(delegates.c.content).where(delegates.c.delegate_id.in_(ids)))
    return [Registration.model_validate_json(content) for content in found.scalars()]


def _crowd(tx: Connection, session_ids: Collection[str]) -> list[Registration]:
    if not session_ids:
        return []
    enrolled = select(enrolments.c.delegate_id).where(enrolments.c.session_id.in_(session_ids))
    found = tx.execute(select(delegates.c.content).where(delegates.c.delegate_id.in_(enrolled)))
    return [Registration.model_validate_json(content) for content in found.scalars()]


def _sessions(tx: Connection, ids: Collection[str]) -> list[SessionChanged]:
    if not ids:
        return []
    found = tx.execute(select(sessions.c.content).where(sessions.c.session_id.in_(ids)))
    return [_session(content) for content in found.scalars()]


@lru_cache(maxsize=512)
def _session(content: str) -> SessionChanged:
    """An entry is long and changes seldom; every group reads those its people enrol in."""
    return SessionChanged.model_validate_json(content)


def _held(tx: Connection, delegations: Collection[str]) -> list[tuple[str, str, int]]:
    if not delegations:
        return []
    d = delegates.c
    ended = [status.value for status in ENDED]
    counted = (
        select(d.delegation, d.category, func.count())
        .where(d.delegation.in_(delegations), d.status.not_in(ended))
        .group_by(d.delegation, d.category)
    )
    return [(delegation, category, count) for delegation, category, count in tx.execute(counted)]


def places(tx: Connection, session_ids: Collection[str]) -> dict[str, int]:
    """How many are enrolled in each of these sessions; none is absent."""
    if not session_ids:
        return {}
    e = enrolments.c
    counted = (
        select(e.session_id, func.count())
        .where(e.session_id.in_(session_ids), e.state == EnrolmentState.ENROLLED.value)
        .group_by(e.session_id)
    )
    return dict(tx.execute(counted).tuples().all())


def _people(tx: Connection, known_by: Collection[str]) -> dict[str, UUID]:
    if not known_by:
        return {}
    found = tx.execute(select(people.c.known_by, people.c.delegate_id).where(people.c.known_by.in_(known_by)))
    return dict(found.tuples().all())
