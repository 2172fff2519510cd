"""One database per service: PostgreSQL in production, SQLite (WAL) embedded; SQLAlchemy Core in threads, off the loop.

A use case is a plain function of a connection; `Database.write` runs it in one transaction and returns after the commit.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from alembic import command
from alembic.config import Config
from sqlalchemy import (
    Column,
    Connection,
    DateTime,
    Dialect,
    Engine,
    MetaData,
    PoolProxiedConnection,
    String,
    Table,
    TypeDecorator,
    create_engine,
    event,
    func,
    inspect,
    select,
)
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

T = TypeVar("T")
SQLITE_WAIT_SECONDS = 20
SQLITE_SYNCHRONOUS = "FULL"
POSTGRESQL_WRITERS = 4
READERS = 4
SQLITE_READERS = 2
"""More would but take the interpreter from each other: SQLite answers from memory."""
OWN_CONNECTIONS = 3
"""Held by what takes no turn: the relay's claim, a lead, and whatever is held by a command or a test."""
_DATA_VERSION = "PRAGMA data_version"
NUL = "\0"
"""In no text that is kept: PostgreSQL takes none, and is not to be asked for one."""
LEAD_SECONDS = 15.0
"""How long the others wait for a leader that stands still."""


class WrongDatabase(Exception):
    """The database belongs to another service."""


class Database:
    """A service's database. Writes on SQLite go through one thread, in order; PostgreSQL has several."""

    def __init__(self, url: str, service: str) -> None:
        self.service = service
        self.url = make_url(url)
        self.is_postgresql = self.url.get_backend_name() == "postgresql"
        if self.is_postgresql:
            self.url = self.url.set(drivername="postgresql+psycopg")
            self._write_engine = self._read_engine = create_engine(
                self.url,
                pool_size=POSTGRESQL_WRITERS + READERS,
                max_overflow=OWN_CONNECTIONS,
                pool_pre_ping=True,
                hide_parameters=True,
            )
        else:
            self._write_engine = _sqlite_engine(self.url, begin="BEGIN IMMEDIATE", connections=1)
            self._read_engine = _sqlite_engine(self.url, begin="BEGIN", connections=SQLITE_READERS + OWN_CONNECTIONS)
        self._writers = ThreadPoolExecutor(POSTGRESQL_WRITERS if self.is_postgresql else 1, thread_name_prefix="write")
        self._readers = ThreadPoolExecutor(READERS if self.is_postgresql else SQLITE_READERS, thread_name_prefix="read")
        self._next_look: asyncio.Task[str] | None = None
        self._one_look_at_a_time = asyncio.Lock()
        self._watching: PoolProxiedConnection | None = None
        self._after_commit: list[Callable[[], None]] = []
        self._after_commit_elsewhere: list[Callable[[], None]] = []

    def after_commit(self, call: Callable[[], None], *, elsewhere: bool = True) -> None:
        """Have `call` called on the event loop after each announced write: it wakes what waits for new rows.

        Also after other replicas' where `elsewhere` and `shared.waking` runs.
        """
        self._after_commit.append(call)
        if elsewhere:
            self._after_commit_elsewhere.append(call)

    def committed_elsewhere(self) -> None:
        """Say that another replica may have written."""
        for call in self._after_commit_elsewhere:
            call()

    async def write(self, work: Callable[[Connection], T], *, announce: bool = True, durable: bool = True) -> T:
        """Run `work` in a transaction and return its result after the commit; an exception rolls back.

        The transaction runs to its end even where the caller is cancelled. One that is not `durable` does not wait for
        the disk: a power cut may undo it, and never what is committed after it without it.
        """
        transaction = self.transaction if durable else self._quick_transaction
        result = await asyncio.get_running_loop().run_in_executor(self._writers, transaction, work)
        if announce:
            for call in self._after_commit:
                call()
        return result

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on a connection that only reads, and return its result."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._reading, work)

    async def state(self) -> str:
        """A name of the database as it stands: another one after whatever is committed, by whichever process.

        What is read after this was asked is at least as new. PostgreSQL is asked for all together who ask while a look is
        under way: they share the next one.
        """
        if not self.is_postgresql:
            return self._data_version()
        if self._next_look is None:
            self._next_look = asyncio.create_task(self._look())
        return await asyncio.shield(self._next_look)

    async def _look(self) -> str:
        async with self._one_look_at_a_time:
            self._next_look = None  # it begins: who asks from now on may have seen a later commit
            return await self.read(lambda tx: tx.exec_driver_sql("select pg_current_snapshot()::text").scalar_one())

    def _data_version(self) -> str:
        """How often others have committed, as SQLite counts for each connection: this one writes nothing.

        It stands in memory that SQLite's processes share: it is asked at once, in microseconds, not in a thread.
        """
        try:
            self._watching = self._watching or self._read_engine.raw_connection()
            with closing(self._watching.cursor()) as cursor:
                return str(cursor.execute(_DATA_VERSION).fetchone()[0])
        except sqlite3.OperationalError as error:  # raised as by whatever else asks the database
            raise OperationalError(_DATA_VERSION, None, error) from error

    def transaction(self, work: Callable[[Connection], T]) -> T:
        """`write` for commands and threads of their own: blocks, and wakes nobody."""
        with self._write_engine.begin() as connection:
            return work(connection)

    def _quick_transaction(self, work: Callable[[Connection], T]) -> T:
        with self._write_engine.connect() as connection:
            if self.is_postgresql:
                with connection.begin():
                    connection.exec_driver_sql("set local synchronous_commit = off")
                    return work(connection)
            sqlite = connection.connection.cursor()  # outside a transaction, where alone SQLite lets it be set
            sqlite.execute("PRAGMA synchronous=NORMAL")
            try:
                with connection.begin():
                    return work(connection)
            finally:
                sqlite.execute(f"PRAGMA synchronous={SQLITE_SYNCHRONOUS}")

    def _reading(self, work: Callable[[Connection], T]) -> T:
        with self._read_engine.connect() as connection:
            return work(connection)

    def migrate(self, migrations: str) -> None:
        """Bring the tables up to date, once, however many replicas start together; blocks.

        `migrations` is a package with Alembic's versions, such as `registration:migrations`. Raises `WrongDatabase`
        where another service has stamped the database.
        """
        if not self.is_postgresql and self.url.database:
            _make_folder(self.url.database)
        with self._write_engine.begin() as connection:
            if self.is_postgresql:
                connection.exec_driver_sql("select pg_advisory_xact_lock(hashtext('lanyard migrations'))")
            self._check_stamp(connection)
            config = Config()
            config.set_main_option("script_location", migrations)
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def _check_stamp(self, connection: Connection) -> None:
        stamp = Table("lanyard_service", MetaData(), Column("name", String(32), primary_key=True))
        if not inspect(connection).has_table(stamp.name):
            stamp.create(connection)
            connection.execute(stamp.insert().values(name=self.service))
        owner = connection.execute(select(stamp.c.name)).scalar_one()
        if owner != self.service:
            raise WrongDatabase(
                f"The database {self.url.database} belongs to {owner}. Give {self.service} one of its own "
                f"in {self.service.upper()}_DATABASE_URL."
            )

    def connect(self) -> Connection:
        """A connection of the caller's own, outside the pools' turns; the caller closes it."""
        return self._read_engine.connect()

    def close(self) -> None:
        """Finish what runs and let go of the connections; blocks."""
        self._writers.shutdown()
        self._readers.shutdown()
        if self._watching is not None:
            self._watching.close()
        self._write_engine.dispose()
        self._read_engine.dispose()


