"""Takes the README's pictures of the pages: `make screenshots`."""

import asyncio
import os
import sys
import tempfile
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Literal, NamedTuple

import httpx
from playwright.async_api import Browser, ViewportSize, async_playwright

from badging.render import FONT_PACKAGES
from bench import people, readers
from shared.database import Database
from shared.keys import Role
from shared.logs import configure
from tests.browser.serving import NO_BROWSER, chromium, served

DOCS = Path(__file__).parents[2] / "docs"
DESK = ViewportSize(width=1280, height=800)
PHONE = ViewportSize(width=390, height=844)
MOVED = {
    "room": {"en": "Conference Room 4", "ar": "قاعة المؤتمرات 4"},
    "starts_at": "2018-06-25T14:00:00Z",
    "ends_at": "2018-06-25T15:15:00Z",
}
PEOPLE, DELEGATION = 400, "fr"


class Picture(NamedTuple):
    name: str
    path: str
    size: ViewportSize = DESK
    scheme: Literal["light", "dark"] = "light"
    reader: str = ""
    """Who is signed in; nobody, where it is empty."""


PICTURES = (
    Picture("front-door", "/en"),
    Picture("front-door-arabic", "/ar"),
    Picture("programme", "/en/programme"),
    Picture("session", "/en/sessions/prisons"),
    Picture("desk", "/en/desk?category=security", reader="accreditation"),
    Picture("delegation", f"/ar/delegation/{DELEGATION}", reader="focal point"),
    Picture("form-phone", "/fr/register/civil-society", PHONE),
    Picture("programme-phone-night", "/ar/programme", PHONE, "dark"),
)


def with_fonts(folder: Path) -> dict[str, str | float | bool]:
    """An environment in which the browser finds the badges' fonts, too: not every machine has Chinese ones."""
    fonts = folder / "fonts"
    fonts.mkdir()
    for package in FONT_PACKAGES:
        (fonts / package).symlink_to(str(files(package)))
    return {**os.environ, "XDG_DATA_HOME": str(folder)}


async def filled(address: str) -> None:
    """Move a session, and register people."""
    async with httpx.AsyncClient(base_url=address, headers={"Authorization": "Bearer programme"}, timeout=60) as http:
        moved = await http.patch("/sessions/prisons", json=MOVED)
        assert moved.status_code == 200, moved.text
        for each in people.bodies(people.everybody(people.conference()), PEOPLE):
            headers = {"Authorization": "Bearer accreditation", "Content-Type": "application/json"}
            answer = await http.post("/delegates", content=each, headers=headers)
            assert answer.status_code == 201, answer.text


def cookies(folder: Path) -> dict[str, tuple[str, str]]:
    database = Database(f"sqlite:///{folder / 'registration.db'}", "registration")
    try:
        return {
            "accreditation": database.transaction(lambda tx: readers.staff(tx, Role.ACCREDITATION)),
            "focal point": database.transaction(lambda tx: readers.focal_point(tx, DELEGATION)),
        }
    finally:
        database.close()


async def take(browser: Browser, address: str, signed_in: Mapping[str, tuple[str, str]]) -> None:
    for each in PICTURES:
        page = await browser.new_page(viewport=each.size, color_scheme=each.scheme)
        if each.reader:
            cookie, value = signed_in[each.reader]
            await page.context.add_cookies([{"name": cookie, "value": value, "url": address}])
        await page.goto(address + each.path)
        await page.screenshot(path=DOCS / f"{each.name}.png")
        await page.close()
        print(f"docs/{each.name}.png")  # noqa: T201


async def main() -> None:
    executable = chromium()
    if executable is None:
        sys.exit(NO_BROWSER)
    configure("screenshots", log_format="console", level="warning")
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as address:
        await filled(address)
        signed_in = await asyncio.to_thread(cookies, Path(folder))
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=executable, args=["--no-sandbox"], env=with_fonts(Path(folder))
            )
            await take(browser, address, signed_in)
            await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
