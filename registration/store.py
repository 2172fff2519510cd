"""Registration's tables, and how what a group decided is stored in them."""

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
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
    false,
    func,
    or_,
    select,
)

from registration.amendment import Correction
from registration.audit.entries import id_hash
from registration.audit.trail import Trail
from registration.decisions.corrections import Corrections
from registration.decisions.staging import Staging
from registration.delegate import Registration, searched_name
from registration.delegations.focal_news import FocalNews, worth_telling
from registration.letters.letter import LetterChange
from registration.letters.store import Letters
from registration.photos.asking import PhotoMails
from registration.photos.store import Photos
from registration.register import Register
from registration.staff.accounts import StaffAccounts
from shared.clock import utc_now
from shared.database import UtcDateTime, insert
from shared.dead_letters import DeadLetters
from shared.events import EnrolmentState, SessionChanged, Status
from shared.folding import searched
from shared.outbox import Outbox
from shared.rows import among, execute_many, upsert

ERASED_ANSWER = 410
"""The status of an answer of which only its key is left."""

metadata = MetaData()
outbox = Outbox(metadata, "registration")
dead_letters = DeadLetters(metadata, outbox)
trail = Trail(metadata)
accounts = StaffAccounts(metadata)
staging = Staging(metadata)
corrections = Corrections(metadata)
photos = Photos(metadata)
letters = Letters(metadata)

_SOUGHT_BY = ("status", "delegate_id", "category", "delegation", "protected", "endorsement", "endorse_until")
"""The desk's queue is read from an index alone; on PostgreSQL an entry of one has no room for long names, and need not."""

