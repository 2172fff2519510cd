"""Staff sign in with a real OpenID provider: who has a role comes in, and nobody else."""

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from registration import store
from registration.settings import RegistrationSettings
from registration.staff.accounts import StaffAccount
from registration.staff.provider import CLOCKS_APART_SECONDS, NoRole, NotVouchedFor, Provider, account_of
from shared.clock import utc_now
from shared.keys import Role
from tests.identity_provider import PASSWORD, SECRET, IdentityProvider, identity_provider
from tests.integration.deployment import free_port
from tests.registration_app import URL, RegistrationApp, registration_running
from tests.registration_examples import TINY
from tests.staff_accounts import Browser, add_account

BACK = "/staff/oidc"


@pytest.fixture(scope="module")
def office() -> Iterator[IdentityProvider]:
    with identity_provider(f"{URL}{BACK}") as provider:
        yield provider


@asynccontextmanager
async def running(folder: Path, office: IdentityProvider, **changed: Any) -> AsyncIterator[RegistrationApp]:
    provider = Provider(office.settings(**changed))
    async with registration_running(f"sqlite:///{folder / 'registration.db'}", TINY, folder, provider=provider) as app:
        yield app


@pytest.fixture
async def app(tmp_path: Path, office: IdentityProvider) -> AsyncIterator[RegistrationApp]:
    async with running(tmp_path, office) as running_app:
        yield running_app


async def left(browser: Browser, language: str = "en") -> str:
    """The provider's address that the browser is sent to."""
    there = await browser.get(f"/{language}/staff/oidc")
    assert there.status_code == 302, there.text
    return there.headers["location"]


async def sign_in_there(address: str, name: str) -> str:
    """Sign in at the provider as a person would; returns the address that it sends them back to."""
    async with httpx.AsyncClient() as http:
        answer = await http.get(address)
        for field in ("login", "password"):
            while answer.is_redirect and not answer.headers["location"].startswith(URL):
                answer = await http.get(answer.url.join(answer.headers["location"]))
            token = re.findall(r'name="csrf_token" value="([^"]+)"', answer.text)[0]
            typed = {"login": name, "password": PASSWORD}[field]
            answer = await http.post(answer.url, data={"csrf_token": token, field: typed, "answer": ""})
        while not answer.headers.get("location", "").startswith(URL):
            assert answer.is_redirect, answer.text
            answer = await http.get(answer.url.join(answer.headers["location"]))
        return answer.headers["location"].removeprefix(URL)


async def come_back(browser: Browser, address: str) -> httpx.Response:
    there = await browser.get(address)
    assert there.status_code == 303
    return await browser.get(there.headers["location"])


async def through(app: RegistrationApp, name: str, language: str = "en") -> tuple[Browser, httpx.Response]:
    browser = Browser(app)
    return browser, await come_back(browser, await sign_in_there(await left(browser, language), name))


async def test_who_has_a_role_there_has_it_here(app: RegistrationApp):
    assert "Sign in with the office’s account" in (await Browser(app).get("/en/staff/sign-in")).text
    browser, page = await through(app, "paul", "fr")
    assert (page.status_code, 'content="0;url=/fr/staff"' in page.text) == (200, True), page.text
    assert (await browser.get("/fr/staff")).headers["location"] == "/fr/programme-desk"
    account = await browser.get("/fr/staff/account")
    assert ("paul" in account.text, 'name="password"' in account.text) == (True, False)
    assert (await browser.send("/fr/staff/sign-out", {}, form="/fr/staff/account")).status_code == 303
    assert (await browser.get("/fr/staff/account")).status_code == 303
    other, _ = await through(app, "anna")
    assert (await other.get("/en/staff")).headers["location"] == "/en/desk"


async def test_what_is_sent_there_is_a_code_request_with_state_nonce_and_pkce(app: RegistrationApp):
    asked = [parse_qs(urlsplit(await left(Browser(app))).query) for _ in range(2)]
    assert asked[0]["response_type"] == ["code"]
    assert asked[0]["code_challenge_method"] == ["S256"]
    assert asked[0]["redirect_uri"] == [f"{URL}{BACK}"]
    assert all(asked[0][each] != asked[1][each] for each in ("state", "nonce", "code_challenge"))


