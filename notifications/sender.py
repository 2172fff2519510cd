"""The sender: hands waiting notices to the mail server, several at once, and writes down what became of each.

A notice is mailed only after the transaction that wrote it, and marked sent only after the server took it. Between the
two a crash can fall: the notice is then mailed again, the same to the byte, under the same Message-ID.
"""

import asyncio
import contextlib
import logging
import random
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

from aiosmtplib import SMTP
from prometheus_client import Counter
from sqlalchemy import Connection

from notifications import outgoing
from notifications.convergence import address_hash, place_of
from notifications.mail import MailWriter
from notifications.outgoing import Deferred, Key, Letter, Outcome, Refused, Sent
from shared.clock import utc_now
from shared.database import Database, Leadership
from shared.faults import PASSING
from shared.logs import get_log
from shared.mail_server import FAULTS, MailServer, described, hang_up, refused_for_good, reply_code
from shared.tracing import trace_id

log = get_log()

READ_AT_ONCE = 200
POLL_SECONDS = 1.0
"""How long a notice that another replica wrote, or whose next attempt has come, waits at most to be seen."""
DATABASE_RETRY_SECONDS = 0.5
GATHER_SECONDS = 0.02
"""How long results are gathered to be written down together."""
LONGEST_RECONNECT_SECONDS = 15.0
IDLE_SECONDS = 1.0
"""How long a connection is kept with nothing to send."""

