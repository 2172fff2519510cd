"""What a notice enters in its reader's calendar: their sessions at first, later each session of which there is news."""

from collections.abc import Iterator
from datetime import datetime

from notifications.model import Notice, SessionChange
from notifications.views import SessionView
from shared.calendar import Entry, EntryStatus
from shared.events import EnrolmentState


def entries(notice: Notice, said_at: datetime) -> Iterator[Entry]:
    """The entries of a notice that is `said_at`.

    A session that is cancelled, or in which the reader has no place any more, is cancelled where it was told before.
    """
    if notice.was is None:
        yield from (found for session in notice.programme if (found := _entry(session, said_at)))
    else:
        yield from (found for change in notice.sessions if (found := _changed(change, said_at)))


def _entry(session: SessionView, said_at: datetime) -> Entry | None:
    if session.starts_at is None or session.ends_at is None:
        return None
    status = EntryStatus.TENTATIVE if session.state is EnrolmentState.WAITING else EntryStatus.CONFIRMED
    place = (session.room, session.starts_at, session.ends_at)
    return Entry(session.session_id, session.revision, status, session.title, *place, said_at)


def _changed(change: SessionChange, said_at: datetime) -> Entry | None:
    """A session that is off has no room and time any more: its entry keeps those that were told."""
    if change.now.starts_at is not None:
        return _entry(change.now, said_at)
    told = change.was and _entry(change.was, said_at)
    return told and told._replace(status=EntryStatus.CANCELLED, revision=change.now.revision, title=change.now.title)
