"""The relay: sends what the outbox holds, in order per key, and removes what the broker acknowledged.

A row leaves the table only after its acknowledgement, so a relay that is killed at any line sends a row again at worst,
and readers drop what they know (`shared.revisions`). aiokafka's idempotent producer keeps the order on the wire.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidTopicError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordTooLargeError,
    TopicAuthorizationFailedError,
)
from sqlalchemy import Connection

from shared.database import Database, Leadership
from shared.faults import PASSING
from shared.logs import get_log
from shared.outbox import BATCH, Outbox, Row
from shared.settings import KafkaSettings
from shared.topics import MAX_RECORD_BYTES

log = get_log()

POLL_SECONDS = 1.0
"""How long new rows of another process, which wakes nobody here, wait at most."""
RETRY_SECONDS = 0.5
REQUEST_TIMEOUT_MS = 10_000
REFUSED_FOR_EVER = (MessageSizeTooLargeError, RecordTooLargeError, InvalidTopicError, TopicAuthorizationFailedError)


@dataclass(slots=True)
class _Pass:
    """What became of one batch of rows."""

    acknowledged: list[int] = field(default_factory=list[int])
    refused: list[tuple[Row, Exception]] = field(default_factory=list[tuple[Row, Exception]])
    failed: Exception | None = None


class Relay:
    """Sends one service's outbox. Several replicas may run one each: on PostgreSQL one of them at a time sends."""

    def __init__(self, database: Database, outbox: Outbox, kafka: KafkaSettings) -> None:
        self._database = database
        self._outbox = outbox
        self._kafka = kafka
        self._leadership = Leadership(database, "relay")
        self._producer: AIOKafkaProducer | None = None
        self._woken = asyncio.Event()
        self._waiting_for_broker = False
        database.after_commit(self.wake)

    def wake(self) -> None:
        """Say that rows may have been committed."""
        self._woken.set()

    async def run(self) -> None:
        """Send until cancelled. A database or broker that is away is waited for."""
        try:
            while True:
                self._woken.clear()
                try:
                    more = await self._send_batch()
                except (*PASSING, KafkaError) as error:
                    await self._wait_for_broker(error)
                    continue
                if not more:
                    # Not `wait_for`: before Python 3.12 it can swallow a cancellation, and this loop would never end.
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(POLL_SECONDS):
                            await self._woken.wait()
        finally:
            await self._drop_producer()
            self._leadership.release()

    async def _wait_for_broker(self, error: Exception) -> None:
        if not self._waiting_for_broker:
            log.warning("relay_waiting", error=type(error).__name__)
            self._waiting_for_broker = True
        await self._drop_producer()
        await asyncio.sleep(RETRY_SECONDS)

    async def _send_batch(self) -> bool:
        """Send what waits; return whether there may be more."""
        rows = await asyncio.to_thread(self._leadership.read, self._outbox.waiting)
        if not rows:
            return False
        producer = await self._started_producer()
        outcome = await self._send(producer, rows)

        def settle(tx: Connection) -> None:
            if outcome.acknowledged:
                self._outbox.remove(tx, outcome.acknowledged)
            for row, refusal in outcome.refused:
                self._outbox.park(tx, row.seq, f"{type(refusal).__name__}: {refusal}")

        # Not durable: rows that come back after a power cut are sent again, and readers drop what they know.
        await self._database.write(settle, announce=False, durable=False)
        for row, refusal in outcome.refused:
            log.error("outbox_row_parked", seq=row.seq, topic=row.topic, error=type(refusal).__name__)
        if outcome.failed is not None:
            raise outcome.failed
        if self._waiting_for_broker:
            self._waiting_for_broker = False
            log.info("relay_resumed")
        return len(rows) == BATCH

    async def _send(self, producer: AIOKafkaProducer, rows: Sequence[Row]) -> _Pass:
        """Send in order. Behind a row that failed, rows of its key count as not sent, so that they follow it again."""
        sent: list[asyncio.Future[object] | Exception] = []
        unreachable: dict[str, Exception] = {}
        for row in rows:
            if row.topic in unreachable:
                sent.append(unreachable[row.topic])
                continue
            try:
                sent.append(await _send_one(producer, row))
            except REFUSED_FOR_EVER as error:
                sent.append(error)
            except (*PASSING, KafkaError) as error:
                sent.append(error)
                unreachable[row.topic] = error
        await asyncio.gather(*(each for each in sent if not isinstance(each, Exception)), return_exceptions=True)
        outcome, failed_keys = _Pass(), set[tuple[str, bytes]]()
        for row, error in zip(rows, map(_fault, sent), strict=True):
            if isinstance(error, REFUSED_FOR_EVER):
                outcome.refused.append((row, error))
            elif error is not None:
                outcome.failed = error
                failed_keys.add((row.topic, row.key))
            elif (row.topic, row.key) not in failed_keys:
                outcome.acknowledged.append(row.seq)
        return outcome

    async def _started_producer(self) -> AIOKafkaProducer:
        if self._producer is None:
            producer = AIOKafkaProducer(
                **self._kafka.client_arguments(),
                enable_idempotence=True,
                acks="all",
                max_request_size=4 * MAX_RECORD_BYTES,
                max_batch_size=128 * 1024,
                request_timeout_ms=REQUEST_TIMEOUT_MS,
                metadata_max_age_ms=60_000,
            )
            try:
                await producer.start()
            except BaseException:
                await producer.stop()
                raise
            self._producer = producer
        return self._producer

    async def _drop_producer(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            # A producer whose broker is away waits in stop() for it: what it holds is still in the outbox.
            with contextlib.suppress(TimeoutError, KafkaError):
                async with asyncio.timeout(2):
                    await producer.stop()


async def _send_one(producer: AIOKafkaProducer, row: Row) -> asyncio.Future[object]:
    return cast("asyncio.Future[object]", await producer.send(row.topic, key=row.key, value=row.value, headers=row.headers))


def _fault(sent: asyncio.Future[object] | Exception) -> Exception | None:
    """What became of a row that was sent: nothing, once acknowledged. Raises what no broker answers."""
    error = sent if isinstance(sent, Exception) else sent.exception()
    if error is None or isinstance(error, (*PASSING, KafkaError)):
        return error
    raise error
