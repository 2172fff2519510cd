"""Ways to kill a process of a live stack in the middle of its work, so that it is known to have been in the middle."""

import asyncio
import os
import sqlite3
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from signal import SIGCONT, SIGKILL, SIGSTOP, SIGTERM, Signals

import pytest

from services.embedded.stack import PRINTERS
from services.embedded.supervisor import State
from shared import topics
from shared.flows import PRINTERS as GROUP
from tests.integration.live_stack import LiveStack
from tests.waiting import until

WAVES = 5
"""So many times it is tried to hit a process in the middle."""
STRIKES_WITHIN_SECONDS = 60.0
TWO_COMMITS_SECONDS = 1.2
"""Agents commit what they acknowledged every half a second."""
MOMENT_SECONDS = 0.2
"""For what is under way to reach a server that stands still: nothing tells from outside that it has."""

Work = Callable[[], Awaitable[object]]


class Killing(ABC):
    """One way to kill one process. `begin` is given each wave of work, of `amount` pieces, before it is done."""

    after_work = False
    """Whether it strikes only when all of the work lies before the process."""

    def __init__(self, process: str) -> None:
        self.process = process

    def begin(self, live: LiveStack, with_signal: Signals, amount: int) -> None:
        self.live = live
        self._signal = with_signal
        self._pid = pid_of(live, self.process)
        self._before = self.handled()
        self._all = self.done() + amount

    @abstractmethod
    def handled(self) -> int:
        """How much the process has handled in its life and before."""

    def done(self) -> int:
        """How much has been handled by all who share the work."""
        return self.handled()

    @contextmanager
    def hindrance(self) -> Iterator[None]:
        """What keeps the process from going on, for the length of the work at most."""
        yield

    def strike(self) -> bool:
        """Kill it as soon as it has handled some; returns whether it then had not handled all. Blocks."""
        self._await_some()
        return self._kill_unless_done()

    async def survived(self) -> None:
        """Return when it is up again; it must have ended as it should."""
        supervisor = self.live.stack.supervisor
        await until(lambda: supervisor.pids().get(self.process, self._pid) != self._pid, f"{self.process} was started again")
        await supervisor.ready(self.process)
        died = next(each for each in self.live.changes if (each.pid, each.state) == (self._pid, State.DIED))
        assert died.exit_code == (0 if self._signal is SIGTERM else -SIGKILL)

    def _await_some(self) -> None:
        """Return when the process has handled some, or others who share the work all of it."""
        give_up = time.monotonic() + STRIKES_WITHIN_SECONDS
        while self.handled() == self._before and self.done() < self._all:
            assert time.monotonic() < give_up, f"{self.process} handles nothing"
            time.sleep(0.001)  # it is to be struck in the middle of its work, of which it tells nobody

    def _kill_unless_done(self) -> bool:
        in_the_middle = self.done() < self._all
        if in_the_middle:
            os.kill(self._pid, self._signal)
        return in_the_middle


class OfAgents(Killing):
    """Its database is locked by somebody else until all of the work lies before it."""

    after_work = True

    def handled(self) -> int:
        return revisions(self.live, self.process)

    @contextmanager
    def hindrance(self) -> Iterator[None]:
        database = self.live.settings.var / f"{self.process}.db"
        with closing(sqlite3.connect(database, isolation_level=None, timeout=20, check_same_thread=False)) as self._lock:
            self._lock.execute("BEGIN IMMEDIATE")
            yield


class AfterABatch(OfAgents):
    """It dies in the batch after its first."""

    def strike(self) -> bool:
        self._lock.rollback()
        return super().strike()


class WithinABatch(OfAgents):
    """It dies with a batch that it took and cannot commit, and of which it must not have acknowledged anything."""

    def strike(self) -> bool:
        look_until = time.monotonic() + TWO_COMMITS_SECONDS
        while time.monotonic() < look_until:
            assert self._unread() == self._all - self._before, f"{self.process} acknowledged what it has not committed"
        killed = self._kill_unless_done()
        self._lock.rollback()
        return killed

    def _unread(self) -> int:
        return self.live.positions.unread(self.process, topics.DELEGATE_REGISTERED)


