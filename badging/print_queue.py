"""Kafka as a printer sees it: one job at a time, urgent ones first, each reported and then committed by itself."""

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from typing import Any

from kafka import ConsumerRebalanceListener, KafkaConsumer, KafkaProducer
from kafka.errors import (
    CommitFailedError,
    IllegalGenerationError,
    KafkaTimeoutError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)
from kafka.structs import OffsetAndMetadata, TopicPartition

from shared import topics
from shared.cloudevents import encode
from shared.events import BadgeStatus
from shared.flows import PRINTERS
from shared.received import RawRecord
from shared.settings import KafkaSettings

BROKER_ANSWERS_WITHIN_MS = 1000
"""Short, so that a printer can be stopped while its broker is away."""
FETCH_BYTES = 64 * 1024
"""Fetched ahead of each partition: a printer is slow, and what it puts back is fetched again."""
JOINS_WITHIN_SECONDS = 15.0
"""Longer than a group takes to miss a member that died, and to start anew without it."""


class _Joining(ConsumerRebalanceListener):
    """Since when the group has been sharing out the queue anew; nothing is taken meanwhile."""

    def __init__(self) -> None:
        self._since: float | None = time.monotonic()

    def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        self._since = time.monotonic()

    def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        self._since = None

    def check(self) -> None:
        """Raise `KafkaTimeoutError` where it takes too long.

        kafka-python 3.0.12 forgets that it was joining if `poll` gives up between the group's answer and the handling of
        it, and the join was for new partitions: from then on it has none, sends no heartbeat and never joins again.
        """
        if self._since is not None and time.monotonic() - self._since > JOINS_WITHIN_SECONDS:
            raise KafkaTimeoutError("the group did not say in time which part of the queue is this printer's")


class PrintQueue:
    """A printer's place in the group of its station. Every method may raise `KafkaError`."""

    def __init__(self, kafka: KafkaSettings, station: str, printer: str) -> None:
        self._urgent_topic = kafka.topic(topics.badge_queue(station, urgent=True))
        client: dict[str, Any] = {
            **kafka.client_arguments(),
            "client_id": printer,
            "allow_auto_create_topics": False,
            "bootstrap_timeout_ms": BROKER_ANSWERS_WITHIN_MS,
        }
        queues = [self._urgent_topic, kafka.topic(topics.badge_queue(station))]
        self._joining = _Joining()
        self._status_topic = kafka.topic(topics.BADGE_STATUS)
        self._source = f"{PRINTERS}/{printer}"
        self._sent: tuple[BadgeStatus, Any] | None = None
        with ExitStack() as opened:
            self._consumer: Any = KafkaConsumer(
                **client,
                group_id=kafka.topic(f"{PRINTERS}.{station}"),
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                max_poll_records=1,
                max_partition_fetch_bytes=FETCH_BYTES,
                metadata_max_age_ms=10_000,
                # A printer that died is missed after 6 s, the least that a broker allows by default.
                session_timeout_ms=6000,
                heartbeat_interval_ms=2000,
            )
            opened.callback(self._consumer.close, autocommit=False, timeout_ms=BROKER_ANSWERS_WITHIN_MS / 2)
            self._overtaker: Any = KafkaConsumer(**client, group_id=None, enable_auto_commit=False, max_poll_records=1)
            opened.callback(self._overtaker.close, timeout_ms=0)
            self._producer: Any = KafkaProducer(**client, acks="all", max_block_ms=BROKER_ANSWERS_WITHIN_MS)
            opened.callback(self._producer.close, timeout=BROKER_ANSWERS_WITHIN_MS / 2000)
            self._consumer.subscribe(queues, listener=self._joining)
            # Known before it joins, or it would have to join twice: what leads the group shares out what it knows of.
            for queue in queues:
                self._consumer.partitions_for_topic(queue)
            self._opened = opened.pop_all()

    def take(self, within_ms: int) -> RawRecord | None:
        """The next job, an urgent one if there is any; `None` if none came in time. Nobody else gets it meanwhile."""
        came = self._poll(within_ms)
        if came is None or came.topic == self._urgent_topic:
            return came
        if urgent := self._urgent_job():
            self.put_back(came)
            return urgent
        return came

    def put_back(self, job: RawRecord) -> None:
        """Take it again later, if it is then still this printer's to take."""
        place = TopicPartition(job.topic, job.partition)
        if place in self._consumer.assignment():
            self._consumer.seek(place, job.offset)

    def hold(self, for_ms: int) -> None:
        """Keep the place in the group without taking a job. Returns before `for_ms` if there is one to take."""
        if came := self._poll(for_ms):
            self.put_back(came)

    def report(self, status: BadgeStatus, traceparent: str) -> None:
        """Publish `status`; return when Kafka has it.

        After a `KafkaTimeoutError`, call it again with the same status: it waits on for the same record.
        """
        if self._sent is None or self._sent[0] is not status or self._sent[1].failed():
            record = encode(status, self._source, traceparent)
            sent = self._producer.send(self._status_topic, key=record.key, value=record.value, headers=record.headers)
            self._sent = status, sent
        self._sent[1].get(timeout=BROKER_ANSWERS_WITHIN_MS / 1000)
        self._sent = None

    def done(self, job: RawRecord) -> None:
        """Commit that the job needs no printing any more."""
        place = TopicPartition(job.topic, job.partition)
        # Where the group went on without this printer, the job is another's by now, who prints its badge a second time.
        with suppress(CommitFailedError, IllegalGenerationError, RebalanceInProgressError, UnknownMemberIdError):
            self._consumer.commit({place: OffsetAndMetadata(job.offset + 1, "", -1)}, timeout_ms=BROKER_ANSWERS_WITHIN_MS)

    def leave(self) -> None:
        """Leave the group; what was taken and not committed is another printer's at once."""
        self._opened.close()

    def _poll(self, within_ms: int) -> RawRecord | None:
        came = _one(self._consumer.poll(timeout_ms=within_ms))
        self._joining.check()
        return came

    def _urgent_job(self) -> RawRecord | None:
        """The first urgent job that is not taken, past all that the consumer has fetched and not given yet.

        To pause the other queue would be simpler, but kafka-python 3.0.12 may keep back for ever what it had fetched of
        several partitions when they were paused.
        """
        places = [place for place in self._consumer.assignment() if place.topic == self._urgent_topic]
        ends: dict[TopicPartition, int] = (
            self._consumer.end_offsets(places, timeout_ms=BROKER_ANSWERS_WITHIN_MS) if places else {}
        )
        for place in places:
            position = self._consumer.position(place, timeout_ms=BROKER_ANSWERS_WITHIN_MS)
            if position is not None and position < ends[place]:
                self._overtaker.assign([place])
                self._overtaker.seek(place, position)
                if job := _one(self._overtaker.poll(timeout_ms=BROKER_ANSWERS_WITHIN_MS)):
                    self._consumer.seek(place, job.offset + 1)
                    return job
        return None


def _one(polled: Mapping[TopicPartition, Sequence[Any]]) -> RawRecord | None:
    for records in polled.values():
        for record in records:
            return RawRecord(
                record.topic, record.partition, record.offset, record.key or b"", record.value, list(record.headers)
            )
    return None
