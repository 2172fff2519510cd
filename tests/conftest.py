"""The parts that all tests of a run share; `tests.parts` says which they are."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import parts
from tests.parts import PostgreSQL


def pytest_sessionstart(session: pytest.Session) -> None:
    """Say what the tests run on, also where pytest is told to be quiet and shows no header."""
    session.config.get_terminal_writer().line(f"Running on {parts.kafka_part()}; {parts.postgresql_part()}")


@pytest.fixture(scope="session")
def bootstrap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a broker that all tests share: each gives its topics a prefix of its own."""
    with parts.kafka(tmp_path_factory.mktemp("kafka")) as address:
        yield address


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgreSQL]:
    with parts.postgresql() as server:
        yield server


@pytest.fixture
def postgresql_url(postgresql_server: PostgreSQL) -> str:
    """An empty database of the test's own."""
    return postgresql_server.new_database()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of the test's own: the test runs once on SQLite and once on PostgreSQL."""
    if request.param == "postgresql":
        return request.getfixturevalue("postgresql_url")
    return f"sqlite:///{tmp_path / 'service.db'}"


@pytest.fixture(scope="session")
def new_url(request: pytest.FixtureRequest) -> Callable[[Path], str]:
    """Gives the URL of an empty database of the kind that this run prefers: with SQLite it is the file."""
    if parts.on_postgresql():
        server: PostgreSQL = request.getfixturevalue("postgresql_server")
        return lambda _: server.new_database()
    return lambda file: f"sqlite:///{file}"
