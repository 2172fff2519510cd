"""Kafka in: events are taken in batches, one transaction a batch, and acknowledged only after its commit.

A fault that passes (`shared.faults`) is retried in place. Any other exception rolls the batch back and its events are
handled one by one; one that fails again becomes a dead letter, through the outbox, and the stream goes on.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import faust
from faust.types import EventT
from pydantic import ValidationError
from sqlalchemy import Connection
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_random_exponential

from shared.clock import utc_now
from shared.cloudevents import Record, decode
from shared.database import Database
from shared.events import Fact
from shared.faults import PASSING
from shared.logs import get_log, log_all
from shared.outbox import Outbox
from shared.received import RawRecord, Received, RefusedEvent, Unreadable
from shared.streams import batches

log = get_log()

F = TypeVar("F", bound=Fact)
BATCH = 500
LONGEST_WAIT_SECONDS = 5.0

Journal = list[tuple[str, dict[str, Any]]]
"""What a handler did, as (event name, fields): logged after the commit, so that no line tells of what was rolled back."""


@dataclass(frozen=True, slots=True)
class Reader(Generic[F]):
    """How one type of event is read and handled."""

    fact_type: type[F]
    handle: Callable[[Connection, Sequence[Received[F]]], Journal]
    """Handle a batch in one transaction. Must bring the same end whether events come once or again, together or singly."""
    forget: Callable[[Connection, Sequence[str]], None] | None = None
    """Handle tombstones, by key."""


class Inbox:
    """What the agents of one service share: where batches commit, where dead letters go, what ends the process."""

    def __init__(self, service: str, database: Database, outbox: Outbox, *, dead_letter_topic: str) -> None:
        self._service = service
        self._database = database
        self._outbox = outbox
        self._dead_letter_topic = dead_letter_topic
        self.failed: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
        """Done when an agent can not go on: the process must end, with nothing more acknowledged."""
        self.stopping = False
        self.retried_at = 0.0
        """When a batch last waited for a fault to pass, by `time.monotonic`."""

    async def consume(self, stream: faust.StreamT[bytes], *readers: Reader[Any]) -> None:
        """Read `stream` for ever: the body of an agent. The first reader is the topic's own."""
        by_type = {reader.fact_type.event_type: reader for reader in readers}
        try:
            async for events in batches(stream, BATCH):
                records = [_raw(event) for event in events]
                await self._retry_passing(lambda records=records: self._handle(records, readers[0], by_type))
                for event in events:
                    await stream.ack(event)
        except BaseException as error:
            # An agent that is restarted inside the process acknowledges past what it never handled (measured).
            if not self.stopping and not self.failed.done():
                self.failed.set_result(error)
                await asyncio.Event().wait()
            raise

    async def _retry_passing(self, work: Callable[[], Awaitable[None]]) -> None:
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(PASSING),
            wait=wait_random_exponential(multiplier=0.1, max=LONGEST_WAIT_SECONDS),
            before_sleep=self._note_wait,
        )
        async for attempt in retrying:
            with attempt:
                await work()

    def _note_wait(self, state: RetryCallState) -> None:
        self.retried_at = time.monotonic()
        error = None if state.outcome is None else state.outcome.exception()
        log.warning("batch_waiting", error=type(error).__name__, attempt=state.attempt_number)

    async def _handle(self, records: Sequence[RawRecord], own: Reader[Any], by_type: Mapping[str, Reader[Any]]) -> None:
        try:
            journal = await self._database.write(lambda tx: self._handle_batch(tx, records, own, by_type))
        except PASSING:
            raise
        except Exception as error:
            if len(records) == 1:
                await self._bury(records[0], error)
                return
            for record in records:
                await self._retry_passing(lambda record=record: self._handle([record], own, by_type))
            return
        log_all(log, journal)

    def _handle_batch(
        self, tx: Connection, records: Sequence[RawRecord], own: Reader[Any], by_type: Mapping[str, Reader[Any]]
    ) -> Journal:
        received: dict[str, list[Received[Any]]] = {}
        forgotten: list[str] = []
        for record in records:
            if record.value is None:
                forgotten.append(record.key.decode("utf-8", "replace"))
                continue
            event = _read(record, own.fact_type.event_type, by_type)
            received.setdefault(event.fact.event_type, []).append(event)
        # First: a key that is forgotten stays so, whatever else the batch says of it, before or after.
        if forgotten and own.forget is not None:
            own.forget(tx, forgotten)
        journal: Journal = []
        for event_type, batch in received.items():
            journal += by_type[event_type].handle(tx, batch)
        return journal

    async def _bury(self, record: RawRecord, error: Exception) -> None:
        """Dead-letter one event: its original bytes and headers, and `error_` headers that say what was wrong."""
        headers = [
            *((name, value) for name, value in record.headers if not name.startswith("error_")),
            ("error_service", self._service.encode()),
            ("error_type", type(error).__name__.encode()),
            ("error_message", _reason(error).encode()),
            ("error_topic", record.topic.encode()),
            ("error_partition", str(record.partition).encode()),
            ("error_offset", str(record.offset).encode()),
            ("error_at", utc_now().isoformat().encode()),
        ]
        letter = Record(record.key, record.value or b"", headers)
        await self._database.write(lambda tx: self._outbox.publish_records(tx, [(self._dead_letter_topic, letter)]))
        log.error(
            "event_dead_lettered",
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            error=type(error).__name__,
            exc_info=None if isinstance(error, RefusedEvent) else error,
        )


def _raw(event: EventT[bytes]) -> RawRecord:
    message = event.message
    headers = message.headers or []
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    return RawRecord(
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        key=message.key or b"",
        value=message.value,
        headers=[(name, value) for name, value in pairs],
    )


def _read(record: RawRecord, default_type: str, readers: Mapping[str, Reader[Any]]) -> Received[Any]:
    envelope = decode(
        record.headers, default_type=default_type, default_id=f"{record.topic}-{record.partition}-{record.offset}"
    )
    reader = readers.get(envelope.type)
    if reader is None:
        raise Unreadable(f"type {envelope.type!r} is not read here; expected one of {', '.join(readers)}")
    if envelope.major != reader.fact_type.major:
        raise Unreadable(f"major version {envelope.major} of {envelope.type} is not known; this reads {reader.fact_type.major}")
    try:
        fact = reader.fact_type.model_validate_json(record.value or b"")
    except ValidationError as error:
        raise Unreadable(_faults(error)) from None
    if fact.key.encode() != record.key:
        raise Unreadable("the record key is not the key of its event")
    return Received(fact, envelope, record)


def _faults(error: ValidationError) -> str:
    """The faults without their input: it may be personal."""
    found = error.errors(include_input=False, include_url=False, include_context=False)
    return "; ".join(f"{'.'.join(map(str, fault['loc'])) or 'event'}: {fault['msg']}" for fault in found)


def _reason(error: Exception) -> str:
    return (str(error) if isinstance(error, RefusedEvent) else type(error).__name__)[:1000]
