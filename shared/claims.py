"""A replica's claim on rows of the outbox: a transaction that stays open while they are sent, and removes them.

PostgreSQL ends it with whoever made it: at once where that process dies, after `CLAIM_SECONDS` where it stands still.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection, text

from shared.database import Database
from shared.faults import DATABASE_AWAY
from shared.logs import get_log
from shared.outbox import Outbox, Row

log = get_log()
T = TypeVar("T")

CLAIM_SECONDS = 15.0
"""How long others wait for a relay that stands still: longer than it waits for the broker to acknowledge."""

_TERMS = text(
    "select set_config('idle_in_transaction_session_timeout', :milliseconds, true),"
    " set_config('synchronous_commit', 'off', true)"
)


class Claims:
    """What one relay may send. On SQLite, where a service is one process, that is all, and nothing is held."""

    def __init__(self, database: Database, outbox: Outbox) -> None:
        self._database = database
        self._outbox = outbox
        self._held: Connection | None = None
        self._turn = threading.Lock()

    async def take(self) -> list[Row]:
        """Claim what waits and nobody else is sending. Where there is any, `settle` or `release` must follow."""
        if self._database.is_postgresql:
            return await asyncio.to_thread(self._take)
        return await self._database.read(self._outbox.claim)

    async def settle(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in the claim's own transaction and commit it; where the claim was lost, in another.

        Not durable: rows that come back after a power cut are sent again, and readers drop what they know.
        """
        if self._held is not None:
            try:
                return await asyncio.to_thread(self._settle, work)
            except DATABASE_AWAY as error:
                log.warning("relay_claim_lost", error=type(error).__name__)
        return await self._database.write(work, announce=False, durable=False)

    async def release(self) -> None:
        """Let go of what was claimed, if anything is."""
        if self._held is not None or self._turn.locked():
            await asyncio.to_thread(self._release)

    def _take(self) -> list[Row]:
        with self._turn:
            connection = self._database.connect()
            try:
                connection.execute(_TERMS, {"milliseconds": str(round(CLAIM_SECONDS * 1000))})
                rows = self._outbox.claim(connection)
            except BaseException:
                connection.close()
                raise
            if rows:
                self._held = connection
            else:
                connection.close()
            return rows

    def _settle(self, work: Callable[[Connection], T]) -> T:
        with self._turn:
            connection, self._held = self._held, None
            assert connection is not None
            with connection:
                result = work(connection)
                connection.commit()
                return result

    def _release(self) -> None:
        with self._turn:
            connection, self._held = self._held, None
            if connection is not None:
                # The server may have ended it already; raised here, that would take the place of a cancellation.
                with contextlib.suppress(*DATABASE_AWAY):
                    connection.close()
