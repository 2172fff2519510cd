"""A real browser signs in with a real OpenID provider, and is in: the strict cookie of its session came along."""

import re
from pathlib import Path

import pytest
from playwright.async_api import Browser

from registration.staff.provider import Provider
from tests.browser.serving import served
from tests.browser.test_public_pages import axe_finds, page_of
from tests.identity_provider import PASSWORD, identity_provider
from tests.integration.deployment import free_port

pytestmark = pytest.mark.thorough


async def test_staff_come_in_by_their_provider(browser: Browser, tmp_path: Path):
    port = free_port()
    with (
        identity_provider(f"http://127.0.0.1:{port}/staff/oidc") as office,
        served(tmp_path, port=port, provider=Provider(office.settings())) as site,
    ):
        page = await page_of(browser)
        await page.goto(f"{site}/ar/staff/sign-in")
        assert await axe_finds(page) == []
        # The provider's own scripts post a field as it is typed: what they answer late would take the next page's place.
        await page.route(re.compile(rf"^{re.escape(office.issuer)}.*\.js"), lambda route: route.abort())
        await page.locator("a[href$='/staff/oidc']").click()
        await page.locator("input[name=login]").fill("paul")
        await page.keyboard.press("Enter")
        await page.locator("input[name=password]").fill(PASSWORD)
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/ar/programme-desk")
        cookies = {each["name"]: each for each in await page.context.cookies(site)}
        assert (cookies["lanyard-staff"]["sameSite"], cookies["lanyard-staff"]["httpOnly"]) == ("Strict", True)
        assert "lanyard-oidc" not in cookies
        await page.goto(f"{site}/ar/staff/account")
        assert await axe_finds(page) == []
        await page.context.close()
