"""Reads the dead-letter topics beside everybody else: nothing is committed and nothing is taken away."""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, NamedTuple

from kafka import KafkaConsumer
from kafka.errors import KafkaTimeoutError
from kafka.structs import TopicPartition

from services.broker_admin import ANSWERS_WITHIN_MS
from shared import dead_letters, topics
from shared.cloudevents import Headers
from shared.dead_letters import Outcome
from shared.settings import KafkaSettings

NOTHING_FOR_SECONDS = 10.0
"""How long the broker may send nothing before it is given up."""
AT_A_TIME_MS = 500

Ends = Mapping[TopicPartition, int]
Advance = Callable[[int], None]
"""Called with how many more records were read."""


class NoSuchTopic(Exception):
    """A service has no dead-letter topic on this broker; the message says what to do."""


@dataclass(frozen=True)
class Letter:
    """An event that a service could not take: see `shared.dead_letters`."""

    service: str
    partition: int
    offset: int
    at: datetime
    """When it was buried, in UTC."""
    raw_key: bytes
    raw_headers: Headers
    """Its own and those that were added."""
    value: bytes | None
    outcome: Outcome | None = None
    """What became of it; `None` while it is open."""

    @property
    def place(self) -> str:
        return f"{self.partition}-{self.offset}"

    @property
    def key(self) -> str:
        return self.raw_key.decode("utf-8", "replace")

    @cached_property
    def headers(self) -> dict[str, str]:
        return {name: (value or b"").decode("utf-8", "replace") for name, value in self.raw_headers}

    @property
    def letter_id(self) -> str:
        return self.headers.get(dead_letters.LETTER, "")

    @property
    def topic(self) -> str:
        """The full name of the topic in which the event stood."""
        return self.headers.get(dead_letters.TOPIC, "")

    @property
    def origin(self) -> str:
        """Where the event stood: topic, partition and offset."""
        place = (self.headers.get(name, "?") for name in (dead_letters.PARTITION, dead_letters.OFFSET))
        return f"{self.topic} {'-'.join(place)}"

    @property
    def event_type(self) -> str:
        """As the event says; one that came without attributes is of its topic's own type."""
        return self.headers.get("ce_type") or self.topic

    @property
    def error_type(self) -> str:
        """The exception's own name, without its module."""
        return self.headers.get(dead_letters.ERROR_TYPE, "").rpartition(".")[2]

    @property
    def error_message(self) -> str:
        return self.headers.get(dead_letters.ERROR_MESSAGE, "")


class Closed(NamedTuple):
    """A closing record."""

    letter_id: str
    outcome: Outcome


class LetterBox:
    """The dead-letter topic of one service, as a context manager. Blocks; methods raise `NoSuchTopic` and `KafkaError`."""

    def __init__(self, kafka: KafkaSettings, service: str) -> None:
        self.service = service
        self.topic = kafka.topic(topics.dead_letter(service))
        limits: dict[str, Any] = {"bootstrap_timeout_ms": ANSWERS_WITHIN_MS}
        self._consumer: Any = KafkaConsumer(**kafka.client_arguments(), **limits, group_id=None, enable_auto_commit=False)

    def __enter__(self) -> "LetterBox":
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    def bounds(self) -> tuple[Ends, Ends]:
        """The first offset of each partition, and the next."""
        partitions = self._partitions()
        return self._consumer.beginning_offsets(partitions), self._consumer.end_offsets(partitions)

    def letters(self, wanted: Callable[[Letter], bool], starts: Ends, ends: Ends, advance: Advance) -> list[Letter]:
        """Those wanted of the letters that stand between `starts` and `ends`, by age, each with its outcome by then."""
        found: dict[str, Letter] = {}
        for each in self._read(starts, ends, advance):
            if isinstance(each, Letter):
                if wanted(each):
                    found[each.letter_id or each.place] = each
            elif each.letter_id in found:
                found[each.letter_id] = replace(found[each.letter_id], outcome=each.outcome)
        return sorted(found.values(), key=lambda letter: (letter.at, letter.partition, letter.offset))

    def outcomes(self, letter_ids: Collection[str], starts: Ends, within_seconds: float) -> Iterator[Closed]:
        """How these letters are closed from `starts` on, until all are or the time is over."""
        open_ids = set(letter_ids)
        self._begin(starts)
        give_up = time.monotonic() + within_seconds
        while open_ids and time.monotonic() < give_up:
            for each in self._poll():
                if isinstance(each, Closed) and each.letter_id in open_ids:
                    open_ids.discard(each.letter_id)
                    yield each

    def _partitions(self) -> Sequence[TopicPartition]:
        if self.topic not in self._consumer.topics():
            raise NoSuchTopic(
                f"The broker has no topic {self.topic}. Create it with `lanyard topics`, or correct TOPIC_PREFIX."
            )
        return [TopicPartition(self.topic, number) for number in sorted(self._consumer.partitions_for_topic(self.topic) or ())]

    def _begin(self, starts: Ends) -> None:
        self._consumer.assign(list(starts))
        for each, start in starts.items():
            self._consumer.seek(each, start)

    def _read(self, starts: Ends, ends: Ends, advance: Advance) -> Iterator[Letter | Closed]:
        unread = {each: start for each, start in starts.items() if start < ends[each]}
        self._begin(unread)
        heard_at = time.monotonic()
        while unread:
            for each in self._poll(ends):
                heard_at = time.monotonic()
                advance(1)
                yield each
            unread = {each: start for each, start in unread.items() if (self._consumer.position(each) or 0) < ends[each]}
            if time.monotonic() - heard_at > NOTHING_FOR_SECONDS:
                raise KafkaTimeoutError(f"nothing came for {NOTHING_FOR_SECONDS:g} s")

    def _poll(self, ends: Ends | None = None) -> Iterator[Letter | Closed]:
        for partition, records in self._consumer.poll(timeout_ms=AT_A_TIME_MS).items():
            yield from (self._understood(record) for record in records if ends is None or record.offset < ends[partition])

    def _understood(self, record: Any) -> Letter | Closed:
        letter = Letter(
            service=self.service,
            partition=record.partition,
            offset=record.offset,
            at=datetime.fromtimestamp(record.timestamp / 1000, UTC),
            raw_key=record.key or b"",
            raw_headers=list(record.headers),
            value=record.value,
        )
        added = dead_letters.split(letter.raw_headers)[1]
        if outcome := added.get(dead_letters.OUTCOME):
            return Closed(added[dead_letters.LETTER], Outcome(outcome))
        return letter
