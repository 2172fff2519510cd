"""The sessions that one of a delegation's people may attend: where they have a place, wait for one, or could have one. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from itertools import groupby

from registration.delegate import Registration
from registration.pages.language import PageLanguage
from registration.pages.programme import SessionShown
from registration.programme import waiting
from registration.register import Register
from shared.events import EnrolmentState, SessionChanged, SessionStatus


@dataclass(frozen=True, slots=True)
class PlaceShown:
    """One session, as the person stands to it."""

    session: SessionShown
    enrolled: bool
    position: tuple[int, int] | None
    """Where they stand on its waiting list, and of how many."""
    offer: str
    """What could be asked for: `place`, `waiting`, or nothing."""
    clashes: str
    """The sessions that they take part in at the same time."""

    @property
    def takes_part(self) -> bool:
        return self.enrolled or self.position is not None


@dataclass(frozen=True, slots=True)
class DayOfPlaces:
    anchor: str
    name: str
    places: Sequence[PlaceShown]


def places_shown(
    person: Registration,
    register: Register,
    shown: Mapping[str, SessionShown],
    zone: tzinfo,
    language: PageLanguage,
    now: datetime,
) -> list[DayOfPlaces]:
    """The sessions that are to come and open to the person's category, and all that they take part in, by day.

    `shown` is the whole programme, by session; `zone` is the venue's, `now` the conference's time.
    """
    listed = [each for each in register.sessions.values() if person.takes_part_in(each.session_id) or _open(each, person, now)]
    in_order = sorted(listed, key=lambda each: (each.starts_at, each.session_id))
    return [
        DayOfPlaces(
            day.isoformat(),
            language.short_day(day),
            [_place(each, person, register, shown[each.session_id], language, now) for each in sessions],
        )
        for day, sessions in groupby(in_order, lambda each: each.starts_at.astimezone(zone).date())
    ]


def _open(session: SessionChanged, person: Registration, now: datetime) -> bool:
    to_come = session.status is SessionStatus.SCHEDULED and session.ends_at > now
    return to_come and person.category in session.audience


def _place(
    session: SessionChanged,
    person: Registration,
    register: Register,
    shown: SessionShown,
    language: PageLanguage,
    now: datetime,
) -> PlaceShown:
    offer = ""
    if not person.takes_part_in(session.session_id) and _open(session, person, now):
        room = waiting.has_room(session, person.category, register)
        if room and not person.lacks_endorsement:
            offer = "place"
        elif room or session.waiting_list:
            offer = "waiting"
    return PlaceShown(
        session=shown,
        enrolled=person.is_enrolled_in(session.session_id),
        position=waiting.position(person, session.session_id, register),
        offer=offer,
        clashes=language.listed(language.plain(each.title) for each in _at_the_same_time(session, person, register)),
    )


def _at_the_same_time(session: SessionChanged, person: Registration, register: Register) -> Iterator[SessionChanged]:
    if session.status is SessionStatus.CANCELLED:
        return
    for each in person.enrolments:
        other = register.session(each.session_id)
        if each.state is EnrolmentState.RELEASED or other is None or other.session_id == session.session_id:
            continue
        if other.status is SessionStatus.SCHEDULED and other.starts_at < session.ends_at and session.starts_at < other.ends_at:
            yield other