_LEVELS = {
    "notice_sent": logging.INFO,
    "notice_deferred": logging.WARNING,
    "notice_undeliverable": logging.ERROR,
    "notice_broken": logging.ERROR,
}
_attempts = Counter("lanyard_notices", "Attempts to mail a notice, by what became of it", ["outcome"])


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait after a failed attempt: twice as long each time, within limits, and never two alike."""

    first_seconds: float = 2.0
    longest_seconds: float = 600.0

    def seconds(self, failed_attempts: int) -> float:
        doubled = self.first_seconds * 2 ** min(failed_attempts - 1, 30)
        return min(self.longest_seconds, doubled) * random.uniform(0.75, 1.25)


class _Result(NamedTuple):
    """What became of a letter, and its log line, written once that is committed."""

    outcome: Outcome
    event: str
    fields: dict[str, Any]


class Sender:
    """Sends what waits. Several replicas may run one each: one of them at a time sends."""

    def __init__(
        self,
        database: Database,
        server: MailServer,
        writer: MailWriter,
        *,
        connections: int = 4,
        backoff: Backoff | None = None,
    ) -> None:
        self._database = database
        self._server = server
        self._writer = writer
        self._connections = connections
        self._backoff = backoff or Backoff()
        self._leadership = Leadership(database, "sender")
        self._queue: asyncio.Queue[Key] = asyncio.Queue()
        self._in_hand: set[Key] = set()
        self._results: asyncio.Queue[_Result] = asyncio.Queue()
        self._woken, self._closing = asyncio.Event(), asyncio.Event()
        self._server_away = False
        database.after_commit(self._woken.set)

    def close(self) -> None:
        """Let `run` end once what is being mailed has been, and is written down."""
        self._closing.set()
        self._woken.set()

    async def run(self) -> None:
        """Send until closed. A mail server or database that is away is waited for."""
        try:
            async with asyncio.TaskGroup() as group:
                settling = group.create_task(self._settle())
                carriers = [group.create_task(self._carry()) for _ in range(self._connections)]
                await self._feed()
                await asyncio.wait(carriers)
                await self._results.join()
                settling.cancel()
        finally:
            self._leadership.release()

    async def _feed(self) -> None:
        """Queue what waits, oldest first, and nothing twice."""
        while not self._closing.is_set():
            self._woken.clear()
            fresh = [key for key in await self._waiting() if key not in self._in_hand]
            for key in fresh:
                self._in_hand.add(key)
                self._queue.put_nowait(key)
            if not fresh:
                await _within(POLL_SECONDS, self._woken)

    async def _waiting(self) -> list[Key]:
        enough = self._queue.qsize() >= READ_AT_ONCE // 2
        limit = 0 if enough else READ_AT_ONCE + len(self._in_hand)  # none is asked for, too: it keeps the lead
        try:
            return await asyncio.to_thread(self._leadership.read, lambda tx: outgoing.waiting(tx, utc_now(), limit))
        except PASSING as error:
            log.warning("sender_waiting", error=type(error).__name__)
            self._drop_queued()
            return []

    def _drop_queued(self) -> None:
        """Leave to whoever leads now what is not being mailed yet."""
        while not self._queue.empty():
            self._in_hand.discard(self._queue.get_nowait())

    async def _carry(self) -> None:
        """Mail one letter after another over one connection, kept while there is something to send."""
        connection: SMTP | None = None
        while not self._closing.is_set():
            try:
                async with asyncio.timeout(IDLE_SECONDS):
                    key = await self._queue.get()
            except TimeoutError:
                await hang_up(connection)
                connection = None
                continue
            if connection is None or not connection.is_connected:
                connection = await self._connect()
            if connection is not None and not await self._deliver(key, connection):
                await hang_up(connection)
                connection = None
        await hang_up(connection)

    async def _connect(self) -> SMTP | None:
        """A connection, however long the mail server is away; `None` only where the sender closes."""
        failed = 0
        while not self._closing.is_set():
            try:
                connection = await self._server.connect(self._writer.domain)
            except FAULTS as error:
                failed += 1
                self._note_server(away=error)
                await _within(min(LONGEST_RECONNECT_SECONDS, self._backoff.seconds(failed)), self._closing)
            else:
                self._note_server(away=None)
                return connection
        return None

    def _note_server(self, away: Exception | None) -> None:
        if away is not None and not self._server_away:
            log.warning("mail_server_away", **described(away))
        elif away is None and self._server_away:
            log.info("mail_server_back")
        self._server_away = away is not None

    async def _deliver(self, key: Key, connection: SMTP) -> bool:
        """Mail one letter as it now stands; return whether the connection is still good."""
        try:
            found = await self._database.read(lambda tx: self._written(tx, key))
        except PASSING as error:
            log.warning("sender_waiting", error=type(error).__name__)
            found = None
        except Exception as error:  # a fault of ours, for which no other notice must wait
            self._results.put_nowait(self._broken(key, error))
            return True
        if found is None:
            self._in_hand.discard(key)
            return True
        letter, mail = found
        try:
            await connection.sendmail(self._writer.mail_from, [letter.address], mail)
        except FAULTS as error:
            self._results.put_nowait(self._failed(letter, error))
            return reply_code(error) is not None
        self._results.put_nowait(_Result(Sent(key, utc_now()), "notice_sent", _ids(letter)))
        return True

    def _written(self, tx: Connection, key: Key) -> tuple[Letter, bytes] | None:
        """Read and write the letter only now: its address may have changed, its delegate may have been erased."""
        letter = outgoing.letter(tx, key)
        return None if letter is None else (letter, self._writer.write(letter))

    def _failed(self, letter: Letter, error: Exception) -> _Result:
        code = refused_for_good(error)
        if code is not None:
            refused = Refused(letter.key, code, address_hash(letter.address))
            return _Result(refused, "notice_undeliverable", {**_ids(letter), "reply_code": code})
        wait = self._backoff.seconds(letter.attempts + 1)
        deferred = Deferred(letter.key, utc_now() + timedelta(seconds=wait))
        return _Result(deferred, "notice_deferred", {**_ids(letter), **described(error), "retry_in_seconds": round(wait, 1)})

    def _broken(self, key: Key, error: Exception) -> _Result:
        deferred = Deferred(key, utc_now() + timedelta(seconds=self._backoff.longest_seconds))
        ids = {"delegate_id": key.delegate_id, "number": key.number}
        return _Result(deferred, "notice_broken", {**ids, "error": type(error).__name__, "at": place_of(error)})

    async def _settle(self) -> None:
        """Write down what became of letters, as many at once as there are, and say so once it is committed."""
        while True:
            results = [await self._results.get()]
            await _within(GATHER_SECONDS, self._closing)
            while not self._results.empty():
                results.append(self._results.get_nowait())
            await self._commit([each.outcome for each in results])
            for outcome, event, fields in results:
                self._in_hand.discard(outcome.key)
                _attempts.labels(event.removeprefix("notice_")).inc()
                log.log(_LEVELS[event], event, **fields)
                self._results.task_done()

    async def _commit(self, outcomes: list[Outcome]) -> None:
        while True:
            try:
                await self._database.write(lambda tx: outgoing.settle(tx, outcomes))
            except PASSING as error:
                log.warning("sender_waiting", error=type(error).__name__)
                await asyncio.sleep(DATABASE_RETRY_SECONDS)
            else:
                return


def _ids(letter: Letter) -> dict[str, Any]:
    return {
        "delegate_id": letter.key.delegate_id,
        "number": letter.key.number,
        "revision": letter.revision,
        "trace_id": trace_id(letter.traceparent),
    }


async def _within(seconds: float, happened: asyncio.Event) -> None:
    # Not `wait_for`: before Python 3.12 it can swallow a cancellation, and the loop around it would never end.
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await happened.wait()
