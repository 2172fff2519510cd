"""Badging's use cases over a database, as tests drive them and look at what they left."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple
from uuid import UUID

from badging import store
from badging.model import Badge, BadgeState
from badging.service import BadgeDesk
from shared.database import Database
from shared.events import BadgeJob, DelegateRegistered, Fact
from shared.inbox import Journal
from shared.tracing import new_traceparent
from tests.badging_examples import queued, received, registered


class Seen(NamedTuple):
    """Everything that badging holds of one delegate."""

    badges: list[Badge]
    jobs: list[BadgeJob]

    @property
    def valid(self) -> list[Badge]:
        return [badge for badge in self.badges if badge.state is BadgeState.VALID]


def converge(database: Database, desk: BadgeDesk, *facts: DelegateRegistered) -> Journal:
    return database.transaction(lambda tx: desk.converge(tx, [received(fact) for fact in facts]))


def record(database: Database, desk: BadgeDesk, *facts: Fact) -> Journal:
    return database.transaction(lambda tx: desk.record(tx, [received(fact) for fact in facts]))


def look(database: Database, delegate_id: UUID) -> Seen:
    with database.connect() as tx:
        badges = store.listed(tx, store.Wanted(delegate_id=delegate_id), limit=100, after=None)
        return Seen(badges, [job for _, job in queued(tx, delegate_id)])


def find(database: Database, badge_id: UUID) -> Badge:
    with database.connect() as tx:
        return store.find(tx, [badge_id])[badge_id]


def issue(database: Database, desk: BadgeDesk) -> BadgeJob:
    """A new delegate's first badge."""
    fact = registered()
    converge(database, desk, fact)
    [job] = look(database, fact.delegate_id).jobs
    return job


def names(journal: Journal) -> list[str]:
    return [name for name, _ in journal]


def reprint(database: Database, desk: BadgeDesk, badge_id: UUID, **asked: object) -> tuple[Badge, Journal]:
    arguments = {"reason": "lost", "traceparent": new_traceparent()} | asked
    return database.transaction(lambda tx: desk.reprint(tx, badge_id, **arguments))


def at_once(*calls: Callable[[], object]) -> None:
    """Start all calls together, each in a thread of its own, and wait for their ends."""
    start = threading.Barrier(len(calls))

    def run(call: Callable[[], object]) -> None:
        start.wait()
        call()

    with ThreadPoolExecutor(len(calls)) as threads:
        for ended in [threads.submit(run, call) for call in calls]:
            ended.result()
