"""The public pages in a real browser: no fault that axe knows, in six languages, on a phone and on a wall, by day and night."""

from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, ViewportSize

from shared.events import LANGUAGES

PHONE = ViewportSize(width=390, height=844)
DESK = ViewportSize(width=1280, height=900)
WALL = ViewportSize(width=3840, height=800)  # as wide as a 4K screen: nobody looks how high it is
PAGES = ("", "/programme", "/sessions/opening", "/register", "/register/civil-society", "/register/speaker", "/no-such-page")
DELEGATION = "select[name='delegation']"
PATIENCE_SECONDS = 90.0
"""For what comes in the end: machines that run these tests are slow at times."""


async def page_of(browser: Browser, size: ViewportSize = DESK, **context: Any) -> Page:
    opened = await browser.new_context(viewport=size, **context)
    opened.set_default_timeout(PATIENCE_SECONDS * 1000)
    return await opened.new_page()


async def axe_finds(page: Page) -> list[str]:
    found = await Axe().run(page, options={"resultTypes": ["violations"]})  # what passed is not asked about
    return [f"{page.url} {each['id']}: {[node['html'] for node in each['nodes']][:3]}" for each in found.response["violations"]]


async def scrolls_sideways(page: Page) -> bool:
    return await page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")


@pytest.mark.parametrize("language", LANGUAGES)
async def test_axe_finds_nothing_and_no_page_is_wider_than_its_screen(browser: Browser, site: str, language: str):
    # The same colours and sizes in each: three are looked at by day at a desk, three by night on a phone.
    size, scheme = (DESK, "light") if LANGUAGES.index(language) % 2 else (PHONE, "dark")
    page = await page_of(browser, size, color_scheme=scheme)
    for path in PAGES:
        await page.goto(f"{site}/{language}{path}")
        assert await axe_finds(page) == []
        assert await page.locator("html").get_attribute("dir") == ("rtl" if language == "ar" else "ltr")
        for width in (PHONE, DESK, WALL):
            await page.set_viewport_size(width)
            assert not await scrolls_sideways(page), page.url
        await page.set_viewport_size(size)


async def test_the_browsers_language_opens_the_door_and_the_switch_changes_it(browser: Browser, site: str):
    page = await page_of(browser, locale="ru-RU")
    await page.goto(site)
    assert await page.locator("html").get_attribute("lang") == "ru"
    await page.get_by_role("link", name="العربية").click()
    assert page.url == f"{site}/ar"
    await page.locator(".pages a[href='/ar/programme']").click()
    await page.get_by_role("link", name="Español").click()
    assert page.url == f"{site}/es/programme"


@pytest.mark.parametrize("language", ["en", "ar", "zh"])
async def test_who_has_no_script_registers(browser: Browser, site: str, language: str):
    page = await page_of(browser, PHONE, java_script_enabled=False)
    await page.goto(f"{site}/{language}/register")
    await page.locator(".choices a").first.click()
    await page.locator(DELEGATION).select_option(index=5)
    await page.locator("[name='person/given_name']").fill(f"Ruth-{language}")
    await page.locator("form button").click()
    faults = page.locator("#faults li")
    assert await faults.count() == 5  # family name, function, e-mail, birth date, document
    assert await page.locator("[name='person/given_name']").input_value() == f"Ruth-{language}"
    await page.locator("[name='person/family_name']").fill("Adeyemi")
    await page.locator("[name='person/function']").fill("Director")
    await page.locator("[name='person/email']").fill(f"ruth-{language}@relief.example")
    await page.locator("[name='person/birth_date']").fill("1975-04-30")
    await page.locator("[name='person/document_number']").fill(f"N-{language}")
    await page.locator("form button").click()
    assert f"/{language}/registered" in page.url
    assert await page.locator("main code").inner_text()


async def test_a_form_is_filled_in_and_sent_by_keyboard_alone(browser: Browser, site: str):
    page = await page_of(browser)
    await page.goto(f"{site}/en/register/speaker")
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.className") == "skip"
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")  # back to the categories
    await page.keyboard.press("Tab")  # the delegation
    await page.keyboard.type("Norway")
    for text in ("Ingrid", "Vik", "", "Professor", "ingrid@university.example"):
        await page.keyboard.press("Tab")
        await page.keyboard.type(text)
    await page.keyboard.press("Tab")  # our messages' language, chosen already
    await page.keyboard.press("Tab")
    await page.keyboard.type("02031980")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Tab")
    await page.locator("fieldset#pass_days input").first.focus()
    await page.keyboard.press("Space")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/en/registered**")
    assert await axe_finds(page) == []


async def test_a_page_says_what_is_wrong_beside_its_field_in_the_readers_language(browser: Browser, site: str):
    page = await page_of(browser)
    await page.goto(f"{site}/fr/register/press")
    await page.locator("[name='person/email']").fill("nobody")
    await page.locator("form button").click()
    fault = page.locator("#person-email-fault")
    assert "adresse électronique" in await fault.inner_text()
    assert await page.locator("#person-email").get_attribute("aria-invalid") == "true"
    assert await axe_finds(page) == []
    await page.locator("#faults a[href='#person-email']").click()
    assert await page.evaluate("document.activeElement.id") == "person-email"
