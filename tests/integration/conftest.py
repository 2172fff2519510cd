"""What the tests on a real broker share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.conference import Conference
from tests.registration_app import RegistrationApp, registration_running
from tests.registration_examples import TINY
from tests.smtp_server import MailBox, smtp_server


@pytest.fixture
def conference() -> Conference:
    """The conference that `registration_app` serves."""
    return TINY


@pytest.fixture
def with_tables_of() -> str | None:
    """Most tests are of registration."""
    return "registration"


@pytest.fixture
def registration_url(database_url: str) -> str:
    """The database of `registration_app`."""
    return database_url


@pytest.fixture
async def registration_app(tmp_path: Path, conference: Conference, registration_url: str) -> AsyncIterator[RegistrationApp]:
    """Registration in this process, once on SQLite and once on PostgreSQL."""
    async with registration_running(registration_url, conference, tmp_path) as app:
        yield app


@pytest.fixture
async def mail_box() -> AsyncIterator[MailBox]:
    box = MailBox()
    async with smtp_server(box):
        yield box
