"""The programme desk over HTTP: sessions changed together, seen before they are published, and never over another's change."""

import re
from typing import Any

import httpx

from shared.events import SessionChanged
from shared.keys import Role
from tests.registration_app import RegistrationApp
from tests.staff_accounts import Browser, signed_in

DESK = "/en/programme-desk"
ONE, BOTH = f"{DESK}/change?session=pilots", f"{DESK}/change?session=welcome&session=pilots"
OWN = re.compile(r'name="((?:welcome|pilots)/[^"]+)"')


async def at_desk(app: RegistrationApp) -> Browser:
    return await signed_in(app, "paul", Role.PROGRAMME)


def answered(page: httpx.Response) -> dict[str, str]:
    """What the page's form would send, by name, as it stands."""
    found = dict(re.findall(r'<input [^>]*?name="([^"]+)"[^>]*? value="([^"]*)"', page.text))
    chosen = re.findall(r'<select [^>]*name="([^"]+)"[^>]*>(.*?)</select>', page.text, re.DOTALL)
    found |= {name: "".join(re.findall(r'value="([^"]*)" selected', options)) for name, options in chosen}
    return {name: value for name, value in found.items() if OWN.fullmatch(f'name="{name}"')}


async def sent(desk: Browser, address: str, step: str, form: httpx.Response, **changed: str) -> httpx.Response:
    named = {name.replace("__", "/"): value for name, value in changed.items()}
    return await desk.send(address, {**answered(form), **named, "step": step}, form=address)


async def published(desk: Browser, address: str, **changed: str) -> httpx.Response:
    preview = await sent(desk, address, "preview", await desk.get(address), **changed)
    assert preview.status_code == 200, preview.text
    return await sent(desk, address, "publish", preview)


async def session(app: RegistrationApp, session_id: str) -> dict[str, Any]:
    found = (await app.ask("GET", "/sessions", None)).json()["sessions"]
    return next(each for each in found if each["session_id"] == session_id)


async def test_a_change_is_shown_with_who_is_told_and_published_once(registration_app: RegistrationApp):
    app, desk = registration_app, await at_desk(registration_app)
    for number, language in enumerate(("en", "fr", "fr")):
        who = {"given_name": f"Ada{number}", "email": f"a{number}@port.example", "language": language}
        await app.registered(sessions=["pilots"], **who)
    assert (await desk.get("/en/staff")).headers["location"] == DESK
    assert "3 people enrolled" in (await desk.get(DESK)).text
    form = await desk.get(ONE)
    french = await sent(desk, ONE, "preview", form, pilots__title__fr="Réunion de tous les pilotes")
    assert "2 people are told" in french.text, "who reads French"
    nobody = await sent(desk, ONE, "preview", form, pilots__capacity="9")
    assert "Nobody is told" in nobody.text
    preview = await sent(desk, ONE, "preview", form, pilots__starts_at="2026-05-12T10:15")
    assert "3 people are told" in preview.text
    assert (await session(app, "pilots"))["revision"] == 1
    app.forget_published()
    fields = {**answered(preview), "step": "publish", "token": re.findall(r'name="token" value="([^"]+)"', preview.text)[0]}
    twice = [await desk.http.post(ONE, data=fields) for _ in range(2)]
    assert {each.headers["location"] for each in twice} == {f"{DESK}?changed=pilots"}
    assert [each.fact.revision for each in app.published()] == [2]
    assert (await session(app, "pilots"))["starts_at"] == "2026-05-12T08:15:00+00:00"
    assert "/en/sessions/pilots" in (await desk.get(f"{DESK}?changed=pilots")).text, "its history is linked"
    assert "10:15" in (await desk.get("/en/sessions/pilots")).text


async def test_two_rooms_are_swapped_by_two_clicks(registration_app: RegistrationApp):
    app, desk = registration_app, await at_desk(registration_app)
    app.forget_published()
    swap = f"{BOTH}&swap=rooms"
    assert (await published(desk, swap)).status_code == 303
    assert [(await session(app, each))["room"]["en"] for each in ("welcome", "pilots")] == ["Loft", "Quay Room"]
    facts = [each.fact for each in app.published()]
    assert [(each.key, each.revision) for each in facts if isinstance(each, SessionChanged)] == [("welcome", 2), ("pilots", 2)]


async def test_every_field_is_changed(registration_app: RegistrationApp):
    app, desk = registration_app, await at_desk(registration_app)
    changed = {
        "pilots__status": "cancelled",
        "pilots__room": "quay",
        "pilots__starts_at": "2026-05-13T09:00",
        "pilots__ends_at": "2026-05-13T09:30",
        "pilots__capacity": "",
        "pilots__title__en": "Pilots",
        "pilots__title__fr": "",
        "pilots__title__ar": "المرشدون",
    }
    assert (await published(desk, ONE, **changed)).status_code == 303
    now = await session(app, "pilots")
    assert (now["status"], now["room"]["fr"], now["capacity"]) == ("cancelled", "Salle du quai", None)
    assert (now["starts_at"], now["ends_at"]) == ("2026-05-13T07:00:00+00:00", "2026-05-13T07:30:00+00:00")
    assert now["title"] == {"en": "Pilots", "ar": "المرشدون"}
    assert now["audience"] == ["member"]


