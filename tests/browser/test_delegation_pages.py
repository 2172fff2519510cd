"""A focal point in a real browser: signs in by the mailed link and nominates three people, with no more than it takes.

The site's mails go to a real SMTP server. Clicks and keystrokes are counted as the pages are used.
"""

import asyncio
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx
import pytest
import pytest_asyncio
import uvicorn
from playwright.async_api import Browser, Page

from registration.delegations.focal_points import FocalPoint, FocalRole, keep_focal_points
from shared.conference_folder import load
from shared.events import LANGUAGES
from tests.browser.serving import EXAMPLE, READY_WITHIN_SECONDS
from tests.browser.test_public_pages import DESK, PHONE, axe_finds, page_of, scrolls_sideways
from tests.integration.deployment import free_port
from tests.registration_app import registration_running
from tests.smtp_server import MailBox, smtp_server

PURPOSES = ("nominating", "changing", "reading")
DELEGATION = "no"
CIVIL = "aarhus-institute-reintegration"


@dataclass
class Desk:
    """The running site and what it mails."""

    url: str
    box: MailBox

    async def link(self, mails: int) -> str:
        """The link of the newest mail, once so many have come."""
        async with asyncio.timeout(60):
            while len(self.box.raw) < mails:  # noqa: ASYNC110  (the server runs in another thread)
                await asyncio.sleep(0.02)
        [link] = re.findall(r"http://\S+", self.box.mails[mails - 1].get_content())
        return link


@dataclass
class Hand:
    """Clicks and keystrokes, counted."""

    page: Page
    clicks: int = 0
    keystrokes: int = 0
    screens: list[str] = field(default_factory=list[str])

    async def click(self, selector: str) -> None:
        self.clicks += 1
        await self.page.locator(selector).first.click()

    async def type(self, selector: str, text: str) -> None:
        """Fill a field that the cursor reached by Tab, which counts as a keystroke, too."""
        self.keystrokes += len(text) + 1
        await self.page.locator(selector).fill(text)

    async def seen(self) -> None:
        """Note the screen, and hold it against axe."""
        self.screens.append(re.sub(r"[0-9a-f-]{36}", "ID", self.page.url.partition("?")[0].split("/", 3)[-1]))
        assert await axe_finds(self.page) == []
        assert not await scrolls_sideways(self.page), self.page.url


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder, port = tmp_path_factory.mktemp("site"), free_port()
    url, conference = f"http://127.0.0.1:{port}", load(EXAMPLE)
    started: list[uvicorn.Server] = []
    boxes: list[MailBox] = []
    ready = threading.Event()

    async def serve() -> None:
        box = MailBox()
        async with (
            smtp_server(box),
            registration_running(
                f"sqlite:///{folder / 'registration.db'}", conference, folder, smtp_port=box.port, own_url=url, news_pace=None
            ) as registration,
        ):
            # One for each test: no address is sent more than a few links an hour.
            emails = [f"{language}@{purpose}.example" for language in LANGUAGES for purpose in PURPOSES]
            given = [FocalPoint(name="Ingrid Vik", email=each, role=FocalRole.BACKUP) for each in emails]
            await registration.database.write(lambda tx: keep_focal_points(tx, DELEGATION, given))
            civil = [FocalPoint(name="Ida Holm", email=f"{each}@endorsing.example") for each in LANGUAGES]
            await registration.database.write(lambda tx: keep_focal_points(tx, CIVIL, civil))
            server = uvicorn.Server(uvicorn.Config(registration.app, port=port, log_config=None, access_log=False))
            started.append(server)
            boxes.append(box)
            serving = asyncio.create_task(server.serve())
            while not server.started:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            ready.set()
            await serving

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(READY_WITHIN_SECONDS)
    yield Desk(url, boxes[0])
    started[0].should_exit = True
    thread.join()


@pytest_asyncio.fixture(loop_scope="session")
async def page(browser: Browser) -> Page:
    return await page_of(browser, DESK)


