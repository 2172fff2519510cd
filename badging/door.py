"""Who may enter: what a gate is told of a credential. Never a name: a gate lets in badges, not people."""

import hmac
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import Connection

from badging import store
from badging.model import Badge, Refusal, refusal
from badging.serials import serial_of
from shared.clock import ConferenceClock
from shared.conference import Conference
from shared.problems import Problem
from shared.said import say


class Admission(BaseModel):
    """What a gate is told: whether the holder may enter now, and if not, why."""

    admitted: bool
    refusal: Refusal | None = None
    badge_id: UUID | None = None
    serial: str | None = None
    category: str | None = None
    zones: list[str] = []
    """Codes of the zones that the badge opens."""


class Door:
    """Looks up credentials, against the registration and the session as they are now, not as they were printed."""

    def __init__(self, conference: Conference, clock: ConferenceClock) -> None:
        self._conference = conference
        self._clock = clock

    def check(self, tx: Connection, credential: str, session_id: str | None = None) -> Admission:
        """Whether the holder of `credential` may enter the venue, or a session; raises 404 for an unknown session."""
        session = None
        if session_id is not None:
            session = store.sessions.get(tx, [session_id]).get(session_id)
            if session is None:
                raise Problem(404, "no-such-session", say("There is no session with this id."))
        badge = _badge_of(tx, credential)
        key = str(badge and badge.delegate_id)
        registration = store.delegates.get(tx, [key]).get(key)
        if badge is None or badge.content is None or registration is None:
            return Admission(admitted=False, refusal=Refusal.UNKNOWN)
        today = self._clock.now().astimezone(self._conference.zone_info).date()
        refused = refusal(badge.state, registration, today, session)
        return Admission(
            admitted=refused is None,
            refusal=refused,
            badge_id=badge.badge_id,
            serial=badge.serial,
            category=registration.category,
            zones=[zone.code for zone in badge.content.zones],
        )


def _badge_of(tx: Connection, credential: str) -> Badge | None:
    serial = serial_of(credential)
    badge = None if serial is None else store.find_by_serial(tx, serial)
    if badge is None or badge.credential is None:
        return None
    return badge if hmac.compare_digest(badge.credential.encode(), credential.encode()) else None
