"""Focal points over HTTP: signing in by a mailed link, and what they may do with their own delegations' people."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
import pytest
from sqlalchemy import select

from registration import store
from registration.delegations.focal_points import FocalPoint, FocalRole, keep_focal_points
from registration.delegations.sign_in import LINK_LIFE, SESSION_LIFE
from shared.conference import Conference
from shared.events import LANGUAGES
from tests.registration_app import RegistrationApp, faults, registration_running, until
from tests.registration_examples import TINY
from tests.smtp_server import MailBox, smtp_server

ASTRID = "astrid@oslo.example"
MARIUS = "marius@marseille.example"
PERSON = {
    "person/given_name": "Ada",
    "person/family_name": "Berg",
    "person/function": "Harbour master",
    "person/email": "ada@port.example",
    "person/language": "fr",
}
GUEST = {**PERSON, "person/document_number": "N 123", "protected": "no"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
async def app(
    tmp_path: Path, conference: Conference, registration_url: str, mail_box: MailBox
) -> AsyncIterator[RegistrationApp]:
    async with registration_running(registration_url, conference, tmp_path, smtp_port=mail_box.port) as app:
        await focal_points(app, "oslo", ASTRID)
        await focal_points(app, "marseille", MARIUS)
        yield app


async def focal_points(app: RegistrationApp, delegation: str, *emails: str) -> None:
    given = [FocalPoint(name=f"Focal of {delegation}", email=each, role=FocalRole.BACKUP) for each in emails]
    await app.database.write(lambda tx: keep_focal_points(tx, delegation, given))


def token_in(page: httpx.Response) -> str:
    found = re.search(r'name="token" value="([^"]+)"', page.text)
    assert found, page.text
    return found[1]


async def posted(app: RegistrationApp, address: str, answers: dict[str, Any]) -> httpx.Response:
    return await app.http.post(address, content=urlencode(answers, doseq=True), headers=FORM)


async def sent(app: RegistrationApp, address: str, answers: dict[str, Any] | None = None) -> httpx.Response:
    """Open the page at `address` and send its form."""
    page = await app.http.get(address)
    assert page.status_code == 200, (page.status_code, page.text)
    return await posted(app, address, {"token": token_in(page), **(answers or {})})


async def asked(app: RegistrationApp, email: str, language: str = "en") -> httpx.Response:
    return await sent(app, f"/{language}/focal-point", {"email": email})


def link_in(raw: Any) -> str:
    [link] = re.findall(r"http://registration\.test(/\S+)", raw.get_content())
    return link


async def mailed_link(app: RegistrationApp, box: MailBox, email: str = ASTRID, language: str = "en") -> str:
    before = len(box.raw)
    assert (await asked(app, email, language)).status_code == 303
    await box.arrived(before + 1)
    return link_in(box.mails[-1])


async def used(app: RegistrationApp, link: str) -> httpx.Response:
    page = await app.http.get(link)
    assert page.status_code == 200, page.text
    found = re.search(r'name="link" value="([^"]+)"', page.text)
    assert found
    return await posted(app, urlsplit(link).path, {"token": token_in(page), "link": found[1]})


async def signed_in(app: RegistrationApp, box: MailBox, email: str = ASTRID) -> None:
    answer = await used(app, await mailed_link(app, box, email))
    assert (answer.status_code, answer.headers["location"]) == (303, "/en/delegation")


@asynccontextmanager
async def oslo_signed_in(
    url: str, conference: Conference, folder: Path, mail_box: MailBox | None = None
) -> AsyncIterator[RegistrationApp]:
    """Registration, with Oslo's focal point signed in; Marseille has one as well. Mails go to `mail_box`, which is served."""
    box = mail_box or MailBox()
    serving = nullcontext() if mail_box else smtp_server(box)
    async with serving, registration_running(url, conference, folder, smtp_port=box.port) as app:
        await focal_points(app, "oslo", ASTRID)
        await focal_points(app, "marseille", MARIUS)
        await signed_in(app, box)
        yield app


async def test_a_link_signs_in_once(app: RegistrationApp, mail_box: MailBox):
    assert (await app.http.get("/en/delegation")).headers["location"] == "/en/focal-point"
    link = await mailed_link(app, mail_box)
    for _ in range(3):
        assert (await app.http.get(link)).status_code == 200, "looking at a link uses nothing up"
    answer = await used(app, link)
    assert answer.headers["location"] == "/en/delegation"
    assert {"HttpOnly", "SameSite=lax"} <= set(answer.headers["set-cookie"].split("; "))
    assert (await app.http.get("/en/delegation")).headers["location"] == "/en/delegation/oslo"
    assert "Port of Oslo" in (await app.http.get("/en/delegation/oslo")).text
    assert (await used(app, link)).status_code == 410


async def test_two_browsers_that_use_one_link_at_once_are_one_session(app: RegistrationApp, mail_box: MailBox):
    link = await mailed_link(app, mail_box)
    answers = await asyncio.gather(*(used(app, link) for _ in range(4)))
    assert sorted(each.status_code for each in answers) == [303, 410, 410, 410]