class Leadership:
    """Lets one replica at a time do a thing: by a lock of PostgreSQL's that dies with its connection.

    PostgreSQL ends a connection that says nothing for `LEAD_SECONDS`: a leader reads more often, also what it does not
    need. On SQLite, where a service is one process, it is always held. Its methods block, and are for one thread at a time.
    """

    def __init__(self, database: Database, name: str) -> None:
        self._database = database
        self._name = f"{database.service} {name}"
        self._connection: Connection | None = None

    def read(self, work: Callable[[Connection], list[T]]) -> list[T]:
        """Run `work` where this replica leads; else return nothing. A lost connection loses the lead, and raises."""
        if not self._database.is_postgresql:
            with self._database.connect() as connection:
                return work(connection)
        if self._connection is None:
            connection = self._database.connect()
            try:
                led = connection.execute(select(func.pg_try_advisory_lock(func.hashtext(self._name)))).scalar_one()
                connection.commit()
            except BaseException:
                connection.close()
                raise
            if not led:
                connection.close()
                return []
            self._connection = connection
            connection.execute(select(func.set_config("idle_session_timeout", str(round(LEAD_SECONDS * 1000)), False)))
            connection.commit()
        try:
            found = work(self._connection)
            self._connection.commit()
        except BaseException:
            self.release()
            raise
        return found

    def release(self) -> None:
        if self._connection is not None:
            self._connection.invalidate()  # closed for real: a pooled connection would keep the lock
            self._connection.close()
            self._connection = None


def _make_folder(database: str) -> None:
    Path(database).parent.mkdir(parents=True, exist_ok=True)


_PRAGMAS = ("journal_mode=WAL", "foreign_keys=ON", "cache_size=-16000", "secure_delete=ON")
"""The last: what is deleted, such as the erased, is written over also where SQLite was built to leave it."""


def _sqlite_engine(url: Any, *, begin: str, connections: int) -> Engine:
    engine = create_engine(
        url,
        pool_size=connections,
        max_overflow=0,
        hide_parameters=True,
        connect_args={"check_same_thread": False, "timeout": SQLITE_WAIT_SECONDS, "isolation_level": None},
    )

    @event.listens_for(engine, "connect")
    def set_pragmas(connection: Any, _: Any) -> None:
        for pragma in (*_PRAGMAS, f"synchronous={SQLITE_SYNCHRONOUS}"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin_transaction(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


class UtcDateTime(TypeDecorator[datetime]):
    """A column of UTC instants, aware on both databases (SQLite alone forgets the offset)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def insert(tx: Connection, table: Table) -> Any:
    """An INSERT that knows `ON CONFLICT`, in the dialect of `tx`.

    Typed as `Any`: SQLAlchemy's two dialects share these methods but no type.
    """
    return postgresql_insert(table) if tx.dialect.name == "postgresql" else sqlite_insert(table)
