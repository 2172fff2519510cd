"""`lanyard run`: the whole system on one machine, as separate processes that are kept alive until Ctrl-C.

Apache Kafka (or the cluster that `KAFKA_BOOTSTRAP_SERVERS` names), a mail sink, the three services with a SQLite
database each, and two badge printers. Everything it keeps lies in one folder, `var`.
"""

import asyncio
import fcntl
import os
import socket
import sys
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar, Self

import httpx
from kafka.errors import KafkaError
from pydantic import Field

from services.embedded import broker, first_keys
from services.embedded.stack_file import Process, StackFile
from services.embedded.supervisor import Change, Child, State, Supervisor, Tell
from services.faults import CannotStart
from shared import topics
from shared.database import Database
from shared.settings import KafkaSettings

HOST = "127.0.0.1"
SERVICES = ("registration", "badging", "notifications")
PRINTERS = ("printer-1", "printer-2")
READY_WITHIN_SECONDS = 60.0

Step = Callable[[str], None]


class StackSettings(KafkaSettings):
    """Settings of the embedded stack. It takes `PORT` to `PORT + 4`."""

    service: ClassVar[str] = "run"

    port: int = Field(default=8000, ge=1024, le=65000)
    var: Path = Path("var")
    conference_folder: Path = Path("conferences/counter-terrorism-2018")
    quiet_window_seconds: float = 2.0
    longest_wait_seconds: float = 10.0
    once: bool = False
    """End after the summary, with exit code 0 only where the counts are right."""
    delegates: int = Field(default=500, ge=0)
    """How many invented delegates the demonstration registers."""
    rate: float = Field(default=50.0, gt=0)
    """Registrations posted a second."""

    @property
    def embeds_broker(self) -> bool:
        return "KAFKA_BOOTSTRAP_SERVERS" not in os.environ

    def url(self, service: str) -> str:
        return f"http://{HOST}:{self.port + SERVICES.index(service)}"

    @property
    def smtp_port(self) -> int:
        return self.port + 3

    @property
    def kafka_port(self) -> int:
        return self.port + 4

    @property
    def mail_folder(self) -> Path:
        return self.var / "mail"

    @property
    def printed_folder(self) -> Path:
        return self.var / "printed"

    @property
    def log_folder(self) -> Path:
        return self.var / "log"

    def database(self, service: str) -> str:
        return f"sqlite:///{(self.var / f'{service}.db').absolute()}"