async def signed_in(page: Page, desk: Desk, language: str, purpose: str, delegation: str = DELEGATION) -> Hand:
    mails, hand = len(desk.box.raw), Hand(page)
    await page.goto(f"{desk.url}/{language}/focal-point")
    await hand.seen()
    await hand.type("#email", f"{language}@{purpose}.example")
    await hand.click("form button")
    await hand.seen()
    assert page.url.endswith("/asked"), await page.locator("main").inner_text()
    hand.clicks += 1  # on the link in the mail
    await page.goto(await desk.link(mails + 1))
    await hand.seen()
    await hand.click("main form button")
    await page.wait_for_url(f"**/{language}/delegation/{delegation}")
    await hand.seen()
    return hand


async def nominated(hand: Hand, category: str, given: str, *, birth: str = "", document: str = "") -> None:
    await hand.click(f".places a[href$='/add/{category}']")
    if len(hand.screens) < 6:
        await hand.seen()
    await hand.type("[name='person/given_name']", given)
    await hand.type("[name='person/family_name']", "Vik")
    await hand.type("[name='person/function']", "Director")
    await hand.type("[name='person/email']", f"{given.lower()}@mission.example")
    if document:
        await hand.type("[name='person/document_number']", document)
    if birth:
        await hand.type("[name='person/birth_date']", birth)
    await hand.click("main form:not(.signed-in) button")
    await hand.page.wait_for_url("**?done=added")


@pytest.mark.parametrize("language", ["en", "ar"])
async def test_three_people_are_nominated_with_few_clicks(page: Page, desk: Desk, language: str):
    hand = await signed_in(page, desk, language, "nominating")
    name = {"en": "Nora", "ar": "Nadia"}[language]
    for number, category in enumerate(("delegate", "head-of-agency", "diplomat")):
        document = f"N{language}{number}" if category == "diplomat" else ""
        await nominated(hand, category, f"{name}{'abc'[number]}", document=document)
    assert await page.locator(".people > li", has_text=name).count() == 3
    await hand.seen()
    screens = ["focal-point", "focal-point/asked", "focal-point/link", "delegation/no"]
    screens += ["delegation/no/add/delegate", "delegation/no/add/head-of-agency", "delegation/no"]
    assert hand.screens == [f"{language}/{each}" for each in screens]
    assert hand.clicks == 9, "three to sign in, two a person"
    assert hand.keystrokes < 180
    assert hand.keystrokes / 2 + hand.clicks * 2 < 120, "two minutes, for whoever types two letters a second"


@pytest.mark.thorough
@pytest.mark.parametrize("language", ["en", "ar"])
async def test_a_person_is_corrected_replaced_and_withdrawn(page: Page, desk: Desk, language: str):
    hand = await signed_in(page, desk, language, "changing")
    name = {"en": "Olga", "ar": "Omar"}[language]
    for each in ("a", "b"):
        await nominated(hand, "delegate", name + each)
    person = page.locator(".people > li", has_text=f"{name}a Vik")
    await person.locator(".actions a").nth(0).click()
    await hand.seen()
    await hand.type("[name='person/function']", "Chief of staff")
    await hand.click("main form:not(.signed-in) button")
    assert await page.locator("[role=status]").count() == 1
    assert "Chief of staff" in await person.inner_text()
    await person.locator(".actions a").nth(1).click()
    await hand.seen()
    for field_name, text in (
        ("given_name", f"{name}c"),
        ("family_name", "Vik"),
        ("function", "Deputy"),
        ("email", "c@m.example"),
    ):
        await hand.type(f"[name='person/{field_name}']", text)
    await hand.click("main form:not(.signed-in) button")
    await page.wait_for_url("**?done=replaced")
    await hand.seen()
    await page.locator(".people > li", has_text=f"{name}b Vik").locator(".actions a").nth(2).click()
    await hand.seen()
    await hand.click("main form:not(.signed-in) button")
    await page.wait_for_url("**?done=withdrawn")
    assert await page.locator("section[aria-labelledby=people] li", has_text=name).count() == 1
    await hand.seen()


