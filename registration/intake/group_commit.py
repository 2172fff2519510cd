"""Group commit: concurrent requests share a transaction, are decided one after another, and are answered after its commit.

Nothing is written before all of a group are decided, so a refusal undoes nothing and harms nobody else. If the commit
fails, or its outcome is unknown, the whole group is answered 503 and may repeat with the same idempotency keys.
"""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from registration import store
from registration.intake.answers import in_flight
from registration.intake.group import Outcome, Submission, decide
from registration.service import Answer, Desk
from shared.database import Database
from shared.faults import PASSING, Overtaken
from shared.inbox import Journal
from shared.logs import get_log, log_all
from shared.problems import Problem, unavailable
from shared.said import say
from shared.settings import KafkaSettings

log = get_log()

MAX_GROUP = 512
"""Use cases in one transaction; more only where one batch holds more."""
MAX_TAKES = 3
"""How often a group is begun anew because another replica was first."""
BACKLOG_CHECK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class _Waiting:
    submission: Submission
    answered: asyncio.Future[list[Answer]]


class Intake:
    """The one way into registration's database for whatever is asked over HTTP."""

    def __init__(self, database: Database, desk: Desk, kafka: KafkaSettings, *, outbox_limit: int) -> None:
        self._database = database
        self._desk = desk
        self._kafka = kafka
        self._outbox_limit = outbox_limit
        self._waiting: deque[_Waiting] = deque()
        self._arrived = asyncio.Event()
        self._deciding = 0
        self._in_flight: set[str] = set()
        self._closing = False
        self._outbox_full = False
        self._backlog_checked_at = 0.0

    @property
    def deciding(self) -> int:
        """How many submissions the group holds that is being decided and committed."""
        return self._deciding

    @property
    def waiting(self) -> int:
        """How many submissions wait for the next group."""
        return len(self._waiting)

    async def submit(self, submission: Submission) -> list[Answer]:
        """Have `submission` decided and stored; returns after the commit. Raises `Problem`.

        A caller that is cancelled does not take its submission back.
        """
        if self._closing:
            raise unavailable()
        if submission.names & self._in_flight:
            raise in_flight()
        waiting = _Waiting(submission, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._arrived.set()
        return await waiting.answered

    async def run(self) -> None:
        """Commit groups until `close`, and then until what was taken is answered."""
        while self._waiting or not self._closing:
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                await self._commit(self._next_group())

    def close(self) -> None:
        """Take nothing more."""
        self._closing = True
        self._arrived.set()

    def _next_group(self) -> list[_Waiting]:
        group = [self._waiting.popleft()]
        size = len(group[0].submission.parts)
        while self._waiting and (size := size + len(self._waiting[0].submission.parts)) <= MAX_GROUP:
            group.append(self._waiting.popleft())
        return group

    async def _commit(self, group: Sequence[_Waiting]) -> None:
        self._deciding = len(group)
        self._in_flight = {name for waiting in group for name in waiting.submission.names}
        outcomes = await self._stored([waiting.submission for waiting in group])
        self._deciding, self._in_flight = 0, set()
        for waiting, outcome in zip(group, outcomes, strict=True):
            if waiting.answered.cancelled():
                continue
            if isinstance(outcome, Exception):
                waiting.answered.set_exception(outcome)
            else:
                waiting.answered.set_result(outcome)

    async def _stored(self, group: Sequence[Submission], take: int = 1) -> Sequence[Outcome]:
        try:
            outcomes, journal = await self._database.write(lambda tx: self._decide(tx, group))
        except (Overtaken, IntegrityError) as error:
            log.warning("group_overtaken", requests=len(group), take=take, error=type(error).__name__)
            if take < MAX_TAKES:
                return await self._stored(group, take + 1)
            return [unavailable() for _ in group] if isinstance(error, Overtaken) else await self._taken_apart(group, error)
        except PASSING as error:
            log.error("group_not_committed", requests=len(group), error=type(error).__name__)
            return [unavailable() for _ in group]
        except Exception as error:
            return await self._taken_apart(group, error)
        log_all(log, journal)
        return outcomes

    async def _taken_apart(self, group: Sequence[Submission], error: Exception) -> Sequence[Outcome]:
        """One of them cannot be stored; it must not take the others with it."""
        if len(group) == 1:
            return [error]
        log.error("group_taken_apart", requests=len(group), exc_info=error)
        return [outcome for each in group for outcome in await self._stored([each])]

    def _decide(self, tx: Connection, group: Sequence[Submission]) -> tuple[list[Outcome], Journal]:
        now = time.monotonic()
        if now - self._backlog_checked_at >= BACKLOG_CHECK_SECONDS:
            self._backlog_checked_at = now
            self._outbox_full = store.outbox.backlog(tx).rows >= self._outbox_limit
        if self._outbox_full:
            full = Problem(503, "outbox-full", say("Too much waits to be published."), headers={"Retry-After": "10"})
            return [full for _ in group], []
        return decide(tx, group, self._desk, self._kafka)
