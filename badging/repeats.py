"""A reprint that is asked for twice under one `Idempotency-Key` makes one badge."""

import hashlib
from typing import NamedTuple, Self
from uuid import UUID

from sqlalchemy import Connection, select

from badging.store import reprints
from shared.database import insert
from shared.problems import Problem
from shared.said import say


class Repeat(NamedTuple):
    """What a repeated request is known by: the caller's key (as its SHA-256) and the idempotency key."""

    caller: str
    key: str
    request_hash: bytes

    @classmethod
    def of(cls, caller: str, key: str, badge_id: UUID, body: bytes) -> Self:
        return cls(caller, key, hashlib.sha256(badge_id.bytes + body).digest())


def claim(tx: Connection, repeat: Repeat) -> UUID | None:
    """The badge that this request made before; `None` where it is new, and then `keep` must follow.

    The same request in another transaction is waited for. Raises a `Problem`, 422, where the key came with another body.
    """
    row = {"caller": repeat.caller, "idempotency_key": repeat.key, "request_hash": repeat.request_hash}
    unless_known = insert(tx, reprints).values(row).on_conflict_do_nothing()
    claimed = tx.execute(unless_known, execution_options={"preserve_rowcount": True})
    if claimed.rowcount:
        return None
    r = reprints.c
    query = select(r.request_hash, r.badge_id).where(r.caller == repeat.caller, r.idempotency_key == repeat.key)
    request_hash, badge_id = tx.execute(query).one()
    if request_hash != repeat.request_hash:
        detail = say("This key was used with another body. Use a new key for a new request.")
        raise Problem(422, "key-reused", say("The idempotency key belongs to another request."), detail)
    return badge_id


def keep(tx: Connection, repeat: Repeat, badge_id: UUID) -> None:
    """Remember which badge the claimed request made."""
    r = reprints.c
    tx.execute(reprints.update().where(r.caller == repeat.caller, r.idempotency_key == repeat.key).values(badge_id=badge_id))
