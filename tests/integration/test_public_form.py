"""The public form and the pages over HTTP: what a browser is sent, what is stored, and who is kept out."""

import gc
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from starlette.responses import Response

from registration.pages.site import SHORT
from shared.conference import Conference, FieldOption, FormField
from tests.registration_app import RegistrationApp, registration_running
from tests.registration_examples import TINY

FIELDS = [
    FormField(slug="ship", label={"en": "Ship"}, required=True, categories=["guest"]),
    FormField(
        slug="berth",
        label={"en": "Berth"},
        kind="choice",
        options=[FieldOption(slug="north", names={"en": "North"}), FieldOption(slug="south", names={"en": "South"})],
    ),
    FormField(slug="arrives", label={"en": "Arrives on"}, kind="date"),
    FormField(slug="pilot", label={"en": "Needs a pilot"}, kind="yes-no"),
]
ANSWERS = {
    "delegation": "marseille",
    "person/given_name": "Ada",
    "person/family_name": "Berg",
    "person/function": "Harbour master",
    "person/email": "ada@port.example",
    "person/language": "fr",
    "person/document_number": "N 123",
    "fields/ship": "Ariadne",
    "fields/berth": "south",
    "fields/arrives": "2026-05-11",
    "fields/pilot": "no",
}


@pytest.fixture
def conference() -> Conference:
    categories = [each.model_copy(update={"self_registration": each.slug == "guest"}) for each in TINY.categories]
    return TINY.model_copy(update={"categories": categories, "fields": FIELDS})


async def opened(app: RegistrationApp, address: str = "/en/register/guest") -> dict[str, str]:
    """Open the form; returns what a browser brings back unseen. The cookie stays with the client."""
    page = await app.http.get(address)
    assert page.status_code == 200, page.text
    found = re.search(r'name="token" value="([^"]+)"', page.text)
    assert found
    return {"token": found[1]}


async def sent(app: RegistrationApp, answers: dict[str, Any], address: str = "/en/register/guest") -> httpx.Response:
    body = urlencode(answers, doseq=True)
    return await app.http.post(address, content=body, headers={"Content-Type": "application/x-www-form-urlencoded"})


def beside(page: httpx.Response) -> dict[str, str]:
    """The faults of a page, by the id of their field."""
    return dict(re.findall(r'class="fault" id="([^"]+)-fault">([^<]+)<', page.text))


async def test_who_fills_in_the_form_is_registered_with_what_they_answered(registration_app: RegistrationApp):
    answer = await sent(registration_app, {**await opened(registration_app), **ANSWERS, "sessions": ["welcome"]})
    assert answer.status_code == 303, answer.text
    receipt = await registration_app.http.get(answer.headers["location"])
    delegate = registration_app.delegate(re.findall(r"<code[^>]*>([^<]+)</code>", receipt.text)[0])
    assert (delegate.status, delegate.category, delegate.delegation) == ("submitted", "guest", "marseille")
    assert delegate.person is not None
    assert (delegate.person.given_name, delegate.person.language, delegate.person.time_zone) == ("Ada", "fr", "Europe/Paris")
    assert delegate.fields == {"ship": "Ariadne", "berth": "south", "arrives": "2026-05-11", "pilot": "no"}
    assert delegate.is_enrolled_in("welcome")
    [event] = [each.fact for each in registration_app.published() if each.topic == "t.delegate-registered"]
    assert "Ariadne" not in event.model_dump_json()
    assert "N 123" not in event.model_dump_json()


async def test_every_fault_stands_beside_its_field_and_nothing_is_stored(registration_app: RegistrationApp):
    wrong = {
        **await opened(registration_app),
        "delegation": "marseille",
        "person/given_name": "Ad\u202ea",
        "person/email": "nobody",
        "fields/berth": "west",
        "sessions": ["welcome"],
    }
    before = registration_app.rows()
    answer = await sent(registration_app, wrong)
    assert answer.status_code == 422
    required = {"person-family_name", "person-function", "person-language", "person-document_number", "fields-ship"}
    assert beside(answer).keys() == required | {"person-given_name", "person-email"}
    assert 'value="nobody"' in answer.text
    assert re.search(r'value="welcome" checked', answer.text)
    right = {**ANSWERS, **wrong, "person/given_name": "Ada", "person/email": "ada@port.example", "fields/arrives": "May"}
    answer = await sent(registration_app, right)
    assert beside(answer).keys() == {"fields-berth", "fields-arrives"}
    assert registration_app.rows() == before


