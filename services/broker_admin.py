"""kafka-python's administration of a broker, with the types that it lacks."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, cast

from kafka import KafkaAdminClient
from kafka.structs import OffsetAndMetadata, OffsetAndTimestamp, TopicPartition

from shared.settings import KafkaSettings

ANSWERS_WITHIN_MS = 5000
EARLIEST, LATEST = -2, -1
"""Stand for an offset in Kafka's ListOffsets request."""


class Admin(Protocol):
    """kafka-python 3's administration: the types that come with the type checker are of version 2."""

    def list_topics(self) -> list[str]: ...
    def describe_topics(self, topics: list[str]) -> list[dict[str, Any]]: ...
    def list_partition_offsets(self, wanted: Mapping[TopicPartition, int]) -> dict[TopicPartition, OffsetAndTimestamp]: ...
    def list_group_offsets(self, groups: list[str]) -> dict[str, dict[TopicPartition, OffsetAndMetadata]]: ...
    def alter_group_offsets(self, group: str, wanted: Mapping[TopicPartition, OffsetAndMetadata]) -> object: ...
    def describe_groups(self, groups: list[str]) -> dict[str, dict[str, Any]]: ...
    def close(self) -> None: ...


def connected(kafka: KafkaSettings) -> Admin:
    """A client that gives up after `ANSWERS_WITHIN_MS`; the caller closes it. Blocks; raises `KafkaError`."""
    limits: dict[str, Any] = {"bootstrap_timeout_ms": ANSWERS_WITHIN_MS, "request_timeout_ms": ANSWERS_WITHIN_MS}
    return cast(Admin, KafkaAdminClient(**kafka.client_arguments(), **limits))


def offsets(admin: Admin, partitions: Sequence[TopicPartition], wanted: int) -> dict[TopicPartition, int]:
    """The `EARLIEST` or `LATEST` offset of each partition."""
    if not partitions:
        return {}
    found = admin.list_partition_offsets(dict.fromkeys(partitions, wanted))
    return {partition: found[partition].offset for partition in partitions}


def partitions_of(admin: Admin, names: Sequence[str]) -> list[TopicPartition]:
    """All partitions of those topics, by full name, that there are."""
    existing = sorted(set(names) & set(admin.list_topics()))
    described = admin.describe_topics(existing) if existing else []
    return [TopicPartition(topic["name"], each["partition_index"]) for topic in described for each in topic["partitions"]]
