"""A photo in a real browser: sent, framed by keyboard and by dragging, kept; and without a script."""

from pathlib import Path

import pytest
from playwright.async_api import Browser, Page

from tests.browser.test_public_pages import DESK, PHONE, axe_finds, page_of, scrolls_sideways
from tests.pictures import picture

pytestmark = pytest.mark.thorough


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "me.jpg"
    path.write_bytes(picture(1200, 900))
    return path


async def seen(page: Page) -> None:
    assert await axe_finds(page) == []
    assert not await scrolls_sideways(page), page.url


async def at_its_part(page: Page, site: str, language: str, file: Path, *, see: bool = True) -> None:
    """Register, and go on to where the photo's part is chosen; axe, which `see` asks, needs scripts."""
    await page.goto(f"{site}/{language}/register/civil-society")
    await page.select_option("[name=delegation]", index=3)
    name = f"{language}{file.parent.name[-3:]}"
    for field, text in (
        ("given_name", f"Ada{name}"), ("family_name", "Berg"), ("function", "Pilot"), ("email", "ada@port.example"),
        ("document_number", f"N{name}"), ("birth_date", "1980-01-02"),
    ):  # fmt: skip
        await page.locator(f"[name='person/{field}']").fill(text)
    await page.locator("main form button").click()
    await page.wait_for_url("**/registered?**")
    if see:
        await seen(page)
    await page.locator("main a[href*='/photo/']").click()
    if see:
        await seen(page)
    await page.set_input_files("#photo", file)
    await page.locator("main form button").click()
    await page.wait_for_url("**/choose?**")


async def area(page: Page) -> dict[str, float]:
    return {name: float(await page.locator(f"#keep [name={name}]").input_value()) for name in ("left", "top", "width")}


@pytest.mark.parametrize("language", ["en", "ar"])
async def test_the_frame_is_moved_by_keyboard_and_by_dragging(browser: Browser, site: str, language: str, file: Path):
    page = await page_of(browser, DESK)
    await at_its_part(page, site, language, file)
    await page.locator("#frame[role=application]").focus()
    await seen(page)
    first = await area(page)
    for key in ("-", "-", "ArrowLeft", "ArrowUp"):
        await page.keyboard.press(key)
    by_keys = await area(page)
    assert by_keys["width"] == pytest.approx(first["width"] / 1.05**2, abs=0.02)
    assert by_keys["left"] < first["left"] + first["width"] - by_keys["width"]
    frame = await page.locator("#frame .inside").bounding_box()
    assert frame
    await page.mouse.move(frame["x"] + 20, frame["y"] + 20)
    await page.mouse.down()
    await page.mouse.move(frame["x"] + 60, frame["y"] + 20)
    await page.mouse.up()
    dragged = await area(page)
    assert dragged["left"] > by_keys["left"]
    assert dragged["width"] == by_keys["width"]
    moved = await page.locator("#frame .inside").bounding_box()
    assert moved
    assert moved["x"] == pytest.approx(frame["x"] + 40, abs=1)
    await page.wait_for_function("() => document.getElementById('portrait').naturalWidth >= 210")
    await page.locator("#keep button").click()
    await page.wait_for_url("**/registered?**")
    assert await page.locator("main a[href*='/photo/']").count() == 0


async def test_without_a_script_buttons_move_the_frame(browser: Browser, site: str, file: Path):
    page = await page_of(browser, PHONE, color_scheme="dark", java_script_enabled=False)
    await at_its_part(page, site, "fr", file, see=False)
    first = await area(page)
    await page.locator("button[value=smaller]").click()
    await page.locator("button[value=left]").click()
    moved = await area(page)
    assert moved["width"] < first["width"]
    assert moved["left"] < first["left"] + (first["width"] - moved["width"]) / 2
    await page.locator("#keep button").click()
    await page.wait_for_url("**/registered?**")
