"""Kafka in: events are taken in batches, one transaction a batch, and acknowledged only after its commit.

A fault that passes (`shared.faults`) is retried in place. Any other exception rolls the batch back and its events are
handled one by one; one that fails again becomes a dead letter, through the outbox, and the stream goes on.
A dead letter that operations send back is handled once, as what it was.
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

from shared.cloudevents import decode
from shared.database import Database
from shared.dead_letters import Closing, DeadLetters, Given, Outcome, given, revisions_of
from shared.events import Fact
from shared.faults import PASSING
from shared.logs import get_log, log_all
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

    def __init__(self, database: Database, letters: DeadLetters, *, dead_letter_topic: str) -> None:
        self._database = database
        self._letters = letters
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
                records = [given(_raw(event)) for event in events]
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

    async def _handle(self, batch: Sequence[Given], own: Reader[Any], by_type: Mapping[str, Reader[Any]]) -> None:
        try:
            journal = await self._database.write(lambda tx: self._handle_batch(tx, batch, own, by_type))
        except PASSING:
            raise
        except Exception as error:
            log.warning("batch_taken_apart", events=len(batch), error=type(error).__name__)
            for each in batch:
                await self._retry_passing(lambda each=each: self._handle_alone(each, own, by_type))
            return
        log_all(log, journal)

    async def _handle_alone(self, given: Given, own: Reader[Any], by_type: Mapping[str, Reader[Any]]) -> None:
        # Twice: what took the batch apart may have been another event, and a fault that comes once buries nothing.
        for last in (False, True):
            try:
                journal = await self._database.write(lambda tx: self._handle_batch(tx, [given], own, by_type))
            except PASSING:
                raise
            except Exception as error:
                if last:
                    await self._bury(given, error)
            else:
                log_all(log, journal)
                return

    def _handle_batch(
        self, tx: Connection, batch: Sequence[Given], own: Reader[Any], by_type: Mapping[str, Reader[Any]]
    ) -> Journal:
        batch, closings = self._once(tx, batch)
        types = {name: reader.fact_type for name, reader in by_type.items()}
        received: dict[str, list[Received[Any]]] = {}
        forgotten: dict[str, list[str]] = {}
        for each in batch:
            record = each.record
            default_type = _type_of_topic(record.topic, own, by_type)
            if record.value is None:
                forgotten.setdefault(default_type, []).append(record.key.decode("utf-8", "replace"))
                continue
            event = read_event(record, default_type, types)
            received.setdefault(event.fact.event_type, []).append(event)
        # First: a key that is forgotten stays so, whatever else the batch says of it, before or after.
        for event_type, keys in forgotten.items():
            if (forget := by_type[event_type].forget) is not None:
                forget(tx, keys)
        journal: Journal = []
        for event_type, events in received.items():
            journal += by_type[event_type].handle(tx, events)
        taken = revisions_of(event.fact for events in received.values() for event in events)
        settled = {closing.letter_id for closing in closings}
        closings += [each for each in self._letters.overtaken(tx, taken) if each.letter_id not in settled]
        self._letters.close(tx, self._dead_letter_topic, closings)
        return journal + [("letter_closed", {"letter": each.letter_id, "outcome": each.outcome.value}) for each in closings]

    def _once(self, tx: Connection, batch: Sequence[Given]) -> tuple[list[Given], list[Closing]]:
        """What is to be handled, without letters that were handled before, and how letters among it are then closed."""
        returned = [each.letter_id for each in batch if each.letter_id is not None]
        done = self._letters.closed_among(tx, returned) if returned else set[str]()
        fresh: list[Given] = []
        closings: list[Closing] = []
        for each in batch:
            if each.letter_id is None:
                fresh.append(each)
            elif each.letter_id not in done:
                done.add(each.letter_id)
                outcome = Outcome.DISCARDED if each.discarded else Outcome.REPLAYED
                closings.append(Closing(each.letter_id, each.record.key, outcome))
                if not each.discarded:
                    fresh.append(each)
        return fresh, closings

    async def _bury(self, buried: Given, error: Exception) -> None:
        """Dead-letter one event."""
        letter_id = await self._database.write(lambda tx: self._letters.bury(tx, self._dead_letter_topic, buried, error))
        record = buried.record
        log.error(
            "event_dead_lettered",
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            letter=letter_id or "as before",
            previous=buried.letter_id,
            error=type(error).__name__,
            exc_info=None if isinstance(error, RefusedEvent) else error,
        )


def _type_of_topic(topic: str, own: Reader[Any], by_type: Mapping[str, Reader[Any]]) -> str:
    """The type of an event that does not say its own; one that was sent back is of the topic in which it first stood."""
    return next((event_type for event_type in by_type if topic.endswith(event_type)), own.fact_type.event_type)


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


def read_event(record: RawRecord, default_type: str, types: Mapping[str, type[Fact]]) -> Received[Any]:
    """The event in a record, of one of `types`, which are by name; raises `Unreadable`."""
    envelope = decode(
        record.headers, default_type=default_type, default_id=f"{record.topic}-{record.partition}-{record.offset}"
    )
    fact_type = types.get(envelope.type)
    if fact_type is None:
        raise Unreadable(f"type {envelope.type!r} is not read here; expected one of {', '.join(types)}")
    if envelope.major != fact_type.major:
        raise Unreadable(f"major version {envelope.major} of {envelope.type} is not known; this reads {fact_type.major}")
    try:
        fact = fact_type.model_validate_json(record.value or b"")
    except ValidationError as error:
        raise Unreadable(_faults(error)) from None
    if fact.key.encode() != record.key:
        raise Unreadable("the record key is not the key of its event")
    return Received(fact, envelope, record)


def _faults(error: ValidationError) -> str:
    """The faults without their input: it may be personal."""
    found = error.errors(include_input=False, include_url=False, include_context=False)
    return "; ".join(f"{'.'.join(map(str, fault['loc'])) or 'event'}: {fault['msg']}" for fault in found)