async def test_whoever_asks_gets_the_same_answer_and_only_focal_points_get_a_mail(app: RegistrationApp, mail_box: MailBox):
    unknown, known = await asked(app, "nobody@oslo.example"), await asked(app, f" {ASTRID.upper()} ")
    assert (unknown.status_code, unknown.headers["location"]) == (known.status_code, known.headers["location"])
    await mail_box.arrived(1)
    with app.database.connect() as tx:
        assert tx.execute(select(store.sign_in_links.c.email)).scalars().all() == [ASTRID], "nothing is kept of the unknown"
    assert mail_box.to == [ASTRID]


async def test_asking_writes_the_same_whatever_the_address(app: RegistrationApp):
    """The answer is given after one row is written: only the task looks whether anybody is known by the address."""
    rows: list[int] = []
    async with app.writer_held():
        asking = [asyncio.create_task(asked(app, each)) for each in (ASTRID, "nobody@oslo.example")]
        await asyncio.sleep(0.2)
        rows.append(sum(each.done() for each in asking))
    answers = await asyncio.gather(*asking)
    assert rows == [0]
    assert {(each.status_code, each.headers["location"]) for each in answers} == {(303, "/en/focal-point/asked")}


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_mail_is_in_the_language_of_the_page(app: RegistrationApp, mail_box: MailBox, language: str):
    link = await mailed_link(app, mail_box, language=language)
    [mail] = mail_box.mails
    assert link.startswith(f"/{language}/focal-point/link?link=")
    assert (mail["Content-Language"], mail["From"].addresses[0].addr_spec) == (language, TINY.contact)
    assert ("opens your delegation" in mail.get_content()) is (language == "en")
    page = await app.http.get(link)
    assert f'href="{link.replace(f"/{language}/", "/fr/")}"' in page.text, "the switch of languages keeps the link"


async def test_the_plain_link_is_stored_nowhere(app: RegistrationApp, mail_box: MailBox):
    link = await mailed_link(app, mail_box)
    assert link.partition("link=")[2] not in repr(app.rows())
    await used(app, link)
    session = app.http.cookies["lanyard-focal-point"]
    assert session not in repr(app.rows())


async def older(app: RegistrationApp, table: Any, column: str, by: timedelta) -> None:
    def age(tx: Any) -> None:
        for row in tx.execute(select(table)).all():
            key = next(iter(table.primary_key.columns))
            tx.execute(table.update().where(key == row._mapping[key.name]).values({column: row._mapping[column] - by}))

    await app.database.write(age)


async def test_a_link_ends_after_twenty_minutes_and_a_session_after_eight_hours(app: RegistrationApp, mail_box: MailBox):
    link = await mailed_link(app, mail_box)
    await older(app, store.sign_in_links, "asked_at", LINK_LIFE)
    assert (await used(app, link)).status_code == 410
    await signed_in(app, mail_box)
    await older(app, store.focal_point_sessions, "ends_at", SESSION_LIFE - timedelta(minutes=1))
    assert (await app.http.get("/en/delegation/oslo")).status_code == 200
    await older(app, store.focal_point_sessions, "ends_at", timedelta(minutes=1))
    assert (await app.http.get("/en/delegation/oslo")).headers["location"] == "/en/focal-point"


async def test_who_signs_out_or_is_focal_point_no_longer_is_out(app: RegistrationApp, mail_box: MailBox):
    await signed_in(app, mail_box)
    cookie = app.http.cookies["lanyard-focal-point"]
    page = await app.http.get("/en/delegation/oslo")
    assert (await posted(app, "/en/focal-point/sign-out", {"token": token_in(page)})).status_code == 303
    app.http.cookies.set("lanyard-focal-point", cookie)
    assert (await app.http.get("/en/delegation/oslo")).status_code == 303, "ended here, not only forgotten by the browser"
    app.http.cookies.clear()
    await signed_in(app, mail_box)
    await focal_points(app, "oslo", "other@oslo.example")
    assert (await app.http.get("/en/delegation/oslo")).status_code == 303


async def test_links_are_not_asked_for_without_end(app: RegistrationApp):
    answers = [await asked(app, "nobody@oslo.example") for _ in range(7)]
    assert [each.status_code for each in answers] == [303] * 6 + [429], "an unknown address is counted as a known one"
    assert (await asked(app, "another@oslo.example")).status_code == 303


async def test_a_client_does_not_ask_for_many_addresses(tmp_path: Path, conference: Conference):
    async with registration_running(f"sqlite:///{tmp_path / 'r.db'}", conference, tmp_path, form_posts_an_hour=2) as app:
        answers = [await asked(app, f"n{number}@oslo.example") for number in range(3)]
    assert [each.status_code for each in answers] == [303, 303, 429]


