"""Staff who sign in, for tests: an account with its password, and a browser of their own."""

import re
from typing import Any

import httpx

from registration import store
from registration.pages.posts import FORM_TYPE
from registration.staff.accounts import StaffAccount
from registration.staff.door import COOKIE
from shared.clock import utc_now
from shared.database import Database
from shared.keys import Role
from tests.registration_app import RegistrationApp

PASSWORD = "a lantern over the quay"


def add_account(database: Database, name: str, role: Role) -> str:
    """Open an account; returns the token of the link to set its password with."""

    def add(tx: Any) -> str:
        store.accounts.add(tx, name, role)
        token = store.accounts.new_link(tx, name, utc_now())
        assert token
        return token

    return database.transaction(add)


def token_of(page: httpx.Response) -> str:
    found = re.search(r'name="token" value="([^"]+)"', page.text)
    assert found, page.text
    return found[1]


class Browser:
    """Cookies of its own, before the same service: in this process, or at a URL."""

    def __init__(self, service: RegistrationApp | str, address: str = "127.0.0.1") -> None:
        if isinstance(service, str):
            self.http = httpx.AsyncClient(base_url=service, timeout=60)
        else:
            transport = httpx.ASGITransport(service.app, raise_app_exceptions=False, client=(address, 1))
            self.http = httpx.AsyncClient(transport=transport, base_url="http://registration.test")

    async def get(self, path: str, **also: Any) -> httpx.Response:
        return await self.http.get(path, **also)

    async def send(self, path: str, fields: dict[str, Any], form: str | None = None) -> httpx.Response:
        """Post what a form of the page at `form` (by default at `path`) would."""
        token = token_of(await self.http.get(form or path))
        return await self.http.post(path, data={"token": token, **fields}, headers={"Content-Type": FORM_TYPE})

    async def sign_in(self, name: str, password: str = PASSWORD) -> httpx.Response:
        return await self.send("/en/staff/sign-in", {"account": name, "password": password})


async def signed_in(app: RegistrationApp, name: str = "anna", role: Role = Role.ACCREDITATION) -> Browser:
    return await signed_in_at(Browser(app), add_account(app.database, name, role), name)


async def vouched(app: RegistrationApp, name: str, email: str | None = None, role: Role = Role.ACCREDITATION) -> Browser:
    """Signed in as somebody whom an OpenID provider vouches for, who has come back from it."""
    account = StaffAccount(name, role, "https://id.example", email)
    token = app.database.transaction(lambda tx: store.accounts.begin_vouched(tx, account, utc_now()))
    assert token
    browser = Browser(app)
    browser.http.cookies.set(COOKIE, token)
    return browser


async def signed_in_at(browser: Browser, link: str, name: str) -> Browser:
    """Set the account's password by its link, and sign in with it."""
    address = f"/en/staff/set-password?link={link}"
    answer = await browser.send("/en/staff/set-password", {"link": link, "password": PASSWORD, "again": PASSWORD}, form=address)
    assert answer.status_code == 303, answer.text
    assert (await browser.sign_in(name)).status_code == 303
    return browser