class Stack:
    """The processes of one stack: started by `start`, stopped at the end of `async with`."""

    def __init__(self, settings: StackSettings, step: Step, tell: Tell) -> None:
        self.settings = settings
        self._tell = tell
        self.supervisor = Supervisor(self._changed)
        self.keys = first_keys.first_keys(settings.var)
        self._step = step
        self.kafka: KafkaSettings = settings
        """How to reach the broker, once it is started."""
        self._processes: list[Process] = []

    async def start(self, fetched: Callable[[int, int], None]) -> None:
        """Start everything and return when all of it is ready. Raises `CannotStart`."""
        await self.start_services(fetched)
        await self.start_printers()

    async def start_services(self, fetched: Callable[[int, int], None]) -> None:
        """Start all but the printers: badges are issued, and their jobs wait."""
        _check_ports(self.settings)
        wave = [self._mail_sink()]
        if self.settings.embeds_broker:
            wave.append(await self._embedded_broker(fetched))
        await asyncio.to_thread(self._keep_keys)
        self._step(f"Starting {'Kafka, ' if self.settings.embeds_broker else ''}the mail sink and the services")
        # Side by side: the services load while the broker does, and wait for it and its topics by themselves. The broker's
        # wave is begun first, so that it is stopped last.
        services = [self.service_child(name) for name in SERVICES]
        await asyncio.gather(self._start_broker(wave), self.supervisor.start(*services))

    async def start_printers(self) -> None:
        self._step("Starting two badge printers")
        await self.supervisor.start(*(self.printer_child(name) for name in PRINTERS))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.supervisor.stop()

    def _changed(self, change: Change) -> None:
        self._tell(change)
        if change.state is State.READY:
            self._write_file()

    def _write_file(self) -> None:
        """Tell operations' commands which processes there are, at each one's start and restart."""
        pids = self.supervisor.pids()
        for process in self._processes:
            process.pid = pids.get(process.name, 0)
        kafka, found = self.kafka.kafka_bootstrap_servers, _for_commands(self.settings)
        StackFile(processes=self._processes, kafka=kafka, settings=found).write(self.settings.var)

    async def _embedded_broker(self, fetched: Callable[[int, int], None]) -> Child:
        self._step("Fetching and verifying Apache Kafka")
        settings = self.settings
        embedded = await asyncio.to_thread(broker.prepare, settings.var / "kafka", settings.kafka_port, fetched)
        self.kafka = settings.model_copy(update={"kafka_bootstrap_servers": embedded.bootstrap})
        return self._child("kafka", embedded.command, embedded.ready)

    async def _start_broker(self, wave: Sequence[Child]) -> None:
        """Start it and what has to be there with it, and make its topics."""
        await self.supervisor.start(*wave)
        try:
            await asyncio.to_thread(topics.create, self.kafka, self.kafka.stations)
        except (KafkaError, OSError) as error:
            servers = self.kafka.kafka_bootstrap_servers
            raise CannotStart(f"Kafka at {servers} does not answer ({type(error).__name__}): see its log.") from None

    def _keep_keys(self) -> None:
        database = Database(self.settings.database("registration"), "registration")
        try:
            database.migrate("registration:migrations")
            first_keys.keep_form_hash(database, self.keys)
            first_keys.keep_desk_account(database, self.keys)
        finally:
            database.close()

    def service_child(self, name: str) -> Child:
        """How a service is run; a test may have it run otherwise."""
        settings = self.settings
        environment = {
            f"{name.upper()}_DATABASE_URL": settings.database(name),
            "HOST": HOST,
            f"{name.upper()}_PORT": str(settings.port + SERVICES.index(name)),
            "CONFERENCE_FOLDER": str(settings.conference_folder),
            "KEYS_FILE": str(first_keys.keep_staff_hashes(settings.var, self.keys)),
            "REGISTRATION_PUBLIC_URL": settings.url("registration"),
            "SMTP_URL": f"smtp://{HOST}:{settings.smtp_port}",
            "QUIET_WINDOW_SECONDS": str(settings.quiet_window_seconds),
            "LONGEST_WAIT_SECONDS": str(settings.longest_wait_seconds),
            "FOCAL_NEWS_GATHERED_SECONDS": str(settings.quiet_window_seconds),
            "FOCAL_NEWS_REST_SECONDS": str(settings.longest_wait_seconds),
        }
        url = settings.url(name)
        return self._child(name, [sys.executable, "-m", "services", name], lambda: _answers(f"{url}/ready"), environment, url)

    def printer_child(self, name: str) -> Child:
        """How a printer is run; a test may have it run otherwise."""
        to = self.settings.printed_folder
        to.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "services", "printer", "--name", name, "--to", str(to)]
        return self._child(name, command, _at_once)

    def _mail_sink(self) -> Child:
        port, folder = self.settings.smtp_port, self.settings.mail_folder
        command = [sys.executable, "-m", "services.embedded.mailsink", "--port", str(port), "--dir", str(folder)]
        return self._child("mail", command, lambda: _listens(port))

    def _child(
        self,
        name: str,
        command: list[str],
        ready: Callable[[], Awaitable[None]],
        environment: dict[str, str] | None = None,
        url: str | None = None,
    ) -> Child:
        log = self.settings.log_folder / f"{name}.jsonl"
        self._processes.append(Process(name=name, pid=0, url=url, log=log))
        common = {
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka.kafka_bootstrap_servers,
            "LOG_FORMAT": "json",
            "PYTHONUNBUFFERED": "1",
        }
        return Child(name, command, log, ready, {**common, **(environment or {})}, READY_WITHIN_SECONDS)


@contextmanager
def alone_in(var: Path) -> Generator[None]:
    """Hold the folder for the length of a `with`; raises `CannotStart` where another stack runs in it."""
    try:
        var.mkdir(parents=True, exist_ok=True)
        lock = (var / "lock").open("w")
    except OSError as error:
        raise CannotStart(f"The folder {var} cannot be written: {error.strerror}. Choose another: VAR=...") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotStart(f"Another stack runs in {var}. Stop it, or run beside it: make run VAR=var2 PORT=8100") from None
        yield


def _check_ports(settings: StackSettings) -> None:
    wanted = {settings.port + index: name for index, name in enumerate(SERVICES)} | {settings.smtp_port: "mail"}
    if settings.embeds_broker:
        wanted[settings.kafka_port] = "kafka"
    taken = [f"{port} ({name})" for port, name in wanted.items() if not _is_free(port)]
    if taken:
        raise CannotStart(
            f"Ports are taken: {', '.join(taken)}. Stop what uses them. If that is another stack, this one can run beside it "
            "in a folder and on ports of its own: make run VAR=var2 PORT=8100"
        )


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


async def _answers(url: str) -> None:
    async with httpx.AsyncClient(timeout=2) as client:
        while True:
            try:
                if (await client.get(url)).is_success:
                    return
            except httpx.TransportError:
                pass  # not listening yet
            await asyncio.sleep(0.05)


async def _listens(port: int) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection(HOST, port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return


async def _at_once() -> None:
    """A printer is ready when it runs: it waits for the broker by itself."""


def _for_commands(settings: StackSettings) -> dict[str, str]:
    """From whatever folder they are run."""
    return {
        "REGISTRATION_DATABASE_URL": settings.database("registration"),
        "REGISTRATION_PUBLIC_URL": settings.url("registration"),
        "CONFERENCE_FOLDER": str(settings.conference_folder.absolute()),
    }
