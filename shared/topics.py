"""The topics: who writes and reads them, what keys them, how long they keep (the table in ARCHITECTURE.md)."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from kafka.admin import KafkaAdminClient, NewTopic
from kafka.errors import (
    LeaderNotAvailableError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)
from tenacity import retry as tried_again
from tenacity import retry_if_exception_type, stop_after_delay, wait_exponential

from shared.settings import KafkaSettings

_DAY_MS = 24 * 60 * 60 * 1000
QUEUE_RETENTION_MS = 90 * _DAY_MS
TOMBSTONE_RETENTION_MS = 30 * _DAY_MS
MAX_RECORD_BYTES = 300 * 1024
"""A record of 256 KiB with its headers and framing."""
MAX_LETTER_BYTES = MAX_RECORD_BYTES + 8 * 1024
"""The largest record, and what is added to it when it becomes a dead letter."""

DELEGATE_REGISTERED = "delegate-registered"
SESSION_CHANGED = "session-changed"
BADGE_STATUS = "badge-status"
SERVICES = ("registration", "badging", "notifications")


class Cleanup(StrEnum):
    COMPACT = "compact"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic by its name without prefix."""

    name: str
    cleanup: Cleanup
    max_bytes: int = MAX_RECORD_BYTES

    def configuration(self) -> dict[str, str]:
        kept = (
            {"delete.retention.ms": str(TOMBSTONE_RETENTION_MS)}
            if self.cleanup is Cleanup.COMPACT
            else {"retention.ms": str(QUEUE_RETENTION_MS)}
        )
        return {"cleanup.policy": self.cleanup.value, "max.message.bytes": str(self.max_bytes), **kept}


def badge_queue(station: str, *, urgent: bool = False) -> str:
    return f"badge-queue.{station}.urgent" if urgent else f"badge-queue.{station}"


def dead_letter(service: str) -> str:
    return f"{service}.dead-letter"


def retry(service: str) -> str:
    return f"{service}.retry"


def all_topics(stations: Iterable[str]) -> list[Topic]:
    """Every topic of a deployment with these badge stations."""
    deleted = [BADGE_STATUS]
    deleted += [badge_queue(station, urgent=urgent) for station in stations for urgent in (False, True)]
    letters = [name(service) for service in SERVICES for name in (dead_letter, retry)]
    compacted = (DELEGATE_REGISTERED, SESSION_CHANGED)
    return [
        *(Topic(name, Cleanup.COMPACT) for name in compacted),
        *(Topic(name, Cleanup.DELETE) for name in deleted),
        *(Topic(name, Cleanup.DELETE, MAX_LETTER_BYTES) for name in letters),
    ]


def create(kafka: KafkaSettings, stations: Iterable[str]) -> list[str]:
    """Create the topics that do not exist yet and return their full names. Idempotent; blocks; raises `KafkaError`.

    Every partition of a new one has a leader when this returns, so that it can be written and read at once.
    """
    admin = KafkaAdminClient(**kafka.client_arguments())
    try:
        existing = set(admin.list_topics())
        missing = [topic for topic in all_topics(stations) if kafka.topic(topic.name) not in existing]
        created: list[str] = []
        for topic in missing:
            new = NewTopic(
                name=kafka.topic(topic.name),
                num_partitions=kafka.kafka_partitions,
                replication_factor=kafka.kafka_replication,
                topic_configs=topic.configuration(),
            )
            try:
                admin.create_topics([new])
            except TopicAlreadyExistsError:
                continue  # another replica was first
            created.append(new.name)
        if created:
            _await_leaders(admin, created)
        return created
    finally:
        admin.close()


@tried_again(
    retry=retry_if_exception_type(LeaderNotAvailableError),
    stop=stop_after_delay(30),
    wait=wait_exponential(0.05, max=1),
    reraise=True,
)
def _await_leaders(admin: KafkaAdminClient, created: list[str]) -> None:
    for topic in admin.describe_topics(created):
        if topic["error_code"] or any(each["leader_id"] < 0 for each in topic["partitions"]):
            raise LeaderNotAvailableError(f"topic {topic['name']} has no leader yet")


def wanting(kafka: KafkaSettings, reads: Iterable[str], writes: Iterable[str]) -> list[str]:
    """What keeps this user from reading and writing these topics, a phrase each. Blocks; raises `KafkaError`.

    A topic that it may not even know of looks missing, but for the broker's word.
    """
    needed = {kafka.topic(name): "READ" for name in reads} | {kafka.topic(name): "WRITE" for name in writes}
    admin = KafkaAdminClient(**kafka.client_arguments())
    try:
        described = admin.describe_topics(sorted(needed))
    finally:
        admin.close()
    return [phrase for topic in described if (phrase := _wanting(topic, needed[topic["name"]]))]


def _wanting(topic: dict[str, Any], operation: str) -> str | None:
    name = topic["name"]
    if topic["error_code"] == UnknownTopicOrPartitionError.errno:
        return f"topic {name} is missing (`lanyard topics` creates it)"
    allowed: list[str] = [] if topic["error_code"] == TopicAuthorizationFailedError.errno else topic["authorized_operations"]
    return None if operation in allowed else f"no right to {operation.lower()} {name} (`lanyard principals` gives it)"


async def await_topics(kafka: KafkaSettings, reads: Iterable[str], writes: Iterable[str]) -> list[str]:
    """`wanting`, off the event loop."""
    return await asyncio.to_thread(wanting, kafka, list(reads), list(writes))
