"""Whoever reads a time on a page is told by whose clock it is: on each page that shows one, in each language."""

import re
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from html import unescape

import httpx
import pytest
import pytest_asyncio

from registration.pages.site import languages
from shared.events import LANGUAGES, Language
from shared.ids import new_id
from tests.integration.test_letters import give as give_letter
from tests.integration.test_programme_desk import sent
from tests.integration.test_who_may import API, filled, routes_of, visitors_of
from tests.registration_app import RegistrationApp, registration_running
from tests.registration_examples import TINY, tiny
from tests.smtp_server import MailBox, smtp_server
from tests.staff_accounts import Browser

pytestmark = pytest.mark.asyncio(loop_scope="module")

TIME = re.compile(r"(?<!\d)\d\d:\d\d(?!\d)")
QUEUE, CHANGE = "desk?status=all", "programme-desk/change?session=welcome"
SHOW_TIMES = {
    "programme", "sessions/{session_id}", "register/{category}", QUEUE, "desk/people/{delegate_id}", "desk/letters/{code}",
    "programme-desk", CHANGE, "delegation/{code}", "delegation/{code}/letter", "delegation/{code}/add/{category}",
    "delegation/{code}/people/{delegate_id}/sessions", "delegation/{code}/people/{delegate_id}/endorsement",
    "delegation/{code}/people/{delegate_id}/replace",
}  # fmt: skip


@dataclass(frozen=True)
class Pages:
    """Those of each who may sign in, by their names."""

    addresses: list[tuple[str, str]]
    visitors: dict[str, httpx.AsyncClient]

    async def shown(self, language: Language) -> AsyncIterator[tuple[str, str]]:
        """Each page that somebody is shown, as text."""
        for name, address in self.addresses:
            for http in self.visitors.values():
                page = await http.get(f"/{language}/{address}")
                if page.status_code == 200 and page.headers["content-type"].startswith("text/html"):
                    yield name, unescape(page.text)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pages(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pages]:
    """Where one waits for an endorsement, and one is accredited."""
    folder, box = tmp_path_factory.mktemp("times"), MailBox()
    itself = {"self_registration": True, "needs_endorsement": True}
    guests = [each.model_copy(update=itself if each.slug == "guest" else {}) for each in TINY.categories]
    url = f"sqlite:///{folder / 'registration.db'}"
    async with smtp_server(box), registration_running(url, tiny(categories=guests), folder, smtp_port=box.port) as app:
        visitors = await visitors_of(app, box)
        people = [
            await app.registered(),
            await app.registered(by="form", category="guest", document_number="N-1", given_name="Eva"),
        ]
        assert (await give_letter(app)).status_code == 200
        assert (await app.ask("PATCH", "/sessions/welcome", "programme", json={"capacity": 9})).status_code == 200
        yield Pages(list(_addresses(app, people)), visitors)


def _addresses(app: RegistrationApp, people: Iterable[str]) -> Iterable[tuple[str, str]]:
    yield from ((QUEUE, QUEUE), (CHANGE, CHANGE))
    for name, method, path in routes_of(app.app):
        if method == "GET" and name not in API and name.startswith("GET /LANG/"):
            for delegate_id in people if "{delegate_id" in path else ["none"]:
                known = {"session_id": "welcome", "code": "oslo", "category": "guest", "staged_id": new_id(), "link": "none"}
                address = filled(path, {**known, "delegate_id": delegate_id})
                yield name.removeprefix("GET /LANG/"), address.removeprefix("/en/")


def venue(language: Language) -> str:
    said = languages()[language]
    return said.gettext("Times are those of the venue (%(zone)s).") % {"zone": said.city(TINY.zone_info)}


@pytest.mark.parametrize("language", LANGUAGES)
async def test_each_page_that_shows_a_time_says_by_whose_clock(pages: Pages, language: Language):
    showing: dict[str, bool] = {}
    async for name, page in pages.shown(language):
        if TIME.search(re.sub(r"<[^>]+>", " ", page)) or name == CHANGE:
            showing[name] = showing.get(name, True) and venue(language) in page
    assert showing.keys() >= SHOW_TIMES, "what was to be looked at is not shown there at all"
    assert [name for name, tells in showing.items() if not tells] == []


async def test_so_does_what_the_programme_desk_is_about_to_publish(pages: Pages):
    desk = Browser("http://registration.test")
    desk.http = pages.visitors["programme account"]
    moved = {"welcome__starts_at": "2026-05-12T11:00", "welcome__ends_at": "2026-05-12T12:00"}
    preview = await sent(desk, f"/en/{CHANGE}", "preview", await desk.get(f"/en/{CHANGE}"), **moved)
    assert "11:00" in preview.text
    assert venue("en") in preview.text
