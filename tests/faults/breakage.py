"""The faults, one by one: each breaks one part of a running stack, for a while, and heals it again."""

import asyncio
import os
import sqlite3
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from signal import SIGCONT, SIGKILL, SIGSTOP, SIGTERM, Signals

from kafka.errors import KafkaError

from services.embedded.stack import PRINTERS
from services.embedded.supervisor import Supervisor
from shared.database import SQLITE_WAIT_SECONDS
from shared.topics import SERVICES
from tests.faults.points import INTAKE_POINTS, MAIL_POINTS, PRINTER_POINTS, SERVICE_POINTS, Action, Armed, Point
from tests.faults.records import Poison, resend_some
from tests.faults.running import Faulty
from tests.integration.live_stack import free_ports
from tests.waiting import until

STRIKES_WITHIN_SECONDS = 15.0
READY_WITHIN_SECONDS = 90.0
HOUR_SECONDS = 3600
OWN_POINTS = {"registration": INTAKE_POINTS, "notifications": MAIL_POINTS}
CHUNK = bytes(1024 * 1024)


class NotPossible(Exception):
    """A fault that cannot be provoked here; the message says why."""


Break = Callable[[Faulty, Random, Poison], Awaitable[None]]


@dataclass(frozen=True)
class Fault:
    """`target` is broken by one fault at a time; `kind` is under what the report counts it."""

    kind: str
    target: str
    cause: Break


def _pid(faulty: Faulty, process: str) -> int:
    pids = faulty.live.stack.supervisor.pids()
    if process not in pids:
        raise NotPossible(f"{process} does not run just now")
    return pids[process]


async def _ready(supervisor: Supervisor, process: str) -> None:
    async with asyncio.timeout(READY_WITHIN_SECONDS):
        await supervisor.ready(process)


async def _signalled(with_signal: Signals, process: str, faulty: Faulty, rnd: Random, poison: Poison) -> None:
    pid = _pid(faulty, process)
    with suppress(ProcessLookupError):
        os.kill(pid, with_signal)
    await until(lambda: faulty.live.stack.supervisor.pids().get(process, pid) != pid, f"{process} runs again", within=60)
    await _ready(faulty.live.stack.supervisor, process)


async def _stopped(process: str, faulty: Faulty, rnd: Random, poison: Poison) -> None:
    pid = _pid(faulty, process)
    os.kill(pid, SIGSTOP)
    try:
        await asyncio.sleep(rnd.uniform(2, 14))
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, SIGCONT)


async def _struck(point: Point, action: Action, process: str, faulty: Faulty, rnd: Random, poison: Poison) -> None:
    """Has the process die, or raise, at a point that it passes in its work."""
    supervisor = faulty.live.stack.supervisor
    pid = _pid(faulty, process)
    faulty.points.arm(process, Armed(point, action, rnd.randrange(6)))
    try:
        await until(lambda: not faulty.points.armed(process), "it strikes", within=STRIKES_WITHIN_SECONDS)
    except AssertionError:
        if faulty.points.disarm(process):
            raise NotPossible(f"{process} did not pass {point}") from None
    if action is Action.KILL:
        await until(lambda: supervisor.pids().get(process, pid) != pid, f"{process} runs again", within=60)
        await _ready(supervisor, process)


async def _clock_wrong(service: str, faulty: Faulty, rnd: Random, poison: Poison) -> None:
    """Restarted with a clock that is an hour off, and after a while with the true one."""
    file = faulty.points.folder / f"{service}.clock"
    file.write_text(str(rnd.choice((-HOUR_SECONDS, HOUR_SECONDS))))
    try:
        await _signalled(SIGTERM, service, faulty, rnd, poison)
        await asyncio.sleep(rnd.uniform(5, 15))
    finally:
        file.unlink()
    await _signalled(SIGTERM, service, faulty, rnd, poison)


async def _replayed(service: str, faulty: Faulty, rnd: Random, poison: Poison) -> None:
    rewind = faulty.points.folder / f"{service}.rewind"
    rewind.touch()
    await _signalled(SIGTERM, service, faulty, rnd, poison)
    if rewind.exists():
        rewind.unlink()
        raise NotPossible(f"the group of {service} was not free to be rewound")


async def _rebalanced(service: str, faulty: Faulty, rnd: Random, poison: Poison) -> None:
    """A rival takes part in the service's group and takes some of its partitions, and leaves with nothing done."""
    log = faulty.live.settings.log_folder / f"rival-{service}.log"
    await _passing_by([sys.executable, "-m", "tests.faults.rival", service], {}, log, rnd.uniform(5, 10), SIGTERM)


async def _second_replica(service: str, faulty: Faulty, rnd: Random, poison: Poison) -> None:
    """A second process of the service joins, works, and leaves, killed or in order."""
    if faulty.postgresql is None:
        raise NotPossible("a service on SQLite is one process")
    child = faulty.live.stack.service_child(service)
    env = {**child.env, f"{service.upper()}_PORT": str(free_ports()), "FAULT_PROCESS": f"{service}-2"}
    log = faulty.live.settings.log_folder / f"{service}-2.jsonl"
    await _passing_by(child.command, env, log, rnd.uniform(8, 25), rnd.choice((SIGTERM, SIGKILL)))


