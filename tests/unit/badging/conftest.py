"""Badging's database, once on SQLite and once on PostgreSQL."""

from collections.abc import Iterator

import pytest

from badging.service import BadgeDesk
from shared.database import Database
from shared.settings import KafkaSettings
from tests.badging_examples import CONFERENCE
from tests.parts import PostgreSQL


@pytest.fixture(scope="session")
def postgresql(postgresql_server: PostgreSQL) -> Iterator[Database]:
    yield from migrated(postgresql_server.new_database())


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
