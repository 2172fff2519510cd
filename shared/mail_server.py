"""The mail server that takes what services mail, reached by SMTP, and what its replies mean."""

import contextlib
import ssl
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Self
from urllib.parse import unquote, urlsplit

from aiosmtplib import SMTP, SMTPDataError, SMTPException, SMTPRecipientsRefused, SMTPResponseException

FAULTS = (SMTPException, OSError)
"""What sending a mail may raise."""

NOT_ABOUT_THE_ADDRESS = frozenset({500, 502, 503, 504, 530, 534, 535, 538})
"""Permanent replies that complain of how the server is spoken to: once that is mended it takes the mail."""

HANG_UP_SECONDS = 1.0
_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where and how mail is handed over. `start_tls` is `None` where TLS is used if the server offers it."""

    host: str
    port: int
    use_tls: bool
    start_tls: bool | None
    username: str | None
    password: str | None = field(repr=False)
    timeout_seconds: float
    ca_file: Path | None = None

    @classmethod
    def at(cls, url: str, timeout_seconds: float = 30.0, ca_file: Path | None = None) -> Self:
        """Read `smtp://`, `smtp+starttls://` or `smtps://` with `USER:PASSWORD@HOST:PORT`, percent-encoded.

        Raises `ValueError`, which never repeats the URL: it may hold a password.
        """
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise ValueError("SMTP_URL must be smtp://HOST:PORT, smtp+starttls://HOST:PORT or smtps://HOST:PORT")
        if parts.username and parts.scheme == "smtp":
            raise ValueError("SMTP_URL with a password needs smtps:// or smtp+starttls://, or it would travel in the clear")
        return cls(
            host=parts.hostname,
            port=parts.port or _PORTS[parts.scheme],
            use_tls=parts.scheme == "smtps",
            start_tls={"smtp": None, "smtp+starttls": True, "smtps": False}[parts.scheme],
            username=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
            timeout_seconds=timeout_seconds,
            ca_file=ca_file,
        )

    async def connect(self, own_name: str) -> SMTP:
        """A new connection, greeted as `own_name` and signed in; raises one of `FAULTS`."""
        connection = SMTP(
            hostname=self.host,
            port=self.port,
            username=self.username,
            password=self.password,
            local_hostname=own_name,
            timeout=self.timeout_seconds,
            use_tls=self.use_tls,
            start_tls=self.start_tls,
            tls_context=_trusting(self.ca_file),
        )
        await connection.connect()
        return connection


async def hang_up(connection: SMTP | None) -> None:
    if connection is not None:
        with contextlib.suppress(*FAULTS):
            await connection.quit(timeout=HANG_UP_SECONDS)
        connection.close()


def refused_for_good(error: Exception) -> int | None:
    """The reply code of a server that will never take this mail for this address; `None` for every other fault."""
    code = reply_code(error)
    about_the_mail = isinstance(error, SMTPRecipientsRefused | SMTPDataError)
    return code if about_the_mail and code is not None and code >= 500 and code not in NOT_ABOUT_THE_ADDRESS else None


def reply_code(error: Exception) -> int | None:
    """What the server answered, where it answered."""
    if isinstance(error, SMTPRecipientsRefused):
        return error.recipients[0].code
    return error.code if isinstance(error, SMTPResponseException) else None


def described(error: Exception) -> dict[str, Any]:
    """A fault for the log, without the server's words: they repeat the address."""
    code = reply_code(error)
    return {"error": type(error).__name__} | ({} if code is None else {"reply_code": code})


@cache
def _trusting(ca_file: Path | None) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=ca_file)
