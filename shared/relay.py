"""The relay: sends what the outbox holds, in order per key, and removes what the broker acknowledged.

A row leaves the table only after its acknowledgement, so a relay that is killed at any line sends a row again at worst,
and readers drop what they know (`shared.revisions`). aiokafka's idempotent producer keeps the order on the wire.

A relay that stood still may be overtaken: another sends its rows and newer ones of their keys, and then the old ones
come last. A compacted topic would keep them. So whoever finds rows gone that it has sent publishes their keys' newest
state again.
"""

import asyncio
import contextlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import cast

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidTopicError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordTooLargeError,
)
from sqlalchemy import Connection

from shared.claims import Claims
from shared.database import Database
from shared.faults import PASSING
from shared.logs import get_log
from shared.outbox import BATCH, Message, Outbox, Row
from shared.settings import KafkaSettings
from shared.topics import MAX_RECORD_BYTES

log = get_log()

POLL_SECONDS = 1.0
"""How long a row waits at most where whoever should have been woken for it died."""
RETRY_SECONDS = 0.5
REQUEST_TIMEOUT_MS = 10_000
REFUSED_FOR_EVER = (MessageSizeTooLargeError, RecordTooLargeError, InvalidTopicError)

Newest = Callable[[Connection, Collection[tuple[str, bytes]]], Sequence[Message]]
"""The newest state of (topic, key) pairs, of those that are in compacted topics. No newer one may be published before
the transaction ends."""


@dataclass(slots=True)
class _Pass:
    """What became of one batch of rows."""

    acknowledged: list[int] = field(default_factory=list[int])
    unknown: list[int] = field(default_factory=list[int])
    """Not acknowledged, though the broker may have them."""
    refused: list[tuple[Row, Exception]] = field(default_factory=list[tuple[Row, Exception]])
    failed: Exception | None = None


class Relay:
    """Sends one service's outbox. Several replicas run one each, side by side.

    `newest` is needed where the service writes compacted topics.
    """

    def __init__(self, database: Database, outbox: Outbox, kafka: KafkaSettings, newest: Newest | None = None) -> None:
        self._outbox = outbox
        self._kafka = kafka
        self._newest = newest
        self._claims = Claims(database, outbox)
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
            await self._claims.release()

    async def _wait_for_broker(self, error: Exception) -> None:
        if not self._waiting_for_broker:
            log.warning("relay_waiting", error=type(error).__name__)
            self._waiting_for_broker = True
        await self._drop_producer()
        await asyncio.sleep(RETRY_SECONDS)

    async def _send_batch(self) -> bool:
        """Send what waits; return whether there may be more."""
        rows = await self._claims.take()
        if not rows:
            return False
        try:
            outcome = await self._send(await self._started_producer(), rows)
            overtaken = await self._settled(rows, outcome)
        finally:
            await self._claims.release()
        for row, refusal in outcome.refused:
            log.error("outbox_row_parked", seq=row.seq, topic=row.topic, error=type(refusal).__name__)
        if overtaken:
            log.warning("relay_overtaken", rows=overtaken)
        if outcome.failed is not None:
            raise outcome.failed
        if self._waiting_for_broker:
            self._waiting_for_broker = False
            log.info("relay_resumed")
        return overtaken > 0 or len(rows) == BATCH

    async def _settled(self, rows: Sequence[Row], outcome: _Pass) -> int:
        """`_settle` however long the database is away: what was learnt of `rows` is written nowhere else."""
        while True:
            try:
                return await self._claims.settle(lambda tx: self._settle(tx, rows, outcome))
            except PASSING as error:
                log.warning("relay_waiting", error=type(error).__name__)
                await asyncio.sleep(RETRY_SECONDS)

    def _settle(self, tx: Connection, rows: Sequence[Row], outcome: _Pass) -> int:
        """Write down what became of `rows`; returns how many another had sent, too."""
        gone = self._outbox.remove(tx, outcome.acknowledged) if outcome.acknowledged else set[int]()
        if outcome.unknown:
            gone |= self._outbox.gone(tx, outcome.unknown)
        for row, refusal in outcome.refused:
            self._outbox.park(tx, row.seq, f"{type(refusal).__name__}: {refusal}")
        if gone and self._newest is not None:
            self._outbox.publish(tx, self._newest(tx, {(row.topic, row.key) for row in rows if row.seq in gone}))
        return len(gone)

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
                outcome.unknown.append(row.seq)
                failed_keys.add((row.topic, row.key))
            elif (row.topic, row.key) in failed_keys:
                outcome.unknown.append(row.seq)
            else:
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
