"""What is news to a delegate: the one notice that leads from what they were told to what they see now. Without I/O."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from notifications.views import Detail, SessionView, View
from shared.events import ENDED, EnrolmentState


class Kind(StrEnum):
    CONFIRMATION = "confirmation"
    DECISION = "decision"
    CHANGE = "change"


class Turn(StrEnum):
    """What became of a delegate's place in a session, or of the session."""

    ENROLLED = "enrolled"
    WAITING = "waiting"
    ADMITTED = "admitted"
    """From the waiting list to a place."""
    RELEASED = "released"
    CANCELLED = "cancelled"
    RESTORED = "restored"
    """Cancelled before, and held after all."""
    MOVED = "moved"
    RETITLED = "retitled"


class DetailChange(NamedTuple):
    """A detail of the registration that is no longer what the delegate was told; `field` names it in `View`."""

    field: str
    was: Detail
    now: Detail


class SessionChange(NamedTuple):
    turn: Turn
    was: SessionView | None
    now: SessionView

    @property
    def former_title(self) -> str | None:
        return self.was.title if self.was is not None and self.was.title != self.now.title else None

    @property
    def former_place(self) -> SessionView | None:
        """Where and when it was to be, where that is not so any more."""
        return self.was if self.was is not None and self.was.starts_at and self.was.place != self.now.place else None

    @property
    def part(self) -> str:
        """What of room and time is to be said: the one that changed, where only one did; the whole follows once, below."""
        if self.former_place is None or not self.now.starts_at:
            return "place"
        if self.former_place.room == self.now.room:
            return "time"
        return "room" if self.former_place.place[1:] == self.now.place[1:] else "place"


@dataclass(frozen=True, slots=True)
class Notice:
    """All that a delegate must be told at once: what they see now and, where they were told before, what they saw."""

    was: View | None
    now: View

    @property
    def kind(self) -> Kind:
        if self.was is None:
            return Kind.DECISION if self.now.status in ENDED else Kind.CONFIRMATION
        return Kind.CHANGE if self.was.status is self.now.status else Kind.DECISION

    @property
    def status_is_news(self) -> bool:
        return self.was is None or (self.was.status, self.was.reason) != (self.now.status, self.now.reason)

    @property
    def details(self) -> list[DetailChange]:
        if self.was is None:
            return []
        pairs = ((field, getattr(self.was, field), now) for field, now in self.now.details.items())
        return [DetailChange(field, was, now) for field, was, now in pairs if was != now]

    @property
    def sessions(self) -> list[SessionChange]:
        """What has changed of sessions, in the order in which they begin; in a first notice, which take no place."""
        if self.was is None:
            not_held = [each for each in self.now.sessions if each.released or each.cancelled]
            return [SessionChange(Turn.RELEASED if each.released else Turn.CANCELLED, None, each) for each in not_held]
        before = {session.session_id: session for session in self.was.sessions}
        changed = [change for now in self.now.sessions if (change := _session_change(before.get(now.session_id), now))]
        return sorted(changed, key=lambda change: _by_time(change.now if change.now.starts_at else change.was or change.now))

    @property
    def programme(self) -> list[SessionView]:
        """The delegate's sessions as they now stand, in the order in which they begin."""
        return sorted((each for each in self.now.sessions if not (each.released or each.cancelled)), key=_by_time)


def difference(told: View | None, now: View) -> Notice | None:
    """The one notice that says all that is new since `told`, or `None` where the delegate knows it already."""
    notice = Notice(told, now)
    return notice if notice.status_is_news or notice.details or notice.sessions else None


def _session_change(was: SessionView | None, now: SessionView) -> SessionChange | None:
    turn = next(_turns(was, now), None)
    return None if turn is None else SessionChange(turn, was, now)


def _turns(was: SessionView | None, now: SessionView) -> Iterator[Turn]:
    """What the delegate must be told of one session, the most important first.

    A place that came and went between two notices is not told: they never knew of it.
    """
    if was is None or was.released:
        if not now.released:
            yield Turn.WAITING if now.state is EnrolmentState.WAITING else Turn.ENROLLED
    elif now.released:
        yield Turn.RELEASED
    elif now.cancelled:
        if not was.cancelled:
            yield Turn.CANCELLED
    elif was.cancelled:
        yield Turn.RESTORED
    else:
        if was.state is not now.state:
            yield Turn.ADMITTED if now.state is EnrolmentState.ENROLLED else Turn.WAITING
        if was.place != now.place:
            yield Turn.MOVED
        if was.title != now.title:
            yield Turn.RETITLED


def _by_time(session: SessionView) -> tuple[bool, str, str]:
    """Those without a time come last."""
    return session.starts_at is None, "" if session.starts_at is None else session.starts_at.isoformat(), session.session_id
