"""Whether the agents move: with work waiting and the broker there, 30 s without a commit is a standstill.

After the broker was away for a while, Faust's agents can look alive and consume nothing (faust-streaming #523). Raising
here ends the process, and whoever started it starts it again.
"""

import asyncio
import time

import faust
from aiokafka.errors import KafkaError
from faust.types import TP

from shared.inbox import Inbox
from shared.logs import get_log

log = get_log()

LOOK_SECONDS = 5.0
STANDSTILL_SECONDS = 30.0


class StandStill(Exception):
    """Records wait, the broker is there, and nothing was committed or retried for `STANDSTILL_SECONDS`."""


class Watch:
    def __init__(self, app: faust.App, inbox: Inbox) -> None:
        self._app, self._inbox = app, inbox
        self._committed: dict[TP, int] = {}
        self._moved_at = time.monotonic()

    async def run(self) -> None:
        """Look every few seconds; raises `StandStill`."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if await self._moves():
                self._moved_at = time.monotonic()
            elif time.monotonic() - self._moved_at > STANDSTILL_SECONDS:
                raise StandStill

    async def _moves(self) -> bool:
        """Whether there is nothing to do, or something was done; a broker that is away counts as nothing to do."""
        consumer = self._app.consumer
        partitions = consumer.assignment()
        if not partitions or self._inbox.retried_at > self._moved_at:
            return True
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                ends = await consumer.highwaters(*partitions)
        except (KafkaError, TimeoutError, OSError):
            return True
        done = {each: self._inbox.acknowledged.get((each.topic, each.partition), -1) for each in partitions}
        moved = done != self._committed
        self._committed = dict(done)
        behind = any((ends.get(each) or 0) - 1 > done[each] for each in partitions if done[each] >= 0)
        return moved or not behind
