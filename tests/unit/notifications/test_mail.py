"""The mail: what a delegate reads, in which language, and what their mail program does with it."""

import re
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest

from notifications.mail import MailWriter
from notifications.model import Notice
from notifications.outgoing import Key, Letter
from notifications.views import View, view
from shared.events import DelegateRegistered, SessionChanged
from tests.notification_examples import CONFERENCE, LANGUAGES, NOON, registered, session, writer

DELEGATE = registered(enrolments={"pilots": "enrolled"})
TRACE = f"00-{'a' * 32}-{'b' * 16}-01"
PILOTS = session("pilots")
MOVED = session("pilots", revision=2, room={"en": "Room B", "fr": "Salle B"}, starts_at=NOON + timedelta(minutes=30))


def seen(registration: DelegateRegistered, *sessions: SessionChanged) -> View:
    assert registration.person is not None
    return view(registration, {each.key: each for each in sessions}, registration.person.language)


def letter(was: View | None, now: View, number: int = 1) -> Letter:
    key = Key(DELEGATE.key, number)
    message_id = f"<{DELEGATE.key}.{number}@port.example>"
    at = datetime(2026, 5, 5, 12, 0, tzinfo=UTC)
    return Letter(key, "ada@port.example", message_id, Notice(was, now), at, 1, TRACE, 0)


def mailed(was: View | None, now: View, number: int = 1) -> EmailMessage:
    return message_from_bytes(writer().write(letter(was, now, number)), policy=policy.default)


def page(mail: EmailMessage, subtype: str = "plain") -> str:
    body = mail.get_body((subtype,))
    assert body is not None
    text = body.get_content().replace("\r\n", "\n")
    return re.sub(r'<span style="white-space:nowrap">(.*?)</span>', r"\1", text)


def test_the_headers_of_a_first_notice() -> None:
    mail = mailed(None, seen(DELEGATE, PILOTS))
    assert mail["From"] == "Harbour Days 2026 <notices@port.example>"
    assert mail["To"] == "ada@port.example"
    assert mail["Reply-To"] == CONFERENCE.contact
    assert mail["Message-ID"] == f"<{DELEGATE.key}.1@port.example>"
    assert mail["In-Reply-To"] is None
    assert mail["Date"].datetime == datetime(2026, 5, 5, 12, 0, tzinfo=UTC)
    assert mail["Content-Language"] == "en-GB"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Traceparent"] == TRACE
    body, calendar = mail.iter_parts()
    assert [part.get_content_type() for part in body.iter_parts()] == ["text/plain", "text/html"]
    assert calendar.get_content_type() == "text/calendar"


def test_later_notices_join_the_thread() -> None:
    mail = mailed(seen(DELEGATE, PILOTS), seen(DELEGATE, MOVED), number=3)
    assert mail["In-Reply-To"] == f"<{DELEGATE.key}.2@port.example>"
    assert mail["References"].split() == [f"<{DELEGATE.key}.{number}@port.example>" for number in (1, 2)]


def test_the_same_letter_is_the_same_mail_to_the_byte_and_plain_to_every_server() -> None:
    same = letter(
        None, seen(registered(language="fr", printed_name="Хадижа ليلى 李", enrolments={"pilots": "waiting"}), PILOTS)
    )
    raw = writer().write(same)
    assert raw == writer().write(same)
    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) < 998
    assert b"\n" not in raw.replace(b"\r\n", b"")


@pytest.mark.parametrize("subtype", ["plain", "html"])
def test_a_confirmation_says_what_is_registered_and_links_to_the_conference(subtype: str) -> None:
    text = page(mailed(None, seen(DELEGATE, PILOTS)), subtype)
    for said in (
        "Dear Ada Berg,",
        "You are registered and accredited.",
        "Harbour master",
        "Port of Oslo",
        "Member",
        "Day pass",
        "Pilots at night",
        "Tuesday, 12 May 2026, 12:00–13:00 (Paris), Room A",
        "https://register.port.example/conference?lang=en",
    ):
        assert said in text