async def test_a_form_sent_twice_registers_once(registration_app: RegistrationApp):
    answers = {**await opened(registration_app), **ANSWERS}
    first, again = await sent(registration_app, answers), await sent(registration_app, answers)
    assert (first.status_code, again.status_code) == (303, 303)
    assert first.headers["location"].split(".")[0] == again.headers["location"].split(".")[0]
    other = await sent(registration_app, {**answers, "person/given_name": "Eva"})
    assert other.status_code == 422
    assert "sent already" in other.text
    assert len(registration_app.published()) == len(TINY.sessions) + 1


@pytest.mark.parametrize("brought", ["nothing", "another's token", "no cookie", "a forged token"])
async def test_what_another_site_posts_is_not_taken(registration_app: RegistrationApp, brought: str):
    answers = {**await opened(registration_app), **ANSWERS}
    match brought:
        case "nothing":
            del answers["token"]
        case "another's token":
            registration_app.http.cookies.clear()
            await opened(registration_app)
        case "no cookie":
            registration_app.http.cookies.clear()
        case _:
            answers["token"] = answers["token"][:-3] + "abc"
    answer = await sent(registration_app, answers)
    assert answer.status_code == 403
    assert 'value="Ada"' in answer.text, "what was typed must not be lost"
    assert len(registration_app.published()) == len(TINY.sessions)


async def test_nobody_registers_in_a_category_that_does_not_register_itself(registration_app: RegistrationApp):
    token = await opened(registration_app)
    for category in ("member", "nobody"):
        assert (await registration_app.http.get(f"/en/register/{category}")).status_code == 404
        assert (await sent(registration_app, {**token, **ANSWERS}, f"/en/register/{category}")).status_code == 404
    smuggled = await sent(registration_app, {**token, **ANSWERS, "category": "member", "protected": "true"})
    assert smuggled.status_code == 303
    [event] = [each.fact for each in registration_app.published() if each.topic == "t.delegate-registered"]
    told = event.model_dump()
    assert (told["category"], told["protected"]) == ("guest", False)


@pytest.mark.parametrize(
    ("body", "media_type", "status"),
    [
        (b"{}", "application/json", 415),
        (b"a=%FF%FE", "application/x-www-form-urlencoded", 400),
        (b"\xff", "application/x-www-form-urlencoded", 400),
        (b"&".join(b"a=1" for _ in range(1000)), "application/x-www-form-urlencoded", 400),
        (b"a=" + b"x" * 300_000, "application/x-www-form-urlencoded", 413),
    ],
)
async def test_what_is_no_form_is_refused_on_a_page(
    registration_app: RegistrationApp, body: bytes, media_type: str, status: int
):
    answer = await registration_app.http.post("/fr/register/guest", content=body, headers={"Content-Type": media_type})
    assert (answer.status_code, answer.headers["content-language"]) == (status, "fr")
    assert answer.headers["content-type"].startswith("text/html")


@pytest.fixture
async def slow_form(tmp_path: Path, conference: Conference) -> AsyncIterator[RegistrationApp]:
    async with registration_running(f"sqlite:///{tmp_path / 'r.db'}", conference, tmp_path, form_posts_an_hour=2) as app:
        yield app


async def test_one_address_sends_no_more_forms_than_is_allowed(slow_form: RegistrationApp):
    token = await opened(slow_form)
    answers = [await sent(slow_form, {**token, "person/given_name": "Ada"}) for _ in range(3)]
    assert [each.status_code for each in answers] == [422, 422, 429]
    assert answers[2].headers["retry-after"] == "3600"


async def test_a_receipt_is_only_what_was_signed(registration_app: RegistrationApp):
    for receipt in ("", "abc", "WyJhIl0.x.y"):
        assert (await registration_app.http.get("/en/registered", params={"receipt": receipt})).status_code == 404


@pytest.mark.parametrize("short", SHORT)
async def test_a_short_address_leads_to_the_page_in_the_readers_language(registration_app: RegistrationApp, short: str):
    answer = await registration_app.http.get(f"/{short}", headers={"Accept-Language": "ru"})
    assert (answer.headers["location"], answer.headers["vary"]) == (f"/ru/{short}", "Accept-Language")
    there = await registration_app.http.get(f"/ru/{short}", follow_redirects=True)
    assert there.status_code == 200, "such a page is there"


