"""The programme as pages show it: by day, and one session with what changed in it. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby, pairwise

from markupsafe import Markup

from registration.pages.language import PageLanguage
from shared.conference import Conference
from shared.events import SessionChanged, SessionStatus

Entry = tuple[SessionChanged, int]
"""A session and how many are enrolled in it."""


@dataclass(frozen=True, slots=True)
class SessionShown:
    """One session in one language."""

    session_id: str
    title: Markup
    plain_title: str
    room: Markup
    day: str
    hours: str
    audience: str
    """The categories that may enter; empty where all may."""
    organisers: list[Markup]
    cancelled: bool
    places_left: int | None
    """`None` where there is no limit."""


@dataclass(frozen=True, slots=True)
class DayShown:
    anchor: str
    name: str
    sessions: list[SessionShown]


@dataclass(frozen=True, slots=True)
class ChangeShown:
    """One thing that a revision changed: its `name`, what it was and what it is."""

    name: str
    was: str
    now: str


@dataclass(frozen=True, slots=True)
class RevisionShown:
    revision: int
    at: str
    changes: list[ChangeShown]


def days_shown(entries: Iterable[Entry], conference: Conference, language: PageLanguage) -> list[DayShown]:
    """Every session, by the day on which it begins at the venue."""

    def day_of(entry: Entry) -> date:
        return entry[0].starts_at.astimezone(conference.zone_info).date()

    return [
        DayShown(day.isoformat(), language.short_day(day), [session_shown(each, conference, language) for each in sessions])
        for day, sessions in groupby(entries, day_of)
    ]


def session_shown(entry: Entry, conference: Conference, language: PageLanguage) -> SessionShown:
    session, enrolled = entry
    zone = conference.zone_info
    return SessionShown(
        session_id=session.session_id,
        title=language.text(session.title),
        plain_title=language.plain(session.title),
        room=language.text(session.room),
        day=language.day(session.starts_at.astimezone(zone).date()),
        hours=language.hours(session.starts_at, session.ends_at, zone),
        audience=_audience(session, conference, language),
        organisers=[language.text(each.names) for each in session.organisers],
        cancelled=session.status is SessionStatus.CANCELLED,
        places_left=None if session.capacity is None else max(0, session.capacity - enrolled),
    )


def _audience(session: SessionChanged, conference: Conference, language: PageLanguage) -> str:
    if set(session.audience) >= set(conference.category):
        return ""
    return language.listed(language.plain(conference.category[each].names) for each in session.audience)


def revisions_shown(history: Sequence[SessionChanged], conference: Conference, language: PageLanguage) -> list[RevisionShown]:
    """What each revision changed of the one before, newest first. `history` is in the order of its revisions."""
    shown = [
        RevisionShown(
            revision=after.revision,
            at=language.moment(after.changed_at, conference.zone_info),
            changes=list(_changes(before, after, conference, language)),
        )
        for before, after in pairwise(history)
    ]
    return shown[::-1]


def _changes(
    before: SessionChanged, after: SessionChanged, conference: Conference, language: PageLanguage
) -> Iterator[ChangeShown]:
    first, second = (_facts(each, conference, language) for each in (before, after))
    for name, was in first.items():
        if was != second[name]:
            yield ChangeShown(name, was, second[name])


def _facts(session: SessionChanged, conference: Conference, language: PageLanguage) -> dict[str, str]:
    """What a reader sees of a session, by what it is called on its page."""
    shown = session_shown((session, 0), conference, language)
    return {
        "title": shown.plain_title,
        "time": f"{shown.day}, {shown.hours}",
        "room": language.plain(session.room),
        "audience": shown.audience,
        "status": session.status.value,
        "capacity": "" if session.capacity is None else str(session.capacity),
    }