COLLECTION = {"en": "Your badge is at the harbour office.", "fr": "Votre badge est à la capitainerie."}


@pytest.mark.parametrize("subtype", ["plain", "html"])
def test_who_takes_part_is_told_when_the_conference_is_and_once_accredited_where_their_badge_is(subtype: str) -> None:
    conference = CONFERENCE.model_copy(update={"badge_collection": COLLECTION, "closes_on": date(2027, 1, 1)})
    write = MailWriter(conference, LANGUAGES, "notices@port.example", "https://register.port.example/").write
    submitted = seen(registered(status="submitted"))
    accredited = seen(registered(revision=2))
    later = seen(registered(revision=3, function="Pilot"))
    refused = seen(registered(revision=2, status="refused"))

    def told(was: View | None, now: View) -> tuple[bool, bool]:
        text = page(message_from_bytes(write(letter(was, now)), policy=policy.default), subtype)
        return "Tuesday, 12 May 2026 – Friday, 1 January 2027" in text, COLLECTION["en"] in text

    assert told(None, submitted) == (True, False)
    assert told(None, accredited) == told(submitted, accredited) == (True, True)
    assert told(accredited, later) == told(submitted, refused) == told(None, refused) == (False, False)


@pytest.mark.parametrize("subtype", ["plain", "html"])
def test_a_move_says_where_it_was_and_is(subtype: str) -> None:
    mail = mailed(seen(DELEGATE, PILOTS), seen(DELEGATE, MOVED))
    text = page(mail, subtype)
    assert mail["Subject"] == "Moved: Pilots at night (Harbour Days 2026)"
    assert "was: Tuesday, 12 May 2026, 12:00–13:00 (Paris), Room A" in text
    assert "is now: Tuesday, 12 May 2026, 12:30–13:00 (Paris), Room B" in text


def test_several_changes_are_counted_in_the_subject_and_all_said() -> None:
    tugs = session("tugs", title={"en": "Tugs"})
    both = registered(enrolments={"pilots": "enrolled", "tugs": "enrolled"})
    cancelled = session("tugs", title={"en": "Tugs"}, status="cancelled")
    mail = mailed(seen(both, PILOTS, tugs), seen(both, MOVED, cancelled))
    text = page(mail)
    assert mail["Subject"] == "2 changes to your registration and sessions (Harbour Days 2026)"
    assert "* Tugs\n  Cancelled\n  was: Tuesday" in text
    assert "* Pilots at night\n  Moved\n" in text


def test_a_refusal_names_the_reason_the_badge_and_what_is_released() -> None:
    refused = registered(status="refused", status_reason="The quota is full", enrolments={"pilots": "released"})
    mail = mailed(seen(DELEGATE, PILOTS), seen(refused, PILOTS))
    text = page(mail)
    assert mail["Subject"] == "Your registration could not be accepted (Harbour Days 2026)"
    assert "Reason: The quota is full" in text
    assert "A badge that was issued to you is no longer valid." in text
    assert "Your place in this session has been released:\n\n* Pilots at night" in text


@pytest.mark.parametrize(
    ("language", "words", "told"),
    [
        ("en", "We regret: too late.", "Reason: We regret: too late.\n"),
        ("fr", "Trop tard, hélas.", "Trop tard, hélas.\n"),
        ("fr", "We regret: too late.", "Trop tard, hélas.\n"),
        ("en", "Your letter of 3 May", "Reason: We regret: too late. Your letter of 3 May\n"),
        ("es", "Trop tard, hélas.", "We regret: too late.\n"),
    ],
)
def test_a_reason_with_a_code_is_told_in_the_persons_language_and_once(language: str, words: str, told: str) -> None:
    texts = {"en": "We regret: too late.", "fr": "Trop tard, hélas."}
    coded = {"status_reason": words, "reason_code": "late", "reason_texts": texts}
    mail = mailed(None, seen(registered(status="refused", language=language, **coded), PILOTS))
    assert told in page(mail).replace("\u2068", "").replace("\u2069", "")
    assert page(mail).count(texts["fr" if language == "fr" else "en"]) == 1


