"""Takes the README's pictures of the pages: `make screenshots`."""

import asyncio
import os
import sys
import tempfile
from importlib.resources import files
from pathlib import Path

import httpx
from playwright.async_api import Browser, ViewportSize, async_playwright

from badging.render import FONT_PACKAGES
from tests.browser.serving import NO_BROWSER, chromium, served

DOCS = Path(__file__).parents[2] / "docs"
DESK = ViewportSize(width=1280, height=800)
PHONE = ViewportSize(width=390, height=844)
MOVED = {
    "room": {"en": "Conference Room 4", "ar": "قاعة المؤتمرات 4"},
    "starts_at": "2018-06-25T14:00:00Z",
    "ends_at": "2018-06-25T15:15:00Z",
}
PICTURES = (
    ("front-door", "/en", DESK, "light"),
    ("front-door-arabic", "/ar", DESK, "light"),
    ("programme", "/en/programme", DESK, "light"),
    ("session", "/en/sessions/prisons", DESK, "light"),
    ("form-phone", "/fr/register/civil-society", PHONE, "light"),
    ("programme-phone-night", "/ar/programme", PHONE, "dark"),
)


def with_fonts(folder: Path) -> dict[str, str | float | bool]:
    """An environment in which the browser finds the badges' fonts, too: not every machine has Chinese ones."""
    fonts = folder / "fonts"
    fonts.mkdir()
    for package in FONT_PACKAGES:
        (fonts / package).symlink_to(str(files(package)))
    return {**os.environ, "XDG_DATA_HOME": str(folder)}


async def take(browser: Browser, address: str) -> None:
    for name, path, size, scheme in PICTURES:
        page = await browser.new_page(viewport=size, color_scheme=scheme)
        await page.goto(address + path)
        await page.screenshot(path=DOCS / f"{name}.png")
        await page.close()
        print(f"docs/{name}.png")  # noqa: T201


async def main() -> None:
    executable = chromium()
    if executable is None:
        sys.exit(NO_BROWSER)
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as address:
        async with httpx.AsyncClient(base_url=address, headers={"Authorization": "Bearer programme"}) as desk:
            moved = await desk.patch("/sessions/prisons", json=MOVED)
        assert moved.status_code == 200, moved.text
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=executable, args=["--no-sandbox"], env=with_fonts(Path(folder))
            )
            await take(browser, address)
            await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
