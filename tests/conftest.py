"""The parts that all tests of a run share; `tests.parts` says which they are."""

import gc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from registration.staff import passwords
from tests import parts
from tests.parts import PostgreSQL, SQLiteFiles


def pytest_sessionstart(session: pytest.Session) -> None:
    """Say what the tests run on, also where pytest is told to be quiet and shows no header."""
    session.config.get_terminal_writer().line(f"Running on {parts.kafka_part()}; {parts.postgresql_part()}")


def pytest_collection_finish() -> None:
    """What is imported by now stays: each collection of garbage would look through it again."""
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def quick_passwords() -> Iterator[None]:
    """Passwords are hashed with the least effort: no test asks how long guessing takes, and hundreds sign somebody in."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        patch.setattr(passwords, "_NOBODYS", f"$argon2id$v=19$m=8,t=1,p=1${'A' * 22}${'A' * 43}")
        yield


@pytest.fixture(scope="session", autouse=True)
def beside_no_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What somebody's `make run` left in `var` is not found by commands that look beside a stack."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VAR", str(tmp_path_factory.mktemp("no-stack")))
        yield


@pytest.fixture(scope="session")
def bootstrap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a broker that all tests share: each gives its topics a prefix of its own."""
    with parts.kafka(tmp_path_factory.mktemp("kafka")) as address:
        yield address


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgreSQL]:
    with parts.postgresql() as server:
        yield server


@pytest.fixture(scope="session")
def sqlite_files(tmp_path_factory: pytest.TempPathFactory) -> SQLiteFiles:
    return SQLiteFiles(tmp_path_factory.mktemp("with-tables"))


@pytest.fixture
def with_tables_of() -> str | None:
    """The service whose tables are in the test's database already; `None` leaves it empty."""
    return None


@pytest.fixture
def postgresql_url(postgresql_server: PostgreSQL, with_tables_of: str | None) -> str:
    """A database of the test's own."""
    return postgresql_server.new_database(with_tables_of)


@pytest.fixture
def sqlite_url(sqlite_files: SQLiteFiles, with_tables_of: str | None, tmp_path: Path) -> str:
    """A database of the test's own."""
    return sqlite_files.new_database(tmp_path / "service.db", with_tables_of)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A database of the test's own: the test runs once on SQLite and once on PostgreSQL."""
    return request.getfixturevalue(f"{request.param}_url")


@pytest.fixture(scope="session")
def new_url(request: pytest.FixtureRequest) -> Callable[[Path], str]:
    """Gives the URL of an empty database of the kind that this run prefers: with SQLite it is the file."""
    if parts.on_postgresql():
        server: PostgreSQL = request.getfixturevalue("postgresql_server")
        return lambda _: server.new_database()
    return lambda file: f"sqlite:///{file}"
