"""One decision on many people through the API: all of it or none, once, in one transaction, with each fault where it is."""

from typing import Any

import httpx
import pytest

from registration import store
from registration.decisions.service import MOST
from shared.conference import Conference
from shared.events import Status
from shared.ids import new_id
from tests.registration_app import RegistrationApp, code, faults
from tests.registration_examples import TINY, tiny
from tests.staff_accounts import signed_in

ENTRIES = store.metadata.tables["audit_trail"]


@pytest.fixture
def conference() -> Conference:
    """Room for four guests of a delegation; a board, on whose people two decide."""
    kinds = [each.model_copy(update={"quota": 50, "quota_by_category": {"guest": 4}}) for each in TINY.delegation_kinds]
    [guest] = [each for each in TINY.categories if each.slug == "guest"]
    board = guest.model_copy(update={"slug": "board", "decided_by_two": True})
    return tiny(delegation_kinds=kinds, categories=[*TINY.categories, board])


async def guests(app: RegistrationApp, *names: str, category: str = "guest") -> list[str]:
    return [
        await app.registered(
            category=category, given_name=each, email=f"{each.lower()}@port.example", document_number=f"P-{each}"
        )
        for each in names
    ]


async def decided(
    app: RegistrationApp, ids: list[str], decision: str = "accredit", *, query: str = "", key: str = "", **also: Any
) -> httpx.Response:
    body = {"decision": decision, "delegates": [{"delegate_id": each} for each in ids], **also}
    headers = {"Idempotency-Key": key} if key else {}
    return await app.ask("POST", f"/decisions{query}", json=body, headers=headers)


def statuses(app: RegistrationApp, ids: list[str]) -> list[str]:
    return [app.delegate(each).status.value for each in ids]


async def test_many_are_decided_in_one_transaction_with_an_event_and_an_entry_each(registration_app: RegistrationApp):
    app = registration_app
    ids = await guests(app, "Ada", "Bo", "Cy")
    app.forget_published()
    answer = await decided(app, ids)
    assert answer.status_code == 200, answer.text
    told = answer.json()["delegates"]
    assert [(each["delegate_id"], each["status"], each["revision"]) for each in told] == [
        (each, "accredited", 2) for each in ids
    ]
    events = [(str(each.fact.key), each.fact.status) for each in app.published()]
    assert events == [(each, Status.ACCREDITED) for each in ids]
    assert len({each.headers["traceparent"] for each in app.published()}) == 1
    assert answer.headers["traceparent"].split("-")[1] in app.published()[0].headers["traceparent"]
    assert len(app.rows()["audit_trail"]) == 3
    refused = await decided(app, ids, "refuse", reason="The letter is missing")
    assert {each["status_reason"] for each in refused.json()["delegates"]} == {"The letter is missing"}


async def test_one_fault_and_nobody_is_decided_on_and_each_fault_is_named_by_its_delegate(registration_app: RegistrationApp):
    app = registration_app
    ada, bo, cy = await guests(app, "Ada", "Bo", "Cy")
    await app.ask("POST", f"/delegates/{bo}/withdrawal")
    await app.ask("PATCH", f"/delegates/{cy}", json={"person": {"function": "Spy"}})
    before = app.rows()
    body = {
        "decision": "accredit",
        "delegates": [
            {"delegate_id": ada, "revision": 1},
            {"delegate_id": bo},
            {"delegate_id": cy, "revision": 1},
            {"delegate_id": str(new_id())},
        ],
    }
    answer = await app.ask("POST", "/decisions", json=body)
    assert answer.status_code == 422
    assert faults(answer) == {
        ("/delegates/1", "registration-ended"),
        ("/delegates/2", "changed-meanwhile"),
        ("/delegates/3", "not-found"),
    }
    assert app.rows() == before
    alone = await app.ask("POST", "/decisions", json={**body, "delegates": body["delegates"][:2]})
    assert (alone.status_code, code(alone), faults(alone)) == (
        409,
        "registration-ended",
        {("/delegates/1", "registration-ended")},
    )
    assert statuses(app, [ada, cy]) == ["submitted", "submitted"]


async def test_a_refusal_of_many_needs_its_reason(registration_app: RegistrationApp):
    ids = await guests(registration_app, "Ada", "Bo")
    answer = await decided(registration_app, ids, "refuse")
    assert faults(answer) == {("/delegates/0/reason", "required"), ("/delegates/1/reason", "required")}


async def test_each_is_decided_on_with_those_before_it_in_mind(registration_app: RegistrationApp):
    """Who was refused takes a place again: the last of two finds none."""
    app = registration_app
    first = await guests(app, "Ada", "Bo")
    await decided(app, first, "refuse", reason="Late")
    await guests(app, "Cy", "Di", "Ed")
    full = await decided(app, first, "accredit")
    assert faults(full) == {("/delegates/1/category", "category-quota-full")}
    assert statuses(app, first) == ["refused", "refused"]


