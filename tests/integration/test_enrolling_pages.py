"""A focal point enrols one of their people in sessions, and takes them out: clashes and the waiting list are shown."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.conference import Conference
from tests.integration.test_delegation_pages import added, seen
from tests.integration.test_focal_points import oslo_signed_in, posted, sent, token_in
from tests.registration_app import RegistrationApp
from tests.registration_examples import TINY, tiny

OSLO = "/en/delegation/oslo"


@pytest.fixture
def conference() -> Conference:
    """The pilots' meeting takes two, has a waiting list, and is at the same time as the welcome."""
    crowded = {"capacity": 2, "waiting_list": True, "starts_at": TINY.sessions[0].starts_at}
    guests = {"audience": ["guest"], "session_id": "gate"}
    welcome, pilots = TINY.sessions
    return tiny(sessions=[welcome, pilots.model_copy(update=crowded), welcome.model_copy(update=guests)])


@pytest.fixture
async def app(tmp_path: Path, conference: Conference, registration_url: str) -> AsyncIterator[RegistrationApp]:
    async with oslo_signed_in(registration_url, conference, tmp_path) as app:
        yield app


def page_of(person: str) -> str:
    return f"{OSLO}/people/{person}/sessions"


async def asked(app: RegistrationApp, person: str, session: str, decision: str = "enrol") -> httpx.Response:
    return await sent(app, page_of(person), {"session": session, "decision": decision})


async def states(app: RegistrationApp, person: str) -> dict[str, Any]:
    told = (await app.ask("GET", f"/delegates/{person}")).json()["enrolments"]
    return {each["session_id"]: each["state"] for each in told}


async def test_a_place_is_taken_and_given_up(app: RegistrationApp):
    person = await added(app)
    page = await app.http.get(page_of(person))
    assert re.findall(r'name="session" value="([^"]+)"', page.text) == ["pilots", "welcome"], "no session for guests"
    enrolled = await asked(app, person, "welcome")
    assert enrolled.headers["location"] == f"{page_of(person)}?done=enrolled#welcome"
    assert await states(app, person) == {"welcome": "enrolled"}
    page = await app.http.get(enrolled.headers["location"])
    assert "Enrolled: the place is the person’s." in page.text
    assert "Give up the place" in page.text
    assert (await asked(app, person, "welcome", "leave")).headers["location"] == f"{page_of(person)}?done=left#welcome"
    assert await states(app, person) == {"welcome": "released"}
    [*_, event] = [each.fact for each in app.published() if each.topic == "t.delegate-registered"]
    assert event.revision == 3


async def test_a_clash_is_shown_before_and_after(app: RegistrationApp):
    person = await added(app)
    await asked(app, person, "welcome")
    before = seen(await app.http.get(page_of(person)))
    assert before.count("At the same time as: Welcome") == 1
    await asked(app, person, "pilots")
    after = seen(await app.http.get(page_of(person)))
    assert ("At the same time as: Welcome" in after, "At the same time as: Pilots’ meeting" in after) == (True, True)


async def test_who_finds_no_place_sees_where_they_stand_on_the_waiting_list(app: RegistrationApp):
    for name in ("Mia", "Max"):
        await app.registered(delegation="marseille", given_name=name, email=f"{name}@x.example", sessions=["pilots"])
    first = await app.registered(delegation="marseille", given_name="Moe", email="moe@x.example", sessions=["pilots"])
    person = await added(app)
    assert "Join the waiting list" in (await app.http.get(page_of(person))).text
    answer = await asked(app, person, "pilots")
    assert answer.headers["location"] == f"{page_of(person)}?done=waiting#pilots"
    assert "Waiting list: 2 of 2" in seen(await app.http.get(page_of(person)))
    await app.ask("POST", f"/delegates/{first}/withdrawal")
    assert "Waiting list: 1 of 1" in seen(await app.http.get(page_of(person)))
    await asked(app, person, "pilots", "leave")
    assert await states(app, person) == {"pilots": "released"}


async def test_what_is_not_open_or_not_there_is_refused_and_changes_nothing(app: RegistrationApp):
    person = await added(app)
    before = app.rows()
    for session, status in (("gate", 422), ("nowhere", 404), ("\0", 404), ("", 404)):
        assert (await asked(app, person, session)).status_code == status, session
    assert "is not open to category member" in (await asked(app, person, "gate")).text
    assert app.rows() == before


async def test_anothers_people_are_not_there(app: RegistrationApp):
    mine, theirs = await added(app), await app.registered(delegation="marseille", given_name="Mia", email="m@x.example")
    token = token_in(await app.http.get(page_of(mine)))
    before = app.rows()
    for address in (page_of(theirs), page_of(theirs).replace("oslo", "marseille")):
        assert (await app.http.get(address)).status_code == 404
        answer = await posted(app, address, {"token": token, "session": "welcome", "decision": "enrol"})
        assert answer.status_code == 404
    assert (await posted(app, page_of(mine), {"session": "welcome", "decision": "enrol"})).status_code == 403
    assert app.rows() == before
