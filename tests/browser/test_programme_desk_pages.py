"""The programme desk in a real browser: rooms swapped, a change previewed and published by keyboard, without a script."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page

from shared.database import Database
from shared.keys import Role
from tests.browser.serving import served
from tests.browser.test_public_pages import DESK, PHONE, axe_finds, page_of, scrolls_sideways
from tests.staff_accounts import PASSWORD, add_account

pytestmark = pytest.mark.thorough
numbers = count()
"""So that each account has a name of its own."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("programme-desk")


@pytest.fixture(scope="module")
def desk(folder: Path) -> Iterator[str]:
    """A site of its own: its programme is changed."""
    with served(folder) as site:
        yield site


async def signed_in(browser: Browser, folder: Path, site: str, language: str, **context: Any) -> Page:
    """A page at the desk, in the given language."""
    name = f"programme-{language}-{next(numbers)}"
    database = Database(f"sqlite:///{folder / 'registration.db'}", "registration")
    link = add_account(database, name, Role.PROGRAMME)
    database.close()
    page = await page_of(browser, **context)
    await page.goto(f"{site}/{language}/staff/set-password?link={link}")
    await page.locator("#password").fill(PASSWORD)
    await page.locator("#again").fill(PASSWORD)
    await page.locator("form button").click()
    await page.locator("#account").fill(name)
    await page.locator("#password").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"**/{language}/programme-desk")
    return page


@pytest.mark.parametrize(
    ("language", "context"),
    [
        ("en", {"size": DESK, "color_scheme": "light"}),
        ("ar", {"size": PHONE, "color_scheme": "dark"}),
        ("fr", {"java_script_enabled": False}),
    ],
)
async def test_two_sessions_are_changed_by_keyboard_and_axe_finds_nothing(
    browser: Browser, folder: Path, desk: str, language: str, context: dict[str, Any]
):
    page = await signed_in(browser, folder, desk, language, **context)

    async def fine() -> None:
        if context.get("java_script_enabled", True):  # which axe is made of
            assert await axe_finds(page) == []
            assert not await scrolls_sideways(page), page.url

    await fine()
    for number in (0, 1):
        await page.locator("[name=session]").nth(number).focus()
        await page.keyboard.press("Space")
    await page.locator("button[name=swap]").focus()
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/change?**")
    await fine()
    await page.locator("input[type=number]").first.fill("-1")
    await page.locator("button[value=preview]").click()
    await page.locator("#faults").wait_for()
    await fine()
    await page.locator("input[type=number]").first.fill("25")
    await page.keyboard.press("Enter")
    await page.locator("button[value=publish]").wait_for()
    await fine()
    await page.locator("button[value=publish]").focus()
    await page.keyboard.press("Enter")
    await page.wait_for_url("**changed=**")
    await fine()
    await page.locator(".desk-notice a").first.click()
    assert await page.locator(".revisions li").count() >= 1


UNDER_A_BAR = """async (asked) => {
  const hidden = [], bars = [...document.querySelectorAll(asked.bar)];
  const reached = [...document.querySelectorAll("main a, main input:not([type=hidden]), main button")];
  for (const each of asked.backwards ? reached.reverse() : reached) {
    each.focus();
    await new Promise((seen) => requestAnimationFrame(() => requestAnimationFrame(seen)));
    const own = each.getBoundingClientRect();
    for (const bar of bars) {
      const over = bar.getBoundingClientRect();
      if (!bar.contains(each) && own.bottom > over.top + 1 && own.top < over.bottom - 1) hidden.push(each.outerHTML);
    }
  }
  return { bars: bars.length, reached: reached.length, hidden };
}"""


@pytest.mark.parametrize("language", ["en", "ar"])
async def test_nothing_that_is_reached_by_keyboard_on_a_phone_is_hidden_under_a_bar_that_stays(
    browser: Browser, folder: Path, desk: str, language: str
):
    page = await signed_in(browser, folder, desk, language, size=PHONE, reduced_motion="reduce")
    for path, bar in (("programme-desk", ".sticky"), ("programme", "nav.days")):
        await page.goto(f"{desk}/{language}/{path}")
        assert not await scrolls_sideways(page), path
        for backwards in (False, True):
            found = await page.evaluate(UNDER_A_BAR, {"bar": bar, "backwards": backwards})
            assert (found["bars"], found["hidden"]) == (1, []), path
            assert found["reached"] > 30
    await page.goto(f"{desk}/{language}/programme-desk")
    bar = await page.locator(".sticky").bounding_box()
    assert bar is not None
    assert bar["height"] < PHONE["height"] / 8, "it leaves the screen to what is chosen from"