async def _passing_by(command: Sequence[str], env: Mapping[str, str], log: Path, seconds: float, end: Signals) -> None:
    """Another process for a while, ended by a signal."""
    with log.open("ab") as opened:
        process = await asyncio.create_subprocess_exec(*command, env={**os.environ, **env}, stdout=opened, stderr=opened)
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await process.wait()
        if process.returncode is not None:
            raise NotPossible(f"it ended by itself, with exit code {process.returncode}")
        process.send_signal(end)
        with suppress(TimeoutError):
            async with asyncio.timeout(15):
                await process.wait()
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _broker_killed(faulty: Faulty, rnd: Random, poison: Poison) -> None:
    await faulty.kafka.kill("kafka", SIGKILL)
    await _ready(faulty.kafka, "kafka")


async def _broker_stopped(faulty: Faulty, rnd: Random, poison: Poison) -> None:
    pid = faulty.kafka.pids()["kafka"]
    os.kill(pid, SIGSTOP)
    try:
        await asyncio.sleep(rnd.uniform(2, 12))
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, SIGCONT)


async def _unreachable(seconds: tuple[float, float], faulty: Faulty, rnd: Random, poison: Poison) -> None:
    faulty.to_kafka.cut()
    try:
        await asyncio.sleep(rnd.uniform(*seconds))
    finally:
        faulty.to_kafka.mend()


async def _held(faulty: Faulty, rnd: Random, poison: Poison) -> None:
    faulty.to_kafka.hold()
    try:
        await asyncio.sleep(rnd.uniform(3, 15))
    finally:
        faulty.to_kafka.mend()


async def _slowed(faulty: Faulty, rnd: Random, poison: Poison) -> None:
    faulty.to_kafka.slow(rnd.uniform(0.01, 0.1))
    try:
        await asyncio.sleep(rnd.uniform(5, 15))
    finally:
        faulty.to_kafka.mend()


async def _broker_disk_full(faulty: Faulty, rnd: Random, poison: Poison) -> None:
    with _filled(faulty.broker_disk):
        await asyncio.sleep(rnd.uniform(3, 8))
    await _ready(faulty.kafka, "kafka")


async def _database_disk_full(faulty: Faulty, rnd: Random, poison: Poison) -> None:
    with _filled(faulty.database_disk):
        await asyncio.sleep(rnd.uniform(3, 8))


class _filled:  # noqa: N801  a context manager, read as a participle
    """A small disk with no room left, for the length of a `with`."""

    def __init__(self, disk: Path | None) -> None:
        if disk is None:
            raise NotPossible("this machine permits no small disk to fill")
        self._ballast = disk / "ballast"

    def __enter__(self) -> None:
        with self._ballast.open("wb", buffering=0) as opened, suppress(OSError):
            for size in (len(CHUNK), 4096, 1):
                with suppress(OSError):
                    while opened.write(CHUNK[:size]):
                        pass

    def __exit__(self, *_: object) -> None:
        self._ballast.unlink()


async def _database_busy(faulty: Faulty, rnd: Random, poison: Poison) -> None:
    """Somebody else holds the locks of all SQLite files for longer than a service waits for them."""
    if faulty.postgresql is not None:
        raise NotPossible("PostgreSQL locks no whole database")
    files = [faulty.live.settings.database(service).removeprefix("sqlite:///") for service in SERVICES]
    with ExitStack() as held:
        for file in files:
            other = held.enter_context(closing(sqlite3.connect(file, isolation_level=None, timeout=1)))
            with suppress(sqlite3.OperationalError):  # another lock of that file lasts longer, which will do
                other.execute("BEGIN IMMEDIATE")
        await asyncio.sleep(SQLITE_WAIT_SECONDS + 4)


async def _database_away(faulty: Faulty, rnd: Random, poison: Poison) -> None:
    if faulty.to_postgresql is None:
        raise NotPossible("SQLite stands behind no network")
    faulty.to_postgresql.cut()
    try:
        await asyncio.sleep(rnd.uniform(2, 12))
    finally:
        faulty.to_postgresql.mend()


async def _database_restarted(faulty: Faulty, rnd: Random, poison: Poison) -> None:
    server = faulty.postgresql
    if server is None:
        raise NotPossible("SQLite has no server")
    if rnd.random() < 0.5:
        os.kill(server.get_pid() or 0, SIGKILL)
        await asyncio.sleep(2)
    else:
        await asyncio.to_thread(server.stop)
    await asyncio.to_thread(server.ensure_postgres_running)


async def _mail_down(faulty: Faulty, rnd: Random, poison: Poison) -> None:
    faulty.post_office.shut()
    try:
        await asyncio.sleep(rnd.uniform(3, 12))
    finally:
        await faulty.post_office.open()


