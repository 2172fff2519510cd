"""What the focal points of a delegation are to be mailed: who waits for them, and what became of their corrections.

A group only notes from when on something of a delegation is untold. It is gathered for a while; then each of its focal
points is sent one mail that says it all, made of what stands when it is sent, and none for some time after.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Column, ColumnElement, Connection, Index, Integer, MetaData, String, Table, Uuid, and_, case, or_, select

from registration.amendment import Correction, CorrectionState
from registration.delegate import Registration
from registration.mail_queue import CLAIMED_AT_ONCE, MailQueue
from registration.register import Change
from shared.database import UtcDateTime, insert
from shared.events import Status
from shared.ids import new_id

FOCAL_POINT = "focal-point"
"""The kind of actor."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long news is gathered before it is mailed, and how long there is none after it."""

    gathered: timedelta
    rest: timedelta


class News(NamedTuple):
    """A mail to one focal point of one delegation, of what happened from `since` on."""

    mail_id: UUID
    delegation: str
    email: str
    since: datetime
    asked_at: datetime
    attempts: int


def worth_telling(changes: Iterable[Change], delegates: Mapping[UUID, Registration]) -> Iterator[tuple[str, datetime]]:
    """The delegations whose focal points are to be told of something, and when it happened."""
    for each in changes:
        if isinstance(each, Registration):
            if begins_to_wait(each, each.changed_at):
                yield each.delegation, each.changed_at
        elif isinstance(each, Correction) and is_answer(each):
            yield delegates[each.delegate_id].delegation, each.changed_at


def begins_to_wait(registration: Registration, since: datetime) -> bool:
    """Whether somebody waits to be endorsed, and only from `since` on."""
    endorsement = registration.endorsement
    waits = endorsement is not None and endorsement.waits and endorsement.since >= since
    return waits and registration.status is Status.SUBMITTED


def is_answer(correction: Correction) -> bool:
    """Whether the desk decided on what a focal point proposed."""
    decided = correction.state in (CorrectionState.ACCEPTED, CorrectionState.DECLINED)
    return decided and correction.by.startswith(f"{FOCAL_POINT} ")


class FocalNews:
    def __init__(self, metadata: MetaData, focal_points: Table) -> None:
        self._focal_points = focal_points
        self._news = Table(
            "focal_news",
            metadata,
            Column("delegation", String(64), primary_key=True),
            Column("untold_since", UtcDateTime(), nullable=True),
            Column("noted_at", UtcDateTime(), nullable=False),
            Column("rests_until", UtcDateTime(), nullable=True),
            comment="untold_since is null once all is told",
        )
        self._mails = Table(
            "focal_mails",
            metadata,
            Column("mail_id", Uuid, primary_key=True),
            Column("delegation", String(64), nullable=False),
            Column("email", String(254), nullable=False),
            Column("since", UtcDateTime(), nullable=False),
            Column("asked_at", UtcDateTime(), nullable=False),
            Column("attempts", Integer, nullable=False),
            Column("next_attempt_at", UtcDateTime(), nullable=False),
            Index("focal_mails_to_mail", "next_attempt_at"),
        )
        self.queue = MailQueue(self._mails)

    def note(self, tx: Connection, happened: Iterable[tuple[str, datetime]], now: datetime) -> None:
        """Note what happened in delegations; only the first of what is untold is kept."""
        first: dict[str, datetime] = {}
        for delegation, at in happened:
            first[delegation] = min(at, first.get(delegation, at))
        if not first:
            return
        n, noting = self._news.c, insert(tx, self._news)
        noted = {
            "untold_since": case(
                (n.untold_since < noting.excluded.untold_since, n.untold_since), else_=noting.excluded.untold_since
            ),
            "noted_at": case((n.untold_since.is_(None), noting.excluded.noted_at), else_=n.noted_at),
        }
        rows = [{"delegation": each, "untold_since": at, "noted_at": now} for each, at in sorted(first.items())]
        tx.execute(noting.on_conflict_do_update(index_elements=["delegation"], set_=noted), rows)

    def any_due(self, tx: Connection, now: datetime, pace: Pace) -> bool:
        news = select(self._news.c.delegation).where(self._due(now, pace)).limit(1)
        return self.queue.any_due(tx, now) or tx.execute(news).first() is not None

    def claim(self, tx: Connection, now: datetime, pace: Pace) -> list[News]:
        """Make the mails whose time has come, and claim those that are to be sent."""
        n = self._news.c
        due = select(n.delegation, n.untold_since).where(self._due(now, pace)).order_by(n.delegation).limit(CLAIMED_AT_ONCE)
        if since := dict(tx.execute(due.with_for_update(skip_locked=True)).all()):
            self._ask(tx, since, now, pace)
        claimed = self.queue.claim(tx, now)
        return [News(r.mail_id, r.delegation, r.email, r.since, r.asked_at, r.attempts) for r in claimed]

    def _ask(self, tx: Connection, since: Mapping[str, datetime], now: datetime, pace: Pace) -> None:
        """Make a mail for each focal point of these delegations; where there is none, nothing rests."""
        n, f = self._news.c, self._focal_points.c
        focal_points = select(f.delegation, f.email).where(f.delegation.in_(since)).order_by(f.delegation, f.email)
        mails = [
            {"mail_id": new_id(), "delegation": delegation, "email": email, "since": since[delegation]}
            for delegation, email in tx.execute(focal_points)
        ]
        if mails:
            tx.execute(self._mails.insert().values(asked_at=now, attempts=0, next_attempt_at=now), mails)
        told = {each["delegation"] for each in mails}
        for delegations, rests_until in ((told, now + pace.rest), (since.keys() - told, None)):
            ended = self._news.update().where(n.delegation.in_(delegations))
            tx.execute(ended.values(untold_since=None, rests_until=rests_until))

    def _due(self, now: datetime, pace: Pace) -> ColumnElement[bool]:
        n = self._news.c
        rested = or_(n.rests_until.is_(None), n.rests_until <= now)
        return and_(n.untold_since.is_not(None), n.noted_at <= now - pace.gathered, rested)
