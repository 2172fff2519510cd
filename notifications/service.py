"""What notifications does with the two facts it reads: it keeps them, and marks those people due who may have to be told.

Whether there is anything to tell is decided later, by `notifications.convergence`, from both facts as they then are: so
it does not matter which topic, partition or replica was first.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from notifications import store
from notifications.pace import Pace, Urgency, touched_sessions, urgency_of_registration, urgency_of_session
from notifications.store import Mark
from notifications.views import looks_different
from shared.clock import ConferenceClock, utc_now
from shared.events import DelegateRegistered, SessionChanged
from shared.inbox import Journal
from shared.received import Received
from shared.revisions import News


class NoticeDesk:
    """Takes what the topics say. Its methods run in the caller's transaction, and may be given the same facts again."""

    def __init__(self, pace: Pace, conference: ConferenceClock) -> None:
        self._pace = pace
        self._conference = conference

    def take_delegates(self, tx: Connection, batch: Sequence[Received[DelegateRegistered]]) -> Journal:
        """Keep the newest registrations and make their people due. An erased person is wiped, and told nothing."""
        news = store.delegates.keep_newest(tx, [_without_photo(received) for received in batch])
        registrations = [each.received.fact for each in news]
        store.hold_sessions(tx, {each.session_id for registration in registrations for each in registration.enrolments})
        store.enrol(tx, registrations)
        store.wipe(tx, [registration.key for registration in registrations if registration.person is None])
        sessions = store.sessions.get(tx, {each for n in news for each in touched_sessions(n.before, n.received.fact)})
        marks = {n.received.fact.key: self._registration_mark(n, sessions) for n in news if n.received.fact.person is not None}
        store.mark(tx, marks)
        return [_kept(each) for each in news]

    def take_sessions(self, tx: Connection, batch: Sequence[Received[SessionChanged]]) -> Journal:
        """Keep the newest sessions, and make everybody due whose registration names one that now looks different."""
        journal: Journal = []
        for received, before in store.sessions.keep_newest(tx, batch):
            session, people = received.fact, 0
            if looks_different(before, session):
                urgency = urgency_of_session(before, session, self._conference.now())
                people = store.mark_enrolled(tx, session.key, self._mark(urgency, received.envelope.traceparent))
            fields = {"session_id": session.key, "revision": session.revision, "people": people}
            journal.append(("session_kept", {**fields, "trace_id": received.trace_id}))
        return journal

    def forget(self, tx: Connection, delegate_ids: Sequence[str]) -> None:
        """Take tombstones of delegates."""
        store.delegates.forget(tx, delegate_ids)
        store.forget(tx, delegate_ids)

    def _registration_mark(self, news: News[DelegateRegistered], sessions: Mapping[str, SessionChanged]) -> Mark:
        urgency = urgency_of_registration(news.before, news.received.fact, sessions, self._conference.now())
        return self._mark(urgency, news.received.envelope.traceparent)

    def _mark(self, urgency: Urgency, traceparent: str) -> Mark:
        now = utc_now()
        latest = self._pace.latest(now, urgency)
        return Mark(now, self._pace.due(now, latest), latest, traceparent)


def _without_photo(received: Received[DelegateRegistered]) -> Received[DelegateRegistered]:
    """No notice shows a photo, so none is kept here."""
    return received._replace(fact=received.fact.model_copy(update={"photo": None}))


def _kept(news: News[DelegateRegistered]) -> tuple[str, dict[str, object]]:
    fact = news.received.fact
    fields: dict[str, object] = {"delegate_id": fact.key, "revision": fact.revision, "trace_id": news.received.trace_id}
    return "delegate_wiped" if fact.person is None else "delegate_due", fields
