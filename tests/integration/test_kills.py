"""Processes killed in the middle of their work: nothing is lost, and nothing but the same comes twice."""

import asyncio
import os
import signal
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from signal import SIGKILL, SIGTERM
from typing import Any

import pytest
import pytest_asyncio

from services import example
from services.supervisor import State
from shared.events import RegistrationSubmitted, Status
from tests.integration.histories import newest
from tests.integration.live_stack import LiveStack, live_stack
from tests.integration.truth import violations
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

DELEGATES = 120
MORE = 60
AT_ONCE = 32
WAVES = 5
"""So many times it is tried to hit a process in the middle."""
MOVED = "financing-of-terrorism"

Work = Callable[[], Awaitable[object]]


@dataclass
class Crowd:
    """The delegates of the stack, as registration answered for each of them."""

    live: LiveStack
    accepted: dict[str, Status] = field(default_factory=dict)
    waves: int = 0
    amended: Sequence[str] = ()
    """Those who were called something else in the last wave."""

    @property
    def active(self) -> list[str]:
        return [each for each, status in self.accepted.items() if status is Status.ACCREDITED]

    @property
    def function(self) -> str:
        """What everybody last asked to be called."""
        return f"Special envoy {self.waves}"

    async def grow(self, by: int) -> None:
        """Register more people and decide on them: most are accredited."""
        conference, known = self.live.conference, len(self.accepted)
        people = islice(example.delegates(conference, known + by), known, None)

        async def register(number: int, person: RegistrationSubmitted) -> None:
            answer = await self.live.ask("form", "POST", "/delegates", person.model_dump(mode="json", exclude_none=True))
            delegate = f"/delegates/{answer['delegate_id']}"
            match example.ends_as(number, conference.category[person.category]):
                case Status.WITHDRAWN:
                    answer = await self.live.ask("form", "POST", f"{delegate}/withdrawal")
                case Status.REFUSED:
                    refusal = {"decision": "refuse", "reason": "The letter of credentials could not be verified"}
                    answer = await self.live.ask("accreditation", "POST", f"{delegate}/decision", refusal)
                case _:
                    answer = await self.live.ask("accreditation", "POST", f"{delegate}/decision", {"decision": "accredit"})
            self.accepted[answer["delegate_id"]] = Status(answer["status"])

        await at_most(AT_ONCE, [register(number, person) for number, person in enumerate(people, start=known)])

    async def amend(self) -> None:
        """Everybody's function is another, and one session is in another room: a new badge and a notice for each."""
        self.waves += 1
        room = self.live.conference.rooms[self.waves % 2].names
        await self.live.ask("programme", "PATCH", f"/sessions/{MOVED}", {"room": room})
        self.amended = self.active
        change = {"person": {"function": self.function}}
        await at_most(AT_ONCE, [self.live.ask("form", "PATCH", f"/delegates/{each}", change) for each in self.amended])


async def at_most(at_once: int, works: Sequence[Coroutine[Any, Any, object]]) -> None:
    turns = asyncio.Semaphore(at_once)

    async def take_turn(work: Coroutine[Any, Any, object]) -> None:
        async with turns:
            await work

    await asyncio.gather(*map(take_turn, works))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def crowd(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Crowd]:
    async with live_stack(tmp_path_factory.mktemp("kills")) as live:
        await live.stack.start_printers()
        crowd = Crowd(live)
        await crowd.grow(DELEGATES)
        await live.settled()
        yield crowd


@dataclass(frozen=True)
class Victim:
    """A process to be killed: how much it has handled, and how much there was to do, tell whether it is in the middle."""

    process: str
    handled: Callable[[LiveStack], int]
    done: Callable[[LiveStack], int]
    """As `handled`; of printers, who share the work, what all of them did."""
    holds_database: bool = False
    """Its database is locked until all the work lies before it: it then stands in the middle of a batch."""


def revisions(service: str) -> Callable[[LiveStack], int]:
    """How many revisions of delegates are in a service's database."""

    def count(live: LiveStack) -> int:
        with closing(sqlite3.connect(f"file:{live.settings.var / f'{service}.db'}?mode=ro", uri=True)) as database:
            return database.execute("select coalesce(sum(revision), 0) from delegates").fetchone()[0]

    return count


def mails(live: LiveStack) -> int:
    return len(list(live.settings.mail_folder.glob("*.eml")))


def sheets(live: LiveStack) -> int:
    return len(list(live.settings.printed_folder.glob("*.pdf")))


def printed_by(printer: str) -> Callable[[LiveStack], int]:
    def count(live: LiveStack) -> int:
        log = live.settings.log_folder / f"{printer}.jsonl"
        return log.read_bytes().count(b'"badge_printed"')

    return count


