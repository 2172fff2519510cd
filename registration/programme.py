"""The rules of the programme: what may be changed of a session, and who loses a place by it. Pure, like `model`."""

from collections.abc import Iterator
from datetime import datetime

from registration.checks import Fault
from registration.delegate import Registration
from registration.model import Refused
from registration.register import Register
from shared.conference import Conference, SessionPlanned
from shared.events import SessionChange, SessionChanged

RELEASED_BY_AUDIENCE = "audience-changed"


def change(
    current: SessionChanged, request: SessionChange, conference: Conference, register: Register, at: datetime
) -> SessionChanged:
    """The next revision of a session; `current` itself where nothing would change.

    A capacity below the number enrolled is refused, naming the number. Cancelling leaves enrolments as they are.
    """
    wanted = {
        name: getattr(request, name)
        for name in SessionChange.model_fields
        if name in request.model_fields_set and (name == "capacity" or getattr(request, name) is not None)
    }
    if request.audience is not None:
        wanted["audience"] = list(dict.fromkeys(request.audience))
    changed = current.model_copy(update=wanted)
    if faults := list(_faults(changed, conference, register)):
        raise Refused(faults)
    if changed == current:
        return current
    return changed.model_copy(update={"revision": current.revision + 1, "changed_at": at})


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
        organisers=[conference.party[code] for code in session.organisers],
        changed_at=at,
    )


def _faults(changed: SessionChanged, conference: Conference, register: Register) -> Iterator[Fault]:
    if changed.ends_at <= changed.starts_at:
        yield Fault("/ends_at", "ends-before-start", "A session must end after it starts.")
    for index, category in enumerate(changed.audience):
        if category not in conference.category:
            yield Fault(f"/audience/{index}", "unknown-category", f"There is no category {category!r}; see `GET /conference`.")
    losing = sum(each.is_enrolled_in(changed.session_id) for each in losing_their_place(changed, register))
    enrolled = register.enrolled(changed.session_id) - losing
    if changed.capacity is not None and changed.capacity < enrolled:
        detail = f"{enrolled} people are enrolled in {changed.session_id}; its capacity cannot be {changed.capacity}."
        yield Fault("/capacity", "capacity-below-enrolled", detail)
