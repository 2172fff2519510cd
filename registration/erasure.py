"""The end of an erased delegate's key: a null on the compacted topic, after which only the hash of their id is kept.

It comes some days after the event that says `erased`: a reader that was away meanwhile must see that event, and
compaction may drop it as soon as the null is there.
"""

import asyncio
import contextlib
from datetime import datetime, timedelta

from sqlalchemy import Connection

from registration import store
from registration.intake.reach import Touched, load
from shared.clock import utc_now
from shared.database import Database
from shared.faults import PASSING
from shared.inbox import Journal
from shared.logs import get_log, log_all
from shared.outbox import BATCH, Tombstone
from shared.settings import KafkaSettings
from shared.topics import DELEGATE_REGISTERED
from shared.tracing import new_traceparent, trace_id

log = get_log()

KEPT_ERASED = timedelta(days=7)
CHECK_SECONDS = 3600.0
RETRY_SECONDS = 5.0


def end_keys(tx: Connection, kafka: KafkaSettings, now: datetime) -> Journal:
    """End the keys of at most `BATCH` of those erased `KEPT_ERASED` before `now` (true time), and forget the rest of them.

    Replicas may do it at once: who is second finds nobody left.
    """
    due = [each.delegate_id for each in store.erased_registrations(tx) if each.changed_at <= now - KEPT_ERASED][:BATCH]
    if not due:
        return []
    # Held, so that no relay publishes the erased event again behind the null.
    ended = sorted(load(tx, [Touched(delegates=due)]).delegates)
    trace = new_traceparent()
    topic = kafka.topic(DELEGATE_REGISTERED)
    store.outbox.publish(tx, [(topic, Tombstone(str(each)), trace) for each in ended])
    store.remove_delegates(tx, ended)
    return [("delegate_key_ended", {"delegate_id": str(each), "trace_id": trace_id(trace)}) for each in ended]


class KeyEnder:
    """Looks every hour for those whose time has come."""

    def __init__(self, database: Database, kafka: KafkaSettings) -> None:
        self._database = database
        self._kafka = kafka
        self._closing = asyncio.Event()

    def close(self) -> None:
        """Let `run` end after the transaction it is at."""
        self._closing.set()

    async def run(self) -> None:
        """End keys, at once and then every hour, until closed. A database that is away is waited for."""
        while not self._closing.is_set():
            try:
                wait = 0.0 if await self._ended_some() else CHECK_SECONDS
            except PASSING as error:
                log.warning("key_ender_waiting", error=type(error).__name__)
                wait = RETRY_SECONDS
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._closing.wait()

    async def _ended_some(self) -> bool:
        journal = await self._database.write(lambda tx: end_keys(tx, self._kafka, utc_now()))
        log_all(log, journal)
        return bool(journal)
