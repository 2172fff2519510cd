"""One process of one service: settings in, HTTP and Faust agents on one event loop, and an orderly end.

It starts HTTP at once and the agents when the broker answers; it stops HTTP, then what the service runs, then the
agents, then the relay. It ends with exit code 1 where an agent or a task dies: whoever started it starts it again.
"""

import asyncio
import contextlib
import gc
import signal
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

import faust
import uvicorn
from aiokafka.errors import KafkaError as AioKafkaError
from fastapi import APIRouter
from kafka.errors import KafkaError
from sqlalchemy import Connection
from starlette.types import ExceptionHandler

from services.first_start import FirstStart, settle
from services.offsets_retention import NEEDED_MINUTES, SETTING, is_short, offsets_retention
from services.serving import Server, http_settings
from services.watch import Watch
from shared import topics
from shared.clock import ConferenceClock, utc_now
from shared.conference import Conference
from shared.conference_folder import load
from shared.database import Database
from shared.dead_letters import DeadLetters
from shared.faults import PASSING
from shared.flows import topics_written_by
from shared.http import Readiness, add_routes, http_app
from shared.inbox import Inbox
from shared.keys import StaffKeys
from shared.logs import configure, get_log
from shared.outbox import Outbox
from shared.relay import Newest, Relay
from shared.settings import ServiceSettings
from shared.streams import faust_app
from shared.waking import Waking

log = get_log()

BROKER_RETRY_SECONDS = 1.0
DATABASE_RETRY_SECONDS = 1.0
OUTBOX_LOG_SECONDS = 30.0
STOP_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Parts:
    """What every service is composed of."""

    conference: Conference
    clock: ConferenceClock
    database: Database
    staff_keys: StaffKeys


@dataclass(frozen=True, slots=True)
class Composition:
    """A service put together, ready to run."""

    routes: APIRouter
    agents: Callable[[faust.App, Inbox], None]
    counts: Callable[[Connection], dict[str, Any]]
    """What `/ready` and `lanyard status` tell of its work."""
    tasks: Sequence[Callable[[], Coroutine[Any, Any, None]]] = ()
    """Run until cancelled, or until `close` lets them end."""
    close: Callable[[], None] = lambda: None
    """Have the tasks end by themselves, within seconds."""
    newest: Newest | None = None
    """The newest state of keys in compacted topics, where the service writes any."""
    start: Callable[[], Awaitable[None]] | None = None
    """Done once, before anything is served."""
    first_start: FirstStart | None = None
    answer_no_route: ExceptionHandler | None = None
    """How what no route takes is answered, where not as problem details."""


@dataclass(frozen=True, slots=True)
class Service:
    """A service as the process sees it."""

    name: str
    settings: type[ServiceSettings]
    outbox: Outbox
    dead_letters: DeadLetters
    reads: Sequence[str]
    """Topics that must exist before its agents start, without prefix."""
    compose: Callable[[Any, Parts], Composition]
    ready_without_broker: bool = False
    layouts: Sequence[str] = ()
    """The badge layouts that it can print, where it prints any: the conference may name no other."""


@dataclass(slots=True)
class _State:
    agents: str = "waiting for the broker"
    task_failed: asyncio.Future[str] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


async def run(service: Service, settings: ServiceSettings) -> int:
    """Run `service` until SIGTERM or SIGINT (exit code 0), or until one of its parts dies (1)."""
    configure(service.name, log_format=settings.log_format, level=settings.log_level)
    conference = await asyncio.to_thread(load, settings.conference_folder, service.layouts)
    database = Database(settings.database_url.get_secret_value(), service.name)
    await _migrated(database, f"{service.name}:migrations")
    clock = ConferenceClock(settings.conference_now or conference.now)
    composition = service.compose(settings, Parts(conference, clock, database, StaffKeys(settings.keys_file)))
    log.info("service_starting", conference=conference.slug, digest=conference.digest, database=database.url.get_backend_name())
    _freeze()
    try:
        if composition.first_start is not None:
            await settle(service.name, composition.first_start, settings, database)
        return await _Process(service, settings, database, composition).run()
    finally:
        await asyncio.to_thread(database.close)


