"""Eyes on a topic, to see when its records can be read by a consumer; and a hand that fills one."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from bench.stand import Spoilt
from shared.cloudevents import Record
from shared.settings import KafkaSettings

MOST_AT_ONCE = 5000


class Arrivals:
    """Reads a topic from its present end. It notes keys and times alone, so that it takes little from what is measured."""

    def __init__(self, kafka: KafkaSettings, topic: str) -> None:
        self.count = 0
        self.last_at = 0.0
        """When the newest record could be read, by `time.monotonic`."""
        self.first_at: dict[str, float] = {}
        """When the first record of each key could be read."""
        self._topic = topic
        self._consumer: Any = AIOKafkaConsumer(topic, **kafka.client_arguments(), group_id=None)
        self._reading: asyncio.Task[None] | None = None
        self._more = asyncio.Condition()

    async def __aenter__(self) -> Self:
        await self._consumer.start()
        await self._consumer.seek_to_end()
        await asyncio.gather(*(self._consumer.position(each) for each in self._consumer.assignment()))
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        await self._consumer.stop()

    async def reach(self, count: int, *, within: float = 300.0) -> float:
        """Wait until `count` records could be read since the start, and return when; raises `Spoilt` after `within` s."""
        try:
            async with asyncio.timeout(within), self._more:
                await self._more.wait_for(lambda: self.count >= count)
        except TimeoutError:
            raise Spoilt(f"{self.count} of {count} records came to {self._topic} within {within:g} s") from None
        return self.last_at

    async def _read(self) -> None:
        while True:
            batches = await self._consumer.getmany(timeout_ms=1000, max_records=MOST_AT_ONCE)
            if not batches:
                continue
            self.last_at = time.monotonic()
            for records in batches.values():
                self.count += len(records)
                for record in records:
                    self.first_at.setdefault(record.key.decode(), self.last_at)
            async with self._more:
                self._more.notify_all()


async def fill(kafka: KafkaSettings, topic: str, records: Sequence[Record]) -> None:
    """Write records to a topic and return when the broker holds them all."""
    async with AIOKafkaProducer(**kafka.client_arguments(), acks="all", max_batch_size=128 * 1024) as producer:
        sent: list[asyncio.Future[Any]] = [
            await producer.send(topic, key=each.key, value=each.value, headers=each.headers) for each in records
        ]
        await asyncio.gather(*sent)
