"""The changes of one transaction, gathered so that a batch of 500 events costs a handful of statements, not thousands."""

import secrets
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from badging import serials, store
from badging.blanks import Filled
from badging.model import Issued
from shared.events import BadgeJob, Priority
from shared.ids import new_id
from shared.inbox import Journal
from shared.settings import KafkaSettings
from shared.topics import badge_queue
from shared.tracing import trace_id


@dataclass(frozen=True, slots=True)
class Occasion:
    """What made a change: the revision that came, or a person at the desk."""

    delegate_id: UUID
    revision: int
    traceparent: str
    event_id: str | None = None

    def logged(self, **fields: object) -> dict[str, Any]:
        return {
            "delegate_id": str(self.delegate_id),
            "revision": self.revision,
            "trace_id": trace_id(self.traceparent),
            "event_id": self.event_id,
            **fields,
        }


@dataclass(slots=True)
class Ledger:
    """What is voided and issued, and what is logged of it after the commit."""

    kafka: KafkaSettings
    serial_prefix: str
    at: datetime
    journal: Journal = field(default_factory=list[tuple[str, dict[str, Any]]])
    _voided: list[tuple[UUID, str]] = field(default_factory=list[tuple[UUID, str]])
    _issued: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    _jobs: list[tuple[str, BadgeJob, str]] = field(default_factory=list[tuple[str, BadgeJob, str]])

    def void(self, badge: Issued, reason: str, occasion: Occasion) -> None:
        self._voided.append((badge.badge_id, reason))
        logged = occasion.logged(badge_id=str(badge.badge_id), serial=badge.serial, reason=reason)
        self.journal.append(("badge_voided", logged))
        if badge.sheets:
            self.journal.append(("badge_sheet_to_destroy", logged))

    def issue(
        self,
        filled: Filled,
        reason: str,
        occasion: Occasion,
        *,
        supersedes: UUID | None = None,
        station: str,
        priority: Priority = Priority.NORMAL,
    ) -> UUID:
        """Issue a badge and write its job to the queue of `station`; returns the badge's id."""
        serial = serials.serial(self.serial_prefix, secrets.randbits(serials.SERIAL_BITS))
        job = BadgeJob(
            job_id=new_id(),
            badge_id=new_id(),
            serial=serial,
            delegate_id=occasion.delegate_id,
            supersedes=supersedes,
            station=station,
            priority=priority,
            layout=filled.layout,
            content=filled.content,
            credential=serials.credential(serial, secrets.token_bytes(serials.TOKEN_BYTES)),
            reason=reason,
            requested_at=self.at,
        )
        topic = self.kafka.topic(badge_queue(station, urgent=priority is Priority.URGENT))
        self._jobs.append((topic, job, occasion.traceparent))
        self._issued.append(store.row_of(job, filled.fingerprint, occasion.revision))
        self.journal.append(("badge_issued", occasion.logged(badge_id=str(job.badge_id), serial=serial, reason=reason)))
        return job.badge_id

    def write(self, tx: Connection) -> Journal:
        """Store it all, voided before issued: the database allows one valid badge a delegate at any moment."""
        store.void(tx, self._voided, self.at)
        store.issue(tx, self._issued)
        store.outbox.publish(tx, self._jobs)
        return self.journal
