"""Settings of the notifications service: `NOTIFICATIONS_DATABASE_URL`, `SMTP_URL` and so on, see `shared.settings`."""

from datetime import timedelta
from pathlib import Path
from typing import ClassVar, Self

from pydantic import Field, SecretStr, model_validator

from notifications.pace import Pace
from shared.events import Email
from shared.mail_server import MailServer
from shared.settings import ServiceSettings


class NotificationsSettings(ServiceSettings):
    service: ClassVar[str] = "notifications"

    smtp_url: SecretStr
    """`smtp://HOST:PORT` (STARTTLS where the server offers it), `smtp+starttls://USER:PASSWORD@HOST:PORT` (never without)
    or `smtps://USER:PASSWORD@HOST:PORT`. User and password are percent-encoded."""
    smtp_ca_file: Path | None = None
    smtp_connections: int = Field(default=4, ge=1, le=64)
    smtp_timeout_seconds: float = Field(default=30.0, gt=0)
    mail_from: Email | None = None
    """The address that notices are from; its domain makes their Message-IDs. The conference's contact where left out."""
    registration_public_url: str
    """Where people reach registration: confirmations link to its `/conference`."""
    quiet_window_seconds: float = Field(default=60.0, gt=0)
    """Changes are told once nothing else has changed for this long."""
    longest_wait_seconds: float = Field(default=300.0, gt=0)
    """A change is told at the latest this long after it, even if changes go on."""

    @property
    def mail_server(self) -> MailServer:
        return MailServer.at(self.smtp_url.get_secret_value(), self.smtp_timeout_seconds, self.smtp_ca_file)

    @property
    def pace(self) -> Pace:
        return Pace(timedelta(seconds=self.quiet_window_seconds), timedelta(seconds=self.longest_wait_seconds))

    @model_validator(mode="after")
    def _understood(self) -> Self:
        if self.longest_wait_seconds < self.quiet_window_seconds:
            raise ValueError("LONGEST_WAIT_SECONDS must be at least QUIET_WINDOW_SECONDS")
        _ = self.mail_server
        return self
