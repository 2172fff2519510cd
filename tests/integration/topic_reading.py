"""Topics as anyone with plain kafka-python finds them: what lies in them, and what a consumer group has not taken yet."""

from collections.abc import Iterable
from contextlib import closing
from functools import cache
from typing import Any, NamedTuple

from kafka import KafkaAdminClient, KafkaConsumer
from kafka.structs import OffsetAndMetadata, TopicPartition

from shared.cloudevents import Record
from shared.settings import KafkaSettings

_NEXT = -1
"""Stands for the offset after the last in Kafka's ListOffsets request."""


class Found(NamedTuple):
    """A record of a topic."""

    key: bytes
    value: bytes | None
    headers: dict[str, str]


def records_in(kafka: KafkaSettings, *names: str) -> list[Found]:
    """All that lies in some topics now, in the order of each partition. Blocks."""
    return [Found(each.key, each.value, _headers(each.headers)) for each in raw_records_in(kafka, *names)]


def raw_records_in(kafka: KafkaSettings, *names: str) -> list[Record]:
    """The same with headers as they lie there: several of one name, and some without a value."""
    consumer: Any = KafkaConsumer(**kafka.client_arguments(), auto_offset_reset="earliest", enable_auto_commit=False)
    with closing(consumer):
        partitions = [
            TopicPartition(kafka.topic(name), number) for name in names for number in _partitions(consumer, kafka, name)
        ]
        consumer.assign(partitions)
        ends = consumer.end_offsets(partitions)
        found: list[Record] = []
        while any(consumer.position(each) < end for each, end in ends.items()):
            for records in consumer.poll(timeout_ms=1000, max_records=5000).values():
                found += [Record(each.key, each.value, list(each.headers)) for each in records]
    return found


class Positions:
    """Where consumer groups stand. Its one client is closed with it; methods block, and are for one thread at a time."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._kafka = kafka
        self._admin: Any = KafkaAdminClient(**kafka.client_arguments())
        self.close = self._admin.close

    def unread(self, group: str, *names: str) -> int:
        """How many records of some topics the broker would give to a consumer group that starts now."""
        wanted = dict.fromkeys((each for name in names for each in self._partitions(name)), _NEXT)
        ends = self._admin.list_partition_offsets(wanted)
        full = self._kafka.topic(group)
        committed = self._admin.list_group_offsets([full])[full]
        return sum(end.offset - (committed[each].offset if each in committed else 0) for each, end in ends.items())

    def start_over(self, group: str, name: str) -> None:
        """Set a group that nobody is a member of back to the first record of a topic."""
        self._admin.alter_group_offsets(
            self._kafka.topic(group), {each: OffsetAndMetadata(0, "", -1) for each in self._partitions(name)}
        )

    @cache  # noqa: B019  it lives as long as a test
    def _partitions(self, name: str) -> list[TopicPartition]:
        [described] = self._admin.describe_topics([self._kafka.topic(name)])
        return [TopicPartition(described["name"], each["partition_index"]) for each in described["partitions"]]


def _partitions(consumer: Any, kafka: KafkaSettings, name: str) -> set[int]:
    return consumer.partitions_for_topic(kafka.topic(name)) or set()


def _headers(headers: Iterable[tuple[str, Any]]) -> dict[str, str]:
    return {name: value.decode() for name, value in headers}