async def test_a_link_waits_for_a_mail_server_that_puts_off_and_is_mailed_once(app: RegistrationApp, mail_box: MailBox):
    mail_box.busy[ASTRID] = 1
    link = await mailed_link(app, mail_box)
    assert len(mail_box.raw) == 1
    assert (await used(app, link)).status_code == 303


async def test_a_link_that_was_claimed_by_a_process_that_died_is_mailed(app: RegistrationApp, mail_box: MailBox):
    first = await mailed_link(app, mail_box)
    await until(lambda: all(row[-1] is None for row in app.rows()["sign_in_links"]))
    await app.database.write(
        lambda tx: tx.execute(store.sign_in_links.update().values(next_attempt_at=store.sign_in_links.c.asked_at))
    )
    await mail_box.arrived(2)
    assert (link_in(mail_box.mails[1]), mail_box.raw[1]) == (first, mail_box.raw[0])


@pytest.mark.parametrize("link", ["", "abc", "ImFiYyI.x"])
async def test_a_forged_link_is_no_link(app: RegistrationApp, link: str):
    assert (await app.http.get("/en/focal-point/link", params={"link": link})).status_code == 404


async def test_what_another_site_posts_neither_asks_nor_signs_in(app: RegistrationApp, mail_box: MailBox):
    link = await mailed_link(app, mail_box)
    app.http.cookies.clear()
    assert (await posted(app, "/en/focal-point", {"email": ASTRID})).status_code == 403
    forged = {"link": link.partition("link=")[2], "token": "x"}
    assert (await posted(app, "/en/focal-point/link", forged)).status_code == 403
    assert (await used(app, link)).status_code == 303


NAMED = {
    "focal_points": [
        {"name": "Astrid Vik", "email": "Astrid@Oslo.example", "role": "primary"},
        {"name": "Bo", "email": "bo@oslo.example"},
    ]
}


async def test_the_accreditation_desk_names_focal_points(app: RegistrationApp, mail_box: MailBox):
    address = "/delegations/oslo/focal-points"
    named = await app.ask("PUT", address, json=NAMED)
    assert named.status_code == 200
    told = {
        "delegation": "oslo",
        "focal_points": [
            {"name": "Astrid Vik", "email": "astrid@oslo.example", "role": "primary"},
            {"name": "Bo", "email": "bo@oslo.example", "role": "backup"},
        ],
    }
    assert named.json() == (await app.ask("GET", address)).json() == told
    assert (await app.ask("PUT", address, json=NAMED)).json() == told
    await signed_in(app, mail_box, "bo@oslo.example")
    assert (await app.http.get("/en/delegation/oslo")).status_code == 200
    assert (await app.ask("DELETE", address)).json()["focal_points"] == []
    assert (await app.http.get("/en/delegation/oslo")).status_code == 303


async def test_focal_points_named_or_removed_in_a_dry_run_stay_as_they_are(app: RegistrationApp, mail_box: MailBox):
    address = "/delegations/oslo/focal-points"
    await app.ask("PUT", address, json=NAMED)
    await signed_in(app, mail_box, "bo@oslo.example")
    before = app.rows()
    removed = await app.ask("DELETE", address, params={"dry_run": "1"})
    assert removed.json() == {"delegation": "oslo", "focal_points": [], "dry_run": True}
    other = {"focal_points": [{"name": "Cy", "email": "cy@oslo.example"}]}
    named = (await app.ask("PUT", address, json=other, params={"dry_run": "true"})).json()
    assert (named["dry_run"], [each["email"] for each in named["focal_points"]]) == (True, ["cy@oslo.example"])
    assert app.rows() == before
    assert (await app.http.get("/en/delegation/oslo")).status_code == 200
    assert (await app.ask("DELETE", address, params={"dry_run": "perhaps"})).status_code == 422
    assert app.rows() == before


async def test_faults_of_focal_points_are_named_and_nothing_changed(app: RegistrationApp):
    address = "/delegations/oslo/focal-points"
    [first, second] = NAMED["focal_points"]
    before = app.rows()
    twice = await app.ask("PUT", address, json={"focal_points": [first, {**first, "email": "ASTRID@oslo.example"}]})
    assert faults(twice) == {
        ("/focal_points/0/email", "repeated"),
        ("/focal_points/1/email", "repeated"),
        ("/focal_points", "two-primary"),
    }
    wrong = await app.ask("PUT", address, json={"focal_points": [{**second, "email": "nobody", "role": "chief"}]})
    assert {each for each, _ in faults(wrong)} == {"/focal_points/0/email", "/focal_points/0/role"}
    assert (await app.ask("GET", "/delegations/atlantis/focal-points")).status_code == 404
    assert app.rows() == before


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_nobody_else_reads_or_names_focal_points(app: RegistrationApp, method: str):
    for by, status in (("read-only", 403), ("programme", 403), ("form", 403), ("unknown", 401), (None, 401)):
        answer = await app.ask(method, "/delegations/oslo/focal-points", by, json=NAMED)
        assert answer.status_code == status, by
