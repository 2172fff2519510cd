"""What topics hold from their first record to their last: the newest of each fact with a revision, all of the others."""

import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from kafka import KafkaConsumer
from kafka.errors import KafkaTimeoutError
from kafka.structs import TopicPartition

from shared.events import Fact
from shared.inbox import read_event
from shared.logs import get_log
from shared.received import RawRecord, Received, RefusedEvent
from shared.settings import KafkaSettings

log = get_log()

F = TypeVar("F", bound=Fact)
NOTHING_FOR_SECONDS = 10.0
"""How long the broker may send nothing before it is given up."""


@dataclass(slots=True)
class WholeLog:
    """Facts and forgotten keys, by type of event."""

    _facts: dict[str, list[Received[Any]]] = field(default_factory=dict[str, list[Received[Any]]])
    _newest: dict[tuple[str, str], Received[Any]] = field(default_factory=dict[tuple[str, str], Received[Any]])
    _forgotten: dict[str, set[str]] = field(default_factory=dict[str, set[str]])

    def facts(self, fact_type: type[F]) -> list[Received[F]]:
        """In the order of each key; of facts with a revision the highest alone."""
        name = fact_type.event_type
        return [*self._facts.get(name, ()), *(each for (of, _), each in self._newest.items() if of == name)]

    def forgotten(self, fact_type: type[Fact]) -> list[str]:
        return sorted(self._forgotten.get(fact_type.event_type, ()))

    def add(self, record: RawRecord, fact_type: type[Fact]) -> None:
        """Take the next record of a topic. One that cannot be read is left out: it is a dead letter of its service."""
        name = fact_type.event_type
        if record.value is None:
            key = record.key.decode("utf-8", "replace")
            self._forgotten.setdefault(name, set()).add(key)
            self._newest.pop((name, key), None)
            return
        try:
            received = read_event(record, name, {name: fact_type})
        except RefusedEvent:
            log.warning("event_left_out", topic=record.topic, partition=record.partition, offset=record.offset)
            return
        revision = getattr(received.fact, "revision", None)
        if revision is None:
            self._facts.setdefault(name, []).append(received)
            return
        known = self._newest.get((name, received.fact.key))
        if known is None or revision > known.fact.revision:
            self._newest[name, received.fact.key] = received


def read_whole(kafka: KafkaSettings, wanted: Mapping[str, type[Fact]]) -> WholeLog:
    """Read topics, by their names without prefix, to where they now end. Blocks; raises `KafkaError`. Commits nothing."""
    whole = WholeLog()
    arguments: dict[str, Any] = {**kafka.client_arguments(), "group_id": None, "enable_auto_commit": False}
    with closing(cast(Any, KafkaConsumer(**arguments))) as consumer:
        consumer.topics()  # else it knows of no partitions
        types = {kafka.topic(name): fact_type for name, fact_type in wanted.items()}
        places = [TopicPartition(topic, each) for topic in types for each in sorted(consumer.partitions_for_topic(topic) or ())]
        consumer.assign(places)
        consumer.seek_to_beginning(*places)
        ends = consumer.end_offsets(places)
        heard_at = time.monotonic()
        while any(consumer.position(each) < ends[each] for each in places):
            for place, records in consumer.poll(timeout_ms=500).items():
                heard_at = time.monotonic()
                for each in records:
                    raw = RawRecord(each.topic, each.partition, each.offset, each.key or b"", each.value, list(each.headers))
                    whole.add(raw, types[place.topic])
            if time.monotonic() - heard_at > NOTHING_FOR_SECONDS:
                raise KafkaTimeoutError(f"nothing came for {NOTHING_FOR_SECONDS:g} s")
    return whole
