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
from registration.mailer import CLAIM, CLAIMED_AT_ONCE
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

    def note(self, tx: Connection, delegate_ids: Iterable[UUID], now: datetime) -> None:
        rows = [
            {"mail_id": new_id(), "delegate_id": each, "asked_at": now, "attempts": 0, "next_attempt_at": now + ASKED_AFTER}
            for each in delegate_ids
        ]
        if rows:
            tx.execute(insert(tx, self._mails).on_conflict_do_nothing(), rows)

    def any_due(self, tx: Connection, now: datetime) -> bool:
        m = self._mails.c
        return tx.execute(select(m.mail_id).where(m.next_attempt_at <= now).limit(1)).first() is not None

    def claim(self, tx: Connection, now: datetime, conference: Conference) -> list[PhotoMail]:
        """Claim those that are to be sent now, and forget those whose photo came, or is needed no more.

        Replicas may claim at once: each mail is one's.
        """
        m, d = self._mails.c, self._delegates.c
        due = select(m.mail_id).where(m.next_attempt_at <= now).order_by(m.next_attempt_at).limit(CLAIMED_AT_ONCE)
        claimed = tx.execute(
            self._mails.update()
            .where(m.mail_id.in_(due), m.next_attempt_at <= now)
            .values(attempts=m.attempts + 1, next_attempt_at=now + CLAIM)
            .returning(m.mail_id, m.delegate_id, m.asked_at, m.attempts)
        ).all()
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

    def put_off(self, tx: Connection, mail_id: UUID, until: datetime) -> None:
        tx.execute(self._mails.update().where(self._mails.c.mail_id == mail_id).values(next_attempt_at=until))

    def drop(self, tx: Connection, mail_id: UUID) -> None:
        tx.execute(self._mails.delete().where(self._mails.c.mail_id == mail_id))

    def forget(self, tx: Connection, delegate_ids: Collection[UUID]) -> None:
        if delegate_ids:
            tx.execute(self._mails.delete().where(self._mails.c.delegate_id.in_(delegate_ids)))
