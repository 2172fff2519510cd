"""Settings of the badging service: `BADGING_DATABASE_URL`, `BADGING_PORT` and so on, see `shared.settings`."""

from typing import ClassVar

from shared.settings import ServiceSettings


class BadgingSettings(ServiceSettings):
    service: ClassVar[str] = "badging"
