"""Keeps child processes alive: starts them in waves, awaits readiness, restarts the dead, stops all in reverse order.

It knows nothing of what the children do. Run it on the event loop of the main thread: the children are tied to the
thread that starts them (see `services.embedded.tether`), so that none outlives it, even after a `kill -9`.
"""

import asyncio
import os
import signal
from asyncio.subprocess import DEVNULL, STDOUT, Process
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import TracebackType

from services.embedded.child_log import ChildLog
from services.embedded.tether import tied
from services.faults import CannotStart

STOP_WITHIN = 9.0
"""Seconds for all waves together; each may use an equal share of what the waves before it left, then it is killed."""
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
"""Seconds before a restart: doubled at each death, and `FIRST_PAUSE` again after a life of `STEADY_AFTER` seconds."""
STEADY_AFTER = 30.0


@dataclass(frozen=True)
class Child:
    """A process to keep. What it says on standard output and error goes to `log_path`, which is rotated by size."""

    name: str
    command: Sequence[str]
    log_path: Path
    ready: Callable[[], Awaitable[None]]
    """Returns when the child does its work; cancelled where the child dies first. It must not raise."""
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    """Added to this process's own environment."""
    ready_within: float = 60.0
    """Seconds."""


class State(StrEnum):
    STARTING = "starting"
    READY = "ready"
    DIED = "died"
    STOPPED = "stopped"
    KILLED = "killed"
    """It did not stop when asked to."""


@dataclass(frozen=True)
class Change:
    """What became of a child; of one that ended also its exit code (a negative one is a signal's number)."""

    child: str
    state: State
    pid: int
    exit_code: int | None = None
    again_in: float | None = None
    """Seconds until one that died is started again."""
    away_for: float | None = None
    """Seconds from its death until it was ready again, of one that had died."""


Tell = Callable[[Change], None]


class Supervisor:
    """Children in waves. Those of one wave start and stop together; waves stop in the reverse order of their start."""

    def __init__(self, tell: Tell = lambda _change: None) -> None:
        self._tell = tell
        self._waves: list[list[_Kept]] = []

    async def start(self, *children: Child) -> None:
        """Start a wave and return when all of it is ready; from then on its dead are started again.

        Raises `CannotStart`, with the child's last words, where one ends or is not ready in time at this first start.
        """
        wave = [_Kept(child, self._tell) for child in children]
        self._waves.append(wave)
        await asyncio.gather(*(kept.start() for kept in wave))

    async def stop(self) -> None:
        """Stop all: SIGTERM, then SIGKILL for what is left of a wave when its share of `STOP_WITHIN` is over."""
        loop = asyncio.get_running_loop()
        end = loop.time() + STOP_WITHIN
        while self._waves:
            share = (end - loop.time()) / len(self._waves)
            await asyncio.gather(*(kept.stop(share) for kept in self._waves[-1]))
            self._waves.pop()

    async def kill(self, name: str, with_signal: signal.Signals = signal.SIGKILL) -> None:
        """Send a deadly signal to a child and return when it is dead; it is started again as after any death."""
        await self._kept(name).kill(with_signal)

    async def ready(self, name: str) -> None:
        """Return when a child is ready: at once if it is, after its restart if it is dead."""
        await self._kept(name).is_ready.wait()

    def pids(self) -> dict[str, int]:
        """Return the process ids of the children that live, by name, in the order of their start."""
        kept = [each for wave in self._waves for each in wave]
        return {each.child.name: each.process.pid for each in kept if each.process and each.process.returncode is None}

    async def __aenter__(self) -> "Supervisor":
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self.stop()

    def _kept(self, name: str) -> "_Kept":
        return next(kept for wave in self._waves for kept in wave if kept.child.name == name)