async def test_what_is_only_tried_changes_nothing(registration_app: RegistrationApp):
    app = registration_app
    ids = await guests(app, "Ada", "Bo")
    before = app.rows()
    tried = await decided(app, ids, query="?dry_run=1", key="once")
    assert (tried.status_code, tried.json()["dry_run"]) == (200, True)
    assert [each["status"] for each in tried.json()["delegates"]] == ["accredited"] * 2
    assert app.rows() == before
    wrong = await decided(app, [*ids, str(new_id())], query="?dry_run=1")
    assert faults(wrong) == {("/delegates/2", "not-found")}


async def test_the_same_key_is_decided_once(registration_app: RegistrationApp):
    app = registration_app
    ids = await guests(app, "Ada", "Bo")
    first = await decided(app, ids, key="once")
    await decided(app, ids[:1], "refuse", reason="Late")
    again = await decided(app, ids, key="once")
    assert (again.status_code, again.json()) == (200, first.json())
    assert statuses(app, ids) == ["refused", "accredited"]
    other = await decided(app, ids, "refuse", key="once", reason="Late")
    assert {each["code"] for each in other.json()["errors"]} == {"key-reused"}


async def test_where_two_must_decide_a_key_proposes_and_an_account_confirms(registration_app: RegistrationApp):
    app = registration_app
    ids = await guests(app, "Ada", "Bo", category="board")
    for _ in range(2):
        answer = await decided(app, ids)
        assert [each["status"] for each in answer.json()["delegates"]] == ["submitted"] * 2, "a key never confirms"
    assert [app.delegate(each).proposed is not None for each in ids] == [True, True]
    desk = await signed_in(app)
    address = f"/en/desk/people/{ids[0]}"
    await desk.send(address, {"decision": "accredit", "revision": "2"})
    assert statuses(app, ids) == ["accredited", "submitted"]


async def test_corrections_are_decided_on_by_their_number(registration_app: RegistrationApp):
    app = registration_app
    ids = await guests(app, "Ada", "Bo")
    await decided(app, ids)
    for each in ids:
        await app.ask("PATCH", f"/delegates/{each}", "form", json={"person": {"function": "Pilot"}})
    stale = {"decision": "accept", "delegates": [{"delegate_id": each, "number": 2} for each in ids]}
    assert {each["code"] for each in (await app.ask("POST", "/decisions", json=stale)).json()["errors"]} == {
        "changed-meanwhile"
    }
    fresh = {"decision": "accept", "delegates": [{"delegate_id": each, "number": 1} for each in ids]}
    accepted = await app.ask("POST", "/decisions", json=fresh)
    assert [each["proposed"]["state"] for each in accepted.json()["delegates"]] == ["accepted"] * 2
    person = app.delegate(ids[0]).person
    assert person
    assert person.function == "Pilot"


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({"decision": "accredit", "delegates": []}, {("/delegates", "too-short")}),
        ({"decision": "crown", "delegates": [{"delegate_id": "ID"}]}, {("/decision", "literal-error")}),
        ({"decision": "accredit", "delegates": [{"delegate_id": "ID"}] * 2}, {("/delegates/1", "repeated")}),
        (
            {"decision": "accredit", "delegates": [{"delegate_id": "ID", "number": 1}]},
            {("/delegates/0/number", "not-of-this-decision")},
        ),
        (
            {"decision": "accept", "delegates": [{"delegate_id": "ID", "revision": 1}]},
            {("/delegates/0/revision", "not-of-this-decision")},
        ),
        ({"decision": "accredit", "delegates": [{"delegate_id": "ID"}] * (MOST + 1)}, {("/delegates", "too-long")}),
        ({"decision": "accredit", "delegates": [{"id": "ID"}]}, None),
    ],
)
async def test_what_makes_no_sense_is_refused(
    registration_app: RegistrationApp, body: dict[str, Any], found: set[tuple[str, str]] | None
):
    [ada] = await guests(registration_app, "Ada")
    named = [{name: ada if value == "ID" else value for name, value in each.items()} for each in body["delegates"]]
    answer = await registration_app.ask("POST", "/decisions", json={**body, "delegates": named})
    assert answer.status_code == 422
    if found is None:
        found = {("/delegates/0/id", "unknown-field"), ("/delegates/0/delegate_id", "required")}
    assert faults(answer) == found


async def test_after_an_erasure_the_key_brings_nobody_back(registration_app: RegistrationApp):
    app = registration_app
    ids = await guests(app, "Ada", "Bo")
    await decided(app, ids, key="once")
    await app.ask("DELETE", f"/delegates/{ids[1]}")
    again = await decided(app, ids, key="once")
    assert (again.status_code, faults(again)) == (410, {("/delegates/1", "erased")})
