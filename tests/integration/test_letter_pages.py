"""The letter of credentials on the pages: a focal point sends it, the desk sees that it is missing, opens it, removes it."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from registration.letters.files import MOST_BYTES
from shared.conference import Conference
from shared.keys import Role
from tests.integration.test_focal_points import oslo_signed_in, token_in
from tests.integration.test_letters import GUEST, LETTER, give, with_letters
from tests.pdfs import HOSTILE, opens_with, pdf
from tests.pictures import picture
from tests.registration_app import RegistrationApp
from tests.staff_accounts import signed_in as at_desk

OSLO = "/en/delegation/oslo"
DESK = "/en/desk/letters/oslo"


@pytest.fixture
def conference() -> Conference:
    return with_letters()


@pytest.fixture
def registration_url(sqlite_url: str) -> str:
    return sqlite_url


@pytest.fixture
async def app(tmp_path: Path, conference: Conference, registration_url: str) -> AsyncIterator[RegistrationApp]:
    async with oslo_signed_in(registration_url, conference, tmp_path) as app:
        yield app


async def upload(
    http: httpx.AsyncClient, address: str, file: bytes = LETTER, token: str | None = None, name: str = "note.pdf"
) -> httpx.Response:
    token = token_in(await http.get(address)) if token is None else token
    return await http.post(address, data={"token": token}, files={"letter": (name, file, "application/octet-stream")})


async def test_a_focal_point_sends_the_letter_once_and_may_replace_it(app: RegistrationApp):
    await app.registered()
    listed = (await app.http.get(OSLO)).text
    assert (
        "The letter of credentials is missing. Until it is there, no further person in these categories is accredited: Member"
        in listed
    )
    assert "Letter missing" in listed
    sent = await upload(app.http, f"{OSLO}/letter")
    assert (sent.status_code, sent.headers["location"]) == (303, f"{OSLO}?done=letter")
    listed = (await app.http.get(sent.headers["location"])).text
    assert "The letter is with the accreditation desk." in listed
    assert re.search(r"Given on .* · Focal point <bdi>Focal of oslo</bdi> · 1 page", listed)
    assert "missing" not in listed
    assert "Accredited" in listed
    assert (await app.http.get(f"{OSLO}/letter/file")).content == LETTER
    assert (await upload(app.http, f"{OSLO}/letter", picture(900, 1200), name="scan.jpg")).status_code == 303
    answer = await app.http.get(f"{OSLO}/letter/file")
    assert (answer.headers["content-type"], answer.headers["x-content-type-options"]) == ("image/jpeg", "nosniff")
    assert answer.headers["content-disposition"] == 'attachment; filename="letter-oslo.jpg"'
    assert answer.headers["content-security-policy"].startswith("sandbox;")


@pytest.mark.parametrize("kind", ["a script that runs when it is opened", "encrypted", "21 pages", "with its middle gone"])
async def test_what_is_no_letter_is_refused_in_the_page(app: RegistrationApp, kind: str):
    made, _ = HOSTILE[kind]
    refused = await upload(app.http, f"{OSLO}/letter", made())
    assert refused.status_code == 422
    assert '<div class="summary" role="alert" id="faults"><p><bdi>The PDF ' in refused.text
    assert app.rows()["letters"] == []


async def test_a_refusal_is_said_in_the_readers_language(app: RegistrationApp):
    refused = await upload(app.http, "/ar/delegation/oslo/letter", pdf(opens_with("/Launch")))
    assert (refused.status_code, refused.headers["content-language"]) == (422, "ar")
    assert "يحتوي ملف PDF على برنامج نصي" in refused.text


async def test_a_letter_that_is_too_large_or_of_another_form_is_not_taken(app: RegistrationApp):
    assert (await upload(app.http, f"{OSLO}/letter", token="")).status_code == 403
    assert (await upload(app.http, f"{OSLO}/letter", b"")).status_code == 422
    assert (await upload(app.http, f"{OSLO}/letter", bytes(MOST_BYTES + 100_000))).status_code == 413
    assert app.rows()["letters"] == []


async def test_another_delegations_letter_is_nobodys_business(app: RegistrationApp):
    await give(app, "marseille")
    for page in ("", "/file"):
        assert (await app.http.get(f"/en/delegation/marseille/letter{page}")).status_code == 404
    assert (await app.http.get(f"{OSLO}/letter/file")).status_code == 404


async def test_the_desk_sees_who_waits_for_a_letter_and_cannot_accredit_them(app: RegistrationApp):
    guest = await app.registered(**GUEST)
    desk = await at_desk(app)
    queue = await desk.get("/en/desk?status=letter")
    assert queue.text.count(f'href="/en/desk/people/{guest}"') == 1
    assert "Letter missing" in queue.text
    person = f"/en/desk/people/{guest}"
    page = (await desk.get(person)).text
    assert 'value="accredit"' not in page
    assert "The letter of credentials is missing" in page
    refused = await desk.send(person, {"decision": "accredit"})
    assert refused.status_code == 422
    assert "The delegation’s letter of credentials is not there yet." in refused.text
    staged = await desk.send("/en/desk", {"decision": "accredit", "chosen": f"{guest} 1"})
    assert staged.status_code == 422
    assert "Ada Berg: The delegation’s letter of credentials is not there yet." in staged.text
    await upload(app.http, f"{OSLO}/letter")
    assert guest not in (await desk.get("/en/desk?status=letter")).text
    assert (await desk.send(person, {"decision": "accredit"})).status_code == 303


async def test_the_desk_opens_the_letter_and_sees_who_gave_it(app: RegistrationApp):
    guest = await app.registered(**GUEST)
    await upload(app.http, f"{OSLO}/letter")
    desk = await at_desk(app)
    page = (await desk.get(f"/en/desk/people/{guest}")).text
    assert f'<a href="{DESK}/file" download>Open the letter</a>' in page
    assert "Focal point <bdi>Focal of oslo</bdi>" in page
    assert (await desk.get(f"{DESK}/file")).content == LETTER
    assert (await upload(desk.http, DESK, pdf(text="newer"))).headers["location"] == DESK
    page = (await desk.get(DESK)).text
    assert re.findall(r"<strong>(Letter \w+)</strong>.*?<bdi>([^<]+)</bdi>", page) == [
        ("Letter given", "anna"),
        ("Letter given", "Focal of oslo"),
    ]
    removed = await desk.send(f"{DESK}/removal", {}, form=DESK)
    assert removed.status_code == 303
    assert "Letter removed" in (await desk.get(DESK)).text
    assert (await desk.get(f"{DESK}/file")).status_code == 404


async def test_who_only_reads_at_the_desk_knows_of_a_letter_that_may_name_the_protected_and_opens_none(app: RegistrationApp):
    guest = await app.registered(protected=True, **GUEST)
    await upload(app.http, f"{OSLO}/letter")
    reader = await at_desk(app, "ruth", Role.READ_ONLY)
    page = (await reader.get(f"/en/desk/people/{guest}")).text
    assert "Given on" in page
    assert "Open the letter" not in page
    shown = (await reader.get(DESK)).text
    assert "Given on" in shown
    assert "Open the letter" not in shown
    assert 'type="file"' not in shown
    assert (await reader.get(f"{DESK}/file")).status_code == 404
    assert (await upload(reader.http, DESK, token="x")).status_code == 403