async def test_anothers_change_meanwhile_is_shown_and_nothing_is_lost(registration_app: RegistrationApp):
    app, desk = registration_app, await at_desk(registration_app)
    form = await desk.get(BOTH)
    entered = {"pilots__title__en": "All pilots", "welcome__capacity": "12"}
    preview = await sent(desk, BOTH, "preview", form, **entered)
    await app.ask("PATCH", "/sessions/pilots", "programme", json={"room": {"en": "Boat shed"}, "title": {"en": "Pilots"}})
    refused = await sent(desk, BOTH, "publish", preview)
    assert refused.status_code == 409
    assert "somebody changed it meanwhile" in refused.text
    assert re.findall(r"<del><bdi>([^<]+)</bdi></del> <ins><bdi>([^<]+)", refused.text)[0] == ("Loft", "Boat shed")
    kept = answered(refused)
    assert (kept["pilots/title/en"], kept["welcome/capacity"], kept["pilots/revision"]) == ("All pilots", "12", "2")
    assert (await session(app, "welcome"))["revision"] == 1, "together or not at all"
    again = await sent(desk, BOTH, "publish", refused)
    assert again.status_code == 303, again.text
    now = await session(app, "pilots")
    assert (now["revision"], now["room"], now["title"]) == (3, {"en": "Boat shed"}, {"en": "All pilots"})


async def test_what_cannot_be_is_said_beside_its_question(registration_app: RegistrationApp):
    app, desk = registration_app, await at_desk(registration_app)
    for number in range(2):
        await app.registered(given_name=f"Ada{number}", email=f"a{number}@port.example", sessions=["pilots"])
    form = await desk.get(BOTH)
    nothing = await sent(desk, BOTH, "preview", form)
    assert (nothing.status_code, "Nothing is changed yet." in nothing.text) == (422, True)
    for changed, said in (
        ({"pilots__ends_at": "2026-05-12T09:00"}, ["pilots-ends_at-fault"]),
        ({"pilots__capacity": "1", "welcome__capacity": "many"}, ["welcome-capacity-fault"]),
        ({"pilots__capacity": "1"}, ["pilots-capacity-fault"]),
        ({"welcome__starts_at": "soon", "pilots__starts_at": "0001-01-01T00:00"}, ["welcome-starts_at-fault"]),
        ({"pilots__title__en": "", "pilots__title__fr": ""}, ["faults"]),
    ):
        answer = await sent(desk, BOTH, "preview", form, **changed)
        assert answer.status_code == 422, changed
        assert [each for each in said if f'id="{each}"' not in answer.text] == []
        kept = answered(answer)
        assert {name: kept[name.replace("__", "/")] for name in changed} == changed
    assert {(await session(app, each))["revision"] for each in ("welcome", "pilots")} == {1}


async def test_the_desk_is_warned_of_a_room_that_is_taken_or_too_small(registration_app: RegistrationApp):
    app, desk = registration_app, await at_desk(registration_app)
    for number, delegation in enumerate(("oslo",) * 3 + ("marseille",) * 2):
        who = {"given_name": f"Ada{number}", "email": f"a{number}@port.example", "delegation": delegation}
        await app.registered(sessions=["welcome"], **who)
    preview = await sent(desk, ONE, "preview", await desk.get(ONE), pilots__starts_at="2026-05-12T09:30", pilots__room="quay")
    assert "in the same room at the same time: <bdi>Quay Room</bdi>" in preview.text
    preview = await sent(desk, BOTH, "preview", await desk.get(BOTH), welcome__room="loft")
    assert "5 enrolled, and <bdi>Loft</bdi> holds 4" in preview.text
    cancelled = {"pilots__starts_at": "2026-05-12T09:30", "pilots__room": "quay", "pilots__status": "cancelled"}
    assert "same room" not in (await sent(desk, ONE, "preview", await desk.get(ONE), **cancelled)).text


async def test_what_was_chosen_wrongly_is_said_and_only_the_programme_desk_comes_in(registration_app: RegistrationApp):
    desk = await at_desk(registration_app)
    many = "?" + "&".join(f"session={number}" for number in range(21))
    for query, said in (
        ("", "Choose a session first."),
        ("?session=pilots&swap=rooms", "Choose the two"),
        (many, "Choose 20 sessions at most."),
    ):
        page = await desk.get(f"{DESK}/change{query}")
        assert (page.status_code, said in page.text) == (422, True), query
    for unknown in (f"{DESK}/change?session=nowhere", f"{DESK}/change?session=%00", "/en/sessions/%00", "/en/sessions/%00.ics"):
        assert (await desk.get(unknown)).status_code == 404
    forged = await desk.send(ONE, {"pilots/revision": "7", "step": "preview"}, form=ONE)
    assert forged.status_code == 403
    for role in (Role.ACCREDITATION, Role.READ_ONLY):
        other = await signed_in(registration_app, role.value, role)
        assert [(await other.get(each)).status_code for each in (DESK, ONE)] == [403, 403]
    assert (await Browser(registration_app).get(ONE)).headers["location"] == "/en/staff/sign-in"


async def test_a_change_over_the_api_may_name_the_revision_that_it_is_of(registration_app: RegistrationApp):
    ask = registration_app.ask
    one, other = [
        await ask("PATCH", "/sessions/pilots", "programme", json={"revision": 1, "capacity": each}) for each in (9, 8)
    ]
    assert (one.status_code, other.status_code) == (200, 409)
    assert other.json()["type"] == "urn:lanyard:problem:changed-meanwhile"
