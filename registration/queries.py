"""What registration's readers ask: delegates by filter, page by page; sessions; what became of a badge."""

from collections.abc import Collection, Sequence
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection, Select, bindparam, func, select

from registration.audit.entries import KeptEntry, delegation_hash, id_hash
from registration.audit.trail import TrailFilter
from registration.callers.form_keys import FormKey
from registration.delegate import Registration
from registration.staff.search import Lacking, lacks, says
from registration.store import badges, delegates, erased_among, session_of, session_places, sessions, trail
from registration.store import session_history as revisions
from shared.conference import Conference
from shared.database import NUL, insert
from shared.events import BadgeStatus, PrintState, SessionChanged, Slug, Status
from shared.inbox import Journal
from shared.received import Received
from shared.rows import among

MAX_PAGE = 500
_ENROLLED = (
    select(func.coalesce(func.sum(session_places.c.enrolled), 0))
    .where(session_places.c.session_id == sessions.c.session_id)
    .scalar_subquery()
)
# Asked for every page of a person: to put such a question together takes longer than to answer it.
_CONTENT = select(delegates.c.content).where(delegates.c.delegate_id == bindparam("id"))
_BADGES = select(badges.c.delegate_id, badges.c.state).where(among(badges.c.delegate_id, "ids")).order_by(badges.c.badge_id)


_Q = """Each word is in the name, the function or the e-mail address, whatever its accents and case. Of a protected identity
only the function is looked at, for a key that may not read the name."""


class DelegateFilter(BaseModel):
    """Which delegates are asked for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    status: Status | None = None
    delegation: Slug | None = None
    category: Slug | None = None
    needs: Lacking | None = None
    """Those awaiting a decision whose delegation's letter of credentials, or whose own photo, is not there."""
    q: Annotated[str | None, Field(min_length=1, max_length=200, description=_Q)] = None
    after: Annotated[UUID | None, Field(description="`next_after` of the page before")] = None
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = 100


def find_delegates(
    tx: Connection,
    asked: DelegateFilter,
    form: FormKey | None,
    conference: Conference,
    *,
    with_protected_names: bool = False,
) -> list[Registration]:
    """Those who match, and whom the form's key covers, by id (which is by time of registration). Never the erased."""
    d = delegates.c
    listed = d.status != Status.ERASED.value
    query: Select[str] = select(d.content).where(listed).order_by(d.delegate_id).limit(asked.limit)
    if asked.status is not None:
        query = query.where(d.status == asked.status.value)
    if asked.delegation is not None:
        query = query.where(d.delegation == asked.delegation)
    if asked.category is not None:
        query = query.where(d.category == asked.category)
    if asked.needs is not None:
        query = query.where(lacks(asked.needs, conference))
    if asked.q is not None:
        query = query.where(says(asked.q, with_protected_names=with_protected_names))
    if asked.after is not None:
        query = query.where(d.delegate_id > asked.after)
    if form is not None and form.categories is not None:
        query = query.where(d.category.in_(form.categories))
    if form is not None and form.delegations is not None:
        query = query.where(d.delegation.in_(form.delegations))
    return [Registration.model_validate_json(content) for content in tx.execute(query).scalars()]


def find_delegate(tx: Connection, delegate_id: UUID) -> Registration | None:
    content = tx.execute(_CONTENT, {"id": delegate_id}).scalar()
    return None if content is None else Registration.model_validate_json(content)


def find_all(tx: Connection, delegate_ids: Collection[UUID]) -> list[Registration]:
    """Those of them who are there, by id; the erased with nothing personal."""
    d = delegates.c
    found = tx.execute(select(d.content).where(d.delegate_id.in_(delegate_ids)).order_by(d.delegate_id)).scalars()
    return [Registration.model_validate_json(content) for content in found]


def find_entries(tx: Connection, asked: TrailFilter) -> list[KeptEntry]:
    """A page of the audit trail."""
    about: set[str] | None = None if asked.delegate is None else {id_hash(asked.delegate)}
    if asked.delegation is not None:
        people = tx.execute(select(delegates.c.delegate_id).where(delegates.c.delegation == asked.delegation)).scalars()
        its = {delegation_hash(asked.delegation), *map(id_hash, people)}
        about = its if about is None else about & its
    return trail.page(tx, asked, about)


def badge_states(tx: Connection, delegate_ids: Collection[UUID]) -> dict[UUID, PrintState]:
    """What a printer last reported of each delegate's newest badge."""
    found = tx.execute(_BADGES, {"ids": list(delegate_ids)})
    return {delegate_id: PrintState(state) for delegate_id, state in found}


def note_badge_reports(tx: Connection, batch: Sequence[Received[BadgeStatus]]) -> Journal:
    """Keep the newest report of each badge, so that whoever registered a delegate sees the badge printed.

    Of the erased nothing is kept.
    """
    erased = erased_among(tx, {received.fact.delegate_id for received in batch})
    batch = [received for received in batch if received.fact.delegate_id not in erased]
    if not batch:
        return []
    newest: dict[UUID, BadgeStatus] = {}
    for fact in sorted((received.fact for received in batch), key=lambda fact: fact.at):
        newest[fact.badge_id] = fact
    rows = [
        {"badge_id": fact.badge_id, "delegate_id": fact.delegate_id, "state": fact.state.value, "at": fact.at}
        for fact in newest.values()
    ]
    upsert = insert(tx, badges)
    tx.execute(
        upsert.on_conflict_do_update(
            index_elements=["badge_id"],
            set_={"state": upsert.excluded.state, "at": upsert.excluded.at},
            where=badges.c.at <= upsert.excluded.at,
        ),
        rows,
    )
    return [
        (
            "badge_report_noted",
            {
                "delegate_id": str(received.fact.delegate_id),
                "badge_id": str(received.fact.badge_id),
                "state": received.fact.state.value,
                "event_id": received.envelope.id,
                "trace_id": received.trace_id,
            },
        )
        for received in batch
    ]


def all_sessions(tx: Connection) -> list[tuple[SessionChanged, int]]:
    """The programme by starting time, with the number enrolled in each."""
    found = tx.execute(select(sessions.c.content, _ENROLLED))
    entries = [(session_of(content), enrolled) for content, enrolled in found]
    return sorted(entries, key=lambda entry: (entry[0].starts_at, entry[0].session_id))


def find_session(tx: Connection, session_id: str) -> tuple[SessionChanged, int] | None:
    """A session and how many are enrolled in it."""
    if NUL in session_id:
        return None
    row = tx.execute(select(sessions.c.content, _ENROLLED).where(sessions.c.session_id == session_id)).first()
    return None if row is None else (session_of(row[0]), row[1])


def session_history(tx: Connection, session_id: str) -> list[SessionChanged]:
    """Every revision of a session, the first first."""
    h = revisions.c
    found = tx.execute(select(h.content).where(h.session_id == session_id).order_by(h.revision)).scalars()
    return [session_of(content) for content in found]
