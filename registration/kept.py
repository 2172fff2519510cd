"""What was read, and what pages were made of it, kept while the database stands as it did.

Many read the same between two changes. What is kept is never older than what is asked of: it is forgotten with the first
commit of anybody, and after a few seconds, since some of it depends on the time.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Hashable
from functools import partial
from typing import Any, Generic, TypeVar

from shared.database import Database

T = TypeVar("T")
KEPT_SECONDS = 5.0
MOST = 256
"""Names that are kept; the next one empties the shelf."""


class Kept(Generic[T]):
    """Things of one sort by name, which holds all that they depend on beside the database: also who may see them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._things: dict[Hashable, asyncio.Task[T]] = {}
        self._state = ""
        self._since = 0.0

    async def thing(self, name: Hashable, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        state, now = await self._database.state(), time.monotonic()
        if state != self._state or now - self._since > KEPT_SECONDS or len(self._things) >= MOST:
            self._things.clear()
            self._state, self._since = state, now
        making = self._things.get(name)
        if making is None:
            making = self._things[name] = asyncio.create_task(make())
            making.add_done_callback(partial(self._keep_no_failure, name))
        return await asyncio.shield(making)  # for all who ask meanwhile, also where the first of them goes away

    def _keep_no_failure(self, name: Hashable, made: asyncio.Task[T]) -> None:
        """Whatever it was, and whether or not anybody still waits for it: who asks next has it made anew."""
        failed = made.cancelled() or made.exception() is not None
        if failed and self._things.get(name) is made:
            del self._things[name]
