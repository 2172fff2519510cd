"""Sessions as iCalendar: what a calendar program reads, and that a later word takes the place of an earlier one."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from icalendar import Calendar, Component

from shared.calendar import Entry, EntryStatus, entries_calendar, programme_calendar
from shared.events import Language, SessionChanged
from tests.notification_examples import NOON, session

PARIS = ZoneInfo("Europe/Paris")


def programme(*sessions: SessionChanged, language: Language = "en") -> bytes:
    return programme_calendar(sessions, language, PARIS, "harbour-days", "Harbour Days 2026", "desk@harbour.example")


def events(calendar: bytes) -> list[Component]:
    return Calendar.from_ical(calendar).walk("VEVENT")


def test_a_session_is_an_entry_in_the_readers_language() -> None:
    (event,) = events(programme(session("pilots", revision=3), language="fr"))
    assert event["UID"] == "pilots@harbour-days"
    assert event["SEQUENCE"] == 3
    assert event["SUMMARY"] == "Les pilotes la nuit"
    assert event["LOCATION"] == "Salle A"
    assert event["STATUS"] == "CONFIRMED"
    assert (event["DTSTART"].dt, event["DTEND"].dt) == (NOON, NOON + timedelta(hours=1))
    assert event["DTSTAMP"].dt == NOON
    assert event["ORGANIZER"] == "mailto:desk@harbour.example"


def test_the_feed_says_its_name_its_zone_and_how_often_to_read_it() -> None:
    calendar = Calendar.from_ical(programme())
    assert (calendar["METHOD"], calendar["VERSION"]) == ("PUBLISH", "2.0")
    assert calendar["NAME"] == calendar["X-WR-CALNAME"] == "Harbour Days 2026"
    assert calendar["X-WR-TIMEZONE"] == "Europe/Paris"
    assert b"REFRESH-INTERVAL;VALUE=DURATION:PT15M\r\n" in programme()


def test_a_moved_and_then_cancelled_session_keeps_its_uid_and_counts_up() -> None:
    revisions = [session(), session(revision=2, starts_at=NOON + timedelta(minutes=5)), session(revision=3, status="cancelled")]
    said = [events(programme(each))[0] for each in revisions]
    assert {event["UID"] for event in said} == {"pilots@harbour-days"}
    assert [event["SEQUENCE"] for event in said] == [1, 2, 3]
    assert [event["STATUS"] for event in said] == ["CONFIRMED", "CONFIRMED", "CANCELLED"]


def test_a_time_is_an_instant_even_in_the_hour_that_comes_twice() -> None:
    twice = datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    calendar = programme(session(starts_at=twice.astimezone(PARIS), ends_at=twice + timedelta(minutes=15)))
    assert b"DTSTART:20261025T013000Z\r\n" in calendar
    assert b"DTEND:20261025T014500Z\r\n" in calendar


def test_the_same_sessions_are_the_same_bytes_and_lines_are_short() -> None:
    sessions = [session(title={"ar": "الجلسة الأولى: تبادل المعلومات " * 4}), session("tugs")]
    calendar = programme(*sessions, language="ar")
    assert calendar == programme(*sessions, language="ar")
    assert max(map(len, calendar.split(b"\r\n"))) <= 75
    assert b"\n" not in calendar.replace(b"\r\n", b"")


def test_nothing_in_a_title_or_room_becomes_a_property() -> None:
    evil = "A; B, C\\nEND:VEVENT: \\"
    (event,) = events(programme(session(title={"en": evil}, room={"en": evil})))
    assert event["LOCATION"] == event["SUMMARY"] == evil


def test_entries_for_ones_own_calendar_make_no_new_calendar_and_say_when_they_were_said() -> None:
    later = NOON + timedelta(days=1)
    entry = Entry("pilots", 2, EntryStatus.TENTATIVE, "Pilots at night", None, NOON, NOON + timedelta(hours=1), later)
    calendar = entries_calendar([entry], "harbour-days")
    (event,) = events(calendar)
    assert (event["STATUS"], event["DTSTAMP"].dt) == ("TENTATIVE", later)
    assert "LOCATION" not in event
    assert "ORGANIZER" not in event
    assert b"NAME" not in calendar
