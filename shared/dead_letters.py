"""Dead letters: events that a service could not take, in its dead-letter topic, and what became of each.

A letter is the event's record, byte for byte, with headers added behind its own, from `lanyard.letter` on. What was wrong
is said as Kafka Connect says it, in text under `__connect.errors.`. Operations send a letter back by the service's retry
topic; what became of it the service says in a closing record: the letter's id and outcome under the same key, no value.

The service keeps a row of each letter, so that one that comes back twice is handled once, and one whose key has a higher
revision by then is closed in the transaction that took that in.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Any, NamedTuple, cast

import orjson
from sqlalchemy import Column, Connection, Index, Integer, MetaData, String, Table, func, select, text

from shared.clock import utc_now
from shared.cloudevents import Headers, Record
from shared.database import UtcDateTime, insert
from shared.outbox import Outbox
from shared.received import RawRecord, RefusedEvent
from shared.rows import among
from shared.topics import QUEUE_RETENTION_MS

LETTER = "lanyard.letter"
"""The letter's id: of the same event, buried for the same time, always the same. No header behind it is the event's own."""
PREVIOUS = "lanyard.letter.previous"
"""The id of the letter that was replayed when this one was buried."""
OUTCOME = "lanyard.letter.outcome"
PLACE = "lanyard.letter.place"
"""In the retry topic: dead-letter topic, partition and offset of the letter that was sent back."""
DISCARD = "lanyard.letter.discard"
"""In the retry topic: the letter is to be closed, not handled."""

ERRORS = "__connect.errors."
TOPIC, PARTITION, OFFSET = (f"{ERRORS}{name}" for name in ("topic", "partition", "offset"))
SERVICE = f"{ERRORS}connector.name"
ERROR_TYPE = f"{ERRORS}exception.class.name"
ERROR_MESSAGE = f"{ERRORS}exception.message"

KEPT_FOR = timedelta(milliseconds=QUEUE_RETENTION_MS) + timedelta(days=1)
"""As long as the topic keeps the letter itself."""


class Outcome(StrEnum):
    """What became of a letter; one without is open."""

    REPLAYED = "replayed"
    FAILED_AGAIN = "failed-again"
    """It was replayed and became a new letter, which names it as its previous one."""
    DISCARDED = "discarded"
    OVERTAKEN = "overtaken"
    """Its key has a higher revision by now."""


class Given(NamedTuple):
    """A record to handle, as it stood in its own topic, and the letter as which it came back, if it did."""

    record: RawRecord
    letter_id: str | None = None
    discarded: bool = False


class Closing(NamedTuple):
    letter_id: str
    key: bytes
    outcome: Outcome


def given(record: RawRecord) -> Given:
    """Unpack a letter that was sent back; any other record is given as it is."""
    own, added = split(record.headers)
    place = added.get(PARTITION, ""), added.get(OFFSET, "")
    if TOPIC not in added or not all(number.isdecimal() for number in place):
        return Given(record)
    original = record._replace(topic=added[TOPIC], partition=int(place[0]), offset=int(place[1]), headers=own)
    return Given(original, added[LETTER], DISCARD in added)


def split(headers: Headers) -> tuple[Headers, dict[str, str]]:
    """An event's own headers, and those that were added when it became a letter; none where it is no letter."""
    names = [name for name, _ in headers]
    if LETTER not in names:
        return headers, {}
    begin = len(names) - 1 - names[::-1].index(LETTER)  # the last: an event may bring one of its own
    return headers[:begin], {name: (value or b"").decode("utf-8", "replace") for name, value in headers[begin:]}


