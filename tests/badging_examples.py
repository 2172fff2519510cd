"""Examples for the tests of badging: people of the tiny conference, and their events as they come from Kafka."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from badging import store
from shared.cloudevents import Envelope
from shared.conference_folder import load
from shared.events import (
    BadgeJob,
    BadgeStatus,
    DelegateRegistered,
    Fact,
    Party,
    Person,
    PrintState,
    SessionChanged,
    Status,
)
from shared.ids import new_id
from shared.received import RawRecord, Received
from shared.tracing import new_traceparent

CONFERENCE = load(Path(__file__).with_name("conferences") / "tiny")
NOON = datetime(2026, 5, 12, 10, 0, tzinfo=UTC)


def registered(
    delegate_id: UUID | None = None,
    *,
    revision: int = 1,
    status: str = "accredited",
    name: str = "Ada Berg",
    language: str = "en",
    **changed: Any,
) -> DelegateRegistered:
    person = Person(
        printed_name=name, function="Harbour master", email="ada@port.example", language=language, time_zone="Europe/Oslo"
    )
    fields: dict[str, Any] = {
        "delegate_id": delegate_id or new_id(),
        "revision": revision,
        "status": Status(status),
        "conference": CONFERENCE.slug,
        "category": "member",
        "pass_type": "day",
        "delegation": Party(code="oslo", names={"en": "Port of Oslo", "fr": "Port d’Oslo"}),
        "person": None if status == "erased" else person,
        "changed_at": NOON,
    }
    return DelegateRegistered(**(fields | changed))


def session(*, revision: int = 1, **changed: Any) -> SessionChanged:
    fields: dict[str, Any] = {
        "session_id": "pilots",
        "revision": revision,
        "title": {"en": "Pilots’ meeting"},
        "room": {"en": "Loft"},
        "starts_at": NOON,
        "ends_at": NOON + timedelta(hours=1),
        "audience": ["member"],
        "changed_at": NOON,
    }
    return SessionChanged(**(fields | changed))


def reported(job: BadgeJob, state: PrintState, *, printer: str = "p1", minute: int = 0, **changed: Any) -> BadgeStatus:
    fields: dict[str, Any] = {
        "job_id": job.job_id,
        "badge_id": job.badge_id,
        "delegate_id": job.delegate_id,
        "printer": printer,
        "state": state,
        "at": NOON + timedelta(minutes=minute),
    }
    return BadgeStatus(**(fields | changed))


def received(fact: Fact) -> Received[Any]:
    envelope = Envelope(str(new_id()), fact.event_type, 1, "registration", new_traceparent())
    record = RawRecord(fact.event_type, 0, 0, fact.key.encode(), fact.model_dump_json().encode(), [])
    return Received(fact, envelope, record)


def queued(tx: Connection, delegate_id: UUID) -> list[tuple[str, BadgeJob]]:
    """A delegate's jobs as they stand in the outbox, each with its topic, in order."""
    table = store.outbox.table
    key = str(delegate_id).encode()
    rows = tx.execute(table.select().where(table.c.key == key).order_by(table.c.seq))
    return [(row.topic, BadgeJob.model_validate_json(row.value)) for row in rows]