class _Process:
    def __init__(self, service: Service, settings: ServiceSettings, database: Database, composition: Composition) -> None:
        self._service, self._settings = service, settings
        self._database, self._composition = database, composition
        self._state = _State()
        self._relay = Relay(database, service.outbox, settings, composition.newest)
        dead_letters = settings.topic(topics.dead_letter(service.name))
        self._inbox = Inbox(database, service.dead_letters, dead_letter_topic=dead_letters)
        self._faust: faust.App | None = None
        self._stop = asyncio.Event()

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, self._stop.set)
        if self._composition.start is not None:
            await self._composition.start()
        server = Server(self._http())
        serving = asyncio.create_task(server.serve())
        relaying = self._watched("relay", self._relay.run())
        waking = self._watched("waking", Waking(self._database).run())
        working = [self._watched("task", task()) for task in self._composition.tasks]
        streaming = self._watched("agents", self._stream())
        reporting = self._watched("outbox report", self._report_outbox())
        exit_code = await self._until_stopped(serving)
        server.should_exit = True
        with contextlib.suppress(SystemExit):
            await serving
        self._composition.close()
        await _ended(working)
        await self._stop_agents(streaming)
        await _cancelled(relaying, waking, reporting)
        log.info("service_stopped", exit_code=exit_code)
        return exit_code

    def _http(self) -> uvicorn.Config:
        app = http_app(f"Lanyard {self._service.name}", self._ready)
        add_routes(app, self._composition.routes, self._composition.answer_no_route)
        return http_settings(app, self._settings.host, self._settings.port)

    async def _until_stopped(self, serving: asyncio.Task[None]) -> int:
        stopped = asyncio.create_task(self._stop.wait())
        ends: list[asyncio.Future[Any]] = [stopped, serving, self._inbox.failed, self._state.task_failed]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        if stopped.done():
            log.info("service_stopping")
            return 0
        stopped.cancel()
        if self._inbox.failed.done():
            log.error("agent_died", exc_info=self._inbox.failed.result())
        elif self._state.task_failed.done():
            log.error("task_died", task=self._state.task_failed.result())
        else:
            log.error("http_not_served", host=self._settings.host, port=self._settings.port)
        return 1

    def _watched(self, name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """A task whose death ends the process."""

        def died(task: asyncio.Task[None]) -> None:
            if not task.cancelled() and (error := task.exception()) is not None:
                log.error("task_failed", task=name, exc_info=error)
                if not self._state.task_failed.done():
                    self._state.task_failed.set_result(name)

        task = asyncio.create_task(work, name=name)
        task.add_done_callback(died)
        return task

    async def _stream(self) -> None:
        await self._await_topics()
        app = faust_app(self._service.name, self._settings)
        self._composition.agents(app, self._inbox)
        app.finalize()
        self._faust = app
        await app.start()
        self._state.agents = "running"
        log.info("agents_started")
        await self._check_offsets_retention()
        await Watch(app, self._inbox, self._settings).run()

    async def _await_topics(self) -> None:
        while True:
            try:
                wanting = await topics.await_topics(self._settings, self._service.reads, self._writes())
            except (KafkaError, AioKafkaError, OSError) as error:
                self._wait_for(f"broker away ({type(error).__name__})")
            else:
                if not wanting:
                    return
                self._wait_for("; ".join(wanting))
            await asyncio.sleep(BROKER_RETRY_SECONDS)

    async def _check_offsets_retention(self) -> None:
        minutes = await asyncio.to_thread(offsets_retention, self._settings)
        if is_short(minutes):
            log.warning("offsets_retention_found_short", setting=SETTING, minutes=minutes, needed_minutes=NEEDED_MINUTES)

    def _writes(self) -> list[str]:
        return topics_written_by(self._service.name, self._settings.stations)

    def _wait_for(self, what: str) -> None:
        if self._state.agents != what:
            self._state.agents = what
            log.warning("agents_waiting", waiting_for=what)

    async def _stop_agents(self, streaming: asyncio.Task[None]) -> None:
        self._inbox.stopping = True
        await _cancelled(streaming)
        if self._faust is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STOP_SECONDS):
                    await self._faust.stop()

    async def _ready(self) -> Readiness:
        def look(tx: Connection) -> dict[str, Any]:
            backlog = self._service.outbox.backlog(tx)
            outbox = {
                "rows": backlog.rows,
                "oldest_seconds": round(backlog.age_seconds(utc_now()), 3),
                "parked": backlog.parked,
            }
            dead_letters = self._service.dead_letters.count_open(tx)
            return {"outbox": outbox, "dead_letters": dead_letters, "counts": self._composition.counts(tx)}

        checks: dict[str, Any] = {"agents": self._state.agents}
        try:
            checks |= {"database": "ok", **await self._database.read(look)}
        except Exception as error:
            log.warning("database_not_ready", error=type(error).__name__)
            checks["database"] = f"away ({type(error).__name__})"
        streaming = self._state.agents == "running" or self._service.ready_without_broker
        return Readiness(ready=checks["database"] == "ok" and streaming, checks=checks)

    async def _report_outbox(self) -> None:
        while True:
            await asyncio.sleep(OUTBOX_LOG_SECONDS)
            backlog = await self._database.read(self._service.outbox.backlog)
            if backlog.rows or backlog.parked:
                age = round(backlog.age_seconds(utc_now()), 1)
                log.info("outbox_waiting", rows=backlog.rows, parked=backlog.parked, oldest_seconds=age)


async def _migrated(database: Database, migrations: str) -> None:
    """Bring the tables up to date as soon as the database answers."""
    waiting = False
    while True:
        try:
            return await asyncio.to_thread(database.migrate, migrations)
        except PASSING as error:
            if not waiting:
                log.warning("database_awaited", error=type(error).__name__)
            waiting = True
            await asyncio.sleep(DATABASE_RETRY_SECONDS)


def _freeze() -> None:
    """Take what lives as long as the process (modules, conference) out of the garbage collector's walks.

    A full walk over it stops everything for a quarter of a second, and comes again and again.
    """
    gc.collect()
    gc.freeze()


async def _cancelled(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _ended(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Let tasks end by themselves, and cancel those that do not."""
    if tasks:
        _, late = await asyncio.wait(tasks, timeout=STOP_SECONDS)
        await _cancelled(*late)
