"""Reads the badge queue beside the printers, as anyone with the right may: it commits nothing and takes nothing away."""

import threading
import time

from kafka import KafkaConsumer

from shared import topics
from shared.events import BadgeJob
from shared.settings import KafkaSettings


class QueueReader:
    """Every job in the queue from its beginning, and when each delegate's first one could be read (`time.time`)."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self.jobs: list[BadgeJob] = []
        self.seen_at: dict[str, float] = {}
        self._kafka = kafka
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read, name="queue reader", daemon=True)

    def __enter__(self) -> "QueueReader":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _read(self) -> None:
        consumer = KafkaConsumer(**self._kafka.client_arguments(), group_id=None, auto_offset_reset="earliest")
        try:
            consumer.subscribe([self._kafka.topic(topics.badge_queue(station)) for station in self._kafka.stations])
            while not self._stop.is_set():
                for records in consumer.poll(timeout_ms=50).values():
                    now = time.time()
                    for record in records:
                        self.seen_at.setdefault(record.key.decode(), now)
                        self.jobs.append(BadgeJob.model_validate_json(record.value))
        finally:
            consumer.close()
