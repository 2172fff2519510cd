"""Refusals for a reason of the conference's list: its code for programs, its sentence to each reader in their language."""

import csv
import io
import re
from typing import Any

import httpx
import pytest

from registration import store
from registration.audit.api import AUDITORS
from shared.conference import Conference
from shared.events import DelegateRegistered
from shared.keys import Role
from tests.registration_app import RegistrationApp, faults
from tests.registration_examples import TINY, tiny
from tests.staff_accounts import signed_in

LATE = {"en": "We regret that this came too late.", "fr": "Nous regrettons que ceci soit arrivé trop tard."}
PAPERS = {"en": "A paper is missing.", "fr": "Une pièce manque.", "ru": "Не хватает документа."}
QUEUE = "/en/desk"


@pytest.fixture
def conference() -> Conference:
    [guest] = [each for each in TINY.categories if each.slug == "guest"]
    board = guest.model_copy(update={"slug": "board", "decided_by_two": True})
    kinds = [each.model_copy(update={"quota": 50, "quota_by_category": {}}) for each in TINY.delegation_kinds]
    reasons = [{"code": "late", "texts": LATE}, {"code": "papers", "texts": PAPERS}]
    return tiny(categories=[*TINY.categories, board], delegation_kinds=kinds, refusal_reasons=reasons)


async def guest(app: RegistrationApp, name: str = "Ada", **also: Any) -> str:
    own = {"category": "guest", "document_number": f"P-{name}", "email": f"{name.lower()}@port.example"}
    return await app.registered(given_name=name, **{**own, **also})


async def refused(app: RegistrationApp, delegate_id: str, **why: str) -> httpx.Response:
    return await app.ask("POST", f"/delegates/{delegate_id}/decision", json={"decision": "refuse", **why})


def last(app: RegistrationApp) -> DelegateRegistered:
    fact = app.published()[-1].fact
    assert isinstance(fact, DelegateRegistered)
    return fact


async def test_a_code_is_told_in_the_persons_language_and_published_in_all(registration_app: RegistrationApp):
    app = registration_app
    person = await guest(app, language="fr")
    told = (await refused(app, person, reason_code="late")).json()
    assert (told["status"], told["reason_code"], told["status_reason"]) == ("refused", "late", LATE["fr"])
    fact = last(app)
    assert (fact.reason_code, fact.status_reason, fact.reason_texts) == ("late", LATE["fr"], LATE)
    [shown] = (await app.ask("GET", "/delegates", "form")).json()["delegates"]
    assert (shown["reason_code"], shown["status_reason"]) == ("late", LATE["fr"])
    answer = await app.ask("GET", "/delegates", headers={"Accept": "text/csv"})
    [row] = csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff")))
    assert row["reason_code"] == "late"


async def test_words_of_ones_own_go_beside_the_code_or_alone(registration_app: RegistrationApp):
    app = registration_app
    both, alone = await guest(app), await guest(app, "Bo")
    told = (await refused(app, both, reason_code="papers", reason="Your letter of 3 May")).json()
    assert (told["reason_code"], told["status_reason"]) == ("papers", "Your letter of 3 May")
    assert last(app).reason_texts == PAPERS
    told = (await refused(app, alone, reason="Known here")).json()
    assert (told["reason_code"], told["status_reason"]) == (None, "Known here")
    assert (last(app).reason_code, last(app).reason_texts) == (None, None)


async def test_a_language_that_a_reason_lacks_falls_back_to_english(registration_app: RegistrationApp):
    person = await guest(registration_app, language="ru")
    assert (await refused(registration_app, person, reason_code="late")).json()["status_reason"] == LATE["en"]


async def test_an_unknown_code_is_a_fault_that_lists_the_codes(registration_app: RegistrationApp):
    app = registration_app
    person = await guest(app)
    before = app.rows()
    answer = await refused(app, person, reason_code="whim", reason="Because")
    assert faults(answer) == {("/reason_code", "unknown-reason")}
    assert "late, papers" in answer.json()["errors"][0]["detail"]
    many = {"decision": "refuse", "reason_code": "whim", "delegates": [{"delegate_id": person}]}
    assert faults(await app.ask("POST", "/decisions", json=many)) == {("/delegates/0/reason_code", "unknown-reason")}
    assert faults(await refused(app, person, note="Without")) == {("/reason", "required")}
    assert app.rows() == before


async def test_whoever_is_accredited_after_all_has_no_reason(registration_app: RegistrationApp):
    app = registration_app
    person = await guest(app)
    await refused(app, person, reason_code="late", note="Came on Monday")
    told = (await app.ask("POST", f"/delegates/{person}/decision", json={"decision": "accredit"})).json()
    assert (told["status_reason"], told["reason_code"]) == (None, None)
    assert (last(app).reason_code, app.delegate(person).note) == (None, None)


async def test_another_code_is_another_decision_and_the_same_is_none(registration_app: RegistrationApp):
    app = registration_app
    person = await guest(app)
    assert (await refused(app, person, reason_code="late")).json()["revision"] == 2
    assert (await refused(app, person, reason_code="late")).json()["revision"] == 2
    assert (await refused(app, person, reason_code="papers")).json()["revision"] == 3
    entries = (await app.ask("GET", "/audit")).json()["entries"]
    assert [each["entry"]["reason_code"] for each in entries] == ["late", "papers"]