async def _mail_slow(faulty: Faulty, rnd: Random, poison: Poison) -> None:
    faulty.post_office.delay_seconds = rnd.uniform(0.2, 2)
    try:
        await asyncio.sleep(rnd.uniform(5, 15))
    finally:
        faulty.post_office.delay_seconds = 0


async def _mail_busy(faulty: Faulty, rnd: Random, poison: Poison) -> None:
    faulty.post_office.busy = True
    try:
        await asyncio.sleep(rnd.uniform(3, 10))
    finally:
        faulty.post_office.busy = False


async def _stale(faulty: Faulty, rnd: Random, poison: Poison) -> None:
    """Records that were sent before come again, in another order: old revisions after new ones."""
    await _in_topics(resend_some, faulty.live.stack.kafka, rnd, 200)


async def _poisoned(faulty: Faulty, rnd: Random, poison: Poison) -> None:
    await _in_topics(poison.send, faulty.live.stack.kafka)


async def _in_topics(send: Callable[..., None], *given: object) -> None:
    try:
        await asyncio.to_thread(send, *given)
    except KafkaError as error:
        raise NotPossible(f"the broker is away ({type(error).__name__})") from None


async def _quiet(faulty: Faulty, rnd: Random, poison: Poison) -> None:
    """No fault: what a mutation breaks all by itself."""
    await asyncio.sleep(10)


def _catalogue() -> dict[str, Fault]:
    faults: dict[str, Fault] = {}

    def add(name: str, kind: str, target: str, cause: Break) -> None:
        faults[name] = Fault(kind, target, cause)

    for each in (*SERVICES, *PRINTERS):
        add(f"killed-{each}", "SIGKILL", each, partial(_signalled, SIGKILL, each))
        add(f"terminated-{each}", "SIGTERM", each, partial(_signalled, SIGTERM, each))
        add(f"stopped-{each}", "SIGSTOP", each, partial(_stopped, each))
    for each in SERVICES:
        for point in (*SERVICE_POINTS, *OWN_POINTS.get(each, ())):
            add(f"die-at-{point}-{each}", "killed at a named point", each, partial(_struck, point, Action.KILL, each))
        add(f"raise-once-{each}", "handler that raises once", each, partial(_struck, Point.HANDLER, Action.RAISE, each))
        add(f"clock-wrong-{each}", "clock an hour off", each, partial(_clock_wrong, each))
        add(f"replayed-from-zero-{each}", "replay from the first record", each, partial(_replayed, each))
        add(f"rebalanced-{each}", "rebalance inside a batch", f"group of {each}", partial(_rebalanced, each))
        add(f"second-replica-{each}", "second replica", f"replica of {each}", partial(_second_replica, each))
    for point in (*PRINTER_POINTS, Point.BEFORE_OFFSETS, Point.AFTER_OFFSETS):
        add(
            f"die-at-{point}-printer", "killed at a named point", PRINTERS[0], partial(_struck, point, Action.KILL, PRINTERS[0])
        )
    add("broker-killed", "broker killed", "broker", _broker_killed)
    add("broker-stopped", "broker stopped", "broker", _broker_stopped)
    add("broker-disk-full", "broker's disk full", "broker", _broker_disk_full)
    add("broker-unreachable", "broker unreachable", "network", partial(_unreachable, (5, 20)))
    add("broker-unreachable-for-60-s", "broker unreachable", "network", partial(_unreachable, (60, 60)))
    add("network-held", "network held", "network", _held)
    add("network-slow", "network slow", "network", _slowed)
    add("database-busy", "database locked", "database", _database_busy)
    add("database-away", "database unreachable", "database", _database_away)
    add("database-restarted", "database restarted", "database", _database_restarted)
    add("database-disk-full", "database's disk full", "database", _database_disk_full)
    add("mail-server-down", "mail server down", "mail", _mail_down)
    add("mail-server-slow", "mail server slow", "mail", _mail_slow)
    add("mail-server-busy", "mail server refuses for a while", "mail", _mail_busy)
    add("stale-records", "duplicated and re-ordered records", "topics", _stale)
    add("poison", "corrupt, oversize, unknown and wrong events", "topics", _poisoned)
    add("quiet", "none", "nothing", _quiet)
    return faults


FAULTS: Mapping[str, Fault] = _catalogue()


async def heal(faulty: Faulty) -> None:
    """Everything as it should be: nothing armed, nothing cut, every process up, every clock true."""
    for process in (*SERVICES, *PRINTERS):
        faulty.points.disarm(process)
    for disk in (faulty.database_disk, faulty.broker_disk):
        if disk is not None:
            (disk / "ballast").unlink(missing_ok=True)
    for proxy in (faulty.to_kafka, faulty.to_postgresql):
        if proxy is not None:
            proxy.mend()
    faulty.post_office.busy, faulty.post_office.delay_seconds = False, 0
    for pid in (*faulty.live.stack.supervisor.pids().values(), *faulty.kafka.pids().values()):
        with suppress(ProcessLookupError):
            os.kill(pid, SIGCONT)
    await _ready(faulty.kafka, "kafka")
    for process in (*SERVICES, *PRINTERS):
        await _ready(faulty.live.stack.supervisor, process)
