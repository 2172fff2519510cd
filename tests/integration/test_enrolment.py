"""Waiting lists, reserved places and changes of the programme over HTTP, on both databases."""

import asyncio
from typing import Any

import pytest

from shared.conference import Conference
from shared.events import DelegateRegistered, EnrolmentState, SessionChanged
from tests.registration_app import RegistrationApp, code, faults
from tests.registration_examples import TINY

AT_ONCE = 12


@pytest.fixture
def conference() -> Conference:
    """The tiny conference with room for everybody's delegation, and two places and a waiting list with the pilots."""
    kinds = [each.model_copy(update={"quota": 100, "quota_by_category": {}}) for each in TINY.delegation_kinds]
    changed = {"capacity": 2, "waiting_list": True}
    sessions = [each.model_copy(update=changed if each.session_id == "pilots" else {}) for each in TINY.sessions]
    return Conference.model_validate({**TINY.model_dump(), "delegation_kinds": kinds, "sessions": sessions})


async def join(app: RegistrationApp, number: int) -> str:
    name = chr(65 + number)
    return await app.registered(given_name=name, email=f"{name}@x.example", sessions=["pilots"])


def state(app: RegistrationApp, delegate: str) -> EnrolmentState:
    held = app.delegate(delegate).enrolment("pilots")
    assert held is not None
    return held.state


async def test_a_freed_place_goes_to_who_waited_first_and_both_are_published(registration_app: RegistrationApp):
    app = registration_app
    people = [await join(app, number) for number in range(4)]
    assert [state(app, each) for each in people] == ["enrolled", "enrolled", "waiting", "waiting"]
    app.forget_published()
    answer = await app.ask("DELETE", f"/delegates/{people[0]}/sessions/pilots", "form")
    assert answer.json()["enrolments"] == [{"session_id": "pilots", "state": "released", "cause": "left"}]
    assert [state(app, each) for each in people] == ["released", "enrolled", "enrolled", "waiting"]
    told = [each.fact for each in app.published() if isinstance(each.fact, DelegateRegistered)]
    assert [(str(each.delegate_id), each.revision) for each in told] == [(people[0], 2), (people[2], 2)]
    sessions = {each["session_id"]: each for each in (await app.ask("GET", "/sessions", None)).json()["sessions"]}
    assert (sessions["pilots"]["enrolled"], sessions["pilots"]["waiting_list"]) == (2, True)


async def test_however_many_leave_and_come_at_once_every_place_is_given_once(registration_app: RegistrationApp):
    app = registration_app
    people = [await join(app, number) for number in range(AT_ONCE)]
    leaving = [app.ask("DELETE", f"/delegates/{each}/sessions/pilots", "form") for each in people[:8]]
    withdrawing = [app.ask("POST", f"/delegates/{each}/withdrawal", "form") for each in people[8:10]]
    answers = await asyncio.gather(*leaving, *withdrawing)
    assert {each.status_code for each in answers} == {200}
    assert [state(app, each) for each in people] == ["released"] * 10 + ["enrolled"] * 2


async def test_who_only_tries_it_changes_nobodys_place(registration_app: RegistrationApp):
    app = registration_app
    people = [await join(app, number) for number in range(3)]
    before = app.rows()
    address = f"/delegates/{people[0]}/sessions/pilots"
    assert (await app.ask("DELETE", address, "form", params={"dry_run": "1"})).json()["dry_run"] is True
    assert app.rows() == before


async def test_the_desk_sees_how_many_a_change_is_told_to_before_it_is_made(registration_app: RegistrationApp):
    app = registration_app
    for number in range(3):
        await join(app, number)

    async def told(**change: Any) -> int:
        answer = await app.ask("PATCH", "/sessions/pilots", "programme", json=change, params={"dry_run": "1"})
        assert answer.status_code == 200, answer.text
        return answer.json()["told"]

    assert await told(room={"en": "Quay Room", "fr": "Salle du quai"}) == 3
    assert await told(status="cancelled") == 3
    assert await told(capacity=9) == 0
    assert await told() == 0
    assert (await app.ask("GET", "/sessions", None)).json()["sessions"][1]["revision"] == 1


async def test_two_rooms_are_swapped_in_one_change_or_not_at_all(registration_app: RegistrationApp):
    app = registration_app
    rooms = {each["session_id"]: each["room"] for each in (await app.ask("GET", "/sessions", None)).json()["sessions"]}
    assert rooms["welcome"] != rooms["pilots"]
    swap = [{"session_id": "welcome", "room": rooms["pilots"]}, {"session_id": "pilots", "room": rooms["welcome"]}]
    app.forget_published()
    wrong = [*swap[:1], {**swap[1], "capacity": 1, "reserved": {"pirate": 1, "guest": 1}}, {"session_id": "nowhere"}]
    refused = await app.ask("PATCH", "/sessions", "programme", json={"changes": wrong})
    assert faults(refused) == {
        ("/changes/1/reserved/pirate", "unknown-category"),
        ("/changes/1/reserved", "reserved-over-capacity"),
        ("/changes/2", "not-found"),
    }
    assert app.published() == []
    headers = {"Idempotency-Key": "swap"}
    once, again = [await app.ask("PATCH", "/sessions", "programme", json={"changes": swap}, headers=headers) for _ in range(2)]
    assert once.status_code == 200, once.text
    assert once.json() == again.json()
    assert [each["room"] for each in once.json()["sessions"]] == [rooms["pilots"], rooms["welcome"]]
    assert [(each.fact.key, each.fact.revision) for each in app.published() if isinstance(each.fact, SessionChanged)] == [
        ("welcome", 2),
        ("pilots", 2),
    ]
    assert code(await app.ask("PATCH", "/sessions", "form", json={"changes": swap})) == "key-of-wrong-kind"
