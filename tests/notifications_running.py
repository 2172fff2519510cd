"""Notifications without Kafka: facts are handed in, and everything behind runs, up to a real mail server."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from notifications import records
from notifications.converger import Converger
from notifications.pace import Pace
from notifications.sender import Backoff, Sender
from shared.database import Database
from shared.events import DelegateRegistered, SessionChanged
from shared.mail_server import MailServer
from tests import notification_examples as examples
from tests.notification_examples import registered
from tests.smtp_server import MailBox, smtp_server

SOON = Backoff(first_seconds=0.05, longest_seconds=0.2)
PACE = Pace(quiet_window=timedelta(milliseconds=200), longest_wait=timedelta(seconds=1))


class Notifications:
    def __init__(self, database: Database, port: int, *, connections: int = 4, timeout: float = 10) -> None:
        self.database = database
        self.desk = examples.desk(PACE)
        server = MailServer.at(f"smtp://127.0.0.1:{port}", timeout_seconds=timeout)
        self.sender = Sender(database, server, examples.writer(), connections=connections, backoff=SOON)
        self.converger = Converger(database, examples.convergence(PACE))
        self.running: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self.running = [asyncio.create_task(part.run()) for part in (self.converger, self.sender)]

    async def stop(self) -> None:
        """End in order."""
        self.converger.close()
        self.sender.close()
        async with asyncio.timeout(60):
            await asyncio.gather(*self.running)

    async def kill(self) -> None:
        """End at once, wherever it is."""
        for task in self.running:
            task.cancel()
        await asyncio.gather(*self.running, return_exceptions=True)

    async def take(self, *facts: DelegateRegistered | SessionChanged) -> list[Any]:
        sessions = examples.all_received(fact for fact in facts if isinstance(fact, SessionChanged))
        delegates = examples.all_received(fact for fact in facts if isinstance(fact, DelegateRegistered))
        journal = await self.database.write(lambda tx: self.desk.take_sessions(tx, sessions))
        return journal + await self.database.write(lambda tx: self.desk.take_delegates(tx, delegates))

    async def settled(self, within: float = 60) -> records.Standing:
        """Wait until nobody is due and nothing waits."""
        return await self.until(lambda standing: standing.due == standing.waiting == 0, within)

    async def until(self, reached: Callable[[records.Standing], bool], within: float = 60) -> records.Standing:
        changed = asyncio.Event()
        self.database.after_commit(changed.set)
        async with asyncio.timeout(within):
            while True:
                changed.clear()
                standing = await self.database.read(records.standing)
                if reached(standing):
                    return standing
                await changed.wait()

    async def records(self, delegate: DelegateRegistered) -> list[records.NoticeRecord]:
        return await self.database.read(lambda tx: records.of_delegate(tx, delegate.key))


@asynccontextmanager
async def running(database: Database, box: MailBox, **settings: Any) -> AsyncIterator[Notifications]:
    async with smtp_server(box):
        notifications = Notifications(database, box.port, **settings)
        notifications.start()
        try:
            yield notifications
        finally:
            await notifications.kill()


def people(count: int, **changed: Any) -> list[DelegateRegistered]:
    """Each with an address of their own."""
    return [registered(email=f"delegate-{number}@port.example", **changed) for number in range(count)]


def migrated(path: Path) -> AbstractContextManager[Database]:
    """A database of notifications on SQLite, closed afterwards."""
    return migrated_at(f"sqlite:///{path}")


@contextmanager
def migrated_at(url: str) -> Iterator[Database]:
    """The database of notifications at `url`, closed afterwards."""
    database = Database(url, "notifications")
    database.migrate("notifications:migrations")
    try:
        yield database
    finally:
        database.close()
