"""The rules of the programme: what may be changed of a session, and who loses a place by it. Pure, like `model`."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import combinations

from registration.checks import unknown_category
from registration.delegate import Registration
from registration.model import Refused
from registration.register import Register
from shared.conference import Conference, SessionPlanned
from shared.events import Language, SessionChange, SessionChanged, SessionStatus, in_language
from shared.said import FieldFault, say, say_counted

RELEASED_BY_AUDIENCE = "audience-changed"


def revised(
    current: SessionChanged, request: SessionChange, conference: Conference, register: Register, at: datetime
) -> SessionChanged:
    """The next revision of a session; `current` itself where nothing would change.

    A capacity below the number enrolled is refused, naming the number. Cancelling leaves enrolments as they are.
    """
    changed = as_asked(current, request)
    if faults := list(_faults(changed, conference, register)):
        raise Refused(faults)
    if changed == current:
        return current
    return changed.model_copy(update={"revision": current.revision + 1, "changed_at": at})


def as_asked(current: SessionChanged, request: SessionChange) -> SessionChanged:
    """The entry with what is asked for, whether that can be or not; still of the revision that it was."""
    wanted = {
        name: getattr(request, name)
        for name in SessionChange.model_fields
        if name in request.model_fields_set - {"revision"} and (name == "capacity" or getattr(request, name) is not None)
    }
    if request.audience is not None:
        wanted["audience"] = list(dict.fromkeys(request.audience))
    return current.model_copy(update=wanted)


def told_of(before: SessionChanged, after: SessionChanged, register: Register) -> int:
    """How many of those who hold a place or wait for one see this change in their language, and are told of it."""
    readers = register.readers.get(before.session_id, Counter[Language]())
    return sum(count for language, count in readers.items() if _seen(before, language) != _seen(after, language))


def _seen(session: SessionChanged, language: Language) -> tuple[object, ...]:
    """What those enrolled see of a session: a resized room is told to nobody."""
    title, room = in_language(session.title, language), in_language(session.room, language)
    return session.status, title, room, session.starts_at, session.ends_at


def double_booked(sessions: Iterable[SessionChanged]) -> list[tuple[SessionChanged, SessionChanged]]:
    """Pairs of sessions that are to take place in the same room at the same time."""
    taking_place = [each for each in sessions if each.status is not SessionStatus.CANCELLED]
    return [
        (one, other)
        for one, other in combinations(taking_place, 2)
        if one.room == other.room and one.starts_at < other.ends_at and other.starts_at < one.ends_at
    ]


def losing_their_place(changed: SessionChanged, register: Register) -> list[Registration]:
    """Those who hold or wait for a place and whose category is not in the session's audience any more."""
    return [each for each in register.enrolled_in(changed.session_id) if each.category not in changed.audience]


def planned(session: SessionPlanned, conference: Conference, at: datetime) -> SessionChanged:
    """The first revision of a session, as the conference's folder plans it."""
    return SessionChanged(
        session_id=session.session_id,
        revision=1,
        title=session.title,
        room=conference.room[session.room].names,
        starts_at=session.starts_at.replace(tzinfo=conference.zone_info),
        ends_at=session.ends_at.replace(tzinfo=conference.zone_info),
        audience=session.audience,
        capacity=session.capacity,
        reserved=session.reserved,
        waiting_list=session.waiting_list,
        organisers=[conference.party[code] for code in session.organisers],
        changed_at=at,
    )


def _faults(changed: SessionChanged, conference: Conference, register: Register) -> Iterator[FieldFault]:
    if changed.ends_at <= changed.starts_at:
        yield FieldFault("/ends_at", "ends-before-start", say("A session must end after it starts."))
    for index, category in enumerate(changed.audience):
        if category not in conference.category:
            yield unknown_category(category, f"/audience/{index}")
    for category in changed.reserved:
        if category not in conference.category:
            yield unknown_category(category, f"/reserved/{category}")
    reserved = sum(changed.reserved.values())
    if changed.capacity is not None and reserved > changed.capacity:
        detail = say("{reserved} places are reserved, and there are {capacity}.", reserved=reserved, capacity=changed.capacity)
        yield FieldFault("/reserved", "reserved-over-capacity", detail)
    losing = sum(each.is_enrolled_in(changed.session_id) for each in losing_their_place(changed, register))
    enrolled = register.enrolled(changed.session_id) - losing
    if changed.capacity is not None and changed.capacity < enrolled:
        detail = say_counted(
            "1 person is enrolled in {session}; its capacity cannot be {capacity}.",
            "{count} people are enrolled in {session}; its capacity cannot be {capacity}.",
            count=enrolled,
            session=changed.session_id,
            capacity=changed.capacity,
        )
        yield FieldFault("/capacity", "capacity-below-enrolled", detail)
