"""The transactional outbox: a change and its event are committed in one transaction; `shared.relay` sends the event.

On PostgreSQL several replicas relay side by side. A replica claims keys, not rows: who holds the lock on the oldest row
of a key has all that waits for that key, and nobody else takes of it before that row is gone or the lock is.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

import orjson
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    bindparam,
    exists,
    func,
    select,
)

from shared.clock import utc_now
from shared.cloudevents import Headers, Record, encode
from shared.events import Fact
from shared.ids import new_id
from shared.rows import among, execute_many

BATCH = 500
SEQUENCE = BigInteger().with_variant(Integer, "sqlite")


class Tombstone(NamedTuple):
    """The end of a key of a compacted topic: a record without a value."""

    key: str


Message = tuple[str, Fact | Tombstone, str]
"""What is to be published: the topic's full name, the fact or the end of its key, the traceparent."""


class Row(NamedTuple):
    """An outbox row as the relay reads it."""

    seq: int
    topic: str
    key: bytes
    value: bytes | None
    headers: Headers


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits in the outbox; `oldest_at` is UTC."""

    rows: int
    parked: int
    oldest_at: datetime | None

    def age_seconds(self, now: datetime) -> float:
        return 0.0 if self.oldest_at is None else max(0.0, (now - self.oldest_at).total_seconds())


class Outbox:
    """The outbox table of one service and what is written to it."""

    def __init__(self, metadata: MetaData, source: str) -> None:
        self.source = source
        self.table = Table(
            "outbox",
            metadata,
            Column("seq", SEQUENCE, primary_key=True, autoincrement=True),
            Column("topic", String(249), nullable=False),
            Column("key", LargeBinary, nullable=False),
            Column("value", LargeBinary),
            Column("headers", LargeBinary, nullable=False),
            Column("created_at", DateTime(timezone=True), nullable=False),
            Column("refusal", String(200)),
            Index("outbox_by_key", "key", "seq").ddl_if(dialect="postgresql"),
            sqlite_autoincrement=True,
        )
        t = self.table.c
        self._insert = self.table.insert()
        self._present = select(t.seq).where(among(t.seq, "sequences"))
        self._remove = self.table.delete().where(among(t.seq, "sequences")).returning(t.seq)
        self._waiting = (
            select(t.seq, t.topic, t.key, t.value, t.headers)
            .where(t.refusal.is_(None))
            .order_by(t.seq)
            .limit(bindparam("most"))
        )
        older = self.table.alias("older")
        none_older = ~exists().where(older.c.key == t.key, older.c.seq < t.seq, older.c.refusal.is_(None))
        oldest = select(t.key).where(t.refusal.is_(None), none_older).order_by(t.seq).limit(bindparam("most"))
        claimed = oldest.with_for_update(skip_locked=True).cte("claimed")
        self._claimed = self._waiting.where(t.key.in_(select(claimed.c.key)))

    def publish(self, tx: Connection, messages: Sequence[Message]) -> list[str]:
        """Have (topic, fact, traceparent) sent, in order, once the transaction has committed; returns the event ids.

        A tombstone is no event: nobody will see the id returned for it.
        """
        event_ids = [str(new_id()) for _ in messages]
        self.publish_records(
            tx,
            [
                (topic, _ending(fact, trace) if isinstance(fact, Tombstone) else encode(fact, self.source, trace, event_id))
                for (topic, fact, trace), event_id in zip(messages, event_ids, strict=True)
            ],
        )
        return event_ids

    def publish_records(self, tx: Connection, records: Sequence[tuple[str, Record]]) -> None:
        """Have records of any content sent: dead letters keep their original bytes."""
        if not records:
            return
        now = utc_now()
        execute_many(
            tx,
            self._insert,
            [
                {"topic": topic, "key": record.key, "value": record.value, "headers": _pack(record.headers), "created_at": now}
                for topic, record in records
            ],
        )

    def backlog(self, tx: Connection) -> Backlog:
        t = self.table
        waiting = select(func.count(), func.min(t.c.created_at)).where(t.c.refusal.is_(None))
        rows, oldest = tx.execute(waiting).one()
        parked = tx.execute(select(func.count()).where(t.c.refusal.is_not(None))).scalar_one()
        return Backlog(rows, parked, oldest if oldest is None or oldest.tzinfo else oldest.replace(tzinfo=UTC))

    def claim(self, tx: Connection) -> list[Row]:
        """The oldest rows that nobody else is sending, in order, at most `BATCH`: the caller's until `tx` ends.

        On SQLite, where a service is one process, nothing is locked: what waits is the caller's.
        """
        claimed = self._claimed if tx.dialect.name == "postgresql" else self._waiting
        found = tx.execute(claimed, {"most": BATCH})
        return [Row(seq, topic, key, value, _unpack(headers)) for seq, topic, key, value, headers in found]

    def remove(self, tx: Connection, sequences: Collection[int]) -> set[int]:
        """Remove rows; returns those that were there no more."""
        return set(sequences) - set(tx.execute(self._remove, {"sequences": list(sequences)}).scalars())

    def gone(self, tx: Connection, sequences: Collection[int]) -> set[int]:
        """Which of these rows are there no more."""
        return set(sequences) - set(tx.execute(self._present, {"sequences": list(sequences)}).scalars())

    def drop_older(self, tx: Connection, topic: str, keys: Collection[str]) -> None:
        """Drop what waits, or is parked, of these keys before their newest record; not what a relay is sending just now."""
        t, newer = self.table.c, self.table.alias("newer")
        has_newer = exists().where(newer.c.topic == t.topic, newer.c.key == t.key, newer.c.seq > t.seq)
        older = select(t.seq).where(t.topic == topic, t.key.in_([key.encode() for key in keys]), has_newer)
        tx.execute(self.table.delete().where(t.seq.in_(older.with_for_update(skip_locked=True))))

    def park(self, tx: Connection, seq: int, refusal: str) -> None:
        """Keep a row that the broker refuses for ever, out of the way of the others."""
        tx.execute(self.table.update().where(self.table.c.seq == seq).values(refusal=refusal[:200]))


def _ending(tombstone: Tombstone, traceparent: str) -> Record:
    return Record(tombstone.key.encode(), None, [("traceparent", traceparent.encode())])


def _pack(headers: Headers) -> bytes:
    """As JSON; Latin-1 has a character for every byte, and foreign headers may hold any."""
    return orjson.dumps([(name, None if value is None else value.decode("latin-1")) for name, value in headers])


def _unpack(headers: bytes) -> Headers:
    return [(name, None if value is None else value.encode("latin-1")) for name, value in orjson.loads(headers)]
