"""Answers kept for repeats: the same key and body get the same answer, before any rule is asked.

The scope of a key is its caller; of an event, its `source` and `id`. Answers are kept as long as the conference, in the
transaction of the change they tell of. A refusal is not kept: corrected, it may be sent again under its key. Of an erased
delegate the keys alone are kept.
"""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple, Self

import orjson
from sqlalchemy import Connection, select

from registration.intake.locks import held_elsewhere
from registration.service import Answer, Erased
from registration.store import ERASED_ANSWER, answers
from shared.problems import Problem
from shared.rows import among, execute_many
from shared.said import say

_INSERT = answers.insert()
_KEPT = select(answers.c.name, answers.c.body_hash, answers.c.status, answers.c.body).where(among(answers.c.name, "names"))


class Idempotency(NamedTuple):
    """What a repeat is known by, and the SHA-256 of the body it must come with."""

    name: str
    body_hash: bytes

    @classmethod
    def of(cls, scope: str, key: str, *body: bytes) -> Self:
        """`key` is unique within `scope`; neither holds a line end. Keys that rise are stored side by side."""
        return cls(f"{scope}\n{key}", hashlib.sha256(b"\0".join(body)).digest())

    def of_part(self, number: int) -> Self:
        """Of one part of what was asked under this key."""
        return self._replace(name=f"{self.name}\n{number}")


def in_flight() -> Problem:
    detail = say("The first request with this key is not answered yet. Repeat this one in a moment.")
    return Problem(409, "in-flight", say("A request with this key is being decided."), detail, headers={"Retry-After": "1"})


class KeptAnswers:
    """The answers that a group may repeat, and those it adds."""

    def __init__(self, known: dict[str, tuple[bytes, Answer]], busy: set[str], new: dict[str, tuple[bytes, Answer]]) -> None:
        self._known, self._busy, self._new = known, busy, new

    @classmethod
    def load(cls, tx: Connection, asked: Sequence[str]) -> Self:
        """What is kept under the names `asked`; on PostgreSQL they are held against other replicas' groups."""
        if not asked:
            return cls({}, set(), {})
        busy = set(held_elsewhere(tx, asked))
        found = tx.execute(_KEPT, {"names": asked})
        known = {name: (hashed, Answer(status, orjson.loads(body))) for name, hashed, status, body in found}
        return cls(known, busy, {})

    def find(self, repeat: Idempotency) -> Answer | None:
        """The answer to repeat, if any.

        Raises 409 while another replica decides it, 422 where the body differs, `Erased` where it was about a delegate
        who is erased since.
        """
        kept = self._new.get(repeat.name) or self._known.get(repeat.name)
        if kept is None:
            if repeat.name in self._busy:
                raise in_flight()
            return None
        body_hash, answer = kept
        if answer.status == ERASED_ANSWER:
            raise Erased
        if body_hash != repeat.body_hash:
            detail = say("This key was used with another body. Use a new key for a new request.")
            raise Problem(422, "key-reused", say("The idempotency key belongs to another request."), detail)
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
                {"name": name, "body_hash": body_hash, "status": answer.status, "body": orjson.dumps(answer.body)}
                for name, (body_hash, answer) in self._new.items()
            ]
            execute_many(tx, _INSERT, rows)
