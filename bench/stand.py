"""The test stand: one real broker, and services and bare processes beside each other on one machine."""

import asyncio
import json
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import httpx
from kafka.admin import KafkaAdminClient, NewTopic

from bench.load import Posted
from services import broker, first_keys
from services.supervisor import Change, Child, State, Supervisor
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
        self.keys = first_keys.first_keys(folder)
        self.ports: dict[str, int] = {}
        """Where the started processes serve HTTP, by name."""
        self._broker = ExitStack()
        self._supervisor = Supervisor(self._note)
        self._died: list[str] = []

    async def __aenter__(self) -> Self:
        # On the event loop's own thread, which the broker is tied to.
        bootstrap = self._broker.enter_context(broker.running(self.folder / "kafka"))
        self.kafka = KafkaSettings(kafka_bootstrap_servers=bootstrap, kafka_partitions=PARTITIONS)
        topics.create(self.kafka, self.kafka.stations)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._supervisor.stop()
        self._broker.close()

    def make_topic(self, name: str, partitions: int = PARTITIONS) -> None:
        admin = KafkaAdminClient(**self.kafka.client_arguments())
        admin.create_topics([NewTopic(name, partitions, 1)])
        admin.close()

    async def start_service(self, name: str) -> None:
        """Start a service by its own command, on a SQLite database of its own."""
        port = self.ports[name] = _free_port()
        environment = {
            "DATABASE_URL": f"sqlite:///{self.folder / name}.db",
            "HOST": HOST,
            "PORT": str(port),
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka.kafka_bootstrap_servers,
            "LOG_FORMAT": "json",
        }
        if name == "registration":
            self._keep_form_key(environment["DATABASE_URL"])
        await self._start(name, ["services", name], lambda: _answers(f"{HOST}:{port}/ready"), environment)

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

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def _note(self, change: Change) -> None:
        if change.state is State.DIED:
            self._died.append(change.child)

    def _keep_form_key(self, database_url: str) -> None:
        database = Database(database_url, "registration")
        try:
            database.migrate("registration:migrations")
            first_keys.keep_form_hash(database, self.keys)
        finally:
            database.close()


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
