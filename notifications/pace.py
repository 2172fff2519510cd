"""When a delegate must be told: once things have come to rest, but never too late. Rules without I/O.

All instants are UTC. The quiet window and the longest wait run on the true clock; whether a session starts soon is
judged by the conference's.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum

from shared.events import DelegateRegistered, SessionChanged

STARTS_SOON = timedelta(minutes=60)
LONGEST_WAIT_BEFORE_A_START = timedelta(seconds=2)


class Urgency(IntEnum):
    CAN_REST = 0
    STARTS_SOON = 1
    AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class Pace:
    """How long changes are collected before they are told."""

    quiet_window: timedelta
    """Nothing has changed for this long: it is told."""
    longest_wait: timedelta
    """It is told this long after the first change that was not, even if changes go on."""

    def latest(self, now: datetime, urgency: Urgency) -> datetime:
        """When a change that is seen `now` must be told at the latest."""
        waits = {
            Urgency.CAN_REST: self.longest_wait,
            Urgency.STARTS_SOON: min(self.longest_wait, LONGEST_WAIT_BEFORE_A_START),
            Urgency.AT_ONCE: timedelta(0),
        }
        return now + waits[urgency]

    def due(self, now: datetime, latest: datetime) -> datetime:
        """When it is told if nothing else changes after `now`."""
        return min(now + self.quiet_window, latest)


def urgency_of_session(before: SessionChanged | None, now: SessionChanged, conference_time: datetime) -> Urgency:
    """A session that was, or now is, to start soon must be told at once nearly; one that is under way too."""
    soon = any(_starts_soon(each, conference_time) for each in (before, now) if each is not None)
    return Urgency.STARTS_SOON if soon else Urgency.CAN_REST


def urgency_of_registration(
    before: DelegateRegistered | None,
    now: DelegateRegistered,
    sessions: Mapping[str, SessionChanged],
    conference_time: datetime,
) -> Urgency:
    """Confirmations and decisions do not wait; other changes do, unless a session they touch starts soon."""
    if before is None or before.status is not now.status:
        return Urgency.AT_ONCE
    touched = (sessions[session_id] for session_id in touched_sessions(before, now) if session_id in sessions)
    return Urgency.STARTS_SOON if any(_starts_soon(each, conference_time) for each in touched) else Urgency.CAN_REST


def touched_sessions(before: DelegateRegistered | None, now: DelegateRegistered) -> set[str]:
    """Sessions in which the delegate's place has changed."""
    old = [] if before is None else before.enrolments
    changed: Iterable[str] = (each.session_id for each in (*old, *now.enrolments) if (each in old) != (each in now.enrolments))
    return set(changed)


def _starts_soon(session: SessionChanged, conference_time: datetime) -> bool:
    return session.starts_at <= conference_time + STARTS_SOON and session.ends_at > conference_time
