"""The test stand: one real broker, and services and bare processes beside each other on one machine."""

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import httpx
from kafka.admin import KafkaAdminClient, NewTopic

from bench.load import Posted
from bench.people import CONFERENCE
from services.embedded import broker, first_keys
from services.embedded.supervisor import Change, Child, State, Supervisor
from shared import topics
from shared.database import Database
from shared.settings import KafkaSettings

HOST = "127.0.0.1"
PARTITIONS = 6


class Spoilt(Exception):
    """A measurement that says nothing: a process died, or did not do what it was measured at."""


class Stand:
    """What a measurement needs. Everything ends with the `async with`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.kafka = KafkaSettings()
        self.conference_folder = CONFERENCE
        self.keys = first_keys.first_keys(folder)
        self.ports: dict[str, int] = {}
        """Where the started processes serve HTTP, by name."""
        self._broker: broker.Broker | None = None
        self._broker_process: subprocess.Popen[bytes] | None = None
        self._replicas: list[asyncio.subprocess.Process] = []
        self._supervisor = Supervisor(self._note)
        self._died: list[str] = []

    async def __aenter__(self) -> Self:
        # On the event loop's own thread, which the broker is tied to.
        self._broker = broker.prepare(self.folder / "kafka")
        self.start_broker()
        self.kafka = KafkaSettings(kafka_bootstrap_servers=self._broker.bootstrap, kafka_partitions=PARTITIONS)
        topics.create(self.kafka, self.kafka.stations)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._supervisor.stop()
        for replica in self._replicas:
            if replica.returncode is None:
                replica.kill()
                await replica.wait()
        if self._broker_process is not None:
            broker.stop(self._broker_process)

    def start_broker(self) -> None:
        """Start it, where it was killed, too, with all that it has stored; returns when it takes requests. Blocks."""
        assert self._broker is not None
        self._broker_process = self._broker.start()

    def kill_broker(self) -> None:
        """By SIGKILL; blocks until it has ended."""
        assert self._broker_process is not None
        self._broker_process.kill()
        self._broker_process.wait()

    def make_topic(self, name: str, partitions: int = PARTITIONS) -> None:
        admin = KafkaAdminClient(**self.kafka.client_arguments())
        admin.create_topics([NewTopic(name, partitions, 1)])
        admin.close()

    async def start_service(self, name: str) -> None:
        """Start a service by its own command, on a SQLite database of its own."""
        port = self.ports[name] = _free_port()
        environment = self._environment(name, port)
        if name == "registration":
            with self.database(name) as database:
                database.migrate("registration:migrations")
                first_keys.keep_form_hash(database, self.keys)
        await self._start(name, ["services", name], lambda: _answers(f"{HOST}:{port}/ready"), environment)

    @contextmanager
    def database(self, service: str) -> Generator[Database]:
        """A service's own database, also while it runs."""
        database = Database(self._environment(service, 0)["DATABASE_URL"], service)
        try:
            yield database
        finally:
            database.close()

    async def start_replica(self, name: str) -> asyncio.subprocess.Process:
        """Start one more process of a service that runs, on its database; nobody starts it again when it dies."""
        port = _free_port()
        environment = {**os.environ, **self._environment(name, port)}
        with self._log(f"{name}-replica").open("ab") as log:
            replica = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "services", name, env=environment, stdout=log, stderr=log
            )
        self._replicas.append(replica)
        await asyncio.wait_for(_answers(f"{HOST}:{port}/ready"), 60)
        return replica

    async def start_bare(self, module: str, *arguments: str) -> None:
        """Start `python -m bench.MODULE ARGUMENTS`, a process that serves no HTTP."""
        await self._start(module, [f"bench.{module}", *arguments], _at_once)

    async def start_bare_server(self, module: str, *arguments: str) -> None:
        """Start `python -m bench.MODULE ARGUMENTS --port PORT`."""
        port = self.ports[module] = _free_port()
        command = [f"bench.{module}", *arguments, "--port", str(port)]
        await self._start(f"{module} server", command, lambda: _answers(f"{HOST}:{port}/openapi.json"))

    async def post(self, server: str, bodies: Sequence[str], series: str, *, rate: float | None = None) -> list[Posted]:
        """Post every body to a server of `ports`, from a process of its own; see `bench.load`."""
        file = self.folder / "bodies.jsonl"
        file.write_text("\n".join(bodies), encoding="utf-8")
        command = [sys.executable, "-m", "bench.load", str(file), "--port", str(self.ports[server]), "--series", series]
        command += [f"--key={self.keys[first_keys.FORM]}", *([] if rate is None else ["--rate", str(rate)])]
        pipe = asyncio.subprocess.PIPE
        load = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe)
        answers, said = await load.communicate()
        if load.returncode:
            raise Spoilt(f"posting to {server}: {said.decode().strip()}")
        return [Posted(*each) for each in json.loads(answers)]

    def pid(self, name: str) -> int:
        return self._supervisor.pids()[name]

    def check(self) -> None:
        """Raise `Spoilt` where a process has died."""
        if self._died:
            last_words = self._log(self._died[0]).read_text(encoding="utf-8", errors="replace")[-2000:]
            raise Spoilt(f"{self._died[0]} died. Its last words:\n{last_words}")

    async def _start(
        self,
        name: str,
        module: Sequence[str],
        ready: Callable[[], Awaitable[None]],
        environment: Mapping[str, str] | None = None,
    ) -> None:
        command = [sys.executable, "-m", *module]
        await self._supervisor.start(Child(name, command, self._log(name), ready, environment or {}))

    def _environment(self, service: str, port: int) -> dict[str, str]:
        return {
            "DATABASE_URL": f"sqlite:///{self.folder / service}.db",
            "HOST": HOST,
            "PORT": str(port),
            "CONFERENCE_FOLDER": str(self.conference_folder),
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka.kafka_bootstrap_servers,
            "LOG_FORMAT": "json",
        }

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def _note(self, change: Change) -> None:
        if change.state is State.DIED:
            self._died.append(change.child)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


async def _answers(address: str) -> None:
    async with httpx.AsyncClient(timeout=2) as client:
        while True:
            try:
                if (await client.get(f"http://{address}")).is_success:
                    return
            except httpx.TransportError:
                pass  # not listening yet
            await asyncio.sleep(0.05)


async def _at_once() -> None:
    """An agent says nothing when it is ready: a measurement warms it up first."""
