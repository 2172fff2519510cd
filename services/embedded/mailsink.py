"""A mail server for one machine: takes every mail by SMTP and keeps it as an `.eml` file instead of delivering it.

`python -m services.embedded.mailsink --port 1025 --dir var/mail`. A file's name sorts by arrival and ends in a digest of the
mail's Message-ID, so that a mail sent twice is seen as two files with one ending.
"""

import argparse
import asyncio
import hashlib
import re
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

HOST = "127.0.0.1"
STORED = "250 2.0.0 stored"
NOT_STORED = "452 4.3.1 cannot store it now, send it again later"
_MESSAGE_ID = re.compile(rb"^message-id:\s*(\S+)", re.IGNORECASE | re.MULTILINE)


class MailFolder:
    """Stores mails in `folder`, one process at a time. A mail is answered for when its file is there and whole."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._last_arrival = 0
        for unfinished in folder.glob(".*.tmp"):
            unfinished.unlink()

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802  aiosmtpd's name
        """Store one mail under the headers that say its envelope, and return the answer for the sender."""
        name = self._name(envelope.original_content or b"")
        unfinished = self._folder / f".{name}.tmp"
        to = "".join(f"Delivered-To: {recipient}\r\n" for recipient in envelope.rcpt_tos)
        head = f"Return-Path: <{envelope.mail_from or ''}>\r\n{to}"
        try:
            unfinished.write_bytes(head.encode() + (envelope.original_content or b""))
            unfinished.rename(self._folder / name)
        except OSError as error:
            sys.stderr.write(f"cannot store a mail in {self._folder}: {error.strerror}\n")
            return NOT_STORED
        return STORED

    def _name(self, content: bytes) -> str:
        """Return a name that no mail has had, in microseconds of UTC even where the clock stood still or went back."""
        self._last_arrival = max(self._last_arrival + 1, time.time_ns() // 1000)
        seconds, microseconds = divmod(self._last_arrival, 1_000_000)
        headers = re.split(rb"\r?\n\r?\n", content, maxsplit=1)[0]
        found = _MESSAGE_ID.search(headers)
        digest = hashlib.sha256(found[1] if found else content).hexdigest()[:16]
        return f"{datetime.fromtimestamp(seconds, UTC):%Y%m%dT%H%M%S}.{microseconds:06}Z-{digest}.eml"


async def serve(port: int, folder: Path) -> asyncio.Server:
    """Take mail on `port` of 127.0.0.1 (0: a free one) until the server returned is closed.

    Raises `OSError` where the port is taken or the folder cannot be made.
    """
    handler = MailFolder(folder)
    loop = asyncio.get_running_loop()
    # without a name, aiosmtpd asks the DNS for one at every connection
    return await loop.create_server(
        lambda: SMTP(handler, enable_SMTPUTF8=True, hostname="localhost", loop=loop), HOST, port, backlog=1024
    )


async def greets(port: int) -> None:
    """Return when a mail server on `port` of 127.0.0.1 says its greeting; wait for ever if none does."""
    while not await _greets_now(port):  # noqa: ASYNC110  a process outside has no event
        await asyncio.sleep(0.05)


async def _greets_now(port: int) -> bool:
    try:
        reader, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    try:
        return (await reader.readline()).startswith(b"220")
    except OSError:
        return False
    finally:
        writer.close()


async def _run(port: int, folder: Path) -> None:
    try:
        server = await serve(port, folder)
    except OSError as error:
        sys.exit(
            f"The mail sink cannot take mail on port {port} into {folder}: {error.strerror}. Choose another --port or --dir."
        )
    stopping = asyncio.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(each, stopping.set)
    await stopping.wait()
    server.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=1025)
    parser.add_argument("--dir", type=Path, default=Path("var/mail"))
    given = parser.parse_args()
    asyncio.run(_run(given.port, given.dir))
