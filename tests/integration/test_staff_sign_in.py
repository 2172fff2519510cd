"""Staff sign in with a password, and only so; sessions end; who guesses is slowed and told nothing."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from registration import store
from registration.staff import door
from services.commands import staff
from shared.clock import utc_now
from shared.events import LANGUAGES
from shared.keys import Role
from tests.registration_app import RegistrationApp
from tests.staff_accounts import PASSWORD, Browser, add_account, signed_in

SESSIONS = store.metadata.tables["staff_sessions"]
ACCOUNTS = store.metadata.tables["staff_accounts"]


@pytest.fixture
def registration_url(sqlite_url: str) -> str:
    return sqlite_url


async def is_in(browser: Browser) -> bool:
    return (await browser.get("/en/staff/account")).status_code == 200


async def test_who_has_the_link_sets_the_password_once_and_signs_in_and_out(registration_app: RegistrationApp):
    browser = await signed_in(registration_app)
    page = await browser.get("/en/staff/account")
    assert "anna" in page.text
    assert page.headers["cache-control"] == "no-store"
    assert (await browser.send("/en/staff/sign-out", {}, form="/en/staff/account")).status_code == 303
    assert not await is_in(browser)
    assert (await browser.get("/en/staff/account")).headers["location"] == "/en/staff/sign-in"


async def test_a_link_is_good_once_and_for_a_day(registration_app: RegistrationApp):
    link = add_account(registration_app.database, "anna", Role.PROGRAMME)
    browser, address = Browser(registration_app), "/fr/staff/set-password"
    fields = {"link": link, "password": PASSWORD, "again": PASSWORD}
    first = await browser.get(f"{address}?link={link}")
    assert first.status_code == 200
    assert (await browser.send(address, fields, form=f"{address}?link={link}")).status_code == 303
    assert (await browser.get(f"{address}?link={link}")).status_code == 404
    assert (await browser.send(address, fields, form="/fr/staff/sign-in")).status_code == 404
    late = add_account(registration_app.database, "bo", Role.PROGRAMME)
    registration_app.database.transaction(
        lambda tx: tx.execute(update(ACCOUNTS).values(link_ends_at=utc_now() - timedelta(seconds=1)))
    )
    assert (await browser.get(f"{address}?link={late}")).status_code == 404


@pytest.mark.parametrize(
    ("password", "again"), [("short", "short"), (PASSWORD, PASSWORD + "s"), ("I am Anna the first",) * 2, ("x" * 201,) * 2]
)
async def test_a_weak_password_or_one_mistyped_is_not_kept(registration_app: RegistrationApp, password: str, again: str):
    link = add_account(registration_app.database, "anna", Role.PROGRAMME)
    address = "/en/staff/set-password"
    answer = await Browser(registration_app).send(
        address, {"link": link, "password": password, "again": again}, form=f"{address}?link={link}"
    )
    assert answer.status_code == 422
    assert password not in answer.text


async def test_nothing_tells_which_of_account_and_password_was_wrong(registration_app: RegistrationApp):
    await signed_in(registration_app)
    add_account(registration_app.database, "without-password", Role.PROGRAMME)
    pages: set[str] = set()
    for name, password in (("anna", "wrong"), ("nobody", PASSWORD), ("without-password", PASSWORD)):
        browser = Browser(registration_app)
        await browser.get("/en/staff/sign-in")
        answer = await browser.sign_in(name, password)
        assert (answer.status_code, "lanyard-staff" in answer.headers.get("set-cookie", "")) == (422, False)
        text = answer.text.replace(name, "NAME")
        pages.add(text[: text.index('name="token"')] + text[text.index('id="account"') :])
    assert len(pages) == 1


async def test_an_unknown_account_is_hashed_for_as_long_as_a_known_one(
    registration_app: RegistrationApp, monkeypatch: pytest.MonkeyPatch
):
    from registration.staff import passwords

    looked_at: list[str] = []
    fits = passwords._fits
    monkeypatch.setattr(
        passwords, "_fits", lambda password, kept: looked_at.append(kept.rsplit("$", 2)[0]) or fits(password, kept)
    )
    await signed_in(registration_app)
    await Browser(registration_app).sign_in("nobody", "wrong")
    assert len(looked_at) == 2
    assert len(set(looked_at)) == 1, "with the same effort"


async def test_who_guesses_is_slowed_and_others_are_not(registration_app: RegistrationApp):
    await signed_in(registration_app)
    guesser, other = Browser(registration_app, "192.0.2.1"), Browser(registration_app, "192.0.2.2")
    answers = [await guesser.sign_in("anna", f"guess {number}") for number in range(6)]
    assert [each.status_code for each in answers] == [422] * 5 + [429]
    assert answers[-1].headers["retry-after"] == "900"
    assert (await guesser.sign_in("anna")).status_code == 429, "the right one, too"
    assert (await other.sign_in("anna")).status_code == 303


async def test_an_address_that_tries_many_accounts_is_slowed(
    registration_app: RegistrationApp, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(door, "PER_ADDRESS", door.RateLimitItemPerMinute(3, 15))
    guesser = Browser(registration_app, "192.0.2.1")
    answers = [await guesser.sign_in(f"account-{number}", "guess") for number in range(4)]
    assert [each.status_code for each in answers] == [422, 422, 422, 429]


@pytest.mark.parametrize(
    ("role", "asked", "own"),
    [
        (Role.PROGRAMME, "desk", "programme-desk"),
        (Role.PROGRAMME, "desk/people/0190a6f2-3c4e-7b1a-9d2f-5e6a7b8c9d0e", "programme-desk"),
        (Role.ACCREDITATION, "programme-desk", "desk"),
        (Role.READ_ONLY, "programme-desk", "desk"),
        (Role.BADGING, "desk", "staff/account"),
    ],
)
async def test_whose_role_is_another_is_led_to_their_own_desk_and_may_sign_out(
    registration_app: RegistrationApp, role: Role, asked: str, own: str
):
    browser = await signed_in(registration_app, role=role)
    for language in LANGUAGES:
        page = await browser.get(f"/{language}/{asked}")
        assert (page.status_code, page.headers["content-language"]) == (403, language)
        assert page.headers["cache-control"] == "no-store"
        assert f'href="/{language}/{own}"' in page.text
    assert "Your account has another role." in (await browser.get(f"/en/{asked}")).text
    assert (await browser.get(f"/en/{own}")).status_code == 200
    assert (await browser.send("/en/staff/sign-out", {}, form=f"/en/{asked}")).status_code == 303
    assert not await is_in(browser)


async def test_a_session_ends_by_itself(registration_app: RegistrationApp):
    browser = await signed_in(registration_app)
    for column, life in (("seen_at", timedelta(minutes=30)), ("started_at", timedelta(hours=12))):
        for gone, there in ((life - timedelta(minutes=2), True), (life, False)):
            registration_app.database.transaction(
                lambda tx, column=column, gone=gone: tx.execute(update(SESSIONS).values({column: utc_now() - gone}))
            )
            assert await is_in(browser) is there, (column, gone)
        await browser.sign_in("anna")


async def test_using_a_session_keeps_it_open(registration_app: RegistrationApp):
    browser = await signed_in(registration_app)
    before = utc_now() - timedelta(minutes=20)
    registration_app.database.transaction(lambda tx: tx.execute(update(SESSIONS).values(seen_at=before)))
    assert await is_in(browser)
    with registration_app.database.connect() as tx:
        assert tx.execute(select(SESSIONS.c.seen_at)).scalar_one() > before


async def test_a_new_password_ends_every_session(registration_app: RegistrationApp):
    browser, elsewhere = await signed_in(registration_app), Browser(registration_app)
    await elsewhere.sign_in("anna")
    new = {"password": "another lantern entirely", "again": "another lantern entirely"}
    wrong = await browser.send("/en/staff/account", {"now": "not this", **new})
    assert wrong.status_code == 422
    assert (await browser.send("/en/staff/account", {"now": PASSWORD, **new})).status_code == 303
    assert not await is_in(browser)
    assert not await is_in(elsewhere)
    assert (await browser.sign_in("anna")).status_code == 422
    assert (await browser.sign_in("anna", new["password"])).status_code == 303


async def test_what_another_site_posts_is_not_taken(registration_app: RegistrationApp):
    browser, other = await signed_in(registration_app), await signed_in(registration_app, "bo")
    from tests.staff_accounts import token_of

    theirs = token_of(await other.get("/en/staff/account"))
    for token in ("", theirs, "forged"):
        assert (await browser.http.post("/en/staff/sign-out", data={"token": token})).status_code == 403
    assert await is_in(browser)
    bare = await Browser(registration_app).http.post(
        "/en/staff/sign-in", data={"account": "anna", "password": PASSWORD, "token": theirs}
    )
    assert bare.status_code == 403


async def test_nothing_of_a_password_session_or_link_is_kept_in_plain(registration_app: RegistrationApp):
    browser = await signed_in(registration_app)
    link = add_account(registration_app.database, "bo", Role.PROGRAMME)
    rows = repr([registration_app.rows()[each] for each in ("staff_accounts", "staff_sessions")])
    for secret in (PASSWORD, link, browser.http.cookies["lanyard-staff"]):
        assert secret not in rows
    assert "$argon2id$" in rows


async def test_every_language_signs_in(registration_app: RegistrationApp):
    browser = Browser(registration_app)
    for language in LANGUAGES:
        page = await browser.get(f"/{language}/staff/sign-in")
        assert (page.status_code, page.headers["content-language"]) == (200, language)


async def test_the_command_opens_resets_and_closes_accounts(
    registration_app: RegistrationApp,
    registration_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.setenv("REGISTRATION_DATABASE_URL", registration_url)
    staff.add("anna", "programme")
    link = capsys.readouterr().out.strip()
    assert link.startswith("http://127.0.0.1:8000/en/staff/set-password?link=")
    browser = Browser(registration_app)
    assert (await browser.get(link.removeprefix("http://127.0.0.1:8000"))).status_code == 200
    staff.reset("anna")
    assert (await browser.get(link.removeprefix("http://127.0.0.1:8000"))).status_code == 404, "the newest alone is good"
    bo = await signed_in(registration_app, "bo")
    staff.close("bo")
    assert not await is_in(bo)
    assert (await bo.sign_in("bo")).status_code == 422
    capsys.readouterr()
    staff.show()
    assert capsys.readouterr().out == "anna\tprogramme\twithout password\nbo\taccreditation\tclosed\n"
