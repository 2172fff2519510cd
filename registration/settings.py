"""Registration's settings."""

from typing import ClassVar

from shared.settings import ServiceSettings


class RegistrationSettings(ServiceSettings):
    service: ClassVar[str] = "registration"
