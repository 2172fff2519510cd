"""The accreditation desk in a real browser: signed in to, searched as one types, decided on by keyboard, staged and undone."""

from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.async_api import Browser, Page, expect

from shared.database import Database
from shared.keys import Role
from tests.browser.serving import served
from tests.browser.test_public_pages import DESK, PHONE, axe_finds, page_of, scrolls_sideways
from tests.pictures import picture
from tests.staff_accounts import PASSWORD, add_account

PEOPLE = 6
PHOTO = b64encode(picture()).decode()
DESK_KEY = {"Authorization": "Bearer accreditation"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("desk")


@pytest.fixture(scope="module")
def desk(folder: Path) -> Iterator[str]:
    """A site of its own, with people who wait for a decision."""
    with served(folder) as site:
        for number in range(PEOPLE):
            person = {
                "given_name": f"Ruth{number}",
                "family_name": "Adeyemi" if number % 2 else "Östlund",
                "function": "Director",
                "email": f"ruth{number}@relief.example",
                "language": "en",
                "birth_date": "1975-04-30",
                "document_number": f"N-{number}",
            }
            delegations = httpx.get(f"{site}/conference").json()["delegations"]
            code = [each["code"] for each in delegations if each["kind"] == "civil-society"][number]
            body = {"category": "civil-society", "delegation": code, "person": person, "photo": PHOTO}
            answer = httpx.post(f"{site}/delegates", json=body, headers={"Authorization": "Bearer accreditation"})
            assert answer.status_code == 201, answer.text
        yield site


@pytest.fixture
def account(folder: Path, desk: str, request: pytest.FixtureRequest) -> tuple[str, str]:
    """A new account's name and the link to set its password with."""
    name = f"a{abs(hash(request.node.name)) % 10**8}"
    database = Database(f"sqlite:///{folder / 'registration.db'}", "registration")
    link = add_account(database, name, Role.ACCREDITATION)
    database.close()
    return name, link


async def fine(page: Page) -> None:
    assert await axe_finds(page) == []
    assert not await scrolls_sideways(page), page.url


async def sign_in(page: Page, site: str, language: str, account: tuple[str, str], *, looks: bool = False) -> None:
    name, link = account
    await page.goto(f"{site}/{language}/staff/set-password?link={link}")
    if looks:
        await fine(page)
    await page.locator("#password").fill(PASSWORD)
    await page.locator("#again").fill(PASSWORD)
    await page.locator("form button").click()
    await page.wait_for_url("**/staff/sign-in")
    await page.locator("#account").fill(name)
    if looks:
        await page.locator("#password").fill("not this one at all")
        await page.locator("form button").click()
        await fine(page)
    await page.locator("#password").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"**/{language}/desk")


@pytest.mark.parametrize(("language", "size", "scheme"), [("en", DESK, "light"), ("ar", PHONE, "dark")])
async def test_axe_finds_nothing_at_the_desk(
    browser: Browser, desk: str, account: tuple[str, str], language: str, size: dict[str, int], scheme: str
):
    page = await page_of(browser, size, color_scheme=scheme)  # type: ignore[arg-type]  (a ViewportSize)
    await sign_in(page, desk, language, account, looks=True)
    await fine(page)
    await page.goto(f"{desk}/{language}/staff/account")
    await fine(page)
    await page.goto(f"{desk}/{language}/desk")
    await page.locator(".people a").first.click()
    await fine(page)
    await page.locator("button[value=refuse]").click()  # without a reason
    await fine(page)
    await page.goto(f"{desk}/{language}/desk")
    await page.locator("button[value=accredit]").click()  # nobody is chosen
    await fine(page)
    await page.locator("[name=chosen]").first.check()
    await page.locator("button[value=review]").click()
    await page.wait_for_url("**/desk/staged/*")
    await fine(page)
    await page.locator("form button").first.click()
    await expect(page.locator("form button")).to_have_count(0)
    await fine(page)
    assert await page.locator("html").get_attribute("dir") == ("rtl" if language == "ar" else "ltr")


async def test_the_list_follows_what_is_typed(browser: Browser, desk: str, account: tuple[str, str]):
    page = await page_of(browser)
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text) if "Security Policy" in message.text else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    await sign_in(page, desk, "en", account)
    await page.locator("#q").focus()
    await page.keyboard.type("ostlund ruth0")
    await expect(page.locator(".people li")).to_have_count(1)
    await expect(page.locator(".people h2")).to_have_text("Ruth0 Östlund")
    assert "q=ostlund+ruth0" in page.url
    await page.reload()
    await expect(page.locator(".people li")).to_have_count(1)
    assert faults == []


async def test_decisions_are_taken_by_keyboard_and_without_scripts(browser: Browser, desk: str, account: tuple[str, str]):
    page = await page_of(browser, java_script_enabled=False)
    await sign_in(page, desk, "en", account)
    await page.locator("#q").fill("ruth5")
    await page.keyboard.press("Enter")
    await page.locator(".people a").first.click()
    await page.locator("#reason-code").focus()
    await page.keyboard.type("3")
    await page.keyboard.press("Tab")
    await page.keyboard.type("The list is closed")
    await page.keyboard.press("Tab")
    await page.keyboard.type("Asked twice")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Tab")  # past accrediting
    await page.keyboard.press("Enter")
    await page.wait_for_url("**decided=**")
    assert "Refused" in await page.locator(".desk-notice").inner_text()
    assert why_refused(desk, "ruth5") == ("not-eligible", "The list is closed", "Asked twice")


def why_refused(site: str, name: str) -> tuple[str, str, str]:
    """The reason's code, the words, and the note for the file."""
    [refused] = httpx.get(f"{site}/delegates?q={name}", headers=DESK_KEY).json()["delegates"]
    return refused["reason_code"], refused["status_reason"], refused["note"]


def corrected(site: str, number: int) -> str:
    """Accredit somebody, and have a form propose another function; returns their id."""
    everybody = httpx.get(f"{site}/delegates?category=civil-society", headers=DESK_KEY).json()["delegates"]
    person = everybody[number]["delegate_id"]
    httpx.post(f"{site}/delegates/{person}/decision", headers=DESK_KEY, json={"decision": "accredit"})
    change = {"person": {"function": "Secretary-General"}}
    answer = httpx.patch(f"{site}/delegates/{person}", headers={"Authorization": "Bearer form"}, json=change)
    assert answer.json()["proposed"]["state"] == "waiting", answer.text
    return person


def shown(site: str, person: str) -> dict[str, Any]:
    return httpx.get(f"{site}/delegates/{person}", headers=DESK_KEY).json()


@pytest.mark.thorough
@pytest.mark.parametrize(("language", "size", "scheme"), [("en", DESK, "light"), ("ar", PHONE, "dark")])
async def test_a_correction_is_decided_on_by_keyboard(
    browser: Browser, desk: str, account: tuple[str, str], language: str, size: dict[str, int], scheme: str
):
    person = corrected(desk, 2 if language == "en" else 3)
    page = await page_of(browser, size, color_scheme=scheme)  # type: ignore[arg-type]  (a ViewportSize)
    await sign_in(page, desk, language, account)
    await page.goto(f"{desk}/{language}/desk?status=corrections")
    await fine(page)
    await expect(page.locator(".side-by-side ins").first).to_have_text("Secretary-General")
    await page.locator(".people a").first.focus()
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/desk/people/*")
    await fine(page)
    await page.locator("#correction-reason").focus()
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**decided=**")
    await fine(page)
    assert shown(desk, person)["person"]["function"] == "Secretary-General"
