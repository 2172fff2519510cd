"""The mail server of a faulty stack: it keeps mails as files, and is down, slow or unwilling as the nemesis wants."""

import asyncio
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

from services.embedded.mailsink import HOST, MailFolder

NEVER_TAKEN = "nobody."
"""How an address begins for which mail is refused for good."""


class PostOffice(MailFolder):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._server: asyncio.Server | None = None
        self.port = 0
        self.busy = False
        """Puts everybody off: 450."""
        self.delay_seconds = 0.0
        self.put_off = 0

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: SMTP(self, enable_SMTPUTF8=True, hostname="localhost", loop=loop), HOST, self.port, backlog=512
        )
        self.port = self._server.sockets[0].getsockname()[1]

    def shut(self) -> None:
        """Take no new connection until `open`."""
        if self._server is not None:
            self._server.close()
            self._server = None

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:  # noqa: N802
        if address.startswith(NEVER_TAKEN):
            return f"550 5.1.1 <{address}>: no such user here"
        if self.busy or self._server is None:
            self.put_off += 1
            return f"450 4.2.1 <{address}>: try again later"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 fine"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        await asyncio.sleep(self.delay_seconds)
        return await super().handle_DATA(server, session, envelope)
