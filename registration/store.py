"""Registration's tables, and how a `Register` is loaded from them and stored back."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
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
    delete,
    func,
    select,
    text,
)

from registration.delegate import Registration, person_keys
from registration.register import Register
from shared.database import UtcDateTime, insert
from shared.events import ENDED, EnrolmentState, SessionChanged, Status
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
    enrolled_in: Collection[str] = ()
    """Sessions whose enrolled people may change."""

    def lock_names(self) -> list[str]:
        kinds = {"delegate": self.delegates, "delegation": self.delegations, "session": self.sessions, "person": self.people}
        return [f"{kind} {each}" for kind, names in kinds.items() for each in names]


def lock(tx: Connection, names: Iterable[str]) -> None:
    """Hold `names` until the transaction ends, taken in the order of their keys so that no two groups wait in a ring.

    SQLite needs none: its writers take turns.
    """
    if tx.dialect.name != "postgresql":
        return
    keys = text(
        "select pg_advisory_xact_lock(k) from "
        "(select distinct hashtextextended(name, 0) k from unnest(cast(:names as text[])) name order by k) keys"
    )
    tx.execute(keys, {"names": sorted(set(names))})


def load(tx: Connection, touched: Sequence[Touched]) -> Register:
    """The register as far as `touched` reaches, locked against every other group until this transaction ends."""
    delegate_ids = {each for t in touched for each in t.delegates}
    crowds = {each for t in touched for each in t.enrolled_in}
    if crowds:
        query = select(enrolments.c.delegate_id).where(enrolments.c.session_id.in_(crowds))
        delegate_ids |= set(tx.execute(query).scalars())
    # Unlocked: it only tells which delegations and sessions these people touch, and a delegation never changes.
    glance = _registrations(tx, delegate_ids)
    delegations = {each for t in touched for each in t.delegations} | {each.delegation for each in glance}
    session_ids = {each for t in touched for each in t.sessions} | crowds
    session_ids |= {enrolment.session_id for each in glance for enrolment in each.enrolments}
    known_by = {each for t in touched for each in t.people}
    if tx.dialect.name == "postgresql":
        lock(tx, Touched(delegate_ids, delegations, session_ids, known_by).lock_names())
        glance = _registrations(tx, delegate_ids)
    register = Register()
    register.delegates = {each.delegate_id: each for each in glance}
    register.sessions = {each.session_id: each for each in _sessions(tx, session_ids)}
    register.held_by_category.update(_held(tx, delegations))
    register.places.update(places(tx, session_ids))
    known_by |= {key for each in glance for key in person_keys(each.person, each.delegation)}
    register.people = _people(tx, known_by)
    return register


def store(tx: Connection, register: Register) -> None:
    """Write every change of `register`: rows at their newest revision, indexes with them."""
    changed = {each.delegate_id: each for each in register.changes if isinstance(each, Registration)}
    moved = {each.session_id: each for each in register.changes if isinstance(each, SessionChanged)}
    if changed:
        _store_delegates(tx, list(changed.values()))
        _store_people(tx, register, list(changed.values()))
        _store_enrolments(tx, list(changed.values()))
    if moved:
        rows = [{"session_id": s.session_id, "revision": s.revision, "content": s.model_dump_json()} for s in moved.values()]
        _upsert(tx, sessions, ["session_id"], rows)


def absent_sessions(tx: Connection, session_ids: Collection[str]) -> set[str]:
    """Which of these sessions the database does not have yet."""
    return set(session_ids) - set(tx.execute(select(sessions.c.session_id)).scalars())


def keep_known(registration: Registration) -> list[str]:
    """What a registration is known by: nothing once withdrawn or erased, so that the person may register anew."""
    if registration.status in (Status.WITHDRAWN, Status.ERASED):
        return []
    return person_keys(registration.person, registration.delegation)


def _store_delegates(tx: Connection, changed: Sequence[Registration]) -> None:
    rows = [
        {
            "delegate_id": each.delegate_id,
            "revision": each.revision,
            "status": each.status.value,
            "delegation": each.delegation,
            "category": each.category,
            "content": each.model_dump_json(),
        }
        for each in changed
    ]
    _upsert(tx, delegates, ["delegate_id"], rows)


def _store_people(tx: Connection, register: Register, changed: Sequence[Registration]) -> None:
    amended = [each.delegate_id for each in changed if each.revision > 1]
    if amended:
        tx.execute(delete(people).where(people.c.delegate_id.in_(amended)))
    ids = {each.delegate_id for each in changed}
    rows = [{"known_by": key, "delegate_id": owner} for key, owner in register.people.items() if owner in ids]
    if rows:
        tx.execute(people.insert(), rows)


def _store_enrolments(tx: Connection, changed: Sequence[Registration]) -> None:
    amended = [each.delegate_id for each in changed if each.revision > 1]
    if amended:
        tx.execute(delete(enrolments).where(enrolments.c.delegate_id.in_(amended)))
    rows = [
        {"delegate_id": each.delegate_id, "session_id": enrolment.session_id, "state": enrolment.state.value}
        for each in changed
        for enrolment in each.enrolments
        if enrolment.state is not EnrolmentState.RELEASED
    ]
    if rows:
        tx.execute(enrolments.insert(), rows)


def _upsert(tx: Connection, table: Table, key: list[str], rows: Sequence[Mapping[str, object]]) -> None:
    statement = insert(tx, table)
    updated = {column.name: statement.excluded[column.name] for column in table.columns if column.name not in key}
    tx.execute(statement.on_conflict_do_update(index_elements=key, set_=updated), rows)


def _registrations(tx: Connection, ids: Collection[UUID]) -> list[Registration]:
    if not ids:
        return []
    found = tx.execute(select(delegates.c.content).where(delegates.c.delegate_id.in_(ids)))
    return [Registration.model_validate_json(content) for content in found.scalars()]


def _sessions(tx: Connection, ids: Collection[str]) -> list[SessionChanged]:
    if not ids:
        return []
    found = tx.execute(select(sessions.c.content).where(sessions.c.session_id.in_(ids)))
    return [SessionChanged.model_validate_json(content) for content in found.scalars()]


def _held(tx: Connection, delegations: Collection[str]) -> dict[tuple[str, str], int]:
    if not delegations:
        return {}
    d = delegates.c
    ended = [status.value for status in ENDED]
    counted = (
        select(d.delegation, d.category, func.count())
        .where(d.delegation.in_(delegations), d.status.not_in(ended))
        .group_by(d.delegation, d.category)
    )
    return {(delegation, category): count for delegation, category, count in tx.execute(counted)}


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
