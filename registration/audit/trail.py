"""The audit trail's tables: one chain of entries, added to in the transaction of the change that an entry tells of."""

from collections.abc import Collection, Iterator, Sequence
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import (
    JSON,
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    bindparam,
    cast,
    select,
    type_coerce,
)

from registration.audit.entries import START, Action, ActorKind, Entry, Head, KeptEntry, chained, delegation_hash, id_hash
from shared.events import Slug
from shared.rows import among, execute_many

MAX_PAGE = 500
_CHAIN = "decisions"
_PAGE = 1000


class TrailFilter(BaseModel):
    """Which entries are asked for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    delegate: UUID | None = None
    delegate_sha256: Annotated[str | None, Field(pattern="^[0-9a-f]{64}$", description="As entries name a delegate")] = None
    delegation: Annotated[
        Slug | None, Field(description="About its letter, and its people, of whom not even the id is erased yet")
    ] = None
    action: Action | None = None
    kind: Annotated[ActorKind | None, Field(description="Of who decided")] = None
    after: Annotated[int, Field(ge=0, le=2**31 - 1, description="`next_after` of the page before")] = 0
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = 100


class Trail:
    """One chain for all replicas, in the order in which transactions reached it."""

    def __init__(self, metadata: MetaData) -> None:
        self._entries = Table(
            "audit_trail",
            metadata,
            Column("seq", Integer, primary_key=True, autoincrement=False),
            Column("delegate_hash", String(64), nullable=False),
            Column("content", Text, nullable=False),
            Column("hash", LargeBinary(32), nullable=False),
            Index("audit_trail_by_delegate", "delegate_hash"),
        )
        self._heads = Table(
            "audit_head",
            metadata,
            Column("chain", String(16), primary_key=True),
            Column("seq", Integer, nullable=False),
            Column("hash", LargeBinary(32), nullable=False),
        )
        self._insert = self._entries.insert()
        e = self._entries.c
        self._of = select(e.content).where(e.delegate_hash == bindparam("subject")).order_by(e.seq)
        h = self._heads.c
        self._head = select(h.seq, h.hash).where(h.chain == _CHAIN)

    def append(self, tx: Connection, decided: Sequence[Entry]) -> None:
        """Add entries in their order. On PostgreSQL the head is held until `tx` ends: let it be its last statement."""
        if not decided:
            return
        seq, last = tx.execute(self._head.with_for_update()).one()
        rows: list[dict[str, object]] = []
        for each in decided:
            seq += 1
            content = each.content(seq)
            last = chained(last, content)
            rows.append({"seq": seq, "delegate_hash": each.subject_hash, "content": content, "hash": last})
        execute_many(tx, self._insert, rows)
        tx.execute(self._heads.update().where(self._heads.c.chain == _CHAIN).values(seq=seq, hash=last))

    def head(self, tx: Connection) -> Head:
        """How far the trail goes. A head that was deleted is told as none, which no chain but an empty one ends at."""
        row = tx.execute(self._head).first()
        return Head(0, START) if row is None else Head(row.seq, row.hash)

    def entries(self, tx: Connection) -> Iterator[KeptEntry]:
        """Every entry, by number, read in pages."""
        e, after = self._entries.c, -1
        while True:
            page = tx.execute(select(self._entries).where(e.seq > after).order_by(e.seq).limit(_PAGE)).all()
            yield from (KeptEntry(*row) for row in page)
            if len(page) < _PAGE:
                return
            after = page[-1].seq

    def page(self, tx: Connection, asked: TrailFilter, about: Collection[str] | None = None) -> list[KeptEntry]:
        """The entries that match, by number; `about` are the hashes of what they are about, where not about all."""
        e = self._entries.c
        entry = cast(e.content, JSON) if tx.dialect.name == "postgresql" else type_coerce(e.content, JSON)
        wanted = select(self._entries).where(e.seq > asked.after).order_by(e.seq).limit(asked.limit)
        parameters: dict[str, list[str]] = {}
        if about is not None:
            wanted = wanted.where(among(e.delegate_hash, "hashes"))
            parameters["hashes"] = list(about)
        if asked.delegate_sha256 is not None:
            wanted = wanted.where(e.delegate_hash == asked.delegate_sha256)
        if asked.action is not None:
            wanted = wanted.where(entry["action"].as_string() == asked.action)
        if asked.kind is not None:
            wanted = wanted.where(entry["by"]["kind"].as_string() == asked.kind)
        return [KeptEntry(*row) for row in tx.execute(wanted, parameters)]

    def about(self, tx: Connection, delegate_id: UUID) -> list[str]:
        """The contents of the entries about one delegate, the first first."""
        return self._about(tx, id_hash(delegate_id))

    def about_delegation(self, tx: Connection, code: str) -> list[str]:
        """Likewise about a delegation as a whole: its letter."""
        return self._about(tx, delegation_hash(code))

    def _about(self, tx: Connection, subject_hash: str) -> list[str]:
        return list(tx.execute(self._of, {"subject": subject_hash}).scalars())