async def test_who_has_no_role_is_refused_politely_in_their_language(app: RegistrationApp):
    browser, page = await through(app, "guest", "es")
    assert (page.status_code, "no tiene ninguna función aquí" in page.text) == (403, True)
    assert (await browser.get("/es/staff/account")).status_code == 303


async def test_a_way_back_is_good_once_and_in_its_own_browser(app: RegistrationApp):
    browser = Browser(app)
    address = await sign_in_there(await left(browser), "anna")
    thief = Browser(app)
    assert (await come_back(thief, address)).status_code == 403
    await left(thief)  # a sign-in of their own, which the code is not of
    assert (await come_back(thief, address)).status_code == 403
    forged = re.sub(r"state=[^&]+", "state=another", address)
    assert (await come_back(browser, forged)).status_code == 403
    assert (await come_back(browser, address)).status_code == 200
    again = await come_back(browser, address)
    assert (again.status_code, "lanyard-staff" in again.headers.get("set-cookie", "")) == (403, False)


async def test_a_key_that_was_changed_there_is_fetched(app: RegistrationApp, office: IdentityProvider):
    assert (await through(app, "anna"))[1].status_code == 200
    office.rotate_key()
    assert (await through(app, "anna"))[1].status_code == 200


async def test_an_account_that_is_closed_or_has_a_password_is_not_taken_over(app: RegistrationApp):
    add_account(app.database, "paul", Role.READ_ONLY)
    _, page = await through(app, "paul")
    assert (page.status_code, "the same name" in page.text) == (403, True)
    browser, _ = await through(app, "anna")
    assert app.database.transaction(lambda tx: store.accounts.new_link(tx, "anna", utc_now())) is None
    app.database.transaction(lambda tx: store.accounts.close(tx, "anna"))
    assert (await browser.get("/en/staff/account")).status_code == 303
    assert (await through(app, "anna"))[1].status_code == 403


async def test_a_token_for_another_audience_or_issuer_is_no_proof(tmp_path: Path, office: IdentityProvider):
    async with running(tmp_path, office) as app:
        browser = Browser(app)
        address = await sign_in_there(await left(browser), "anna")
        other = Provider(office.settings(issuer=f"{office.issuer}/"))  # as it does not call itself
    async with registration_running(f"sqlite:///{tmp_path / 'registration.db'}", TINY, tmp_path, provider=other) as app:
        moved = Browser(app)
        moved.http.cookies = browser.http.cookies
        assert (await come_back(moved, address)).status_code == 403


def header_of(token: str) -> dict[str, Any]:
    return json.loads(urlsafe_b64decode(token.split(".")[0] + "=="))


def claims_of(token: str) -> dict[str, Any]:
    return json.loads(urlsafe_b64decode(token.split(".")[1] + "=="))


def in_parts(header: dict[str, Any], claims: dict[str, Any], signature: str = "") -> str:
    written = [urlsafe_b64encode(json.dumps(each).encode()).decode().rstrip("=") for each in (header, claims)]
    return ".".join([*written, signature])


def unsigned(token: str, _: IdentityProvider) -> str:
    return in_parts({"alg": "none"}, claims_of(token))


def of_another_person(token: str, _: IdentityProvider) -> str:
    return in_parts(header_of(token), {**claims_of(token), "sub": "paul"}, token.split(".")[2])


def signed_with_the_clients_secret(token: str, _: IdentityProvider) -> str:
    return jwt.encode({"alg": "HS256"}, claims_of(token), OctKey.import_key(SECRET))


def signed_with_a_key_of_their_own(token: str, _: IdentityProvider) -> str:
    header = header_of(token)
    key = RSAKey.generate_key(2048, {"kid": header["kid"]})
    return jwt.encode(header, claims_of(token), key, algorithms=[header["alg"]])


def for_another_visit(token: str, office: IdentityProvider) -> str:
    return office.signed(header_of(token), {**claims_of(token), "nonce": "of another visit"})


