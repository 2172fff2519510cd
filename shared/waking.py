"""Tells the other replicas of a service, through PostgreSQL, that one of them has committed something.

Each is told after the commit and from a connection of its own: a `NOTIFY` within a transaction would have all who commit
wait for each other. Who dies in between tells nobody, so whatever waits for new rows also looks for itself now and then.
"""

import asyncio

import psycopg

from shared.database import Database
from shared.logs import get_log

log = get_log()

RETRY_SECONDS = 1.0
_Session = psycopg.AsyncConnection[tuple[object, ...]]


class Waking:
    """Calls what is registered with `Database.after_commit` when another replica has committed. Nothing on SQLite."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._address = database.url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._committed = asyncio.Event()
        self._away = False
        if database.is_postgresql:
            database.after_commit(self._committed.set, elsewhere=False)

    async def run(self) -> None:
        """Tell and listen until cancelled. A database that is away is waited for."""
        while self._database.is_postgresql:
            try:
                async with await self._connect() as listening, await self._connect() as telling, asyncio.TaskGroup() as both:
                    await listening.execute("listen committed")
                    both.create_task(self._listen(listening, telling.info.backend_pid))
                    both.create_task(self._tell(telling))
                    self._note(away=False)
                    self._database.committed_elsewhere()  # what was told meanwhile is lost
            except* psycopg.OperationalError:
                self._note(away=True)
                await asyncio.sleep(RETRY_SECONDS)

    async def _connect(self) -> _Session:
        # To say that something is new is not worth a wait for the disk.
        return await psycopg.AsyncConnection.connect(self._address, autocommit=True, options="-c synchronous_commit=off")

    async def _listen(self, listening: _Session, own: int) -> None:
        async for told in listening.notifies():
            if told.pid != own:
                self._database.committed_elsewhere()

    async def _tell(self, telling: _Session) -> None:
        """Tell of commits, of many at once where they come quickly."""
        while True:
            await self._committed.wait()
            self._committed.clear()
            await telling.execute("notify committed")

    def _note(self, *, away: bool) -> None:
        if away and not self._away:
            log.warning("replicas_not_heard")
        elif self._away and not away:
            log.info("replicas_heard_again")
        self._away = away
