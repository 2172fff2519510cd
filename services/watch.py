"""Whether the agents move: with work waiting and the broker there, 30 s without a commit is a standstill.

After the broker was away for a while, Faust's agents can look alive and consume nothing (faust-streaming #523). Raising
here ends the process, and whoever started it starts it again.
"""

import asyncio
import time
from collections.abc import Collection
from contextlib import closing
from typing import NamedTuple

import faust
from kafka.errors import KafkaError
from kafka.structs import TopicPartition

from services.broker_admin import EARLIEST, LATEST, connected, offsets
from shared.inbox import Inbox
from shared.settings import KafkaSettings

LOOK_SECONDS = 5.0
STANDSTILL_SECONDS = 30.0


class StandStill(Exception):
    """Records wait, the broker is there, and nothing was committed or retried for `STANDSTILL_SECONDS`."""


class _Seen(NamedTuple):
    committed: dict[TopicPartition, int]
    behind: bool


class Watch:
    """Asks the broker by a client of its own: Faust's may be what stands still."""

    def __init__(self, app: faust.App, inbox: Inbox, kafka: KafkaSettings) -> None:
        self._app, self._inbox, self._kafka = app, inbox, kafka
        self._committed: dict[TopicPartition, int] = {}
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
        partitions = [TopicPartition(each.topic, each.partition) for each in self._app.consumer.assignment()]
        if not partitions or self._inbox.retried_at > self._moved_at:
            return True
        try:
            seen = await asyncio.to_thread(self._look, partitions)
        except (KafkaError, OSError):
            return True
        moved = seen.committed != self._committed
        self._committed = seen.committed
        # Asking the broker may have taken long: what was retried meanwhile counts.
        return moved or not seen.behind or self._inbox.retried_at > self._moved_at

    def _look(self, partitions: Collection[TopicPartition]) -> _Seen:
        """Blocks. What the group has committed counts, whichever process did it: partitions come and go."""
        group = self._app.conf.id
        with closing(connected(self._kafka)) as admin:
            found = admin.list_group_offsets([group])[group]
            first, ends = offsets(admin, list(partitions), EARLIEST), offsets(admin, list(partitions), LATEST)
        # A partition of which nothing was committed yet is read from its first record.
        committed = {each: found[each].offset if each in found else first[each] for each in partitions}
        return _Seen(committed, any(ends[each] > max(committed[each], first[each]) for each in partitions))
