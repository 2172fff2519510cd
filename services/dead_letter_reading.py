"""Reads the dead-letter topics beside everybody else: nothing is committed and nothing is taken away."""

import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from kafka import KafkaConsumer
from kafka.errors import KafkaTimeoutError
from kafka.structs import TopicPartition

from shared import topics
from shared.settings import KafkaSettings

ANSWERS_WITHIN_MS = 5000
NOTHING_FOR_SECONDS = 10.0
"""How long the broker may send nothing before it is given up."""


class NoSuchTopic(Exception):
    """A service has no dead-letter topic on this broker; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A record of a dead-letter topic: the original bytes and headers, and `error_` headers that say what was wrong."""

    service: str
    partition: int
    offset: int
    at: datetime
    """When it was buried, in UTC."""
    key: str
    headers: dict[str, str]
    value: bytes

    @property
    def place(self) -> str:
        return f"{self.partition}-{self.offset}"

    @property
    def topic(self) -> str:
        """The full name of the topic in which the event stood."""
        return self.headers.get("error_topic", "")

    @property
    def origin(self) -> str:
        """Where the event stood: topic, partition and offset."""
        return f"{self.topic} {self.headers.get('error_partition', '?')}-{self.headers.get('error_offset', '?')}"

    @property
    def event_type(self) -> str:
        """As the event says; one that came without attributes is of its topic's own type."""
        return self.headers.get("ce_type") or self.topic


def read_letters(kafka: KafkaSettings, service: str, newest: int | None = None) -> list[Letter]:
    """The letters of a service, by age, or the `newest` of them. Blocks; raises `NoSuchTopic` and `KafkaError`."""
    with closing(_consumer(kafka)) as consumer:
        partitions = _partitions(consumer, kafka, service)
        first, ends = consumer.beginning_offsets(partitions), consumer.end_offsets(partitions)
        starts = {each: first[each] if newest is None else max(first[each], ends[each] - newest) for each in partitions}
        letters = sorted(
            _read(consumer, service, starts, ends), key=lambda letter: (letter.at, letter.partition, letter.offset)
        )
        return letters if newest is None else letters[-newest:]


def find_letter(kafka: KafkaSettings, service: str, partition: int, offset: int) -> Letter | None:
    """The letter at this place, if there is one. Blocks; raises `NoSuchTopic` and `KafkaError`."""
    with closing(_consumer(kafka)) as consumer:
        place = TopicPartition(kafka.topic(topics.dead_letter(service)), partition)
        if place not in _partitions(consumer, kafka, service):
            return None
        first, end = consumer.beginning_offsets([place])[place], consumer.end_offsets([place])[place]
        if not first <= offset < end:
            return None
        return next(_read(consumer, service, {place: offset}, {place: offset + 1}), None)


def _consumer(kafka: KafkaSettings) -> KafkaConsumer:
    limits: dict[str, Any] = {"bootstrap_timeout_ms": ANSWERS_WITHIN_MS}
    return KafkaConsumer(**kafka.client_arguments(), **limits, group_id=None, enable_auto_commit=False)


def _partitions(consumer: KafkaConsumer, kafka: KafkaSettings, service: str) -> list[TopicPartition]:
    topic = kafka.topic(topics.dead_letter(service))
    if topic not in consumer.topics():
        raise NoSuchTopic(f"The broker has no topic {topic}. Create it with `lanyard topics`, or correct TOPIC_PREFIX.")
    return [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic) or ())]


def _read(
    consumer: KafkaConsumer, service: str, starts: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]
) -> Iterator[Letter]:
    """Every record from `starts` on that stands before `ends`."""
    unread = {each for each, start in starts.items() if start < ends[each]}
    consumer.assign(unread)
    for each in unread:
        consumer.seek(each, starts[each])
    heard_at = time.monotonic()
    while unread:
        for partition, records in consumer.poll(timeout_ms=500).items():
            heard_at = time.monotonic()
            yield from (_letter(service, record) for record in records if record.offset < ends[partition])
        unread = {each for each in unread if (consumer.position(each) or 0) < ends[each]}
        if time.monotonic() - heard_at > NOTHING_FOR_SECONDS:
            raise KafkaTimeoutError(f"nothing came for {NOTHING_FOR_SECONDS:g} s")


def _letter(service: str, record: Any) -> Letter:
    return Letter(
        service=service,
        partition=record.partition,
        offset=record.offset,
        at=datetime.fromtimestamp(record.timestamp / 1000, UTC),
        key=(record.key or b"").decode("utf-8", "replace"),
        headers={name: value.decode("utf-8", "replace") for name, value in record.headers if value is not None},
        value=record.value or b"",
    )