def ended_long_ago(token: str, office: IdentityProvider) -> str:
    return ended(token, office, 2 * CLOCKS_APART_SECONDS)


def ended_by_a_clock_that_is_fast(token: str, office: IdentityProvider) -> str:
    return ended(token, office, CLOCKS_APART_SECONDS // 2)


def ended(token: str, office: IdentityProvider, seconds_ago: int) -> str:
    return office.signed(header_of(token), {**claims_of(token), "exp": int(utc_now().timestamp()) - seconds_ago})


@pytest.mark.parametrize(
    ("forged", "status"),
    [
        (unsigned, 403),
        (of_another_person, 403),
        (signed_with_the_clients_secret, 403),
        (signed_with_a_key_of_their_own, 403),
        (ended_long_ago, 403),
        (for_another_visit, 403),
        (ended_by_a_clock_that_is_fast, 200),
    ],
)
async def test_only_the_providers_own_token_of_this_visit_is_proof(
    app: RegistrationApp,
    office: IdentityProvider,
    monkeypatch: pytest.MonkeyPatch,
    forged: Callable[[str, IdentityProvider], str],
    status: int,
):
    given: list[str] = []

    def forge(token: str) -> str:
        given.append(forged(token, office))
        return given[-1]

    monkeypatch.setattr(office, "forging", forge)
    _, page = await through(app, "anna")
    assert len(given) == 1
    assert page.status_code == status


async def test_a_provider_that_is_down_says_so_and_passwords_work(tmp_path: Path, office: IdentityProvider):
    async with running(tmp_path, office, issuer=f"http://127.0.0.1:{free_port()}") as app:
        page = await Browser(app).get("/zh/staff/oidc")
        assert (page.status_code, "登录服务没有响应" in page.text) == (502, True)
        assert (await Browser(app).get("/zh/staff/sign-in")).status_code == 200


@pytest.mark.parametrize(
    ("claims", "found"),
    [
        ({"groups": ["programme-unit", "protocol-office"]}, StaffAccount("anna", Role.ACCREDITATION, "I")),
        ({"groups": "programme-unit"}, StaffAccount("anna", Role.PROGRAMME, "I")),
        (
            {"groups": "programme-unit", "email": "Anna@Office.example", "email_verified": True},
            StaffAccount("anna", Role.PROGRAMME, "I", "anna@office.example"),
        ),
        ({"groups": "programme-unit", "email": "anna@office.example"}, StaffAccount("anna", Role.PROGRAMME, "I")),
        ({"groups": []}, NoRole),
        ({"groups": [["protocol-office"], None]}, NoRole),
        ({"groups": {"protocol-office": True}}, NoRole),
        ({}, NoRole),
        ({"groups": ["protocol-office"], "sub": ""}, NotVouchedFor),
        ({"groups": ["protocol-office"], "sub": "x" * 65}, NotVouchedFor),
        ({"groups": ["protocol-office"], "sub": "an\nna"}, NotVouchedFor),
    ],
)
def test_claims_are_an_account_with_a_role_or_none(office: IdentityProvider, claims: dict[str, Any], found: Any):
    settings, claims = office.settings(issuer="I"), {"sub": "anna", **claims}
    if isinstance(found, StaffAccount):
        assert account_of(claims, settings) == found
    else:
        with pytest.raises(found):
            account_of(claims, settings)


def test_roles_may_stand_within_an_object(office: IdentityProvider):
    settings = office.settings(roles_claim="realm_access.roles")
    claims = {"sub": "anna", "realm_access": {"roles": ["programme-unit"]}}
    assert account_of(claims, settings).role is Role.PROGRAMME
    assert account_of({"sub": "anna", "realm_access.roles": ["protocol-office"]}, settings).role is Role.ACCREDITATION


def test_roles_are_read_from_the_environment():
    given = {"OIDC_ISSUER": "https://id.example", "OIDC_CLIENT_ID": "lanyard", "OIDC_ROLES": '{"office": "programme"}'}
    settings = RegistrationSettings.load({"REGISTRATION_DATABASE_URL": "sqlite://", **given})
    assert settings.oidc is not None
    assert settings.oidc.roles == {"office": Role.PROGRAMME}
