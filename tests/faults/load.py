"""The load: clients that register, amend, decide, withdraw, enrol and change sessions, and note what they are told.

Each client works on delegates of its own, one change after another, so that what should be is known. One that is told
nothing for sure asks again under the same key, or now and then leaves it at that and never touches that delegate again.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

import httpx

from services.example import generator
from shared.events import RegistrationSubmitted, Status
from tests.faults.history import Asked, History, Kind, Told
from tests.faults.post_office import NEVER_TAKEN
from tests.integration.live_stack import LiveStack

CLIENTS = 32
ANSWER_WITHIN_SECONDS = 6.0
AGAIN_SECONDS = 0.4
PERSISTENCE = 0.85
"""How likely a client asks again when it was told nothing for sure."""
REACHED_WITHIN_SECONDS = 120.0
REGISTRATIONS = 0.2
"""Which part of what is asked registers somebody new."""
UNDELIVERABLE_EVERY = 40
SESSION_CHANGE_EVERY_SECONDS = 2.5
OPEN = (Status.SUBMITTED, Status.ACCREDITED)
UNKNOWN_STATUSES = (0, 500, 502, 503, 504)
"""0 stands for no answer at all."""


@dataclass
class Own:
    """A delegate as its client knows it."""

    delegate_id: str
    status: Status
    category: str
    may_attend: list[str]
    unendorsed: bool
    """Whether a focal point must endorse them first."""
    enrolled: set[str] = field(default_factory=set[str])

    @property
    def may_yet_attend(self) -> list[str]:
        return [each for each in self.may_attend if each not in self.enrolled]


class Load:
    """Runs until `stop`; `history` is then complete."""

    def __init__(self, live: LiveStack, rate: float, seed: int) -> None:
        self.live = live
        self.history = History()
        self._rate = rate
        self._rnd = Random(seed)
        self._people = self._invented(seed)
        self._began = time.monotonic()
        self._stopping = asyncio.Event()
        self._answered = asyncio.Condition()
        self._run = f"run{seed}"

    async def run(self) -> None:
        clients = [Client(self, f"client-{number}", Random(f"{self._run}-{number}")) for number in range(CLIENTS)]
        desk = ProgrammeDesk(self, Random(f"{self._run}-desk"))
        await asyncio.gather(desk.work(), *(each.work(CLIENTS / self._rate) for each in clients))

    def stop(self) -> None:
        self._stopping.set()

    @property
    def stopping(self) -> bool:
        return self._stopping.is_set()

    def now(self) -> float:
        return time.monotonic() - self._began

    def next_person(self) -> RegistrationSubmitted | None:
        return next(self._people, None)

    def _invented(self, seed: int) -> Iterator[RegistrationSubmitted]:
        conference = self.live.conference
        for number, person in enumerate(generator.delegates(conference, generator.places_in(conference), seed)):
            local = f"{NEVER_TAKEN if number % UNDELIVERABLE_EVERY == 0 else ''}p{number}"
            email = f"{local}@{self._run}.example"
            yield person.model_copy(update={"person": person.person.model_copy(update={"email": email}), "sessions": []})

    async def reaches(self, accepted: int) -> None:
        """Wait until so many changes were accepted; raises TimeoutError when they never are."""
        async with asyncio.timeout(REACHED_WITHIN_SECONDS), self._answered:
            await self._answered.wait_for(lambda: self.history.counted(Told.ACCEPTED) >= accepted)

    async def pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            pass

    async def ask(
        self, client: "Client | ProgrammeDesk", kind: Kind, subject: str, mark: str, request: "Request", persistent: bool
    ) -> tuple[Asked, dict[str, Any]]:
        """Ask for one change and note what is told; again and again where `persistent`, until it is told for sure."""
        asked = Asked(len(self.history.asked), client.name, kind, subject, mark, round(self.now(), 3))
        self.history.asked.append(asked)
        key, answer = f"{self._run}-{asked.number}", dict[str, Any]()
        while True:
            asked.attempts += 1
            status, answer = await self._attempt(request, key)
            in_flight = status == 409 and answer["type"].endswith("in-flight")
            if status not in UNKNOWN_STATUSES and not in_flight:
                break
            if not persistent or (self.stopping and asked.attempts > 40):
                return asked, {}
            await asyncio.sleep(AGAIN_SECONDS)
        asked.status, asked.answered_at = status, round(self.now(), 3)
        asked.told = Told.ACCEPTED if status < 300 else Told.REFUSED
        if asked.told is Told.ACCEPTED:
            asked.revision, asked.delegate_id = answer["revision"], answer.get("delegate_id")
        async with self._answered:
            self._answered.notify_all()
        return asked, answer

    async def _attempt(self, request: "Request", key: str) -> tuple[int, dict[str, Any]]:
        headers = {"Authorization": f"Bearer {self.live.stack.keys[request.kind_of_key]}", "Idempotency-Key": key}
        url = f"{self.live.settings.url('registration')}{request.path}"
        try:
            async with asyncio.timeout(ANSWER_WITHIN_SECONDS):
                answer = await self.live.http.request(request.method, url, json=request.body, headers=headers)
        except (httpx.TransportError, TimeoutError):
            return 0, {}
        return answer.status_code, answer.json() if answer.content else {}


@dataclass(frozen=True)
class Request:
    kind_of_key: str
    method: str
    path: str
    body: Any = None


class Client:
    """A form and a desk in one, for delegates of its own."""

    def __init__(self, load: Load, name: str, rnd: Random) -> None:
        self.load, self.name, self._rnd = load, name, rnd
        self._own: list[Own] = []
        self._changes: list[tuple[int, Callable[[Own], Any], Callable[[Own], bool]]] = [
            (4, self._amend, lambda own: own.status in OPEN),
            (7, self._endorse, lambda own: own.status is Status.SUBMITTED and own.unendorsed),
            (7, self._decide, lambda own: own.status is Status.SUBMITTED and not own.unendorsed),
            (1, self._withdraw, lambda own: own.status in OPEN),
            (6, self._enrol, lambda own: own.status is Status.ACCREDITED and bool(own.may_yet_attend)),
            (5, self._leave, lambda own: own.status is Status.ACCREDITED and bool(own.enrolled)),
        ]
        """How often, what, and of whom it can be asked."""

    async def work(self, every_seconds: float) -> None:
        """One change after another; what an outage held up is asked as soon as it ends, as people would."""
        due = self.load.now()
        while not self.load.stopping:
            await self._change_something()
            due += every_seconds * self._rnd.uniform(0.5, 1.5)
            await self.load.pause(max(0.0, due - self.load.now()))

    async def _change_something(self) -> None:
        open_ones = [each for each in self._own[-60:] if each.status in OPEN]
        own = self._rnd.choice(open_ones) if open_ones else None
        if own is None or self._rnd.random() < REGISTRATIONS:
            person = self.load.next_person()
            if person is not None:
                await self._register(person)
                return
        if own is not None:
            possible = [(weight, change) for weight, change, can_be in self._changes if can_be(own)]
            weights, changes = zip(*possible, strict=True)
            await self._rnd.choices(changes, weights)[0](own)

    async def _ask(self, kind: Kind, own: Own | None, subject: str, mark: str, request: Request) -> dict[str, Any] | None:
        """The answer, or `None` where it was refused. A delegate of whom nothing is known for sure is let go."""
        asked, answer = await self.load.ask(self, kind, subject, mark, request, self._rnd.random() < PERSISTENCE)
        if own is not None and asked.told is Told.UNKNOWN:
            self._own.remove(own)
        if asked.told is not Told.ACCEPTED:
            return None
        if own is not None:
            own.status = Status(answer["status"])
            own.enrolled = {each["session_id"] for each in answer["enrolments"] if each["state"] != "released"}
        return answer

    async def _register(self, person: RegistrationSubmitted) -> None:
        email = person.person.email
        request = Request("form", "POST", "/delegates", person.model_dump(mode="json", exclude_none=True))
        answer = await self._ask(Kind.REGISTER, None, email, email, request)
        if answer is not None:
            conference = self.load.live.conference
            may_attend = [each.session_id for each in conference.sessions if person.category in each.audience]
            unendorsed = "endorsement" in answer.get("needs", [])
            self._own.append(Own(answer["delegate_id"], Status(answer["status"]), person.category, may_attend, unendorsed))

    async def _amend(self, own: Own) -> None:
        function = f"Envoy {len(self.load.history.asked)}"
        request = Request("accreditation", "PATCH", f"/delegates/{own.delegate_id}", {"person": {"function": function}})
        await self._ask(Kind.AMEND, own, own.delegate_id, function, request)

    async def _decide(self, own: Own) -> None:
        path = f"/delegates/{own.delegate_id}/decision"
        if self._rnd.random() < 0.15:
            body = {"decision": "refuse", "reason": "The letter of credentials could not be verified"}
            await self._ask(Kind.REFUSE, own, own.delegate_id, "refused", Request("accreditation", "POST", path, body))
        else:
            request = Request("accreditation", "POST", path, {"decision": "accredit"})
            await self._ask(Kind.ACCREDIT, own, own.delegate_id, "accredited", request)

    async def _endorse(self, own: Own) -> None:
        """As their focal point would; then the desk decides."""
        path = f"/delegates/{own.delegate_id}/endorsement"
        request = Request("accreditation", "POST", path, {"decision": "endorse"})
        own.unendorsed = await self._ask(Kind.ENDORSE, own, own.delegate_id, "submitted", request) is None

    async def _withdraw(self, own: Own) -> None:
        request = Request("form", "POST", f"/delegates/{own.delegate_id}/withdrawal")
        await self._ask(Kind.WITHDRAW, own, own.delegate_id, "withdrawn", request)

    async def _enrol(self, own: Own) -> None:
        session = self._rnd.choice(own.may_yet_attend)
        request = Request("form", "PUT", f"/delegates/{own.delegate_id}/sessions/{session}")
        await self._ask(Kind.ENROL, own, own.delegate_id, session, request)

    async def _leave(self, own: Own) -> None:
        session = self._rnd.choice(sorted(own.enrolled))
        request = Request("form", "DELETE", f"/delegates/{own.delegate_id}/sessions/{session}")
        await self._ask(Kind.LEAVE, own, own.delegate_id, session, request)


class ProgrammeDesk:
    """Moves, resizes, cancels and reinstates sessions; always asks until it is told for sure."""

    name = "programme-desk"

    def __init__(self, load: Load, rnd: Random) -> None:
        self.load, self._rnd = load, rnd
        self._sessions = [each.session_id for each in load.live.conference.sessions if each.capacity]
        self._capacity = {each.session_id: each.capacity or 0 for each in load.live.conference.sessions}
        self._cancelled: set[str] = set()

    async def work(self) -> None:
        while not self.load.stopping:
            session = self._rnd.choice(self._sessions)
            await self._change(session)
            await self.load.pause(SESSION_CHANGE_EVERY_SECONDS * self._rnd.uniform(0.5, 1.5))

    async def _change(self, session: str) -> None:
        number = len(self.load.history.asked)
        if session in self._cancelled:
            kind, mark, change = Kind.REINSTATE, "scheduled", {"status": "scheduled"}
        elif self._rnd.random() < 0.15:
            kind, mark, change = Kind.CANCEL, "cancelled", {"status": "cancelled"}
        elif self._rnd.random() < 0.3:
            capacity = self._capacity[session] + 1 + number
            kind, mark, change = Kind.RESIZE, str(capacity), {"capacity": capacity}
        else:
            room = f"Room {number}"
            kind, mark, change = Kind.MOVE, room, {"room": {"en": room, "fr": f"Salle {number}"}}
        request = Request("programme", "PATCH", f"/sessions/{session}", change)
        asked, _ = await self.load.ask(self, kind, session, mark, request, persistent=True)
        if asked.told is Told.ACCEPTED and kind in (Kind.CANCEL, Kind.REINSTATE):
            self._cancelled.symmetric_difference_update({session})
