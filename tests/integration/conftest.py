"""What the tests on a real broker share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.conference import Conference
from tests.registration_app import RegistrationApp, registration_running
from tests.registration_examples import TINY
from tests.smtp_server import MailBox, smtp_server

OF_PAGES = {
    "test_accreditation_desk.py",
    "test_addresses.py",
    "test_corrections.py",
    "test_delegation_pages.py",
    "test_enrolling_pages.py",
    "test_endorsement.py",
    "test_external_forms.py",
    "test_focal_news.py",
    "test_focal_points.py",
    "test_letters.py",
    "test_page_times.py",
    "test_photo_corrections.py",
    "test_photos.py",
    "test_programme_desk.py",
    "test_public_form.py",
    "test_refusal_reasons.py",
}
"""They come to use cases that others try on both databases; on PostgreSQL they are `make thorough`'s."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        call = getattr(item, "callspec", None)
        if item.path.name in OF_PAGES and call and call.params.get("database_url") == "postgresql":
            item.add_marker(pytest.mark.thorough)


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