async def test_the_first_page_is_in_the_language_that_is_wished(registration_app: RegistrationApp):
    for wished, language in (("fr-CA, en;q=0.5", "fr"), ("zh-Hant", "zh"), ("de", "en"), ("", "en"), ("ar", "ar")):
        page = await registration_app.http.get("/", headers={"Accept-Language": wished})
        assert (page.status_code, page.headers["content-language"]) == (200, language)
        assert page.headers["vary"] == "Accept-Language"
        assert f'dir="{"rtl" if language == "ar" else "ltr"}"' in page.text
    assert 'lang="en" dir="ltr">Harbour Days' in (await registration_app.http.get("/ar")).text, "marked as what it is"


async def test_every_page_forbids_scripts_and_frames(registration_app: RegistrationApp):
    for path in ("/", "/en", "/en/programme", "/en/sessions/welcome", "/en/register", "/en/register/guest", "/en/none"):
        page = await registration_app.http.get(path)
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "script-src" not in policy
        assert "<script" not in page.text
        assert " style=" not in page.text


async def test_a_sessions_page_tells_what_each_revision_changed(registration_app: RegistrationApp):
    change = {"room": {"en": "Quay Room", "fr": "Salle du quai"}, "capacity": 12}
    assert (await registration_app.ask("PATCH", "/sessions/pilots", "programme", json=change)).status_code == 200
    assert (
        await registration_app.ask("PATCH", "/sessions/pilots", "programme", json={"status": "cancelled"})
    ).status_code == 200
    page = (await registration_app.http.get("/en/sessions/pilots")).text
    told = [re.sub(r"<[^>]+>|\s+", " ", each).split() for each in re.findall(r"<dd><del>.*?</dd>", page)]
    assert told == [["Scheduled", "Cancelled"], ["Loft", "Quay", "Room"], ["4", "12"]]
    assert "What changed" not in (await registration_app.http.get("/en/sessions/welcome")).text


async def test_no_page_is_kept_for_a_query_that_somebody_makes_up(registration_app: RegistrationApp):
    for number in range(20):
        page = await registration_app.http.get(f"/en/sessions/pilots?made-up={number}")
        assert f"/fr/sessions/pilots?made-up={number}" in page.text
    gc.collect()
    kept = [each for each in gc.get_objects() if isinstance(each, Response) and b"made-up" in each.body]
    assert len(kept) <= 1, "only the last answer may still be on its way out"


async def test_the_programme_can_be_subscribed_to(registration_app: RegistrationApp):
    feed = await registration_app.http.get("/fr/programme.ics")
    assert feed.headers["content-type"] == "text/calendar; charset=utf-8"
    assert feed.text.count("BEGIN:VEVENT") == len(TINY.sessions)
    one = await registration_app.http.get("/fr/sessions/welcome.ics")
    assert "Accueil" in one.text
    assert (await registration_app.http.get("/fr/sessions/none.ics")).status_code == 404


async def test_fields_are_asked_of_the_api_as_of_the_form(registration_app: RegistrationApp):
    body = {
        "category": "guest",
        "delegation": "oslo",
        "person": {
            "given_name": "A",
            "family_name": "B",
            "function": "C",
            "email": "a@b.example",
            "language": "en",
            "document_number": "1",
        },
        "fields": {"ship": "Ariadne", "anchor": "2"},
    }
    refused = await registration_app.ask("POST", "/delegates", "form", json=body)
    assert [each["pointer"] for each in refused.json()["errors"]] == ["/fields/anchor"]
    del body["fields"]["anchor"]
    taken = await registration_app.ask("POST", "/delegates", "form", json=body)
    address = f"/delegates/{taken.json()['delegate_id']}"
    amended = await registration_app.ask("PATCH", address, "form", json={"fields": {"berth": "north"}})
    assert (amended.status_code, amended.json()["revision"]) == (200, 2)
    assert registration_app.delegate(taken.json()["delegate_id"]).fields == {"ship": "Ariadne", "berth": "north"}
    emptied = await registration_app.ask("PATCH", address, "form", json={"fields": {"ship": None}})
    assert [each["code"] for each in emptied.json()["errors"]] == ["required"]
    await registration_app.ask("DELETE", address)
    assert registration_app.delegate(taken.json()["delegate_id"]).fields == {}
