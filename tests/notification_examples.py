"""Examples for the tests of notifications: people and sessions of the tiny conference, and their events from Kafka."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from notifications.convergence import Convergence
from notifications.languages import notice_languages
from notifications.mail import MailWriter
from notifications.pace import Pace
from notifications.service import NoticeDesk
from shared.clock import ConferenceClock
from shared.cloudevents import Envelope
from shared.conference_folder import load
from shared.events import (
    DelegateRegistered,
    Enrolment,
    EnrolmentState,
    Fact,
    Party,
    Person,
    SessionChanged,
    SessionStatus,
    Status,
)
from shared.ids import new_id
from shared.received import RawRecord, Received
from shared.tracing import new_traceparent

CONFERENCE = load(Path(__file__).with_name("conferences") / "tiny")
LANGUAGES = notice_languages()
PACE = Pace(quiet_window=timedelta(milliseconds=200), longest_wait=timedelta(seconds=1))
DOMAIN = "port.example"
NOON = datetime(2026, 5, 12, 10, 0, tzinfo=UTC)
WEEK_BEFORE = datetime(2026, 5, 5, 10, 0, tzinfo=UTC)


def desk(pace: Pace = PACE, conference_time: datetime = WEEK_BEFORE) -> NoticeDesk:
    return NoticeDesk(pace, ConferenceClock(conference_time))


def convergence(pace: Pace = PACE) -> Convergence:
    return Convergence(pace, DOMAIN)


def writer() -> MailWriter:
    return MailWriter(CONFERENCE, LANGUAGES, f"notices@{DOMAIN}", "https://register.port.example/")


def registered(delegate_id: UUID | None = None, **changed: Any) -> DelegateRegistered:
    """A registration; `enrolments` may be given as session ids with their states, `email` and the like as of the person."""
    person = {
        "printed_name": "Ada Berg",
        "function": "Harbour master",
        "email": "ada@port.example",
        "language": "en",
        "time_zone": "Europe/Oslo",
    }
    person |= {name: changed.pop(name) for name in list(changed) if name in person}
    fields: dict[str, Any] = {
        "delegate_id": delegate_id or new_id(),
        "revision": 1,
        "status": Status.ACCREDITED,
        "conference": CONFERENCE.slug,
        "category": "member",
        "pass_type": "day",
        "delegation": Party(code="oslo", names={"en": "Port of Oslo", "fr": "Port d’Oslo"}),
        "changed_at": NOON,
        **changed,
    }
    fields["person"] = None if fields["status"] == "erased" else Person(**person)
    places = fields.get("enrolments", {})
    if isinstance(places, dict):
        fields["enrolments"] = [
            Enrolment(session_id=session_id, state=EnrolmentState(state)) for session_id, state in places.items()
        ]
    return DelegateRegistered(**fields)


def session(session_id: str = "pilots", **changed: Any) -> SessionChanged:
    fields: dict[str, Any] = {
        "session_id": session_id,
        "revision": 1,
        "status": SessionStatus.SCHEDULED,
        "title": {"en": "Pilots at night", "fr": "Les pilotes la nuit"},
        "room": {"en": "Room A", "fr": "Salle A"},
        "starts_at": NOON,
        "ends_at": NOON + timedelta(hours=1),
        "audience": ["member"],
        "changed_at": NOON,
    }
    return SessionChanged(**(fields | changed))


def received(fact: Fact, traceparent: str | None = None) -> Received[Any]:
    envelope = Envelope(str(new_id()), fact.event_type, 1, "registration", traceparent or new_traceparent())
    return Received(fact, envelope, RawRecord("topic", 0, 0, fact.key.encode(), b"", []))


def all_received(facts: Iterable[Fact]) -> list[Received[Any]]:
    return [received(fact) for fact in facts]