async def registers(desk: Desk, name: str) -> None:
    """Somebody of civil society registers by a form."""
    person = {
        "given_name": name,
        "family_name": "Holm",
        "function": "Researcher",
        "email": f"{name.lower()}@institute.example",
        "language": "en",
        "birth_date": "1980-02-03",
        "document_number": f"D-{name}",
    }
    body = {"category": "civil-society", "delegation": CIVIL, "person": person}
    async with httpx.AsyncClient() as http:
        answer = await http.post(f"{desk.url}/delegates", json=body, headers={"Authorization": "Bearer form"})
    assert answer.status_code == 201, answer.text


@pytest.mark.thorough
@pytest.mark.parametrize("language", ["en", "ar"])
async def test_who_registered_themselves_is_endorsed_with_one_click_or_declined_with_a_reason(
    page: Page, desk: Desk, language: str
):
    hand = await signed_in(page, desk, language, "endorsing", CIVIL)
    for each in ("Eva", "Ole"):
        await registers(desk, f"{each}{language}")
    await page.reload()
    await hand.seen()
    await page.locator("#waiting ~ ol > li", has_text=f"Eva{language}").locator("button").click()
    await page.wait_for_url("**?done=endorsed")
    assert await page.locator("section[aria-labelledby=people] li", has_text=f"Eva{language}").count() == 1
    await page.locator("#waiting ~ ol > li", has_text=f"Ole{language}").locator("a").click()
    await hand.seen()
    await page.locator("button[value=decline]").click()
    assert await page.locator("[role=alert]").count() == 1, "a refusal is told with its reason"
    await hand.seen()
    await hand.type("#reason", "Left us in May")
    await page.locator("button[value=decline]").click()
    await page.wait_for_url("**?done=declined")
    await hand.seen()
    assert await page.locator("section[aria-labelledby=others] li", has_text=f"Ole{language}").count() == 1


@pytest.mark.thorough
@pytest.mark.parametrize("language", ["en", "ar"])
async def test_a_person_is_enrolled_in_sessions_that_clash_and_taken_out(page: Page, desk: Desk, language: str):
    hand = await signed_in(page, desk, language, "changing")
    await nominated(hand, "delegate", f"Siv{language}")
    await page.locator(".people > li", has_text=f"Siv{language} Vik").locator("a[href$='/sessions']").click()
    await hand.seen()
    clashing = page.locator(".sessions > li", has=page.locator("p.hint"))
    await page.locator(".sessions button[value=enrol]").nth(3).click()
    await page.wait_for_url("**?done=enrolled*")
    assert await clashing.count() > 0, "side events are in parallel"
    await clashing.first.locator("button").click()
    await page.wait_for_url("**?done=enrolled*")
    assert await page.locator(".sessions p.late").count() == 2
    await hand.seen()
    await page.locator(".sessions button[value=leave]").first.click()
    await page.wait_for_url("**?done=left*")
    assert await page.locator(".sessions p.late").count() == 0


@pytest.mark.parametrize("language", LANGUAGES)
async def test_axe_finds_nothing_on_a_phone_at_night_in_any_language(browser: Browser, desk: Desk, language: str):
    page = await page_of(browser, PHONE, color_scheme="dark", java_script_enabled=True)
    hand = await signed_in(page, desk, language, "reading")
    for path in (f"delegation/{DELEGATION}/add/security", f"delegation/{DELEGATION}/order"):
        await page.goto(f"{desk.url}/{language}/{path}")
        await hand.seen()
    await page.goto(f"{desk.url}/{language}/delegation/{DELEGATION}/add/security")
    await hand.click("main form:not(.signed-in) button")
    assert await page.locator("#faults li").count() >= 5
    await hand.seen()
    await page.goto(f"{desk.url}/{language}/focal-point/link?link=spent")
    await hand.seen()
