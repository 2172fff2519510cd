"""Who registered themselves without the photo that their badge shows is mailed, once, the address at which they give it.

A group only notes who they are. The mail goes a while later, to those whose photo has not come by then.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Column, Connection, Index, Integer, MetaData, Table, Uuid, select

from registration.audit.entries import Actor
from registration.delegate import Registration
from registration.mail_queue import MailQueue
from registration.needs import needs_of
from registration.register import Change
from shared.conference import Conference
from shared.database import UtcDateTime, insert
from shared.events import ENDED, Language
from shared.ids import new_id

ASKED_AFTER = timedelta(minutes=15)
"""How long who has just registered is left to give it at once, by the page that they are on."""


@dataclass(frozen=True, slots=True)
class PhotoMail:
    """A mail to be sent; `attempts` counts this one."""

    mail_id: UUID
    delegate_id: UUID
    email: str
    language: Language
    asked_at: datetime
    attempts: int


def lacks_photo(registration: Registration, conference: Conference) -> bool:
    """Whether a photo of somebody who may still come is missing."""
    return registration.status not in ENDED and "photo" in needs_of(registration, conference, ())


def to_be_asked(changes: Iterable[Change], actors: Iterable[Actor], conference: Conference) -> Iterator[UUID]:
    """Who came by a form without their photo. Whom a focal point or the desk brings, they see to."""
    for each, by in zip(changes, actors, strict=True):
        if isinstance(each, Registration) and each.revision == 1 and by.kind == "form" and lacks_photo(each, conference):
            yield each.delegate_id


class PhotoMails:
    def __init__(self, metadata: MetaData, delegates: Table) -> None:
        self._delegates = delegates
        self._mails = Table(
            "photo_mails",
            metadata,
            Column("mail_id", Uuid, primary_key=True),
            Column("delegate_id", Uuid, nullable=False, unique=True),
            Column("asked_at", UtcDateTime(), nullable=False),
            Column("attempts", Integer, nullable=False),
            Column("next_attempt_at", UtcDateTime(), nullable=False),
            Index("photo_mails_to_mail", "next_attempt_at"),
            comment="not mailed yet",
        )
        self.queue = MailQueue(self._mails)

    def note(self, tx: Connection, delegate_ids: Iterable[UUID], now: datetime) -> None:
        rows = [
            {"mail_id": new_id(), "delegate_id": each, "asked_at": now, "attempts": 0, "next_attempt_at": now + ASKED_AFTER}
            for each in delegate_ids
        ]
        if rows:
            tx.execute(insert(tx, self._mails).on_conflict_do_nothing(), rows)

    def claim(self, tx: Connection, now: datetime, conference: Conference) -> list[PhotoMail]:
        """Claim those that are to be sent now, and forget those whose photo came, or is needed no more."""
        claimed, d = self.queue.claim(tx, now), self._delegates.c
        asked = select(d.delegate_id, d.content).where(d.delegate_id.in_([each.delegate_id for each in claimed]))
        lacking = {
            delegate_id: registration.person
            for delegate_id, content in tx.execute(asked)
            if lacks_photo(registration := Registration.model_validate_json(content), conference)
        }
        self.forget(tx, {each.delegate_id for each in claimed} - lacking.keys())
        return [
            PhotoMail(each.mail_id, each.delegate_id, person.email, person.language, each.asked_at, each.attempts)
            for each in claimed
            if (person := lacking.get(each.delegate_id)) is not None
        ]

    def forget(self, tx: Connection, delegate_ids: Collection[UUID]) -> None:
        if delegate_ids:
            tx.execute(self._mails.delete().where(self._mails.c.delegate_id.in_(delegate_ids)))