class DeadLetters:
    """The letters of one service: `outbox` sends them, a table keeps what became of each."""

    def __init__(self, metadata: MetaData, outbox: Outbox) -> None:
        self._outbox = outbox
        self.table = Table(
            "dead_letters",
            metadata,
            Column("letter_id", String(32), primary_key=True),
            Column("key_hash", String(64), nullable=False),
            Column("revision", Integer, comment="null where none can be read"),
            Column("buried_at", UtcDateTime, nullable=False),
            Column("outcome", String(16), comment="null while it is open"),
        )
        is_open = text("outcome IS NULL")
        columns = self.table.c
        Index("dead_letters_open", columns.key_hash, sqlite_where=is_open, postgresql_where=is_open)
        self._open_of = select(columns.letter_id, columns.key_hash, columns.revision).where(
            columns.outcome.is_(None), among(columns.key_hash, "hashes")
        )

    def count_open(self, tx: Connection) -> int:
        return tx.execute(select(func.count()).where(self.table.c.outcome.is_(None))).scalar_one()

    def bury(self, tx: Connection, topic: str, buried: Given, error: Exception) -> str | None:
        """Have the event sent to `topic` as a letter and return its id, or `None` where it is one already.

        The letter as which it came back is closed.
        """
        record = buried.record
        letter_id = _letter_id(buried)
        row = {
            "letter_id": letter_id,
            "key_hash": _hash(record.key),
            "revision": _revision_in(record.value),
            "buried_at": utc_now(),
        }
        if not tx.execute(insert(tx, self.table).values(row).on_conflict_do_nothing()).rowcount:
            return None
        self._forget_old(tx)
        added = self._said_of(letter_id, buried, error)
        self._outbox.publish_records(tx, [(topic, Record(record.key, record.value, [*record.headers, *added]))])
        if buried.letter_id is not None:
            self.close(tx, topic, [Closing(buried.letter_id, record.key, Outcome.FAILED_AGAIN)])
        return letter_id

    def closed_among(self, tx: Connection, letter_ids: Collection[str]) -> set[str]:
        columns = self.table.c
        found = select(columns.letter_id).where(columns.letter_id.in_(letter_ids), columns.outcome.is_not(None))
        return set(tx.execute(found).scalars())

    def overtaken(self, tx: Connection, revisions: Mapping[bytes, int]) -> list[Closing]:
        """The open letters whose keys have higher revisions now; `revisions` are those taken in, by key."""
        keys = {_hash(key): key for key in revisions}
        if not keys:
            return []
        return [
            Closing(letter_id, keys[key_hash], Outcome.OVERTAKEN)
            for letter_id, key_hash, revision in tx.execute(self._open_of, {"hashes": list(keys)})
            if revision is not None and revision < revisions[keys[key_hash]]
        ]

    def close(self, tx: Connection, topic: str, closings: Sequence[Closing]) -> None:
        """Keep what became of letters, and say it in the dead-letter topic."""
        if not closings:
            return
        closing = insert(tx, self.table)
        rows = [
            {"letter_id": letter_id, "key_hash": _hash(key), "buried_at": utc_now(), "outcome": outcome.value}
            for letter_id, key, outcome in closings
        ]
        changed = {"outcome": closing.excluded.outcome}
        tx.execute(closing.on_conflict_do_update(index_elements=["letter_id"], set_=changed), rows)
        self._outbox.publish_records(
            tx,
            [
                (topic, Record(key, None, [(LETTER, letter_id.encode()), (OUTCOME, outcome.value.encode())]))
                for letter_id, key, outcome in closings
            ],
        )

    def _said_of(self, letter_id: str, buried: Given, error: Exception) -> Headers:
        kind = type(error)
        said = {
            LETTER: letter_id,
            TOPIC: buried.record.topic,
            PARTITION: str(buried.record.partition),
            OFFSET: str(buried.record.offset),
            SERVICE: self._outbox.source,
            ERROR_TYPE: f"{kind.__module__}.{kind.__qualname__}",
            # What any other exception says may be personal.
            ERROR_MESSAGE: (str(error) if isinstance(error, RefusedEvent) else kind.__name__)[:1000],
        }
        if buried.letter_id is not None:
            said[PREVIOUS] = buried.letter_id
        return [(name, value.encode()) for name, value in said.items()]

    def _forget_old(self, tx: Connection) -> None:
        tx.execute(self.table.delete().where(self.table.c.buried_at < utc_now() - KEPT_FOR))


def revisions_of(facts: Iterable[object]) -> dict[bytes, int]:
    """The highest revision of each key among those facts that have one."""
    found: dict[bytes, int] = {}
    for fact in cast(Iterable[Any], facts):
        if (revision := getattr(fact, "revision", None)) is not None:
            key = fact.key.encode()
            found[key] = max(revision, found.get(key, 0))
    return found


def _letter_id(buried: Given) -> str:
    record = buried.record
    identity = (record.topic, record.partition, record.offset, buried.letter_id)
    digest = hashlib.sha256(repr(identity).encode())
    digest.update(hashlib.sha256(record.key).digest() + hashlib.sha256(record.value or b"").digest())
    return digest.hexdigest()[:32]


def _revision_in(value: bytes | None) -> int | None:
    """The revision of an event, however broken the rest of it is."""
    try:
        found: Any = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return None
    revision = cast(dict[str, Any], found).get("revision") if isinstance(found, dict) else None
    return revision if type(revision) is int and 0 < revision < 2**31 else None


def _hash(key: bytes) -> str:
    return hashlib.sha256(key).hexdigest()
