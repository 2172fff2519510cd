"""What a group of requests touches: loaded, and locked against other replicas, before anything is decided."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import JSON, Connection, Select, cast, func, select, type_coerce

from registration.amendment import Correction, PersonAmended
from registration.delegate import Registration, person_keys
from registration.intake.locks import hold
from registration.register import Register
from registration.store import (
    corrections,
    delegates,
    enrolments,
    erased_among,
    focal_points,
    letters,
    people,
    photos,
    quota_places,
    session_of,
    session_places,
    sessions,
)
from shared.events import EnrolmentState, Language, Status
from shared.faults import Overtaken
from shared.rows import among

_DELEGATES = select(delegates.c.content).where(among(delegates.c.delegate_id, "ids"))
_CROWDS = select(delegates.c.content).where(
    delegates.c.delegate_id.in_(select(enrolments.c.delegate_id).where(among(enrolments.c.session_id, "ids")))
)
WAITING = select(delegates.c.content).where(
    delegates.c.delegate_id.in_(
        select(enrolments.c.delegate_id).where(
            among(enrolments.c.session_id, "ids"), enrolments.c.state == EnrolmentState.WAITING.value
        )
    )
)
_UNDECIDED = select(delegates.c.content).where(
    among(delegates.c.delegation, "ids"), delegates.c.status == Status.SUBMITTED.value
)
_SESSIONS = select(sessions.c.content).where(among(sessions.c.session_id, "ids"))
_PLACES = select(session_places.c.session_id, session_places.c.category, session_places.c.enrolled).where(
    among(session_places.c.session_id, "ids")
)
_QUOTAS = select(quota_places.c.delegation, quota_places.c.category, quota_places.c.held).where(
    among(quota_places.c.delegation, "codes")
)
_WITH_FOCAL_POINT = select(focal_points.c.delegation).where(among(focal_points.c.delegation, "codes")).distinct()
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
    announced: Collection[str] = ()
    """Sessions of whose change those who take part are told: it is counted in which languages."""
    letters: Collection[str] = ()
    """Delegations whose letter comes: who of them waits for a decision is loaded, too."""
    frees: bool = False
    """Whether places may become free: who waits for them is loaded, too."""
    decides: bool = False
    """Whether the desk decides: it is loaded who of them has a focal point to wait for."""


@dataclass(frozen=True, slots=True)
class _Reach:
    """All that a group touches, and the delegates among it as they stand."""

    delegates: Mapping[UUID, Registration]
    delegations: set[str]
    sessions: set[str]
    people: set[str]
    corrections: Mapping[UUID, Correction]

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
    register = Register(dict(reach.delegates), corrections=dict(reach.corrections))
    register.portraits = photos.proposed(tx, [each.delegate_id for each in register.corrections.values() if each.photo])
    register.erased = erased_among(tx, {each for t in touched for each in t.delegates})
    if reach.people:
        register.people = dict(tx.execute(_PEOPLE, {"keys": list(reach.people)}).all())
    if reach.sessions:
        contents = tx.execute(_SESSIONS, {"ids": list(reach.sessions)}).scalars()
        register.sessions = {session.session_id: session for session in map(session_of, contents)}
        for session_id, category, enrolled in tx.execute(_PLACES, {"ids": list(reach.sessions)}):
            register.note_enrolled(session_id, category, enrolled)
    register.readers = _readers(tx, {each for t in touched for each in t.announced})
    if asked := {each.delegation for each in _decided_on(touched, reach) if each.lacks_endorsement}:
        register.with_focal_point = set(tx.execute(_WITH_FOCAL_POINT, {"codes": list(asked)}).scalars())
    if reach.delegations:
        register.letters = letters.of(tx, reach.delegations)
        for delegation, category, held in tx.execute(_QUOTAS, {"codes": list(reach.delegations)}):
            register.note_held(delegation, category, held)
    return register


def _decided_on(touched: Sequence[Touched], reach: _Reach) -> Iterator[Registration]:
    """Those of whom the desk decides."""
    decided = (delegate_id for each in touched if each.decides for delegate_id in each.delegates)
    return (reach.delegates[delegate_id] for delegate_id in decided if delegate_id in reach.delegates)


def _readers(tx: Connection, session_ids: Collection[str]) -> dict[str, Counter[Language]]:
    found: dict[str, Counter[Language]] = {}
    if session_ids:
        content = delegates.c.content
        parsed = cast(content, JSON) if tx.dialect.name == "postgresql" else type_coerce(content, JSON)
        language = parsed["person"]["language"].as_string().label("language")
        taking_part = enrolments.join(delegates, delegates.c.delegate_id == enrolments.c.delegate_id)
        counted = select(enrolments.c.session_id, language, func.count()).select_from(taking_part)
        by_language = counted.where(among(enrolments.c.session_id, "ids")).group_by(enrolments.c.session_id, language)
        for session_id, read, count in tx.execute(by_language, {"ids": list(session_ids)}):
            found.setdefault(session_id, Counter())[read] = count
    return found


def _reach(tx: Connection, touched: Sequence[Touched]) -> _Reach:
    crowds = {each for t in touched for each in t.crowds}
    asked = {each for t in touched for each in t.delegates}
    known = {each.delegate_id: each for each in _found(tx, _DELEGATES, asked)}
    known |= {each.delegate_id: each for each in _found(tx, _CROWDS, crowds)}
    known |= {each.delegate_id: each for each in _found(tx, _UNDECIDED, {each for t in touched for each in t.letters})}
    known |= {each.delegate_id: each for each in _found(tx, WAITING, _to_be_freed(touched, known))}
    corrected = corrections.of(tx, asked)
    amended = [
        *(amended for t in touched for amended in t.amended),
        *((each.delegate_id, person) for each in corrected.values() if (person := each.change.person) is not None),
    ]
    return _Reach(
        delegates=known,
        delegations={each for t in touched for each in t.delegations} | {each.delegation for each in known.values()},
        sessions={each for t in touched for each in t.sessions}
        | crowds
        | {enrolment.session_id for each in known.values() for enrolment in each.enrolments},
        people={each for t in touched for each in t.people} | set(_keys_after(amended, known, corrected)),
        corrections=corrected,
    )


def _keys_after(
    amended: Sequence[tuple[UUID, PersonAmended]], known: Mapping[UUID, Registration], corrected: Mapping[UUID, Correction]
) -> Iterator[str]:
    """What people may be known by once they are amended: at once, when their correction is accepted, or both together."""
    for delegate_id, amendment in amended:
        current = known.get(delegate_id)
        if current is None or current.person is None:
            continue
        person = amendment.applied_to(current.person)
        yield from person_keys(person, current.delegation)
        if (correction := corrected.get(delegate_id)) is not None and (also := correction.change.person) is not None:
            yield from person_keys(amendment.applied_to(also.applied_to(current.person)), current.delegation)
            yield from person_keys(also.applied_to(person), current.delegation)


def _to_be_freed(touched: Sequence[Touched], known: Mapping[UUID, Registration]) -> set[str]:
    """The sessions in which places may become free: those named, and those of the delegates who may give theirs up."""
    freeing = [each for each in touched if each.frees]
    named = {session for each in freeing for session in each.sessions}
    return named | {
        enrolment.session_id
        for each in freeing
        for delegate_id in each.delegates
        if delegate_id in known
        for enrolment in known[delegate_id].enrolments
        if enrolment.state is EnrolmentState.ENROLLED
    }


def _found(tx: Connection, asked: Select[str], ids: Collection[str] | Collection[UUID]) -> list[Registration]:
    if not ids:
        return []
    return [Registration.model_validate_json(each) for each in tx.execute(asked, {"ids": list(ids)}).scalars()]
