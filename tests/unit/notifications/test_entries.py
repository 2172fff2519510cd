"""The calendar in a mail: what a phone takes in, and that later mails take the place of earlier ones."""

from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from icalendar import Calendar, Component

from notifications.model import Notice
from notifications.outgoing import Key, Letter
from notifications.views import View, view
from shared.events import DelegateRegistered, SessionChanged
from tests.notification_examples import CONFERENCE, NOON, registered, session, writer

DELEGATE = registered(language="fr", enrolments={"pilots": "enrolled", "tugs": "waiting"})
PILOTS, TUGS = session("pilots"), session("tugs", title={"en": "Tugs"}, starts_at=NOON - timedelta(hours=2))
SENT_AT = datetime(2026, 5, 5, 12, 0, tzinfo=UTC)
LATER = NOON + timedelta(minutes=30)


def seen(*sessions: SessionChanged, registration: DelegateRegistered = DELEGATE) -> View:
    assert registration.person is not None
    newest = {each.key: each for each in [PILOTS, TUGS, *sessions]}
    return view(registration, newest, registration.person.language)


def with_places(**states: str) -> DelegateRegistered:
    return registered(language="fr", enrolments=states)


def written(was: View | None, now: View, at: datetime = SENT_AT) -> bytes:
    trace = f"00-{'a' * 32}-{'b' * 16}-01"
    letter = Letter(
        Key(DELEGATE.key, 2), "ada@port.example", f"<{DELEGATE.key}.2@port.example>", Notice(was, now), at, 1, trace, 0
    )
    return writer().write(letter)


def attachment(mail: EmailMessage) -> Any:
    found = list(mail.iter_attachments())
    assert len(found) <= 1
    return found[0] if found else None


def calendar(was: View | None, now: View, at: datetime = SENT_AT) -> bytes:
    found = attachment(message_from_bytes(written(was, now, at), policy=policy.default))
    assert found is not None
    content = found.get_payload(decode=True)
    assert isinstance(content, bytes)
    return content


def events(was: View | None, now: View, at: datetime = SENT_AT) -> dict[str, Component]:
    return {str(event["UID"]): event for event in Calendar.from_ical(calendar(was, now, at)).walk("VEVENT")}


def test_a_confirmation_enters_every_session_held_in_the_readers_language() -> None:
    found = events(None, seen())
    assert list(found) == [f"tugs@{CONFERENCE.slug}", f"pilots@{CONFERENCE.slug}"]
    tugs, pilots = found.values()
    assert (pilots["STATUS"], tugs["STATUS"]) == ("CONFIRMED", "TENTATIVE")
    assert (pilots["SUMMARY"], pilots["LOCATION"], tugs["SUMMARY"]) == ("Les pilotes la nuit", "Salle A", "Tugs")
    assert (pilots["DTSTART"].dt, pilots["DTEND"].dt) == (NOON, NOON + timedelta(hours=1))
    assert pilots["ORGANIZER"] == f"mailto:{CONFERENCE.contact}"


def test_a_phone_knows_the_attachment_for_a_calendar() -> None:
    found = attachment(message_from_bytes(written(None, seen()), policy=policy.default))
    assert found is not None
    assert found.get_content_type() == "text/calendar"
    assert (found.get_param("method"), found.get_param("charset")) == ("PUBLISH", "utf-8")
    assert found.get_filename() == "sessions.ics"
    lines = calendar(None, seen()).split(b"\r\n")
    assert (lines[0], lines[-2:]) == (b"BEGIN:VCALENDAR", [b"END:VCALENDAR", b""])
    assert b"METHOD:PUBLISH" in lines


def test_a_move_enters_that_session_alone_under_its_uid_with_the_revision() -> None:
    moved = session("pilots", revision=4, starts_at=LATER, room={"en": "Room B", "fr": "Salle B"})
    [(uid, event)] = events(seen(), seen(moved)).items()
    assert uid == f"pilots@{CONFERENCE.slug}"
    assert (event["SEQUENCE"], event["DTSTART"].dt, event["LOCATION"]) == (4, LATER, "Salle B")


def test_a_cancelled_session_is_cancelled_where_it_was() -> None:
    [event] = events(seen(), seen(session("pilots", revision=2, status="cancelled"))).values()
    assert (event["STATUS"], event["SEQUENCE"], event["DTSTART"].dt) == ("CANCELLED", 2, NOON)


def test_a_released_place_is_cancelled_and_a_new_one_is_said_later_of_the_same_revision() -> None:
    released, again = with_places(pilots="released", tugs="waiting"), with_places(pilots="enrolled", tugs="waiting")
    [gone] = events(seen(), seen(registration=released)).values()
    [back] = events(seen(registration=released), seen(registration=again), at=LATER).values()
    assert (gone["STATUS"], back["STATUS"]) == ("CANCELLED", "CONFIRMED")
    assert gone["SEQUENCE"] == back["SEQUENCE"] == 1
    assert (gone["DTSTAMP"].dt, back["DTSTAMP"].dt) == (SENT_AT, LATER)


def test_who_comes_from_the_waiting_list_has_the_session_confirmed() -> None:
    [event] = events(seen(), seen(registration=with_places(pilots="enrolled", tugs="enrolled"))).values()
    assert (event["UID"], event["STATUS"]) == (f"tugs@{CONFERENCE.slug}", "CONFIRMED")


@pytest.mark.parametrize(
    ("was", "now"),
    [
        (None, seen(registration=with_places())),
        (None, seen(registration=with_places(pilots="released"))),
        (seen(), seen(registration=DELEGATE.model_copy(update={"category": "guest"}))),
    ],
    ids=["no sessions", "released before they knew", "a detail changed"],
)
def test_nothing_new_of_sessions_is_no_attachment_and_says_of_none(was: View | None, now: View) -> None:
    mail = message_from_bytes(written(was, now), policy=policy.default)
    assert attachment(mail) is None
    assert "Le fichier joint" not in str(mail.get_body(("plain",)))
    assert "Le fichier joint" in str(message_from_bytes(written(None, seen()), policy=policy.default).get_body(("plain",)))


def test_a_session_that_was_off_when_their_place_was_released_is_not_entered_again() -> None:
    off = session("pilots", revision=2, status="cancelled")
    [event] = events(seen(off), seen(off, registration=with_places(pilots="released", tugs="released"))).values()
    assert event["UID"] == f"tugs@{CONFERENCE.slug}"


def test_what_was_told_before_revisions_were_kept_is_still_cancelled() -> None:
    old = View.model_validate_json(seen().model_dump_json().replace('"revision":1,', ""))
    assert {each.revision for each in old.sessions} == {0}
    [event] = events(old, seen(registration=with_places(pilots="enrolled", tugs="released"))).values()
    assert (event["STATUS"], event["SEQUENCE"]) == ("CANCELLED", 1)


def test_a_mail_with_a_calendar_is_the_same_each_time_and_plain_to_every_server() -> None:
    raw = written(seen(), seen(session("pilots", revision=2, starts_at=LATER)))
    assert raw == written(seen(), seen(session("pilots", revision=2, starts_at=LATER)))
    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) < 998
    assert b"\n" not in raw.replace(b"\r\n", b"")