class WhilePrinting(Killing):
    """A printer dies while others print the rest. All of them stand still until all of the work lies before them."""

    def begin(self, live: LiveStack, with_signal: Signals, amount: int) -> None:
        super().begin(live, with_signal, amount)
        self._amount = amount

    def handled(self) -> int:
        return (self.live.settings.log_folder / f"{self.process}.jsonl").read_bytes().count(b'"badge_printed"')

    def done(self) -> int:
        return len(list(self.live.settings.printed_folder.glob("*.pdf")))

    @contextmanager
    def hindrance(self) -> Iterator[None]:
        with ExitStack() as self._hold:
            for printer in PRINTERS:
                self._hold.enter_context(stopped(pid_of(self.live, printer)))
            yield

    def strike(self) -> bool:
        give_up = time.monotonic() + STRIKES_WITHIN_SECONDS
        while self.live.positions.unread(f"{GROUP}.main", topics.badge_queue("main")) < self._amount:
            assert time.monotonic() < give_up, "the badges are not issued"
        self._hold.close()
        return super().strike()


class WhileMailing(Killing):
    """Notifications dies when it has handed mails to a mail server that does not answer."""

    def __init__(self) -> None:
        super().__init__("notifications")

    def handled(self) -> int:
        return len(list(self.live.settings.mail_folder.glob("*.eml")))

    def strike(self) -> bool:
        self._await_some()
        with stopped(pid_of(self.live, "mail")):
            time.sleep(MOMENT_SECONDS)
            return self._kill_unless_done()


class WhileNothingIsSent(Killing):
    """Registration dies in the middle of intake, with nothing that it took known to a broker that does not answer."""

    def __init__(self) -> None:
        super().__init__("registration")

    def handled(self) -> int:
        return revisions(self.live, self.process)

    @contextmanager
    def hindrance(self) -> Iterator[None]:
        with ExitStack() as self._hold:
            self._hold.enter_context(stopped(pid_of(self.live, "kafka")))
            yield

    def strike(self) -> bool:
        try:
            return super().strike()
        finally:
            self._hold.close()


async def killed_in_the_middle(
    live: LiveStack, killings: Sequence[Killing], with_signal: Signals, work: Work, amount: int
) -> None:
    """Have `work` done and each process killed when it has handled some of it, not all; return when all are up again."""
    left = list(killings)
    for _ in range(WAVES):
        for each in left:
            each.begin(live, with_signal, amount)
        hits = await _struck(live, left, work)
        for killing, hit in list(zip(left, hits, strict=True)):
            if hit:
                left.remove(killing)
                await killing.survived()
        if not left:
            return
        await live.settled()
    pytest.fail(f"{[each.process for each in left]} were never hit in the middle of their work, in {WAVES} waves")


async def _struck(live: LiveStack, killings: Sequence[Killing], work: Work) -> Sequence[bool]:
    with ExitStack() as hindrances:
        for each in killings:
            hindrances.enter_context(each.hindrance())
        working = asyncio.ensure_future(work())
        if any(each.after_work for each in killings):
            await working
            await until(partial(_all_is_sent, live), "all of the work lies before them")
        hits = await asyncio.gather(*(asyncio.to_thread(each.strike) for each in killings))
        await working
    return hits


async def _all_is_sent(live: LiveStack) -> bool:
    return (await live.waiting("registration")).get("outbox") == 0


def pid_of(live: LiveStack, process: str) -> int:
    return live.stack.supervisor.pids()[process]


def revisions(live: LiveStack, service: str) -> int:
    """How many revisions of delegates are in a service's database."""
    database = f"file:{live.settings.var / f'{service}.db'}?mode=ro"
    with closing(sqlite3.connect(database, uri=True)) as connection:
        return connection.execute("select coalesce(sum(revision), 0) from delegates").fetchone()[0]


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """A process that stands still: it takes nothing and answers nothing, and its connections stay."""
    os.kill(pid, SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, SIGCONT)
