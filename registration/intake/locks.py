"""Locks between replicas on PostgreSQL, held until the transaction ends. SQLite needs none: its writers take turns."""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, text

BUCKETS = 2**10
"""Names share this many locks: PostgreSQL has room for 6,400 in all by default, and a session's crowd may be larger."""

_HOLD = text(
    "select pg_advisory_xact_lock(bucket) from"
    " (select distinct hashtextextended(name, 0) & :last bucket from unnest(cast(:names as text[])) name"
    " order by bucket) buckets"
)
_TRY = text("select name, pg_try_advisory_xact_lock(hashtextextended(name, 1)) from unnest(cast(:names as text[])) name")


def hold(tx: Connection, names: Iterable[str]) -> None:
    """Wait for `names` and hold them. They are taken in one order, so that no two transactions wait in a ring.

    Once a transaction: what is taken later would be out of order.
    """
    if tx.dialect.name == "postgresql":
        tx.execute(_HOLD, {"names": list(names), "last": BUCKETS - 1})


def held_elsewhere(tx: Connection, names: Sequence[str]) -> list[str]:
    """Hold what is free of `names` without waiting; return those that another transaction holds."""
    if tx.dialect.name != "postgresql":
        return []
    return [name for name, held in tx.execute(_TRY, {"names": list(names)}) if not held]
