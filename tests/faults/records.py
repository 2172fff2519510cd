"""Records that the nemesis puts into topics."""

from collections.abc import Iterator
from contextlib import closing
from random import Random
from typing import Any

import orjson
from kafka import KafkaProducer

from shared import topics
from shared.cloudevents import schema_uri
from shared.events import SessionChanged
from shared.ids import new_id
from shared.settings import KafkaSettings
from tests.faults.checker import Place
from tests.integration.topic_reading import records_in

READERS = 2
"""Badging and notifications read both facts."""
SENT_WITHIN_SECONDS = 120
OVERSIZE_BYTES = 280 * 1024
"""More than any record may have, less than the broker takes."""


class Poison:
    """Events that nobody can read, and where they lie."""

    def __init__(self) -> None:
        self.places: dict[Place, int] = {}

    def send(self, kafka: KafkaSettings) -> None:
        """One of each sort; blocks."""
        with closing(_producer(kafka)) as producer:
            for topic, key, value, event_type in _unreadable():
                event_type, _, major = event_type.partition(".v")
                said = {"ce_type": event_type, "ce_id": str(new_id()), "ce_dataschema": schema_uri(event_type, int(major or 1))}
                headers = [(name, text.encode()) for name, text in said.items()]
                sent = producer.send(kafka.topic(topic), key=key, value=value, headers=headers)
                found = sent.get(timeout=SENT_WITHIN_SECONDS)
                self.places[found.topic, found.partition, found.offset] = READERS


def _unreadable() -> Iterator[tuple[str, bytes, bytes, str]]:
    """Corrupt, of a type that is not read there, of a version that nobody knows, larger than allowed."""
    known, session_type = topics.DELEGATE_REGISTERED, SessionChanged.event_type
    anybody = str(new_id()).encode()
    pad = orjson.dumps({"pad": "x" * OVERSIZE_BYTES})
    yield known, anybody, b"\x00{not json", "delegate-registered"
    yield known, anybody, b'{"delegate_id": 7}', "delegate-registered"
    yield known, anybody, b"{}", "delegate-registered.v9"
    yield known, anybody, b"{}", "lunch-served"
    yield known, anybody, pad, "delegate-registered"
    yield topics.SESSION_CHANGED, b"no-session", b"[]", session_type


def resend_some(kafka: KafkaSettings, rnd: Random, most: int) -> None:
    """Send records of both facts once more, out of order; blocks."""
    with closing(_producer(kafka)) as producer:
        for topic in (topics.DELEGATE_REGISTERED, topics.SESSION_CHANGED):
            found = [each for each in records_in(kafka, topic) if each.value and len(each.value) > 100 and _is_fact(each.value)]
            for each in rnd.sample(found, min(most, len(found))):
                headers = [(name, value.encode()) for name, value in each.headers.items()]
                producer.send(kafka.topic(topic), key=each.key, value=each.value, headers=headers)
        producer.flush(timeout=SENT_WITHIN_SECONDS)


def _is_fact(value: bytes) -> bool:
    return value.startswith(b"{") and b'"revision"' in value


def _producer(kafka: KafkaSettings) -> Any:
    return KafkaProducer(
        **kafka.client_arguments(),
        acks="all",
        max_block_ms=SENT_WITHIN_SECONDS * 1000,
        max_request_size=1024 * 1024,
        retries=100,
    )
