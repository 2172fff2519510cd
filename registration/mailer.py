"""The task that mails what waits to be mailed. A mail is claimed, sent and marked: a crash between sends it again, the same."""

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Generic, Protocol, TypeVar
from uuid import UUID

from aiosmtplib import SMTP
from sqlalchemy import Connection

from registration.mail_queue import MailQueue
from shared.clock import utc_now
from shared.database import Database
from shared.faults import PASSING
from shared.logs import get_log
from shared.mail_server import FAULTS, MailServer, described, hang_up, refused_for_good

log = get_log()

POLL_SECONDS = 2.0
"""How long a mail that another replica was asked for, or whose next attempt has come, waits at most to be seen."""
FIRST_RETRY_SECONDS = 2.0
LONGEST_RETRY_SECONDS = 120.0


class Waiting(Protocol):
    """A mail that waits; `attempts` counts this one."""

    @property
    def mail_id(self) -> UUID: ...
    @property
    def email(self) -> str: ...
    @property
    def attempts(self) -> int: ...


M = TypeVar("M", bound=Waiting)


class Post(Protocol[M]):
    """Mails of one kind, and the table in which they wait."""

    @property
    def kind(self) -> str:
        """As logs call it."""
        ...

    @property
    def mail_from(self) -> str: ...

    @property
    def queue(self) -> MailQueue: ...

    def any_due(self, tx: Connection, now: datetime) -> bool: ...

    def claim(self, tx: Connection, now: datetime) -> Sequence[M]:
        """Those that are to be mailed now, left to the caller for a while, as by `MailQueue.claim`."""
        ...

    async def write(self, mail: M) -> bytes | None:
        """The whole mail, the same at each attempt; `None` where there is nothing to tell any more."""
        ...


class Mailer(Generic[M]):
    """Mails what is due, within a moment of `wake`."""

    def __init__(self, database: Database, server: MailServer, post: Post[M]) -> None:
        self._database, self._server, self._post = database, server, post
        self._asked = asyncio.Event()
        self._closing = False

    def wake(self) -> None:
        """Say that a mail was asked for."""
        self._asked.set()

    def close(self) -> None:
        """Let `run` end after the mail it is at."""
        self._closing = True
        self._asked.set()

    async def run(self) -> None:
        """Mail until closed. A database or mail server that is away is waited for."""
        while not self._closing:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS):
                    await self._asked.wait()
            self._asked.clear()
            try:
                await self._mail_due()
            except PASSING as error:
                log.warning("mailer_waiting", kind=self._post.kind, error=type(error).__name__)

    async def _mail_due(self) -> None:
        while not self._closing and await self._database.read(lambda tx: self._post.any_due(tx, utc_now())):
            mails = await self._database.write(lambda tx: self._post.claim(tx, utc_now()), announce=False)
            if mails:
                await self._mail(mails)

    async def _mail(self, mails: Sequence[M]) -> None:
        connection: SMTP | None = None
        try:
            for mail in mails:
                connection = await self._sent(mail, connection)
        finally:
            await hang_up(connection)

    async def _sent(self, mail: M, connection: SMTP | None) -> SMTP | None:
        """Send one; returns the connection that the next may use."""
        told = {"kind": self._post.kind, "mail_id": str(mail.mail_id)}
        try:
            written = await self._post.write(mail)
            if written is None:
                await self._ended(mail)
                return connection
            if connection is None or not connection.is_connected:
                connection = await self._server.connect(self._post.mail_from.rpartition("@")[2])
            await connection.sendmail(self._post.mail_from, [mail.email], written)
        except FAULTS as error:
            await self._failed(mail, error)
        except PASSING:  # the database is away: what is claimed is sent later
            raise
        except Exception as error:  # a fault of ours, for which no other mail must wait
            log.error("mail_broken", **told, error=type(error).__name__)
            await self._ended(mail)
        else:
            await self._database.write(partial(self._post.queue.note_mailed, mail_id=mail.mail_id), announce=False)
            log.info("mail_sent", **told)
        return connection

    async def _ended(self, mail: M) -> None:
        await self._database.write(partial(self._post.queue.drop, mail_id=mail.mail_id), announce=False)

    async def _failed(self, mail: M, error: Exception) -> None:
        told = {"kind": self._post.kind, "mail_id": str(mail.mail_id), **described(error)}
        if refused_for_good(error) is not None:
            await self._ended(mail)
            log.error("mail_undeliverable", **told)
            return
        seconds = min(LONGEST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2 ** (mail.attempts - 1))
        until = utc_now() + timedelta(seconds=seconds)
        await self._database.write(partial(self._post.queue.put_off, mail_id=mail.mail_id, until=until), announce=False)
        log.warning("mail_put_off", **told, retry_in_seconds=seconds)
