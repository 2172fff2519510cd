"""What a group of requests touches: loaded, and locked against other replicas, before anything is decided."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

from sqlalchemy import Connection, select

from registration.delegate import Registration, person_keys
from registration.locks import hold
from registration.model import PersonAmended
from registration.register import Register
from registration.store import delegates, enrolments, erased_among, people, quota_places, session_places, sessions
from shared.events import SessionChanged
from shared.faults import Overtaken
from shared.rows import among

_DELEGATES = select(delegates.c.content).where(among(delegates.c.delegate_id, "ids"))
_CROWDS = select(delegates.c.content).where(
    delegates.c.delegate_id.in_(select(enrolments.c.delegate_id).where(among(enrolments.c.session_id, "ids")))
)
_SESSIONS = select(sessions.c.content).where(among(sessions.c.session_id, "ids"))
_PLACES = select(session_places.c.session_id, session_places.c.enrolled).where(among(session_places.c.session_id, "ids"))
_QUOTAS = select(quota_places.c.delegation, quota_places.c.category, quota_places.c.held).where(
    among(quota_places.c.delegation, "codes")
)
_PEOPLE = select(people.c.known_by, people.c.delegate_id).where(among(people.c.known_by, "keys"))


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
    register = Register(dict(reach.delegates))
    register.erased = erased_among(tx, {each for t in touched for each in t.delegates})
    if reach.people:
        register.people = dict(tx.execute(_PEOPLE, {"keys": list(reach.people)}).all())
    if reach.sessions:
        contents = tx.execute(_SESSIONS, {"ids": list(reach.sessions)}).scalars()
        register.sessions = {session.session_id: session for session in map(_session, contents)}
        register.places.update(dict(tx.execute(_PLACES, {"ids": list(reach.sessions)}).all()))
    if reach.delegations:
        for delegation, category, held in tx.execute(_QUOTAS, {"codes": list(reach.delegations)}):
            register.note_held(delegation, category, held)
    return register


def _reach(tx: Connection, touched: Sequence[Touched]) -> _Reach:
    crowds = {each for t in touched for each in t.crowds}
    known = {each.delegate_id: each for each in _registrations(tx, {each for t in touched for each in t.delegates})}
    known |= {each.delegate_id: each for each in _crowd(tx, crowds)}
    amended = [
        (amendment.applied_to(current.person), current.delegation)
        for t in touched
        for delegate_id, amendment in t.amended
        if (current := known.get(delegate_id)) is not None and current.person is not None
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


def _registrations(tx: Connection, ids: Collection[UUID]) -> list[Registration]:
    if not ids:
        return []
    return [Registration.model_validate_json(each) for each in tx.execute(_DELEGATES, {"ids": list(ids)}).scalars()]


def _crowd(tx: Connection, session_ids: Collection[str]) -> list[Registration]:
    if not session_ids:
        return []
    return [Registration.model_validate_json(each) for each in tx.execute(_CROWDS, {"ids": list(session_ids)}).scalars()]


@lru_cache(maxsize=512)
def _session(content: str) -> SessionChanged:
    """An entry is long and changes seldom; every group reads those its people enrol in."""
    return SessionChanged.model_validate_json(content)
