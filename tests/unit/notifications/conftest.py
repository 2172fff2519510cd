"""The database of notifications, once on SQLite and once on PostgreSQL, and a clock that tests set."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import pytest
from sqlalchemy import Connection

from notifications import convergence, outgoing, service, store
from notifications.outgoing import Letter, Outcome, Sent
from shared.database import Database
from tests.parts import PostgreSQL

T = TypeVar("T")


class Clock:
    """The time as notifications sees it."""

    def __init__(self) -> None:
        self.now = datetime(2026, 5, 5, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Tables:
    """The tables, one transaction a call, and a post that takes everything at once."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database = database
        self.clock = clock

    def write(self, work: Callable[[Connection], T]) -> T:
        with self.database.connect() as connection:
            result = work(connection)
            connection.commit()
        return result

    def post(
        self, outcome: Callable[[Letter, datetime], Outcome | None] = lambda letter, at: Sent(letter.key, at)
    ) -> list[Letter]:
        """Have every waiting notice meet with `outcome`; return them. With `None` it is not known what became of it."""

        def deliver(tx: Connection) -> list[Letter]:
            letters = [outgoing.letter(tx, key) for key in outgoing.waiting(tx, self.clock.now, 10_000)]
            posted = [letter for letter in letters if letter is not None]
            outgoing.settle(tx, [each for letter in posted if (each := outcome(letter, self.clock.now)) is not None])
            return posted

        return self.write(deliver)


@pytest.fixture(scope="session")
def postgresql(postgresql_server: PostgreSQL) -> Iterator[Database]:
    yield from migrated(postgresql_server.new_database())


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    if request.param == "postgresql":
        yield request.getfixturevalue("postgresql")
    else:
        yield from migrated(f"sqlite:///{tmp_path_factory.mktemp('notifications') / 'notifications.db'}")


def migrated(url: str) -> Iterator[Database]:
    database = Database(url, "notifications")
    database.migrate("notifications:migrations")
    yield database
    database.close()


def emptied(database: Database, clock: Clock) -> Tables:
    tables = Tables(database, clock)
    tables.write(lambda tx: [tx.execute(table.delete()) for table in store.metadata.sorted_tables])
    return tables


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in (service, convergence):
        monkeypatch.setattr(module, "utc_now", clock)
    return clock


@pytest.fixture
def tables(database: Database, clock: Clock) -> Tables:
    """Empty at the start of each test."""
    return emptied(database, clock)