REGISTRATION = Victim("registration", revisions("registration"), revisions("registration"))
BADGING = Victim("badging", revisions("badging"), revisions("badging"), holds_database=True)
NOTIFICATIONS = Victim("notifications", revisions("notifications"), revisions("notifications"), holds_database=True)
SENDER = Victim("notifications", mails, mails)
PRINTER = Victim("printer-1", printed_by("printer-1"), sheets)


SIGNALS = pytest.mark.parametrize("with_signal", [SIGKILL, SIGTERM], ids=lambda each: each.name)


@SIGNALS
async def test_nothing_is_lost_where_agents_die_in_a_batch(crowd: Crowd, with_signal: signal.Signals) -> None:
    await killed_in_the_middle(crowd, [BADGING, NOTIFICATIONS], with_signal, crowd.amend, len(crowd.active))
    await all_is_well(crowd)


@SIGNALS
async def test_nothing_is_lost_where_mailing_and_printing_end_halfway(crowd: Crowd, with_signal: signal.Signals) -> None:
    await killed_in_the_middle(crowd, [SENDER, PRINTER], with_signal, crowd.amend, len(crowd.active))
    await all_is_well(crowd)


@SIGNALS
async def test_nobody_is_lost_or_registered_twice_where_intake_dies(crowd: Crowd, with_signal: signal.Signals) -> None:
    await killed_in_the_middle(crowd, [REGISTRATION], with_signal, lambda: crowd.grow(MORE), MORE)
    await all_is_well(crowd)


async def all_is_well(crowd: Crowd) -> None:
    await crowd.live.settled()
    found = await crowd.live.evidence()
    assert violations(found, repeats=True) == []
    registrations = newest(found.registrations)
    assert {key: each.status for key, each in registrations.items()} == crowd.accepted
    amended = {key for key, each in registrations.items() if each.person and each.person.function == crowd.function}
    assert amended == set(crowd.amended)


async def killed_in_the_middle(
    crowd: Crowd, victims: Sequence[Victim], with_signal: signal.Signals, work: Work, amount: int
) -> None:
    """Have `work` done and kill each victim when it has handled some of it, not all; return when all are up again."""
    live, left = crowd.live, list(victims)
    for _ in range(WAVES):
        killings = [Killing(live, victim, with_signal, amount) for victim in left]
        with ExitStack() as locks:
            held = [locks.enter_context(locked(killing.database)) for killing in killings if killing.victim.holds_database]
            strikes = [asyncio.to_thread(killing.strike) for killing in killings]
            if held:
                await work()
                await until(partial(all_is_sent, live), "all of the work lies before them")
                for release in held:
                    release()
                hits = await asyncio.gather(*strikes)
            else:
                *hits, _done = await asyncio.gather(*strikes, work())
        for killing, hit in zip(killings, hits, strict=True):
            if hit:
                left.remove(killing.victim)
                await killing.survived()
        if not left:
            return
        await live.settled()
    pytest.fail(f"{left} were never hit in the middle of their work, in {WAVES} waves")


async def all_is_sent(live: LiveStack) -> bool:
    return (await live.waiting("registration")).get("outbox") == 0


@contextmanager
def locked(database: Path) -> Iterator[Callable[[], None]]:
    """Hold the one write lock of an SQLite database, until the end or until what is yielded is called."""
    with closing(sqlite3.connect(database, isolation_level=None, timeout=20)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield connection.rollback


class Killing:
    """One process that is to be killed in the middle of an amount of work."""

    def __init__(self, live: LiveStack, victim: Victim, with_signal: signal.Signals, amount: int) -> None:
        self.victim = victim
        self._live, self._signal = live, with_signal
        self._pid = live.stack.supervisor.pids()[victim.process]
        self._before = victim.handled(live)
        self._all = victim.done(live) + amount

    @property
    def database(self) -> Path:
        return self._live.settings.var / f"{self.victim.process}.db"

    def strike(self) -> bool:
        """Kill it as soon as it has handled some; returns whether it then had not handled all. Blocks."""
        give_up = time.monotonic() + 60
        while self.victim.handled(self._live) == self._before:
            assert time.monotonic() < give_up, f"{self.victim.process} handles nothing"
            time.sleep(0.001)
        in_the_middle = self.victim.done(self._live) < self._all
        if in_the_middle:
            os.kill(self._pid, self._signal)
        return in_the_middle

    async def survived(self) -> None:
        """Return when it is up again; it must have ended as it should."""
        supervisor, process = self._live.stack.supervisor, self.victim.process
        await until(lambda: supervisor.pids().get(process, self._pid) != self._pid, f"{process} was started again")
        await supervisor.ready(process)
        died = next(each for each in self._live.changes if (each.pid, each.state) == (self._pid, State.DIED))
        assert died.exit_code == (0 if self._signal is SIGTERM else -SIGKILL)
