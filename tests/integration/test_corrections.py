"""Corrections of the accredited: what takes effect at once, what waits at the desk, and what becomes of it."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from registration import store
from shared.conference import Conference
from shared.events import DelegateRegistered, Status
from shared.keys import Role
from tests.registration_app import RegistrationApp, code, faults
from tests.registration_examples import TINY, tiny
from tests.staff_accounts import signed_in

GATE = {"category": "guest", "document_number": "P-1"}
OSLO = "/en/delegation/oslo"
QUEUE = "/en/desk?status=corrections"


CONFERENCE = tiny(
    delegation_kinds=[
        each.model_copy(update={"quota": 50, "quota_by_category": {"guest": 3}}) for each in TINY.delegation_kinds
    ]
)
"""With room for guests."""


@pytest.fixture
def conference() -> Conference:
    return CONFERENCE


async def accredited(app: RegistrationApp, **fields: Any) -> str:
    delegate = await app.registered(**{**GATE, **fields})
    answer = await app.ask("POST", f"/delegates/{delegate}/decision", json={"decision": "accredit"})
    assert answer.status_code == 200, answer.text
    return delegate


async def corrected(app: RegistrationApp, delegate: str, by: str = "form", **change: Any) -> dict[str, Any]:
    answer = await app.ask("PATCH", f"/delegates/{delegate}", by, json=change)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def decided(app: RegistrationApp, delegate: str, decision: str, **also: Any) -> httpx.Response:
    return await app.ask("POST", f"/delegates/{delegate}/correction/decision", json={"decision": decision, **also})


async def seen(app: RegistrationApp, delegate: str, by: str = "form") -> dict[str, Any]:
    return (await app.ask("GET", f"/delegates/{delegate}", by)).json()


def facts(app: RegistrationApp, delegate: str) -> list[DelegateRegistered]:
    return [each.fact for each in app.published() if isinstance(each.fact, DelegateRegistered) and each.fact.key == delegate]


def trail(app: RegistrationApp) -> list[tuple[str, str, list[str]]]:
    with app.database.connect() as tx:
        told = [json.loads(each.content) for each in store.trail.entries(tx)]
    return [(each["action"], each["by"]["name"], each.get("amended", [])) for each in told]


async def test_what_was_decided_on_waits_and_what_stands_stays_in_force(registration_app: RegistrationApp):
    app = registration_app
    guest = await accredited(app)
    told = await corrected(app, guest, person={"function": "Pilot", "email": "new@port.example"})
    assert (told["proposed"]["state"], told["proposed"]["parts"]) == ("waiting", ["/person/function"])
    standing = await seen(app, guest)
    assert (standing["status"], standing["person"]["function"], standing["person"]["email"]) == (
        "accredited",
        "Harbour master",
        "new@port.example",
    ), "what needs no decision takes effect at once"
    assert standing["proposed"]["change"] == {"/person/function": "Pilot"}
    before = len(facts(app, guest))
    accepted = await decided(app, guest, "accept", number=told["proposed"]["number"])
    assert (accepted.status_code, accepted.json()["revision"]) == (200, told["revision"] + 1)
    [fact] = facts(app, guest)[before:]
    assert fact.person is not None
    assert (fact.status, fact.person.function) == (Status.ACCREDITED, "Pilot")
    assert (await seen(app, guest))["proposed"]["state"] == "accepted"


async def test_a_correction_that_waits_is_no_event_and_no_revision(registration_app: RegistrationApp):
    guest = await accredited(registration_app)
    before = facts(registration_app, guest)
    told = await corrected(registration_app, guest, person={"given_name": "Ida"})
    assert told["revision"] == before[-1].revision
    assert facts(registration_app, guest) == before
    assert "Ida" not in repr(before)


async def test_who_is_accredited_by_rule_is_corrected_at_once(registration_app: RegistrationApp):
    member = await registration_app.registered()
    told = await corrected(registration_app, member, person={"given_name": "Ida", "function": "Pilot"})
    assert "proposed" not in told
    assert (await seen(registration_app, member))["person"]["given_name"] == "Ida"


async def test_an_identity_is_hidden_at_once_and_shown_again_by_decision(registration_app: RegistrationApp):
    app = registration_app
    guest = await accredited(app)
    told = await corrected(app, guest, protected=True, person={"given_name": "Ida"})
    assert told["proposed"]["parts"] == ["/person/given_name"]
    person = facts(app, guest)[-1].person
    assert person is not None
    assert (person.printed_name, person.given_name) == ("Harbour master", None)
    lifted = await app.ask("PATCH", f"/delegates/{guest}", "form", json={"protected": False})
    assert faults(lifted) == {("/protected", "stays-protected")}


async def test_an_identity_that_its_function_would_tell_is_hidden_with_the_function(
    registration_app: RegistrationApp,
):
    app = registration_app
    guest = await accredited(app, function="Friend of Ada Berg")
    told = await corrected(app, guest, protected=True, person={"function": "Friend"})
    assert sorted(told["proposed"]["parts"]) == ["/person/function", "/protected"]
    await decided(app, guest, "accept")
    assert facts(app, guest)[-1].protected


async def test_a_declined_correction_is_told_with_its_reason_and_changes_nothing(registration_app: RegistrationApp):
    app = registration_app
    guest = await accredited(app)
    await corrected(app, guest, person={"function": "Admiral"})
    assert faults(await decided(app, guest, "decline")) == {("/reason", "required")}
    before = facts(app, guest)
    declined = await decided(app, guest, "decline", reason="No such rank")
    assert declined.json()["proposed"]["reason"] == "No such rank"
    told = (await seen(app, guest))["proposed"]
    assert (told["state"], told["reason"], "change" in told) == ("declined", "No such rank", False)
    assert facts(app, guest) == before
    assert "Admiral" not in repr(app.rows()["corrections"]), "what was declined is not kept"
    assert code(await decided(app, guest, "accept")) == "nothing-proposed"


async def test_a_newer_proposal_replaces_an_older_and_nobody_decides_on_what_they_have_not_seen(
    registration_app: RegistrationApp,
):
    app = registration_app
    guest = await accredited(app)
    first = (await corrected(app, guest, person={"function": "Pilot"}))["proposed"]
    again = (await corrected(app, guest, person={"function": "Pilot"}))["proposed"]
    assert again == first, "the same again is no other"
    second = (await corrected(app, guest, person={"function": "Admiral", "given_name": "Ida"}))["proposed"]
    assert (second["number"], second["parts"]) == (first["number"] + 1, ["/person/function", "/person/given_name"])
    assert code(await decided(app, guest, "accept", number=first["number"])) == "changed-meanwhile"
    third = (await corrected(app, guest, person={"given_name": "Ada"}))["proposed"]
    assert third["parts"] == ["/person/function"], "what is corrected back waits no more, the rest does"
    await decided(app, guest, "accept", number=third["number"])
    person = (await seen(app, guest))["person"]
    assert (person["given_name"], person["function"]) == ("Ada", "Admiral")


async def test_a_correction_corrected_back_is_taken_back(registration_app: RegistrationApp):
    guest = await accredited(registration_app)
    await corrected(registration_app, guest, person={"function": "Pilot"})
    told = await corrected(registration_app, guest, person={"function": "Harbour master"})
    assert told["proposed"]["state"] == "taken-back"
    assert [each[0] for each in trail(registration_app)] == ["accredit", "propose-correction", "take-back-correction"]


@pytest.mark.parametrize("way", ["withdraw", "refuse", "replace", "erase"])
async def test_what_ends_the_registration_ends_its_correction(registration_app: RegistrationApp, way: str):
    app = registration_app
    guest = await accredited(app)
    await corrected(app, guest, person={"given_name": "Canary"})
    match way:
        case "withdraw":
            await app.ask("POST", f"/delegates/{guest}/withdrawal")
        case "refuse":
            await app.ask("POST", f"/delegates/{guest}/decision", json={"decision": "refuse", "reason": "No"})
        case "replace":
            body = {"category": "guest", "delegation": "oslo", "person": {**PERSON, "document_number": "P-2"}}
            answer = await app.ask("POST", f"/delegates/{guest}/replacement", json=body)
            assert answer.status_code == 201, answer.text
        case _:
            await app.ask("DELETE", f"/delegates/{guest}")
    assert code(await decided(app, guest, "accept")) == ("erased" if way == "erase" else "nothing-proposed")
    assert "Canary" not in repr(app.rows())
    assert len(app.rows()["corrections"]) == (0 if way == "erase" else 1)
    desk = await signed_in(app)
    assert guest not in (await desk.get(QUEUE)).text


PERSON = {"given_name": "Eva", "family_name": "Ek", "function": "Pilot", "email": "eva@port.example", "language": "en"}


async def test_the_same_rules_hold_when_it_is_proposed_and_again_when_it_is_accepted(registration_app: RegistrationApp):
    app = registration_app
    ada, bo = await accredited(app), await accredited(app, given_name="Bo", document_number="P-2", email="bo@port.example")
    known = await app.ask("PATCH", f"/delegates/{bo}", "form", json={"person": {"document_number": "P-1"}})
    assert faults(known) == {("/person", "known-person")}
    assert app.rows()["corrections"] == []
    for each in (ada, bo):
        await corrected(app, each, person={"document_number": "P-3"})
    assert (await decided(app, ada, "accept")).status_code == 200
    assert faults(await decided(app, bo, "accept")) == {("/person", "known-person")}
    assert (await seen(app, bo))["proposed"]["state"] == "waiting", "the desk may decline it, telling why"


async def test_a_quota_that_is_full_by_then_refuses_the_category(registration_app: RegistrationApp):
    app = registration_app
    ada, bo = await app.registered(document_number="P-1"), await app.registered(given_name="Bo", document_number="P-2")
    for each in (ada, bo):
        told = await corrected(app, each, category="guest")
        assert (told["category"], told["status"], told["proposed"]["parts"]) == ("member", "accredited", ["/category"])
    for number in (3, 4):
        await accredited(app, given_name=f"G{number}", document_number=f"P-{number}", email=f"g{number}@port.example")
    assert (await decided(app, ada, "accept")).json()["category"] == "guest"
    assert faults(await decided(app, bo, "accept")) == {("/category", "category-quota-full")}
    third = await app.registered(given_name="Cy", document_number="P-5")
    refused = await app.ask("PATCH", f"/delegates/{third}", "form", json={"category": "guest"})
    assert faults(refused) == {("/category", "category-quota-full")}
    places = {tuple(row) for row in app.rows()["quota_places"]}
    assert places == {("oslo", "guest", 3), ("oslo", "member", 2)}, "the place in the category before is free again"


async def test_another_category_leaves_the_sessions_that_are_not_open_to_it(registration_app: RegistrationApp):
    app = registration_app
    member = await app.registered(document_number="P-1", sessions=["welcome", "pilots"])
    await corrected(app, member, category="guest")
    await decided(app, member, "accept")
    states = {each["session_id"]: (each["state"], each["cause"]) for each in (await seen(app, member))["enrolments"]}
    assert states == {"welcome": ("enrolled", None), "pilots": ("released", "category-changed")}
    back = await corrected(app, member, category="member")
    assert (back["category"], back["status"]) == ("member", "accredited"), "which needs no decision"
    gone = await app.ask("PATCH", f"/delegates/{member}", "oslo-form", json={"category": "guest"})
    assert gone.status_code == 403


async def test_who_waits_for_a_decision_comes_into_an_automatic_category_and_is_accredited(registration_app: RegistrationApp):
    guest = await registration_app.registered(**GATE)
    told = await corrected(registration_app, guest, category="member")
    assert (told["status"], told["category"]) == ("accredited", "member")


async def test_the_trail_tells_who_proposed_and_who_decided_and_nothing_personal(registration_app: RegistrationApp):
    app = registration_app
    guest = await accredited(app)
    await corrected(app, guest, person={"given_name": "Canary"})
    await decided(app, guest, "decline", reason="Canary is another")
    await corrected(app, guest, person={"document_number": "P-9"})
    await decided(app, guest, "accept")
    assert trail(app)[1:] == [
        ("propose-correction", "form", ["/person/given_name"]),
        ("decline-correction", "accreditation desk", ["/person/given_name"]),
        ("propose-correction", "form", ["/person/document_number"]),
        ("accept-correction", "accreditation desk", ["/person/document_number"]),
    ]
    assert "Canary" not in repr(app.rows()["audit_trail"])


async def test_a_dry_run_proposes_and_decides_nothing(registration_app: RegistrationApp):
    app = registration_app
    guest = await accredited(app)
    await app.ask("PATCH", f"/delegates/{guest}?dry_run=1", "form", json={"person": {"function": "Pilot"}})
    assert app.rows()["corrections"] == []
    await corrected(app, guest, person={"function": "Pilot"})
    before = app.rows()
    tried = await app.ask("POST", f"/delegates/{guest}/correction/decision?dry_run=1", json={"decision": "accept"})
    assert tried.json()["proposed"]["state"] == "accepted"
    assert app.rows() == before


async def test_only_the_desk_decides_and_corrects_at_once(registration_app: RegistrationApp):
    app = registration_app
    guest = await accredited(app)
    await corrected(app, guest, person={"function": "Pilot"})
    for by in ("form", "programme", "read-only", None):
        answer = await app.ask("POST", f"/delegates/{guest}/correction/decision", by, json={"decision": "accept"})
        assert answer.status_code in (401, 403), by
    told = await corrected(app, guest, by="accreditation", person={"given_name": "Ida"})
    assert told["proposed"]["parts"] == ["/person/function"], "which goes on waiting"
    assert (await seen(app, guest))["person"]["given_name"] == "Ida"


async def test_of_the_protected_only_the_desk_sees_what_is_proposed(registration_app: RegistrationApp):
    app = registration_app
    guest = await accredited(app, protected=True)
    await corrected(app, guest, person={"given_name": "Canary", "document_number": "P-9"})
    desk, reader = await signed_in(app), await signed_in(app, "reader", Role.READ_ONLY)
    assert "Canary" in (await desk.get(QUEUE)).text
    for page in (QUEUE, f"/en/desk/people/{guest}"):
        answer = await reader.get(page)
        assert answer.status_code == 200
        assert "Canary" not in answer.text
        assert "P-9" not in answer.text
    for by in ("form", "read-only"):
        assert "change" not in (await seen(app, guest, by))["proposed"]
    assert (await seen(app, guest, "accreditation"))["proposed"]["change"] == {"/person/given_name": "Canary"}


async def test_several_who_correct_and_decide_at_once_come_to_one_end(registration_app: RegistrationApp):
    app = registration_app
    guest = await accredited(app)
    await corrected(app, guest, person={"function": "Pilot"})
    both = await app.together(
        *(app.ask("POST", f"/delegates/{guest}/correction/decision", json={"decision": "accept"}) for _ in range(2))
    )
    assert sorted(each.status_code for each in both) == [200, 409]
    await asyncio.gather(
        *(app.ask("PATCH", f"/delegates/{guest}", "form", json={"person": {"function": f"F{n}"}}) for n in range(4))
    )
    assert (await seen(app, guest))["proposed"]["number"] == 5
