"""The waiting list: who has a place, who waits for one, and who is next. Pure, as `registration.model`.

A place that a category has reserved is kept for its people while they have not taken it. Whoever waited first is next, of
those for whom there is a place. Who waits to be endorsed takes none: a crowd that nobody knows must not fill a room.
"""

from collections.abc import Iterator
from datetime import datetime
from itertools import combinations

from registration.delegate import Registration
from registration.register import Register
from shared.events import Enrolment, EnrolmentState, SessionChanged, SessionStatus


def has_room(session: SessionChanged, category: str, register: Register) -> bool:
    """Whether somebody of `category` would find a place in the session."""
    if session.capacity is None:
        return True
    kept_for_others = sum(
        max(0, reserved - register.enrolled_of(session.session_id, other))
        for other, reserved in session.reserved.items()
        if other != category
    )
    return register.enrolled(session.session_id) + kept_for_others < session.capacity


def place(session: SessionChanged, category: str, register: Register, at: datetime, *, endorsed: bool = True) -> Enrolment:
    """What enrolling in the session gives: a place, or where all are taken, one on its waiting list."""
    if endorsed and has_room(session, category, register):
        return Enrolment(session_id=session.session_id, state=EnrolmentState.ENROLLED)
    return Enrolment(session_id=session.session_id, state=EnrolmentState.WAITING, since=at)


def next_in(register: Register, at: datetime) -> Registration | None:
    """The next revision of whoever comes off a waiting list first, of the sessions where a place may have become free."""
    for session_id in sorted(register.freed):
        session = register.session(session_id)
        if session is None or session.status is SessionStatus.CANCELLED:
            continue
        for waiting in _in_order(session_id, register):
            if not waiting.lacks_endorsement and has_room(session, waiting.category, register):
                return _with_place(waiting, session_id, at)
    return None


def clashes(registration: Registration, register: Register) -> Iterator[tuple[str, str]]:
    """Pairs of sessions, both held or waited for, that are at the same time. Nobody is kept from it; they are told."""
    sessions = [
        register.session(each.session_id) for each in registration.enrolments if each.state is not EnrolmentState.RELEASED
    ]
    known = [each for each in sessions if each is not None and each.status is SessionStatus.SCHEDULED]
    for one, other in combinations(sorted(known, key=lambda each: (each.starts_at, each.session_id)), 2):
        if other.starts_at < one.ends_at:
            yield one.session_id, other.session_id


def position(registration: Registration, session_id: str, register: Register) -> tuple[int, int] | None:
    """Where somebody stands on a session's waiting list, 1 being who waits longest, and of how many; `None` who is not on it.

    Another may be next all the same: where the place that is free is kept for another category.
    """
    listed = [each.delegate_id for each in _in_order(session_id, register)]
    if registration.delegate_id not in listed:
        return None
    return listed.index(registration.delegate_id) + 1, len(listed)


def _in_order(session_id: str, register: Register) -> list[Registration]:
    """Those who wait, the first first."""
    waiting: list[tuple[datetime, Registration]] = []
    for each in register.delegates.values():
        held = each.enrolment(session_id)
        if held is not None and held.state is EnrolmentState.WAITING:
            waiting.append((held.since or each.submitted_at, each))
    return [each for _, each in sorted(waiting, key=lambda entry: (entry[0], entry[1].delegate_id))]


def _with_place(waiting: Registration, session_id: str, at: datetime) -> Registration:
    enrolments = [
        Enrolment(session_id=session_id, state=EnrolmentState.ENROLLED) if each.session_id == session_id else each
        for each in waiting.enrolments
    ]
    return waiting.model_copy(update={"enrolments": enrolments, "revision": waiting.revision + 1, "changed_at": at})
