"""Settings, from the environment and nowhere else, read once where a process is composed.

For service `registration` the setting `database_url` is looked up as `REGISTRATION_DATABASE_URL`, then `DATABASE_URL`,
then the content of the file that `REGISTRATION_DATABASE_URL_FILE` or `DATABASE_URL_FILE` names.
"""

import os
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator


class SettingsFault(Exception):
    """A setting is missing or wrong; the message names the variables and what to do."""


class _FromEnvironment(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    service: ClassVar[str] = ""

    @classmethod
    def load(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read every setting from `environment` (the process's own by default); raises `SettingsFault` with all faults."""
        source = os.environ if environment is None else environment
        found = {name: value for name in cls.model_fields if (value := _lookup(source, cls.service, name)) is not None}
        try:
            return cls.model_validate(found)
        except ValidationError as error:
            lines = [f"  {_variable(cls.service, fault['loc'])}: {fault['msg']}" for fault in error.errors()]
            raise SettingsFault("These settings are missing or wrong:\n" + "\n".join(lines)) from None


def _variable(service: str, location: tuple[int | str, ...]) -> str:
    """The variable to set. A database is each service's own, so it is named by its own variable."""
    name = str(location[0]).upper() if location else "settings"
    return f"{service.upper()}_{name}" if name == "DATABASE_URL" and service else name


def _lookup(source: Mapping[str, str], service: str, name: str) -> str | None:
    return setting(source, *([f"{service}_{name}"] if service else []), name)


def setting(source: Mapping[str, str], *names: str) -> str | None:
    """The first of these that is set, in whichever case it is named, or read from the file that `NAME_FILE` names."""
    names = tuple(name.upper() for name in names)
    for variable in names:
        if variable in source:
            return source[variable]
    for variable in names:
        if path := source.get(f"{variable}_FILE"):
            try:
                return Path(path).read_text(encoding="utf-8").strip()
            except OSError as error:
                raise SettingsFault(f"{variable}_FILE names {path}, which cannot be read: {error.strerror}") from None
    return None


class KafkaSettings(_FromEnvironment):
    """How to reach the broker, and what its topics are called."""

    kafka_bootstrap_servers: str = "localhost:9092"
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    kafka_sasl_mechanism: Literal["SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN"] = "SCRAM-SHA-512"
    kafka_username: str | None = None
    kafka_password: SecretStr | None = None
    kafka_ca_file: Path | None = None
    kafka_partitions: int = Field(default=6, ge=1, le=1000)
    kafka_replication: int = Field(default=1, ge=1, le=9)
    topic_prefix: str = Field(default="", pattern=r"^[a-z0-9.-]*$", max_length=64)
    badge_stations: str = Field(default="main", pattern=r"^[a-z0-9-]+(,[a-z0-9-]+)*$")
    """Slugs of the stations at which badges are printed, separated by commas; the first is the default."""

    @property
    def stations(self) -> list[str]:
        return self.badge_stations.split(",")

    def topic(self, name: str) -> str:
        """The full name of a topic."""
        return f"{self.topic_prefix}{name}"

    @property
    def ssl_context(self) -> ssl.SSLContext | None:
        if not self.kafka_security_protocol.endswith("SSL"):
            return None
        return ssl.create_default_context(cafile=None if self.kafka_ca_file is None else str(self.kafka_ca_file))

    def client_arguments(self) -> dict[str, Any]:
        """Arguments that kafka-python's and aiokafka's clients both take."""
        arguments: dict[str, Any] = {
            "bootstrap_servers": self.kafka_bootstrap_servers.split(","),
            "security_protocol": self.kafka_security_protocol,
        }
        if context := self.ssl_context:
            arguments["ssl_context"] = context
        if self.kafka_security_protocol.startswith("SASL") and self.kafka_username and self.kafka_password:
            arguments |= {
                "sasl_mechanism": self.kafka_sasl_mechanism,
                "sasl_plain_username": self.kafka_username,
                "sasl_plain_password": self.kafka_password.get_secret_value(),
            }
        return arguments

    @model_validator(mode="after")
    def _credentials_where_asked(self) -> Self:
        if self.kafka_security_protocol.startswith("SASL") and not (self.kafka_username and self.kafka_password):
            raise ValueError("KAFKA_USERNAME and KAFKA_PASSWORD are needed with a SASL_ security protocol")
        return self


class LogSettings(_FromEnvironment):
    log_format: Literal["json", "console"] = "json"
    log_level: Literal["debug", "info", "warning", "error"] = "info"


class ConferenceSettings(_FromEnvironment):
    conference_folder: Path = Path("conferences/counter-terrorism-2018")


class ServiceSettings(KafkaSettings, LogSettings, ConferenceSettings):
    """What every service needs."""

    database_url: SecretStr
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    public_url: str = ""
    """Where people reach this service, for links; `http://HOST:PORT` where it is left out."""
    conference_now: datetime | None = None
    """The conference's time at the start of the process, RFC 3339; the folder's own where it is left out."""
    keys_file: Path | None = None
    """TOML file with the SHA-256 of each staff key and its role; without it no staff key is valid."""
    outbox_limit: int = Field(default=100_000, ge=1)
    """Rows in the outbox above which intake answers 503 `outbox-full`."""
    adopt: bool = False
    """The database was lost: take what the log says as already issued and told."""
    send: bool = False
    """The database was lost: do all that the log says again."""

    @property
    def own_url(self) -> str:
        return self.public_url or f"http://{self.host}:{self.port}"

    @model_validator(mode="after")
    def _conference_now_is_aware(self) -> Self:
        if self.conference_now is not None and self.conference_now.tzinfo is None:
            return self.model_copy(update={"conference_now": self.conference_now.replace(tzinfo=UTC)})
        return self
