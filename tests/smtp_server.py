"""A real SMTP server for the tests that misbehaves as it is told: refuses, puts off, hangs, dies at the worst moment."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage

from aiosmtpd.smtp import SMTP, Envelope, Session


@dataclass
class MailBox:
    """What the server took, and how it treats addresses."""

    refused: set[str] = field(default_factory=set[str])
    """Addresses it will never take."""
    busy: Counter[str] = field(default_factory=Counter[str])
    """How often it puts off an address before it takes it."""
    dying: Counter[str] = field(default_factory=Counter[str])
    """How often it takes a mail for an address and then dies without an answer."""
    held: set[str] = field(default_factory=set[str])
    """Addresses whose mails it answers for only once `answer` is set."""
    answer: asyncio.Event = field(default_factory=asyncio.Event)
    port: int = 0
    raw: list[bytes] = field(default_factory=list[bytes])
    to: list[str] = field(default_factory=list[str])
    connections: int = 0
    open_connections: int = 0
    most_at_once: int = 0
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:  # noqa: N802
        if address in self.refused:
            return f"550 5.1.1 <{address}>: no such user here"
        if self.busy[address] > 0:
            self.busy[address] -= 1
            return f"450 4.2.1 <{address}>: try again later"
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        [address] = envelope.rcpt_tos
        assert isinstance(envelope.original_content, bytes)
        self.raw.append(envelope.original_content)
        self.to.append(address)
        self._arrived.set()
        if self.dying[address] > 0:
            self.dying[address] -= 1
            assert server.transport is not None
            server.transport.abort()
        if address in self.held:
            await self.answer.wait()
        return "250 taken"

    async def arrived(self, mails: int, within: float = 60) -> None:
        """Wait until so many mails have come."""
        async with asyncio.timeout(within):
            while len(self.raw) < mails:
                self._arrived.clear()
                await self._arrived.wait()

    @property
    def mails(self) -> list[EmailMessage]:
        return [message_from_bytes(raw, policy=policy.default) for raw in self.raw]


class _Counted(SMTP):
    """Counts the connections that are open."""

    def __init__(self, box: MailBox) -> None:
        super().__init__(box, enable_SMTPUTF8=False)
        self._box = box

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._box.connections += 1
        self._box.open_connections += 1
        self._box.most_at_once = max(self._box.most_at_once, self._box.open_connections)

    def connection_lost(self, error: Exception | None) -> None:
        self._box.open_connections -= 1
        super().connection_lost(error)


@asynccontextmanager
async def smtp_server(box: MailBox) -> AsyncIterator[None]:
    """Serve `box` on its port of this machine, or on a free one."""
    server = await asyncio.get_running_loop().create_server(lambda: _Counted(box), "127.0.0.1", box.port)
    box.port = server.sockets[0].getsockname()[1]
    try:
        yield
    finally:
        server.close()
