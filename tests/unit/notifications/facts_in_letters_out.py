"""Notifications without its loops: facts go in, time passes, letters come out."""

from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import select

from notifications import records, store
from notifications.outgoing import Letter
from notifications.pace import Pace
from shared.events import DelegateRegistered, SessionChanged
from shared.inbox import Journal
from tests import notification_examples as examples
from tests.notification_examples import registered, session
from tests.unit.notifications.conftest import Clock, Tables

PACE = Pace(quiet_window=timedelta(seconds=60), longest_wait=timedelta(minutes=5))
PILOTS = session("pilots")


class Service:
    """Notifications without its loops: facts go in, time passes, letters come out."""

    def __init__(self, tables: Tables, clock: Clock) -> None:
        self.tables, self.clock = tables, clock
        self.desk = examples.desk(PACE)

    def take(self, *facts: DelegateRegistered | SessionChanged, traceparent: str | None = None) -> Journal:
        journal: Journal = []
        for fact in facts:
            take = self.desk.take_delegates if isinstance(fact, DelegateRegistered) else self.desk.take_sessions
            journal += self.tables.write(lambda tx, take=take, fact=fact: take(tx, [examples.received(fact, traceparent)]))
        return journal

    def converge(self) -> Journal:
        journal: Journal = []
        while found := self.tables.write(examples.convergence(PACE).converge):
            journal += found
        return journal

    def after(self, seconds: float) -> list[Letter]:
        """The letters that go out once so much time has passed."""
        self.clock.pass_by(seconds)
        self.converge()
        return self.tables.post()

    def repair_clock(self) -> None:
        self.tables.write(examples.convergence(PACE).repair_clock)

    def due_in(self) -> dict[str, float]:
        rows = self.tables.write(lambda tx: tx.execute(select(store.due.c.delegate_id, store.due.c.due_at)).all())
        return {delegate_id: (due_at - self.clock.now).total_seconds() for delegate_id, due_at in rows}

    def states(self, delegate: DelegateRegistered) -> list[tuple[int, str]]:
        kept = self.tables.write(lambda tx: records.of_delegate(tx, delegate.key))
        return [(record.number, record.state) for record in kept]


def to(letters: Iterable[Letter]) -> list[str]:
    return sorted(letter.key.delegate_id for letter in letters)


def enrolled(*session_ids: str) -> DelegateRegistered:
    return registered(enrolments=dict.fromkeys(session_ids or ("pilots",), "enrolled"))


def next_of(known: DelegateRegistered, **changed: object) -> DelegateRegistered:
    same = {"enrolments": known.enrolments, "revision": known.revision + 1}
    return registered(known.delegate_id, **(same | changed))
