"""Sessions as iCalendar (RFC 5545), for the programme's feed and for the mails to who is enrolled.

The same sessions make the same bytes. An entry's UID is the session's in its conference wherever it is read, and its
SEQUENCE the session's revision: so what a later feed or mail says of a session takes the place of what an earlier one said.
The `contact` of the conference, where it is an address, is the organiser of each.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event, vDuration

from shared.events import Language, SessionChanged, SessionStatus, Slug, in_language

MEDIA_TYPE = "text/calendar"
REFRESHED_EVERY = timedelta(minutes=15)
"""How often whoever subscribes to the programme is asked to read it again."""


class EntryStatus(StrEnum):
    CONFIRMED = "CONFIRMED"
    TENTATIVE = "TENTATIVE"
    """Of who is on the waiting list."""
    CANCELLED = "CANCELLED"


class Entry(NamedTuple):
    """A session in a calendar, its texts in the reader's language. Times are instants."""

    session_id: Slug
    revision: int
    status: EntryStatus
    title: str
    room: str | None
    starts_at: datetime
    ends_at: datetime
    said_at: datetime
    """When this was said: of two entries of one revision, calendars keep the one said later."""


def programme_calendar(
    sessions: Iterable[SessionChanged], language: Language, zone: ZoneInfo, conference: Slug, title: str, contact: str = ""
) -> bytes:
    """The programme to subscribe to, under the conference's `title`; `zone` is that of the venue."""
    calendar = _empty()
    calendar.add("name", title)
    calendar.add("x-wr-calname", title)
    calendar.add("x-wr-timezone", zone.key)
    calendar.add("refresh-interval", vDuration(REFRESHED_EVERY, {"VALUE": "DURATION"}))
    for session in sessions:
        calendar.add_component(_event(_entry(session, language), conference, contact))
    return calendar.to_ical()


def entries_calendar(entries: Iterable[Entry], conference: Slug, contact: str = "") -> bytes:
    """Entries to be taken into the reader's own calendar."""
    calendar = _empty()
    for entry in entries:
        calendar.add_component(_event(entry, conference, contact))
    return calendar.to_ical()


def _empty() -> Calendar:
    calendar = Calendar()
    calendar.add("version", "2.0")
    calendar.add("prodid", "-//Lanyard//Conference programme//EN")
    calendar.add("method", "PUBLISH")
    return calendar


def _entry(session: SessionChanged, language: Language) -> Entry:
    return Entry(
        session_id=session.session_id,
        revision=session.revision,
        status=EntryStatus.CANCELLED if session.status is SessionStatus.CANCELLED else EntryStatus.CONFIRMED,
        title=in_language(session.title, language),
        room=in_language(session.room, language),
        starts_at=session.starts_at,
        ends_at=session.ends_at,
        said_at=session.changed_at,
    )


def _event(entry: Entry, conference: Slug, contact: str) -> Event:
    event = Event()
    event.add("uid", f"{entry.session_id}@{conference}")
    event.add("sequence", entry.revision)
    event.add("dtstamp", entry.said_at)
    event.add("status", entry.status.value)
    event.add("summary", entry.title)
    if entry.room is not None:
        event.add("location", entry.room)
    event.add("dtstart", entry.starts_at)
    event.add("dtend", entry.ends_at)
    if "@" in contact:  # what is published has an organiser, by RFC 5546
        event.add("organizer", f"mailto:{contact}")
    return event
