"""The example conference as external forms and desks would drive it: registrations, decisions, changes, over HTTP.

Every post carries an idempotency key made of the seed number and its place in it, so that a run that is repeated, or
goes on after a crash, registers nobody twice.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import httpx

from services.example import generator
from services.example.letters import letter
from shared.conference import Conference, SessionPlanned
from shared.events import Language, RegistrationSubmitted, Status

AT_ONCE = 16
"""With 64 connections httpx spends three times the processor time on a request."""
FORM = "form"
ACCREDITATION = "accreditation"
PROGRAMME = "programme"
PDF = "application/pdf"

T = TypeVar("T")
Done = Callable[[], None]


class SimulationFailed(Exception):
    """Registration did not answer as it should; the message says to what."""


@dataclass(frozen=True, slots=True)
class Posted:
    """A delegate as registration answered: when it was asked (`time.time`), and what came of it."""

    asked_at: float
    delegate_id: str
    category: str
    language: Language
    status: str
    delegation: str
    needs: Sequence[str] = ()
    """What must come before they are accredited."""


@dataclass(slots=True)
class Simulation:
    """Posts to the registration service at `url` with `keys`, by kind."""

    url: str
    keys: dict[str, str]
    conference: Conference
    seed: int = generator.SEED
    posted: list[Posted] = field(default_factory=list[Posted])

    async def register(self, count: int, rate: float | None, done: Done = lambda: None) -> list[Posted]:
        """Register `count` delegates, at most `rate` a second."""
        people = list(generator.delegates(self.conference, count, self.seed))
        started = time.monotonic()
        async with self._client(FORM) as client:

            async def register_one(index: int, person: RegistrationSubmitted) -> Posted:
                if rate is not None:
                    await asyncio.sleep(max(0.0, started + index / rate - time.monotonic()))
                asked_at = time.time()
                body = person.model_dump_json(exclude_none=True)
                answer = await self._send(client, "POST", "/delegates", body, f"{self.seed}-{index}")
                done()
                return Posted(
                    asked_at,
                    answer["delegate_id"],
                    person.category,
                    person.person.language,
                    answer["status"],
                    person.delegation,
                    answer.get("needs", ()),
                )

            self.posted = await _at_most(AT_ONCE, [lambda i=i, p=p: register_one(i, p) for i, p in enumerate(people)])
        return self.posted

    async def decide(self, done: Done = lambda: None) -> None:
        """Accredit, refuse and withdraw as the example says who ends how.

        Before that their delegations' letters come, and focal points endorse whoever needs it.
        """
        await self.give_letters({each.delegation for each in self.posted if "letter" in each.needs})
        async with self._client(ACCREDITATION) as client:

            async def decide_one(index: int, posted: Posted) -> None:
                category = self.conference.category[posted.category]
                ending = generator.ends_as(index, category)
                path = f"/delegates/{posted.delegate_id}"
                key = f"{self.seed}-{index}-{ending.value}"
                if category.needs_endorsement and ending is not Status.WITHDRAWN:
                    await self._send(
                        client, "POST", f"{path}/endorsement", {"decision": "endorse"}, f"{self.seed}-{index}-endorse"
                    )
                if ending is Status.WITHDRAWN:
                    await self._send(client, "POST", f"{path}/withdrawal", None, key)
                elif ending is Status.REFUSED:
                    decision = {"decision": "refuse", "reason": generator.REFUSALS[posted.language]}
                    await self._send(client, "POST", f"{path}/decision", decision, key)
                elif posted.status != ending.value:
                    await self._send(client, "POST", f"{path}/decision", {"decision": "accredit"}, key)
                done()

            await _at_most(AT_ONCE, [lambda i=i, p=p: decide_one(i, p) for i, p in enumerate(self.posted)])

    async def give_letters(self, codes: Iterable[str]) -> None:
        """Give the letters of credentials of these delegations."""
        async with self._client(ACCREDITATION) as client:

            async def give(code: str) -> None:
                body = await asyncio.to_thread(letter, self.conference.delegation[code], self.conference)
                await self._send(client, "PUT", f"/delegations/{code}/letter", body, f"{self.seed}-{code}-letter", PDF)

            await _at_most(AT_ONCE, [lambda c=code: give(c) for code in sorted(codes)])

    async def change_programme(self) -> list[str]:
        """Move one session, cancel one and resize one, as far as there are so many with a number of places.

        Returns their ids in that order. Idempotent.
        """
        limited = sorted((each for each in self.conference.sessions if each.capacity), key=lambda each: -(each.capacity or 0))
        changes = [
            (session.session_id, change(session))
            for session, change in zip(limited, (self._moved, _cancelled, _resized), strict=False)
        ]
        async with self._client(PROGRAMME) as client:
            for session_id, change in changes:
                await self._send(client, "PATCH", f"/sessions/{session_id}", change, f"{self.seed}-{session_id}-change")
        return [session_id for session_id, _ in changes]

    def _moved(self, session: SessionPlanned) -> dict[str, Any]:
        later = session.starts_at.replace(tzinfo=self.conference.zone_info) + timedelta(minutes=30)
        length = session.ends_at - session.starts_at
        largest = max(self.conference.rooms, key=lambda room: room.capacity)
        return {"starts_at": _utc(later), "ends_at": _utc(later + length), "room": largest.names}

    def _client(self, kind: str) -> httpx.AsyncClient:
        limits = httpx.Limits(max_connections=AT_ONCE)
        headers = {"Authorization": f"Bearer {self.keys[kind]}"}
        return httpx.AsyncClient(base_url=self.url, headers=headers, limits=limits, timeout=30)

    async def _send(
        self, client: httpx.AsyncClient, method: str, path: str, body: Any, key: str, media_type: str = "application/json"
    ) -> dict[str, Any]:
        """Send until answered: a 503 or a broken connection is repeated with the same key, as a form should."""
        content = body if isinstance(body, str | bytes) else None if body is None else json.dumps(body)
        headers = {"Idempotency-Key": key, "Content-Type": media_type}
        for pause in (0.2, 0.5, 1, 2, 4, 8):
            try:
                answer = await client.request(method, path, headers=headers, content=content)
            except httpx.TransportError:
                await asyncio.sleep(pause)
                continue
            if answer.status_code not in (409, 503):
                break
            await asyncio.sleep(pause)
        else:
            raise SimulationFailed(f"{method} {path} was not answered; does registration run at {self.url}?")
        if answer.is_error:
            raise SimulationFailed(f"{method} {path} was answered {answer.status_code}: {answer.text[:500]}")
        return answer.json()


def _cancelled(_: SessionPlanned) -> dict[str, Any]:
    return {"status": "cancelled"}


def _resized(session: SessionPlanned) -> dict[str, Any]:
    return {"capacity": (session.capacity or 0) + 40}


def in_words(changed: Sequence[str]) -> str:
    """What `change_programme` did, from what it returned."""
    done = [f"{session_id} {what}" for session_id, what in zip(changed, ("moved", "cancelled", "only resized"), strict=False)]
    return ", ".join(done) or "no session changed, since none has a number of places"


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()


async def _at_most(at_once: int, works: Sequence[Callable[[], Awaitable[T]]]) -> list[T]:
    turns = asyncio.Semaphore(at_once)

    async def take_turn(work: Callable[[], Awaitable[T]]) -> T:
        async with turns:
            return await work()

    return await asyncio.gather(*(take_turn(work) for work in works))
