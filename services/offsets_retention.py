"""How long a broker remembers where an idle consumer group stands: shorter than it keeps jobs, printers would start over."""

from contextlib import closing
from typing import Any, Protocol, cast

import kafka.admin
from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from services.broker_admin import ANSWERS_WITHIN_MS
from shared.settings import KafkaSettings
from shared.topics import QUEUE_RETENTION_MS

SETTING = "offsets.retention.minutes"
NEEDED_MINUTES = QUEUE_RETENTION_MS // 60_000
_configs: Any = kafka.admin


class _Admin(Protocol):
    def describe_cluster(self) -> dict[str, Any]: ...
    def describe_configs(self, resources: list[Any], *, config_filter: str) -> dict[str, dict[str, Any]]: ...
    def close(self) -> None: ...


def offsets_retention(broker: KafkaSettings) -> int | None:
    """Minutes, the least of all brokers; `None` where they do not say, or do not say it to this user. Blocks."""
    limits: dict[str, Any] = {"bootstrap_timeout_ms": ANSWERS_WITHIN_MS, "request_timeout_ms": ANSWERS_WITHIN_MS}
    try:
        with closing(cast(_Admin, KafkaAdminClient(**broker.client_arguments(), **limits))) as admin:
            ids = [str(each["broker_id"]) for each in admin.describe_cluster()["brokers"]]
            kind = _configs.ConfigResourceType.BROKER
            asked = [_configs.ConfigResource(kind, each, {SETTING: None}) for each in ids]
            found = admin.describe_configs(asked, config_filter="all")
    except (KafkaError, OSError):
        return None
    said = [configs[SETTING]["value"] for brokers in found.values() for configs in brokers.values() if SETTING in configs]
    return min(map(int, said), default=None)


def is_short(minutes: int | None) -> bool:
    return minutes is not None and minutes < NEEDED_MINUTES
