"""The photo's pages over HTTP: sent, its part chosen, kept; by a focal point, by who registered themselves, at the desk."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from registration.photos.portraits import MOST_BYTES
from shared.conference import Conference
from tests.integration.test_focal_points import GUEST, PERSON, oslo_signed_in, sent, token_in
from tests.integration.test_photos import PHOTO, shown, with_photos
from tests.integration.test_public_form import opened as form_opened
from tests.integration.test_public_form import sent as form_sent
from tests.pictures import is_blue, opened
from tests.registration_app import RegistrationApp
from tests.staff_accounts import Browser
from tests.staff_accounts import signed_in as at_desk

OSLO = "/en/delegation/oslo"
BLUE = {"left": "54", "top": "5", "width": "45"}


@pytest.fixture
def conference() -> Conference:
    return with_photos()


@pytest.fixture
def registration_url(sqlite_url: str) -> str:
    return sqlite_url


@pytest.fixture
async def app(tmp_path: Path, conference: Conference, registration_url: str) -> AsyncIterator[RegistrationApp]:
    async with oslo_signed_in(registration_url, conference, tmp_path) as app:
        yield app


async def upload(http: httpx.AsyncClient, address: str, file: bytes = PHOTO, token: str | None = None) -> httpx.Response:
    token = token_in(await http.get(address)) if token is None else token
    return await http.post(address, data={"token": token}, files={"photo": ("me.jpg", file, "image/jpeg")})


async def keep(http: httpx.AsyncClient, chosen: str, **area: str) -> httpx.Response:
    """Keep the photo as the page at `chosen` would."""
    page = await http.get(chosen)
    fields = dict(re.findall(r'<input type="hidden" name="([a-z]+)" value="([^"]*)">', page.text.partition('id="keep"')[2]))
    address, form = chosen.partition("?")[0], "application/x-www-form-urlencoded"
    return await http.post(address, data={**fields, **area}, headers={"Content-Type": form})


async def added(app: RegistrationApp, category: str = "member") -> str:
    answers = PERSON if category == "member" else GUEST
    assert (await sent(app, f"{OSLO}/add/{category}", answers)).status_code == 303
    return (await app.ask("GET", "/delegates")).json()["delegates"][-1]["delegate_id"]


async def test_a_focal_point_gives_a_photo_and_chooses_its_part(app: RegistrationApp):
    member = await added(app)
    address = f"{OSLO}/people/{member}/photo"
    page = await app.http.get(OSLO)
    assert "Photo missing" in page.text
    assert f'href="{address}"' in page.text
    sent_on = await upload(app.http, address)
    chosen = sent_on.headers["location"]
    assert chosen.startswith(f"{address}/choose?picture=")
    page = await app.http.get(chosen)
    assert "script-src 'self'" in page.headers["content-security-policy"]
    for each in re.findall(r'(?:src|href)="([^"]+/(?:picture|portrait)\?[^"]+)"', page.text):
        shown_there = await app.http.get(each.replace("&amp;", "&"))
        assert (shown_there.headers["content-type"], shown_there.headers["cache-control"]) == ("image/jpeg", "no-store")
    kept = await keep(app.http, chosen, **BLUE)
    assert (kept.status_code, kept.headers["location"]) == (303, f"{OSLO}?done=photo")
    event = shown(app, member)[-1]
    assert (event.status, event.photo is not None) == ("accredited", True)
    assert event.photo is not None
    assert is_blue(opened(event.photo.jpeg).getpixel((150, 100)))
    page = await app.http.get(OSLO)
    assert "Photo missing" not in page.text
    assert f'src="{address}/now?' in page.text
    assert (await app.http.get(f"{address}/now")).content == event.photo.jpeg
    assert app.rows()["pictures"] == [], "it was there to be chosen from"
    assert (await app.http.get(chosen)).status_code == 404


async def test_the_frame_moves_without_a_script(app: RegistrationApp):
    member = await added(app)
    chosen = (await upload(app.http, f"{OSLO}/people/{member}/photo")).headers["location"]

    async def fields(address: str) -> dict[str, float]:
        page = await app.http.get(address)
        assert page.status_code == 200, page.text
        return {name: float(value) for name, value in re.findall(r'id="(left|top|width)" [^>]*value="([^"]+)"', page.text)}

    assert await fields(f"{chosen}&left=20&top=10&width=50&move=right") == {"left": 22.5, "top": 10, "width": 50}
    assert (await fields(f"{chosen}&left=20&top=10&width=50&move=smaller"))["width"] == 45.45
    assert await fields(f"{chosen}&left=90&top=99&width=50&move=down") == {"left": 50, "top": 50, "width": 50}
    assert await fields(f"{chosen}&left=x&top=-3&width=nan") == {"left": 0, "top": 0, "width": 100}
    assert (await fields(f"{chosen}&width=1"))["width"] >= 30, "as many pixels as a portrait needs"


async def test_what_is_no_picture_is_told_on_the_page_in_its_language(app: RegistrationApp):
    member = await added(app)
    address = f"/fr/delegation/oslo/people/{member}/photo"
    for file, said in ((b"", "Aucune image"), (b"\0\0\0\x18ftypheic", "HEIC"), (PHOTO[:500], "endommagée")):
        refused = await upload(app.http, address, file)
        assert (refused.status_code, said in refused.text) == (422, True), refused.text
    assert (await upload(app.http, address, bytes(MOST_BYTES + 50_000))).status_code == 413
    assert (await upload(app.http, address, token="forged")).status_code == 403
    assert app.rows()["pictures"] == []
    broken = await app.http.post(address, content=b"--x", headers={"Content-Type": "multipart/form-data; boundary=x"})
    assert broken.status_code in (400, 403)
    form = await app.http.post(address, content=b"a=b", headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert form.status_code == 415


async def test_whose_photo_it_is_not_is_not_there(app: RegistrationApp):
    strange = await app.registered(delegation="marseille", given_name="Zoe")
    for path in ("", "/choose", "/now", "/picture"):
        assert (await app.http.get(f"{OSLO}/people/{strange}/photo{path}")).status_code == 404
    member, other = await added(app), await app.registered(given_name="Gro", email="gro@port.example")
    chosen = (await upload(app.http, f"{OSLO}/people/{member}/photo")).headers["location"]
    assert (await app.http.get(chosen.replace(member, other))).status_code == 404, "a picture is its person's alone"
    assert (await app.http.get("/en/photo/forged")).status_code == 404
    pilot = await app.registered(category="pilot", given_name="Per", email="per@port.example")
    assert (await app.http.get(f"{OSLO}/people/{pilot}/photo")).status_code == 404


async def test_who_was_accredited_by_decision_keeps_the_photo_decided_on_until_the_desk_accepts_another(app: RegistrationApp):
    guest = await added(app, "guest")
    address = f"{OSLO}/people/{guest}/photo"
    await keep(app.http, (await upload(app.http, address)).headers["location"])
    assert (await app.ask("POST", f"/delegates/{guest}/decision", json={"decision": "accredit"})).status_code == 200
    decided_on = app.delegate(guest).photo
    waits = await keep(app.http, (await upload(app.http, address)).headers["location"], **BLUE)
    assert (waits.status_code, waits.headers["location"]) == (303, f"{OSLO}?done=proposed")
    assert "A correction waits at the accreditation desk: Photo for the badge" in (await app.http.get(OSLO)).text
    assert (app.delegate(guest).photo, app.rows()["pictures"]) == (decided_on, [])
    assert is_blue(opened((await app.http.get(f"{address}/proposed")).content).getpixel((150, 100)))
    await app.ask("POST", f"/delegates/{guest}/correction/decision", json={"decision": "accept"})
    assert is_blue(opened((await app.http.get(f"{address}/now")).content).getpixel((150, 100)))
    assert "The correction was accepted" in (await app.http.get(OSLO)).text


async def test_who_registers_themselves_adds_their_photo(app: RegistrationApp):
    answers = {**GUEST, "delegation": "marseille", "person/email": "zoe@port.example", "person/given_name": "Zoe"}
    answer = await form_sent(app, {**await form_opened(app), **answers})
    page = await app.http.get(answer.headers["location"])
    assert "Your photo is still missing" in page.text
    [address] = re.findall(r'href="(/en/photo/[^"]+)"', page.text)
    kept = await keep(app.http, (await upload(app.http, address)).headers["location"])
    page = await app.http.get(kept.headers["location"])
    assert (page.status_code, "Your photo is still missing" in page.text) == (200, False)
    [delegate] = [
        each for each in (await app.ask("GET", "/delegates")).json()["delegates"] if each["delegation"] == "marseille"
    ]
    assert delegate["photo"]
    assert "needs" not in delegate


async def test_the_desk_sees_the_photo_and_the_badge_and_accredits_nobody_without(app: RegistrationApp):
    guest = await added(app, "guest")
    desk, page = await at_desk(app), f"/en/desk/people/{guest}"
    before = (await desk.get(page)).text
    assert "Photo missing" in before
    assert 'value="accredit"' not in before
    chosen = (await upload(desk.http, f"{page}/photo")).headers["location"]
    assert (await keep(desk.http, chosen)).headers["location"] == page
    after = (await desk.get(page)).text
    assert f'src="{page}/photo/now?' in after
    assert 'value="accredit"' in after
    await desk.send(page, {"decision": "accredit", "revision": "2"})
    assert "Badge not printed yet" in (await desk.get(page)).text
    assert (await Browser(app).get(f"{page}/photo/now")).status_code == 303, "to sign in"
