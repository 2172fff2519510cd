"""Repeats, batches and dry runs: what is taken once, all or nothing, or not at all."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from registration import store
from shared.events import DelegateRegistered, SessionChanged
from tests.registration_app import RegistrationApp, body_of, code, faults, registration_running, until
from tests.registration_examples import TINY

STRUCTURED = {"Content-Type": "application/cloudevents+json; charset=UTF-8"}
BATCH = {"Content-Type": "application/cloudevents-batch+json"}


def event(number: int, *, kind: str = "registration-submitted", data: Any = None, **fields: Any) -> dict[str, Any]:
    """An event of the form, by default one that registers somebody of its own number."""
    data = data if data is not None else body_of(**({"given_name": f"Person {chr(65 + number)}"} | fields))
    return {"specversion": "1.0", "id": str(number), "source": "form", "type": kind, "data": data}


async def post(app: RegistrationApp, content: Any, by: str = "form", **request: Any) -> httpx.Response:
    headers = BATCH if isinstance(content, list) else STRUCTURED
    return await app.ask("POST", "/events", by, content=json.dumps(content), headers=headers, **request)


def delegates(app: RegistrationApp) -> int:
    return len(app.rows()["delegates"])


# --- Idempotency-Key ----------------------------------------------------------------------------------------------


async def test_the_same_key_and_body_get_the_same_answer_and_are_taken_once(registration_app: RegistrationApp):
    first = await registration_app.register(key="1")
    before = registration_app.rows()
    for key in ("1", '"1"', " 1 "):
        again = await registration_app.register(key=key)
        assert (again.status_code, again.content) == (201, first.content)
    assert registration_app.rows() == before


async def test_the_answer_is_kept_as_it_was_whatever_happened_since(registration_app: RegistrationApp):
    first = await registration_app.register(key="1")
    await registration_app.ask("POST", f"/delegates/{first.json()['delegate_id']}/withdrawal")
    again = await registration_app.register(key="1")
    assert (again.status_code, again.json()["status"]) == (201, "accredited")


async def test_the_same_key_with_another_body_is_refused(registration_app: RegistrationApp):
    await registration_app.register(key="1")
    before = registration_app.rows()
    other = await registration_app.register(key="1", given_name="Eva")
    assert (other.status_code, code(other)) == (422, "key-reused")
    delegate = registration_app.rows()["delegates"][0][0]
    elsewhere = await registration_app.ask(
        "PATCH", f"/delegates/{delegate}", content=json.dumps(body_of()), headers={"Idempotency-Key": "1"}
    )
    assert elsewhere.status_code == 415
    elsewhere = await registration_app.ask("POST", f"/delegates/{delegate}/withdrawal", headers={"Idempotency-Key": "1"})
    assert (elsewhere.status_code, code(elsewhere)) == (422, "key-reused")
    assert registration_app.rows() == before


async def test_a_key_is_its_callers_own(registration_app: RegistrationApp):
    one = await registration_app.register("form", key="1")
    other = await registration_app.register("oslo-form", key="1", given_name="Eva")
    assert (one.status_code, other.status_code) == (201, 201)
    assert one.json()["delegate_id"] != other.json()["delegate_id"]


async def test_a_refusal_is_not_kept(registration_app: RegistrationApp):
    refused = await registration_app.register(key="1", sessions=["nowhere"])
    assert refused.status_code == 422
    assert registration_app.rows()["answers"] == []
    assert (await registration_app.register(key="1")).status_code == 201


async def test_without_a_key_a_repeat_is_judged_by_the_rules(registration_app: RegistrationApp):
    assert (await registration_app.register()).status_code == 201
    assert faults(await registration_app.register()) == {("/person", "known-person")}


async def test_repeats_in_the_same_group_get_the_same_answer(registration_app: RegistrationApp):
    answers = await registration_app.together(*(registration_app.register(key="1") for _ in range(8)))
    assert {(each.status_code, each.content) for each in answers} == {(201, answers[0].content)}
    others = await registration_app.together(*(registration_app.register(key="2", given_name=name) for name in ("Eva", "Bo")))
    assert [each.status_code for each in others] == [201, 422]
    assert code(others[1]) == "key-reused"
    assert delegates(registration_app) == 2


async def test_a_repeat_while_the_first_is_in_another_group_is_told_to_wait(registration_app: RegistrationApp):
    async with registration_app.writer_held():
        first = asyncio.create_task(registration_app.register(key="1"))
        await until(lambda: bool(registration_app.intake.deciding))
        again = await registration_app.register(key="1")
        assert (again.status_code, code(again)) == (409, "in-flight")
        assert again.headers["retry-after"] == "1"
    assert (await first).status_code == 201
    assert (await registration_app.register(key="1")).content == (await first).content


# --- events -------------------------------------------------------------------------------------------------------


async def test_one_event_registers_in_both_modes(registration_app: RegistrationApp):
    structured = await post(registration_app, event(1))
    headers = {
        "ce-specversion": "1.0",
        "ce-id": "2",
        "ce-source": "form",
        "ce-type": "registration-submitted",
        "Content-Type": "application/json",
    }
    binary = await registration_app.ask("POST", "/events", "form", content=json.dumps(body_of()), headers=headers)
    assert (structured.status_code, binary.status_code) == (201, 201)
    assert delegates(registration_app) == 2
    repeated = event(2, data=body_of())
    assert (await post(registration_app, repeated)).content == binary.content
    assert (await post(registration_app, [repeated])).json()["results"][0]["answer"] == binary.json()


async def test_an_event_is_taken_once_by_its_source_and_id(registration_app: RegistrationApp):
    first = await post(registration_app, event(1))
    spelt = json.dumps(event(1), indent=3).encode()
    again = await registration_app.ask("POST", "/events", "form", content=spelt, headers=STRUCTURED)
    assert (again.status_code, again.content) == (201, first.content)
    other = await post(registration_app, event(1, given_name="Eva"))
    assert (other.status_code, code(other)) == (422, "key-reused")
    assert (await registration_app.register("form", key="4 form 1")).status_code == 201
    assert delegates(registration_app) == 2


async def test_the_programme_desk_changes_sessions_by_events(registration_app: RegistrationApp):
    registration_app.forget_published()
    change = event(1, kind="session-change-requested", data={"session_id": "pilots", "capacity": 3})
    answer = await post(registration_app, change, "programme")
    assert (answer.status_code, answer.json()["capacity"], answer.json()["revision"]) == (200, 3, 2)
    [published] = registration_app.published()
    assert isinstance(published.fact, SessionChanged)
    nowhere = event(2, kind="session-change-requested", data={"session_id": "nowhere"})
    assert (await post(registration_app, nowhere, "programme")).status_code == 404


async def test_who_may_not_is_told_by_index(registration_app: RegistrationApp):
    before = registration_app.rows()
    change = event(1, kind="session-change-requested", data={"session_id": "pilots", "capacity": 3})
    answer = await post(registration_app, [event(0), change, event(2), change | {"id": "3"}])
    assert (answer.status_code, faults(answer)) == (403, {("/1/type", "key-of-wrong-kind"), ("/3/type", "key-of-wrong-kind")})
    answer = await post(registration_app, [change, event(2)], "programme")
    assert (answer.status_code, faults(answer)) == (403, {("/1/data", "not-of-this-key")})
    answer = await post(registration_app, [event(0), event(1, delegation="marseille")], "oslo-form")
    assert (answer.status_code, faults(answer)) == (403, {("/1/data", "not-of-this-key")})
    assert registration_app.rows() == before


async def test_a_batch_is_answered_event_by_event_in_order(registration_app: RegistrationApp):
    registration_app.forget_published()
    answer = await post(registration_app, [event(0), event(1, category="guest", document_number="N-1"), event(0)])
    assert answer.status_code == 200
    results = answer.json()["results"]
    assert [(each["id"], each["status"], each["answer"]["status"]) for each in results] == [
        ("0", 201, "accredited"),
        ("1", 201, "submitted"),
        ("0", 201, "accredited"),
    ]
    assert results[0] == results[2]
    facts = [each.fact for each in registration_app.published()]
    assert [str(fact.delegate_id) for fact in facts if isinstance(fact, DelegateRegistered)] == [
        each["answer"]["delegate_id"] for each in results[:2]
    ]


async def test_a_batch_is_all_or_nothing_and_every_fault_is_named_by_index(registration_app: RegistrationApp):
    await registration_app.registered(given_name="Person B")
    before = registration_app.rows()
    answer = await post(
        registration_app,
        [
            event(0),
            event(1),
            event(2, sessions=["welcome", "nowhere"]),
            event(3, given_name="Person A", email="z@x.example"),
            event(4, time_zone="Mars/Base"),
        ],
    )
    assert (answer.status_code, faults(answer)) == (
        422,
        {
            ("/1/data/person", "known-person"),
            ("/2/data/sessions/1", "unknown-session"),
            ("/3/data/person", "known-person"),
            ("/4/data/person/time_zone", "unknown-time-zone"),
        },
    )
    assert registration_app.rows() == before


async def test_a_batch_sees_its_own_events_in_order(registration_app: RegistrationApp):
    answer = await post(registration_app, [event(number, delegation="no") for number in range(4)])
    assert (answer.status_code, faults(answer)) == (422, {("/3/data/delegation", "quota-full")})
    assert delegates(registration_app) == 0
    assert (await post(registration_app, [event(number, delegation="no") for number in range(3)])).status_code == 200


async def test_a_key_of_the_batch_used_for_something_else_refuses_the_batch(registration_app: RegistrationApp):
    await post(registration_app, event(1))
    before = registration_app.rows()
    answer = await post(registration_app, [event(0), event(1, given_name="Eva")])
    assert (answer.status_code, faults(answer)) == (422, {("/1/data", "key-reused")})
    assert registration_app.rows() == before


async def test_batches_and_single_requests_share_a_group_and_stay_apart(registration_app: RegistrationApp):
    answers = await registration_app.together(
        post(registration_app, [event(0), event(1)]),
        registration_app.register("form"),
        post(registration_app, [event(2), event(3, sessions=["nowhere"])]),
        registration_app.register("form", given_name="Person A", email="other@x.example"),
        registration_app.ask("POST", "/delegates", "form", json=body_of(given_name="Dry"), params={"dry_run": "1"}),
        registration_app.register("form", given_name="Dry"),
    )
    assert [each.status_code for each in answers] == [200, 201, 422, 422, 200, 201]
    assert delegates(registration_app) == 4


# --- dry runs -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("asked", ["1", "true", "yes", "TRUE"])
async def test_a_dry_run_tells_what_would_be_and_changes_nothing(registration_app: RegistrationApp, asked):
    delegate = await registration_app.registered(given_name="Eva")
    before = registration_app.rows()
    dry: dict[str, Any] = {"params": {"dry_run": asked}}
    headers = {"Idempotency-Key": "1"}
    for _ in range(2):
        answer = await registration_app.ask("POST", "/delegates", json=body_of(), headers=headers, **dry)
        assert (answer.status_code, answer.json()["status"]) == (200, "accredited")
        answer = await post(registration_app, event(1), **dry)
        assert (answer.status_code, answer.json()["status"]) == (200, "accredited")
        answer = await post(registration_app, [event(1), event(2)], **dry)
        assert (answer.status_code, answer.json()["dry_run"]) == (200, True)
        answer = await registration_app.ask("POST", f"/delegates/{delegate}/withdrawal", **dry)
        assert (answer.json()["status"], answer.json()["dry_run"]) == ("withdrawn", True)
        answer = await registration_app.ask("PATCH", "/sessions/pilots", "programme", json={"audience": []}, **dry)
        assert (answer.json()["audience"], answer.json()["dry_run"]) == ([], True)
    assert registration_app.rows() == before
    real = await registration_app.ask("POST", f"/delegates/{delegate}/withdrawal")
    assert "dry_run" not in real.json()


async def test_a_dry_run_frees_no_name_for_its_group(registration_app: RegistrationApp):
    delegate = await registration_app.registered()
    withdrawal = f"/delegates/{delegate}/withdrawal"
    answers = await registration_app.together(
        registration_app.ask("POST", withdrawal, params={"dry_run": "1"}),
        registration_app.register(given_name="Eva"),
    )
    assert [each.status_code for each in answers] == [200, 201]
    assert faults(await registration_app.register()) == {("/person", "known-person")}


async def test_a_dry_run_tells_every_fault(registration_app: RegistrationApp):
    body = body_of(sessions=["nowhere"], time_zone="Mars/Base")
    answer = await registration_app.ask("POST", "/delegates", json=body, params={"dry_run": "1"})
    assert faults(answer) == {("/sessions/0", "unknown-session"), ("/person/time_zone", "unknown-time-zone")}


# --- the outbox is full -------------------------------------------------------------------------------------------


async def test_above_its_limit_the_outbox_takes_nothing_and_then_again(tmp_path, monkeypatch):
    monkeypatch.setattr("registration.intake.group_commit.BACKLOG_CHECK_SECONDS", 0.0)
    url = f"sqlite:///{tmp_path / 'registration.db'}"
    async with registration_running(url, TINY, tmp_path, outbox_limit=3) as app:
        assert (await app.register()).status_code == 201
        before = app.rows()
        full = await app.register(given_name="Eva", key="1")
        assert (full.status_code, code(full), full.headers["retry-after"]) == (503, "outbox-full", "10")
        assert app.rows() == before
        app.forget_published()
        assert (await app.register(given_name="Eva", key="1")).status_code == 201


def test_every_table_is_looked_at():
    assert {"delegates", "people", "enrolments", "sessions", "answers", "outbox"} <= set(store.metadata.tables)
