"""An event as it came from Kafka: its fact, and the record that carried it."""

from typing import Generic, NamedTuple, TypeVar

from shared.cloudevents import Envelope, Headers
from shared.events import Fact
from shared.tracing import trace_id

F = TypeVar("F", bound=Fact, covariant=True)


class RawRecord(NamedTuple):
    """The record, byte for byte; `value` is `None` in a tombstone."""

    topic: str
    partition: int
    offset: int
    key: bytes
    value: bytes | None
    headers: Headers


class Received(NamedTuple, Generic[F]):
    fact: F
    envelope: Envelope
    record: RawRecord

    @property
    def trace_id(self) -> str:
        return trace_id(self.envelope.traceparent)


class RefusedEvent(Exception):
    """The event cannot be taken, now or again: it becomes a dead letter.

    The message goes into its headers, for operations: what was wrong and what to do, and nothing personal.
    """


class Unreadable(RefusedEvent):
    """The record holds no event of the expected type and major version; the message says what was wrong."""