def test_times_are_also_shown_where_the_delegate_is_where_clocks_differ() -> None:
    tokyo = registered(time_zone="Asia/Tokyo", enrolments={"pilots": "enrolled"})
    auckland = registered(time_zone="Pacific/Auckland", enrolments={"pilots": "enrolled"})
    late = session("pilots", starts_at=NOON + timedelta(hours=6), ends_at=NOON + timedelta(hours=7))
    assert "12:00–13:00 (Paris); 19:00–20:00 (Tokyo), Room A" in page(mailed(None, seen(tokyo, PILOTS)))
    assert "18:00–19:00 (Paris); Wednesday, 13 May 2026, 04:00–05:00 (Auckland)" in page(mailed(None, seen(auckland, late)))
    assert "12:00–13:00 (Paris), Room A" in page(mailed(None, seen(DELEGATE, PILOTS)))  # Oslo's clocks are Paris's


@pytest.mark.parametrize("unknown", ["", "Mars/Olympus", "../etc/passwd", "Europe"])
def test_a_time_zone_that_is_none_is_left_out(unknown: str) -> None:
    assert "(Paris), Room A" in page(
        mailed(None, seen(registered(time_zone=unknown, enrolments={"pilots": "enrolled"}), PILOTS))
    )


def test_a_protected_delegate_is_greeted_by_function_and_nowhere_named() -> None:
    protected = registered(protected=True, printed_name="Harbour master")
    mail = mailed(None, seen(protected))
    assert "Dear Harbour master," in page(mail)
    assert "Name:" not in page(mail)
    assert str(mail["To"]) == "ada@port.example"


def test_nothing_that_was_typed_becomes_markup_or_a_header() -> None:
    evil: dict[str, Any] = {"title": {"en": '<b onclick="x">%(name)s {{ 7*7 }}</b>'}, "room": {"en": "<script>"}}
    mail = mailed(seen(DELEGATE, PILOTS), seen(DELEGATE, session("pilots", **evil)))
    assert "<script>" not in page(mail, "html")
    assert "<b onclick" not in page(mail, "html")
    assert "&amp;lt;" not in page(mail, "html")
    assert "%(name)s {{ 7*7 }}" in page(mail, "html")
    assert page(mail).count("%(name)s {{ 7*7 }}") >= 1


def test_named_days_are_written_out_and_none_are_all() -> None:
    days = registered(pass_days=[date(2026, 5, 12), date(2026, 5, 13)])
    assert "Valid on: Tuesday, 12 May 2026; Wednesday, 13 May 2026" in page(mailed(None, seen(days)))
    assert "  was: all days\n  is now: Tuesday, 12 May 2026; " in page(mailed(seen(DELEGATE), seen(days)))


def test_a_category_the_folder_does_not_know_is_shown_as_it_came() -> None:
    assert "Category: stowaway" in page(mailed(None, seen(registered(category="stowaway"))))


def test_a_change_says_only_what_changed_and_the_programme_says_all_once() -> None:
    moved = session("pilots", revision=2, room={"en": "Room B", "fr": "Salle B"})
    text = page(mailed(seen(DELEGATE, PILOTS), seen(DELEGATE, moved)))
    assert "  was: Room A\n  is now: Room B\n" in text
    assert text.count("12:00–13:00 (Paris), Room B") == text.count("12:00–13:00") == 1
    later = session("pilots", revision=2, starts_at=NOON + timedelta(minutes=30))
    text = page(mailed(seen(DELEGATE, PILOTS), seen(DELEGATE, later)))
    assert "  was: Tuesday, 12 May 2026, 12:00–13:00 (Paris)\n" in text
    assert text.count("Room A") == 1
