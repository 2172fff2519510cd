"""The converger: wakes when the next person becomes due, and has what they must be told written."""

import asyncio
import contextlib
import time

from notifications import store
from notifications.convergence import Convergence
from shared.clock import utc_now
from shared.database import Database
from shared.faults import PASSING
from shared.logs import get_log, log_all

log = get_log()

POLL_SECONDS = 1.0
"""How long people whom another replica marked, which wakes nobody here, wait at most."""
RETRY_SECONDS = 0.5
CLOCK_CHECK_SECONDS = 30.0


class Converger:
    """Runs `convergence` whenever somebody is due. Several replicas may run one each."""

    def __init__(self, database: Database, convergence: Convergence) -> None:
        self._database = database
        self._convergence = convergence
        self._woken = asyncio.Event()
        self._closing = False
        self._clock_checked_at = -CLOCK_CHECK_SECONDS
        database.after_commit(self._woken.set)

    def close(self) -> None:
        """Let `run` end after the group of people it is at."""
        self._closing = True
        self._woken.set()

    async def run(self) -> None:
        """Converge until closed. A database that is away is waited for."""
        while not self._closing:
            self._woken.clear()
            try:
                await self._repair_clock()
                wait = await self._seconds_until_due()
                if wait <= 0:
                    await self._converge()
                    continue
            except PASSING as error:
                log.warning("converger_waiting", error=type(error).__name__)
                wait = RETRY_SECONDS
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(wait, POLL_SECONDS)):
                    await self._woken.wait()

    async def _repair_clock(self) -> None:
        """At the start, and now and then: a clock may be set right at any time."""
        if time.monotonic() < self._clock_checked_at + CLOCK_CHECK_SECONDS:
            return
        self._clock_checked_at = time.monotonic()
        hastened = await self._database.write(self._convergence.repair_clock, announce=False)
        if hastened:
            log.warning("clock_was_wrong", hastened=hastened)

    async def _seconds_until_due(self) -> float:
        due_at = await self._database.read(store.next_due_at)
        return POLL_SECONDS if due_at is None else (due_at - utc_now()).total_seconds()

    async def _converge(self) -> None:
        log_all(log, await self._database.write(self._convergence.converge))