async def test_the_note_is_the_accreditation_desks_alone(registration_app: RegistrationApp):
    app = registration_app
    person = await guest(app)
    note = "Canary asked twice"
    await refused(app, person, reason_code="late", note=note)
    desk = await signed_in(app)
    assert note in (await desk.get(f"/en/desk/people/{person}")).text
    reader = await signed_in(app, "reader", Role.READ_ONLY)
    assert note not in (await reader.get(f"/en/desk/people/{person}")).text
    assert (await app.ask("GET", f"/delegates/{person}")).json()["note"] == note
    for by in (*(AUDITORS - {Role.ACCREDITATION}), "form"):
        assert "Canary" not in (await app.ask("GET", f"/delegates/{person}", by)).text
    assert "Canary" not in last(app).model_dump_json()
    assert "Canary" not in repr(app.rows()["audit_trail"])
    await app.ask("DELETE", f"/delegates/{person}")
    assert "Canary" not in repr(app.rows())


async def test_the_desk_picks_a_reason_in_its_language_and_reads_it_there(registration_app: RegistrationApp):
    app = registration_app
    desk, person = await signed_in(app), await guest(app)
    address = f"/fr/desk/people/{person}"
    page = (await desk.get(address)).text
    assert re.findall(r'<option value="(late|papers)">\d\. ([^<]+)', page) == [("late", LATE["fr"]), ("papers", PAPERS["fr"])]
    await desk.send(address, {"decision": "refuse", "revision": "1", "reason_code": "late", "reason": "See you in 2027"})
    assert app.delegate(person).status_reason == "See you in 2027"
    read = (await desk.get(address)).text
    assert read.count(f"{LATE['fr']} See you in 2027") == 2, "above, and with what was decided"
    unknown = await desk.send(address, {"decision": "refuse", "revision": "2", "reason_code": "whim"})
    assert (unknown.status_code, "late, papers" in unknown.text) == (422, True)


async def test_many_are_refused_for_one_reason_on_the_page_and_through_the_api(registration_app: RegistrationApp):
    app = registration_app
    desk = await signed_in(app)
    ids = [await guest(app, each) for each in ("Ada", "Bo")]
    chosen = {"chosen": [f"{each} 1" for each in ids], "decision": "refuse", "reason_code": "papers", "note": "Second list"}
    staged = await desk.send(QUEUE, chosen)
    assert staged.status_code == 303, staged.text
    shown = (await desk.get(staged.headers["location"])).text
    assert [each in shown for each in (PAPERS["en"], "Second list")] == [True, True]
    kept = store.metadata.tables["staged_decisions"].c.keys()
    [row] = app.rows()["staged_decisions"]
    assert (row[kept.index("reason_code")], row[kept.index("note")]) == ("papers", "Second list")
    await desk.send(f"{staged.headers['location']}/undo", {}, form=staged.headers["location"])
    assert "Second list" not in repr(app.rows())
    body = {
        "decision": "refuse",
        "reason_code": "papers",
        "note": "Second list",
        "delegates": [{"delegate_id": each} for each in ids],
    }
    answer = await app.ask("POST", "/decisions", json=body)
    assert [each["reason_code"] for each in answer.json()["delegates"]] == ["papers"] * 2
    assert {app.delegate(each).note for each in ids} == {"Second list"}
    corrections = {"decision": "decline", "reason_code": "late", "note": "x", "delegates": [{"delegate_id": ids[0]}]}
    found = faults(await app.ask("POST", "/decisions", json=corrections))
    assert found == {("/reason_code", "not-of-this-decision"), ("/note", "not-of-this-decision")}


async def test_whoever_confirms_a_refusal_need_not_repeat_its_reason(registration_app: RegistrationApp):
    app = registration_app
    person = await guest(app, category="board")
    await refused(app, person, reason_code="papers", note="No letter")
    [entry] = (await app.ask("GET", "/audit")).json()["entries"]
    assert (entry["entry"]["action"], entry["entry"]["reason_code"]) == ("propose-refuse", "papers")
    desk = await signed_in(app)
    address = f"/en/desk/people/{person}"
    assert PAPERS["en"] in (await desk.get(address)).text
    await desk.send(address, {"decision": "refuse", "revision": "2"})
    held = app.delegate(person)
    assert (held.status, held.reason_code, held.status_reason, held.note) == ("refused", "papers", PAPERS["en"], "No letter")


async def test_of_the_protected_only_the_sentence_is_told_to_whom_may_not_know_them(registration_app: RegistrationApp):
    app = registration_app
    person = await guest(app, "Canary", protected=True, function="Pilot")
    assert faults(await refused(app, person, reason_code="late", reason="Canary is late")) == {("/reason", "names-protected")}
    await refused(app, person, reason_code="late", reason="He is known here")
    reader = await signed_in(app, "reader", Role.READ_ONLY)
    page = (await reader.get(f"/en/desk/people/{person}")).text
    assert (LATE["en"] in page, "known here" in page) == (True, False)
    shown = (await app.ask("GET", f"/delegates/{person}", "form")).json()
    assert (shown["reason_code"], shown["status_reason"]) == ("late", None)


async def test_the_conference_says_what_there_is(registration_app: RegistrationApp):
    told = (await registration_app.ask("GET", "/conference", None)).json()["refusal_reasons"]
    assert told == [{"code": "late", "texts": LATE}, {"code": "papers", "texts": PAPERS}]
