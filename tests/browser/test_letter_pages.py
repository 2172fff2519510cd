"""A letter of credentials in a real browser: a focal point sends it, is told why another is refused; the desk opens it."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.async_api import Browser, Page
from sqlalchemy import select

from registration import store
from registration.delegations import sign_in
from registration.delegations.focal_points import FocalPoint, keep_focal_points
from registration.pages.focal_point import SESSION_COOKIE
from shared.clock import utc_now
from shared.database import Database
from shared.events import Language
from shared.keys import Role
from tests.browser.serving import served
from tests.browser.test_desk_pages import fine
from tests.browser.test_desk_pages import sign_in as sign_in_at_desk
from tests.browser.test_public_pages import DESK, PHONE, page_of
from tests.pdfs import opens_with, pdf
from tests.staff_accounts import add_account

pytestmark = pytest.mark.thorough

DESK_KEY = {"Authorization": "Bearer accreditation"}
REFUSED = {"en": "The PDF holds a script", "ar": "يحتوي ملف PDF على برنامج نصي"}
MISSING = {"en": "Letter missing", "ar": "الخطاب ناقص"}
DELEGATION = {"en": "no", "ar": "ma"}


@dataclass(frozen=True)
class Place:
    url: str
    database: Database

    def focal_point(self, delegation: str) -> str:
        """The session of one who has just signed in."""
        given = [FocalPoint(name="Ingrid Vik", email=f"focal@{delegation}.example")]

        def signed_in(tx: Any) -> str:
            keep_focal_points(tx, delegation, given)
            sign_in.ask_for_link(tx, given[0].email, "en", utc_now())
            links = store.sign_in_links.c
            link_id = tx.execute(select(links.link_id).where(links.email == given[0].email)).scalar_one()
            used = sign_in.use_link(tx, link_id, utc_now())
            assert used
            return used[0]

        return self.database.transaction(signed_in)

    def waiting(self, delegation: str) -> str:
        """Somebody of the delegation who is vetted, and waits for its letter; returns their id."""
        person = {
            "given_name": "Ola", "family_name": "Berg", "function": "Inspector", "email": f"ola@{delegation}.example",
            "language": "en", "birth_date": "1975-04-30", "document_number": f"N-{delegation}",
        }  # fmt: skip
        body = {"category": "security", "delegation": delegation, "person": person, "protected": True}
        answer = httpx.post(f"{self.url}/delegates", json=body, headers=DESK_KEY)
        assert answer.json()["needs"] == ["letter"]
        return answer.json()["delegate_id"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("letters")
    with served(folder) as site:
        database = Database(f"sqlite:///{folder / 'registration.db'}", "registration")
        yield Place(site, database)
        database.close()


async def send(page: Page, file: bytes) -> None:
    await page.set_input_files("#letter", {"name": "note.pdf", "mimeType": "application/pdf", "buffer": file})
    await page.locator("main form[enctype] button").click()


@pytest.mark.parametrize("language", ["en", "ar"])
async def test_a_letter_is_sent_refused_sent_again_and_opened_at_the_desk(browser: Browser, place: Place, language: Language):
    code, letter = DELEGATION[language], pdf(text=f"Note verbale {language}")
    delegate_id, own = place.waiting(code), f"{place.url}/{language}/delegation/{code}"
    page = await page_of(browser, PHONE, color_scheme="dark")
    await page.context.add_cookies([{"name": SESSION_COOKIE, "value": place.focal_point(code), "url": place.url}])
    await page.goto(own)
    assert await page.locator("section[aria-labelledby=letter] .desk-notice").count() == 1
    assert await page.locator(".people .mark", has_text=MISSING[language]).count() == 1
    await fine(page)
    await page.locator("section[aria-labelledby=letter] a.button").click()
    await fine(page)
    await send(page, pdf(opens_with("/JavaScript")))
    assert REFUSED[language] in await page.locator("#faults[role=alert]").inner_text()
    await fine(page)
    await send(page, letter)
    await page.wait_for_url("**?done=letter")
    assert await page.locator(".people .mark", has_text=MISSING[language]).count() == 0
    await fine(page)
    await page.context.close()

    page = await page_of(browser, DESK)
    name = f"desk-{language}"
    await sign_in_at_desk(page, place.url, language, (name, add_account(place.database, name, Role.ACCREDITATION)))
    await page.goto(f"{place.url}/{language}/desk/people/{delegate_id}")
    await fine(page)
    async with page.expect_download() as downloading:
        await page.locator("section[aria-labelledby=letter] a[download]").click()
    saved = await downloading.value
    assert saved.suggested_filename == f"letter-{code}.pdf"
    assert await asyncio.to_thread(Path(await saved.path()).read_bytes) == letter
    await page.locator(f"section[aria-labelledby=letter] a[href$='/desk/letters/{code}']").click()
    await fine(page)
    assert await page.locator(".revisions li", has_text="Ingrid Vik").count() == 1
    await page.goto(f"{place.url}/{language}/desk/people/{delegate_id}")
    await page.locator("button[value=accredit]").click()
    await page.wait_for_url(f"**?decided={delegate_id}")
    await page.context.close()


async def test_the_desk_finds_who_waits_for_a_letter(browser: Browser, place: Place):
    delegate_id = place.waiting("fr")
    page = await page_of(browser, DESK)
    account = add_account(place.database, "desk-queue", Role.ACCREDITATION)
    await sign_in_at_desk(page, place.url, "en", ("desk-queue", account))
    await page.goto(f"{place.url}/en/desk")
    await page.select_option("#status", "letter")
    await page.wait_for_url("**status=letter**")
    found = page.locator(f"#found a[href$='/people/{delegate_id}']")
    await found.wait_for()
    assert await page.locator("#found .people > li").count() == 1
    await fine(page)
    await found.click()
    assert await page.locator("button[value=accredit]").count() == 0
    await fine(page)
    await page.context.close()
