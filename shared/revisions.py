"""What a reader keeps of a compacted topic: per key the content of the highest revision, and nothing lower.

Duplicates, replays and late events are harmless by construction: `keep_newest` returns only what is news.
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Generic, NamedTuple, TypeVar

from sqlalchemy import Column, Connection, Integer, MetaData, String, Table, Text, select

from shared.database import insert
from shared.events import DelegateRegistered, Fact, SessionChanged, Status
from shared.faults import Overtaken
from shared.received import Received, RefusedEvent
from shared.rows import among, upsert

Revised = DelegateRegistered | SessionChanged
R = TypeVar("R", DelegateRegistered, SessionChanged)


class RevisionConflict(RefusedEvent):
    """The same revision of one key came with two contents: one of them is a fault of whoever wrote it."""


class News(NamedTuple, Generic[R]):
    """A fact newer than what was known, and what was known."""

    received: Received[R]
    before: R | None


class KnownFacts(Generic[R]):
    """The newest fact of each key, in a table of the service that reads it."""

    def __init__(self, metadata: MetaData, name: str, fact_type: type[R]) -> None:
        self.fact_type = fact_type
        self.table = Table(
            name,
            metadata,
            Column("key", String(64), primary_key=True),
            Column("revision", Integer, nullable=False),
            Column("content", Text, nullable=False),
        )
        self.erased = Table(f"{name}_erased", metadata, Column("key_hash", String(64), primary_key=True))
        columns = self.table.c
        self._by_key = select(columns.key, columns.content).where(among(columns.key, "keys")).order_by(columns.key)
        self._by_key_locked = self._by_key.with_for_update()
        self._erased_among = select(self.erased.c.key_hash).where(among(self.erased.c.key_hash, "hashes"))

    def get(self, tx: Connection, keys: Iterable[str], *, lock: bool = False) -> dict[str, R]:
        """The newest known fact of each of `keys`, an unknown one absent; with `lock`, held until the transaction ends."""
        found = tx.execute(self._by_key_locked if lock else self._by_key, {"keys": list(keys)})
        return {key: self.fact_type.model_validate_json(content) for key, content in found}

    def keep_newest(self, tx: Connection, batch: Sequence[Received[R]]) -> list[News[R]]:
        """Store what is newer than what was known and return it, one per key; drop the rest.

        The rows of `batch` stay locked until the transaction ends. Raises `RevisionConflict` where a revision that is
        known comes with other content, and `Overtaken` where another replica stored a new key meanwhile.
        """
        newest: dict[str, Received[R]] = {}
        for received in batch:
            key = received.fact.key
            held = newest.get(key)
            if held is not None and held.fact.revision == received.fact.revision:
                _same_content(held.fact, received.fact)
            if held is None or received.fact.revision > held.fact.revision:
                newest[key] = received
        for key in self._erased_keys(tx, newest):
            del newest[key]
        known = self.get(tx, newest, lock=True)
        news: list[News[R]] = []
        for key, received in newest.items():
            before = known.get(key)
            if before is not None and before.revision == received.fact.revision:
                _same_content(before, received.fact)
            if before is None or received.fact.revision > before.revision:
                news.append(News(received, before))
        self._store(tx, [each.received.fact for each in news])
        return news

    def forget(self, tx: Connection, keys: Sequence[str]) -> None:
        """Take a tombstone: the erased fact goes, the hash of its key stays for ever."""
        tx.execute(self.table.delete().where(self.table.c.key.in_(keys)))
        tx.execute(insert(tx, self.erased).on_conflict_do_nothing(), [{"key_hash": _hash(key)} for key in keys])

    def _store(self, tx: Connection, facts: Sequence[R]) -> None:
        if not facts:
            return
        rows = [{"key": fact.key, "revision": fact.revision, "content": fact.model_dump_json()} for fact in facts]
        if upsert(tx, self.table, rows, rising="revision") != len(rows):
            raise Overtaken
        erased = [{"key_hash": _hash(fact.key)} for fact in facts if _is_erased(fact)]
        if erased:
            tx.execute(insert(tx, self.erased).on_conflict_do_nothing(), erased)

    def _erased_keys(self, tx: Connection, keys: Iterable[str]) -> list[str]:
        hashes = {_hash(key): key for key in keys}
        found = tx.execute(self._erased_among, {"hashes": list(hashes)})
        return [hashes[key_hash] for key_hash in found.scalars()]


def _same_content(known: Fact, received: Fact) -> None:
    if known != received:
        raise RevisionConflict(f"revision of {received.event_type} {received.key} is already known with other content")


def _is_erased(fact: Revised) -> bool:
    return isinstance(fact, DelegateRegistered) and fact.status is Status.ERASED


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
