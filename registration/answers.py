"""Answers kept for repeats: the same key and body get the same answer, before any rule is asked.

The scope of a key is its caller; of an event, its `source` and `id`. Answers are kept as long as the conference, in the
transaction of the change they tell of. A refusal is not kept: corrected, it may be sent again under its key.
"""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple, Self

import orjson
from sqlalchemy import Connection, select, tuple_

from registration.locks import held_elsewhere
from registration.service import Answer
from registration.store import answers
from shared.problems import Problem


class Name(NamedTuple):
    scope: str
    key: str


class Idempotency(NamedTuple):
    """What a repeat is known by, and the SHA-256 of the body it must come with."""

    name: Name
    body_hash: bytes

    @classmethod
    def of(cls, scope: str, key: str, *body: bytes) -> Self:
        return cls(Name(scope, key), hashlib.sha256(b"\0".join(body)).digest())


def in_flight() -> Problem:
    detail = "The first request with this key is not answered yet. Repeat this one in a moment."
    return Problem(409, "in-flight", "A request with this key is being decided.", detail, headers={"Retry-After": "1"})


class KeptAnswers:
    """The answers that a group may repeat, and those it adds."""

    def __init__(self, known: dict[Name, tuple[bytes, Answer]], busy: set[Name], new: dict[Name, tuple[bytes, Answer]]) -> None:
        self._known, self._busy, self._new = known, busy, new

    @classmethod
    def load(cls, tx: Connection, asked: Sequence[Name]) -> Self:
        """What is kept under the names `asked`; on PostgreSQL they are held against other replicas' groups."""
        if not asked:
            return cls({}, set(), {})
        busy = set(held_elsewhere(tx, {f"{len(name.scope)} {name.scope} {name.key}": name for name in asked}))
        columns = answers.c
        query = select(columns.scope, columns.idempotency_key, columns.body_hash, columns.status, columns.body)
        found = tx.execute(query.where(tuple_(columns.scope, columns.idempotency_key).in_(asked)))
        known = {Name(scope, key): (hashed, Answer(status, orjson.loads(body))) for scope, key, hashed, status, body in found}
        return cls(known, busy, {})

    def find(self, repeat: Idempotency) -> Answer | None:
        """The answer to repeat, if any. Raises 409 while another replica decides it, 422 where the body differs."""
        kept = self._new.get(repeat.name) or self._known.get(repeat.name)
        if kept is None:
            if repeat.name in self._busy:
                raise in_flight()
            return None
        body_hash, answer = kept
        if body_hash != repeat.body_hash:
            detail = "This key was used with another body. Use a new key for a new request."
            raise Problem(422, "key-reused", "The idempotency key belongs to another request.", detail)
        return answer

    def keep(self, asked: Idempotency, answer: Answer) -> None:
        self._new[asked.name] = (asked.body_hash, answer)

    def fork(self) -> Self:
        return type(self)(self._known, self._busy, dict(self._new))

    def adopt(self, fork: Self) -> None:
        self._new = fork._new

    def store(self, tx: Connection) -> None:
        if self._new:
            rows = [
                {
                    "scope": name.scope,
                    "idempotency_key": name.key,
                    "body_hash": body_hash,
                    "status": answer.status,
                    "body": orjson.dumps(answer.body),
                }
                for name, (body_hash, answer) in self._new.items()
            ]
            tx.execute(answers.insert(), rows)