delegates = Table(
    "delegates",
    metadata,
    Column("delegate_id", Uuid, primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("status", String(16), nullable=False),
    Column("delegation", String(64), nullable=False),
    Column("category", String(64), nullable=False),
    Column("content", Text, nullable=False),
    Column("searched_name", Text, comment="name and e-mail address, folded; null of the erased"),
    Column("searched_function", Text, comment="folded"),
    Column("protected", Boolean),
    Column("endorsement", String(16), comment="waiting or given, of those who need one"),
    Column("endorse_until", UtcDateTime(), comment="until when the desk waits for it; null is for ever"),
    Index("delegates_by_delegation", "delegation", "status", "category"),
    Index("delegates_sought", *_SOUGHT_BY, "searched_function", "searched_name").ddl_if(dialect="sqlite"),
    Index("delegates_by_status", *_SOUGHT_BY).ddl_if(dialect="postgresql"),
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
    Column("category", String(64), primary_key=True),
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
    Index("enrolments_by_session", "session_id", "state"),
    sqlite_with_rowid=False,
)
sessions = Table(
    "sessions",
    metadata,
    Column("session_id", String(64), primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("content", Text, nullable=False),
)
session_history = Table(
    "session_history",
    metadata,
    Column("session_id", String(64), primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("content", Text, nullable=False),
    sqlite_with_rowid=False,
    comment="every revision of every session, for who asks what changed",
)
page_secrets = Table(
    "page_secrets",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("secret", LargeBinary, nullable=False),
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
    Column("rate", Integer, comment="requests an hour; null is any number"),
    Column("origins", JSON(none_as_null=True), comment="of pages that post; null is none"),
    Column("test", Boolean, nullable=False, default=False, server_default=false()),
    Column("signing_secret", String(120), comment="as it is: to check needs it"),
)
focal_points = Table(
    "focal_points",
    metadata,
    Column("delegation", String(64), primary_key=True),
    Column("email", String(254), primary_key=True),
    Column("name", String(160), nullable=False),
    Column("role", String(16), nullable=False),
    Column("language", String(2), comment="in which they signed in last; null where they never did"),
    Index("focal_points_by_email", "email"),
    comment="e-mail addresses in small letters",
)
focal_news = FocalNews(metadata, focal_points)
photo_mails = PhotoMails(metadata, delegates)
sign_in_links = Table(
    "sign_in_links",
    metadata,
    Column("link_id", Uuid, primary_key=True),
    Column("email", String(254), nullable=False),
    Column("language", String(2), nullable=False),
    Column("asked_at", UtcDateTime(), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt_at", UtcDateTime(), nullable=True),
    Index("sign_in_links_to_mail", "next_attempt_at"),
    comment="asked for and not used; next_attempt_at is null once mailed",
)
focal_point_sessions = Table(
    "focal_point_sessions",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("email", String(254), nullable=False),
    Column("ends_at", UtcDateTime(), nullable=False),
)
delegation_order = Table(
    "delegation_order",
    metadata,
    Column("delegate_id", Uuid, primary_key=True),
    Column("delegation", String(64), nullable=False),
    Column("head", Boolean, nullable=False),
    Column("rank", Integer, nullable=True),
    Index("delegation_order_by_delegation", "delegation"),
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
        upsert(tx, sessions, [_session_row(each) for each in moved.values()])
        every = [each for each in register.changes if isinstance(each, SessionChanged)]
        _execute(tx, session_history.insert(), [_session_row(each) for each in every])
    corrected = [each for each in register.changes if isinstance(each, Correction)]
    corrections.keep(tx, corrected)
    photos.propose(tx, register.portraits, corrected)
    letters.keep(tx, [each for each in register.changes if isinstance(each, LetterChange)])
    changed = {each.delegate_id: each for each in register.changes if isinstance(each, Registration)}
    if changed:
        _store_delegates(tx, changed)
        _store_people(tx, register, changed.values())
        _store_enrolments(tx, changed.values())
        _store_counts(tx, register)
        photos.store(tx, register.portraits, changed.values())
        if gone := [each.delegate_id for each in changed.values() if each.status is Status.ERASED]:
            _wipe(tx, gone)
    focal_news.note(tx, worth_telling(register.changes, register.delegates), utc_now())


@lru_cache(maxsize=512)
def session_of(content: str) -> SessionChanged:
    """An entry as it is stored. It is long and changes seldom; every group and page reads it."""
    return SessionChanged.model_validate_json(content)


def _session_row(session: SessionChanged) -> dict[str, object]:
    return {"session_id": session.session_id, "revision": session.revision, "content": session.model_dump_json()}


def absent_sessions(tx: Connection, session_ids: Collection[str]) -> set[str]:
    """Which of these sessions the database does not have yet."""
    return set(session_ids) - set(tx.execute(select(sessions.c.session_id)).scalars())


def erased_among(tx: Connection, delegate_ids: Collection[UUID]) -> set[UUID]:
    """Which of these delegates are erased."""
    if not delegate_ids:
        return set()
    by_hash = {id_hash(each): each for each in delegate_ids}
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
    for table in (badges, delegation_order):
        tx.execute(table.delete().where(table.c.delegate_id.in_(delegate_ids)))
    corrections.forget(tx, delegate_ids)
    photos.wipe(tx, delegate_ids)
    photo_mails.forget(tx, delegate_ids)
    tx.execute(insert(tx, erased).on_conflict_do_nothing(), [{"key_hash": id_hash(each)} for each in delegate_ids])


def _store_delegates(tx: Connection, changed: Mapping[UUID, Registration]) -> None:
    rows = [
        {
            "delegate_id": each.delegate_id,
            "revision": each.revision,
            "status": each.status.value,
            "delegation": each.delegation,
            "category": each.category,
            "content": each.model_dump_json(),
            "searched_name": each.person and searched_name(each.person),
            "searched_function": each.person and searched(each.person.function),
            "protected": each.protected,
            "endorsement": each.endorsement and each.endorsement.state,
            "endorse_until": each.endorsement and each.endorsement.until,
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


def _store_counts(tx: Connection, register: Register) -> None:
    held, places = register.held_by_category, register.places
    if quotas := sorted(register.recounted_quotas):
        upsert(tx, quota_places, [{"delegation": d, "category": c, "held": held[d, c]} for d, c in quotas])
    if crowds := sorted(register.recounted_places):
        upsert(tx, session_places, [{"session_id": s, "category": c, "enrolled": places[s, c]} for s, c in crowds])


def _execute(tx: Connection, statement: Any, rows: Sequence[Mapping[str, object]]) -> None:
    if rows:
        execute_many(tx, statement, rows)