class _Kept:
    """One child: its present process, and the task that starts the next one."""

    def __init__(self, child: Child, tell: Tell) -> None:
        self.child = child
        self.process: Process | None = None
        self.is_ready = asyncio.Event()
        self._tell = tell
        self._log = ChildLog(child.log_path)
        self._listening: asyncio.Task[None] | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self._died_at: float | None = None

    async def start(self) -> None:
        process = await self._spawn()
        if not await self._becomes_ready(process):
            code = process.returncode
            what = f"was not ready after {self.child.ready_within:g} s" if code is None else f"ended with code {code}"
            if code is not None:
                await self._hear_out()
            raise CannotStart(f"{self.child.name} {what}. Its last words, in {self.child.log_path}:\n{self._log.tail()}")
        self._keeping = asyncio.create_task(self._keep(process), name=f"keep {self.child.name}")

    async def stop(self, within: float) -> None:
        self._stopping.set()
        if self.process is None:
            return
        _send(self.process, signal.SIGTERM)
        ended = self._keeping or asyncio.ensure_future(self.process.wait())
        done, _ = await asyncio.wait({ended}, timeout=within)
        _send(self.process, signal.SIGKILL)
        await ended
        self._say(State.STOPPED if done else State.KILLED, self.process)
        await self._hear_out()
        self._log.close()

    async def kill(self, with_signal: signal.Signals) -> None:
        if self.process is None:
            return
        _send(self.process, with_signal)
        await self.process.wait()
        self.is_ready.clear()

    async def _keep(self, process: Process) -> None:
        """Start the next process after each death, until told to stop."""
        loop = asyncio.get_running_loop()
        deaths = 0
        while True:
            since = loop.time()
            await process.wait()
            _send(process, signal.SIGKILL)
            self.is_ready.clear()
            if self._stopping.is_set():
                return
            deaths = 1 if loop.time() - since > STEADY_AFTER else deaths + 1
            pause = min(FIRST_PAUSE * 2 ** min(deaths - 1, 10), LONGEST_PAUSE)
            self._died_at = self._died_at or loop.time()
            self._say(State.DIED, process, again_in=pause)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._stopping.wait()
                return
            process = await self._spawn()
            if not await self._becomes_ready(process):
                _send(process, signal.SIGKILL)

    async def _spawn(self) -> Process:
        # A pipe of our own: with asyncio's, a process counts as dead only when all that it started are dead as well.
        output, its_end = os.pipe()
        self._listening = asyncio.create_task(self._log.listen(output), name=f"log of {self.child.name}")
        try:
            process = self.process = await asyncio.create_subprocess_exec(
                *tied(self.child.command),
                env=os.environ | self.child.env,
                stdin=DEVNULL,
                stdout=its_end,
                stderr=STDOUT,
                start_new_session=True,  # Ctrl-C reaches the supervisor alone, which then stops all in order
            )
        finally:
            os.close(its_end)
        self._say(State.STARTING, process)
        if self._stopping.is_set():  # while it was being started
            _send(process, signal.SIGTERM)
        return process

    async def _becomes_ready(self, process: Process) -> bool:
        ready = asyncio.ensure_future(self.child.ready())
        ended = asyncio.ensure_future(process.wait())
        try:
            await asyncio.wait({ready, ended}, timeout=self.child.ready_within, return_when=asyncio.FIRST_COMPLETED)
            if not ready.done() or process.returncode is not None:
                return False
            ready.result()
        finally:
            ready.cancel()
            ended.cancel()
        self.is_ready.set()
        away_for = None if self._died_at is None else asyncio.get_running_loop().time() - self._died_at
        self._died_at = None
        self._say(State.READY, process, away_for=away_for)
        return True

    async def _hear_out(self) -> None:
        """Let the end of the output reach the log; a process that the child left behind may hold it open for ever."""
        if self._listening:
            await asyncio.wait({self._listening}, timeout=1)
            self._listening.cancel()

    def _say(self, state: State, process: Process, again_in: float | None = None, away_for: float | None = None) -> None:
        self._tell(Change(self.child.name, state, process.pid, process.returncode, again_in, away_for))


def _send(process: Process, with_signal: signal.Signals) -> None:
    """Send a signal: SIGKILL to the child, dead or alive, and all that it started; any other to the child alone."""
    with suppress(ProcessLookupError):
        if with_signal is signal.SIGKILL:
            os.killpg(process.pid, with_signal)
        else:
            process.send_signal(with_signal)
