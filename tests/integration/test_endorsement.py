"""Endorsement over HTTP: who registered themselves waits for the delegation's focal point, then for the desk."""

import asyncio
import json
import re
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from registration import store
from shared.conference import Conference
from shared.events import Status
from tests.endorsing import GATE, OSLO, answered, came, needs, trail, with_endorsement
from tests.integration.test_accreditation_desk import decide, listed
from tests.integration.test_delegation_pages import seen
from tests.integration.test_focal_points import GUEST, focal_points, oslo_signed_in, posted, sent, token_in
from tests.integration.test_public_form import ANSWERS
from tests.registration_app import RegistrationApp, body_of, code, faults, registration_running
from tests.smtp_server import MailBox
from tests.staff_accounts import signed_in


@pytest.fixture
def conference() -> Conference:
    return with_endorsement()


@pytest.fixture
async def app(
    tmp_path: Path, conference: Conference, registration_url: str, mail_box: MailBox
) -> AsyncIterator[RegistrationApp]:
    async with oslo_signed_in(registration_url, conference, tmp_path, mail_box) as app:
        yield app


# --- over the API -------------------------------------------------------------------------------------------------


async def test_who_registers_by_a_form_waits_holds_no_place_and_is_submitted(app: RegistrationApp):
    told = await app.register("form", **GATE)
    assert (told.json()["status"], told.json()["needs"]) == ("submitted", ["endorsement"])
    delegate = told.json()["delegate_id"]
    assert await needs(app, delegate) == ["endorsement"]
    [one] = (await app.ask("GET", "/delegates", params={"delegation": "oslo"})).json()["delegates"]
    assert one["needs"] == ["endorsement"]
    assert "0 of 5 places are taken" in seen(await app.http.get(OSLO))
    assert [each.fact.status for each in app.published() if each.topic == "t.delegate-registered"] == ["submitted"]
    by_desk = await app.register(**{**GATE, "given_name": "Bo", "document_number": "N-2"})
    assert "needs" not in by_desk.json(), "whom the desk registers itself waits for nobody"


async def test_a_place_in_a_session_is_taken_once_endorsed(app: RegistrationApp):
    delegate = await came(app, sessions=["welcome"])

    async def places() -> list[str]:
        enrolments = (await app.ask("GET", f"/delegates/{delegate}")).json()["enrolments"]
        return [each["state"] for each in enrolments if each["session_id"] == "welcome"]

    assert await places() == ["waiting"]
    answer = (await answered(app, delegate)).json()
    assert await places() == ["enrolled"]
    assert answer["revision"] == app.delegate(delegate).revision
    told = [each.fact.enrolments[0].state for each in app.published() if each.topic == "t.delegate-registered"]
    assert told == ["waiting", "waiting", "enrolled"]


async def test_what_a_form_posts_as_an_event_waits_too(app: RegistrationApp):
    event = {"specversion": "1.0", "type": "registration-submitted", "source": "/f", "id": "1", "data": body_of(**GATE)}
    answer = await app.ask(
        "POST", "/events", "form", content=json.dumps(event), headers={"Content-Type": "application/cloudevents+json"}
    )
    assert answer.json()["needs"] == ["endorsement"], answer.text


async def test_endorsed_a_place_is_taken_and_the_desk_decides(app: RegistrationApp):
    delegate = await came(app)
    decision = {"json": {"decision": "accredit"}}
    early = await app.ask("POST", f"/delegates/{delegate}/decision", **decision)
    assert (early.status_code, faults(early)) == (422, {("/endorsement", "endorsement-needed")})
    given = await answered(app, delegate, revision=1)
    assert (given.status_code, given.json()["status"], given.json()["revision"]) == (200, "submitted", 2)
    assert "needs" not in given.json()
    assert "1 of 5 places are taken" in seen(await app.http.get(OSLO))
    assert (await answered(app, delegate)).json()["revision"] == 2, "once is enough"
    assert (await app.ask("POST", f"/delegates/{delegate}/decision", **decision)).json()["status"] == "accredited"
    assert trail(app) == [("endorse", "staff-key"), ("accredit", "staff-key")]


async def test_a_full_quota_is_a_conflict_and_changes_nothing(app: RegistrationApp):
    for name in ("Bo", "Cy"):
        await app.registered(**{**GATE, "given_name": name, "document_number": name})
    delegate = await came(app)
    before = app.rows_of_requests()
    answer = await answered(app, delegate)
    assert (answer.status_code, code(answer)) == (409, "category-quota-full")
    assert "2 of the 2 people" in answer.json()["detail"]
    assert app.rows_of_requests() == before


async def test_who_is_declined_is_refused_with_the_reason(app: RegistrationApp):
    delegate = await came(app, sessions=["welcome"])
    assert faults(await answered(app, delegate, "decline")) == {("/reason", "required")}
    stale = await answered(app, delegate, "decline", reason="Not ours", revision=7)
    assert (stale.status_code, code(stale)) == (409, "changed-meanwhile")
    told = (await answered(app, delegate, "decline", reason="Not ours")).json()
    assert (told["status"], told["status_reason"], told["enrolments"][0]["state"]) == ("refused", "Not ours", "released")
    [*_, event] = [each.fact for each in app.published() if each.topic == "t.delegate-registered"]
    assert (event.status, event.status_reason) == ("refused", "Not ours")
    assert code(await answered(app, delegate, "decline", reason="Another")) == "nothing-to-endorse"
    assert (await answered(app, delegate)).json()["status"] == "submitted"
    assert trail(app) == [("decline-endorsement", "staff-key"), ("endorse", "staff-key")]


async def test_no_form_may_endorse(app: RegistrationApp):
    delegate = await came(app)
    for by, status in (("form", 403), ("oslo-form", 403), ("read-only", 403), ("programme", 403), (None, 401)):
        body = {"decision": "endorse"}
        assert (await app.ask("POST", f"/delegates/{delegate}/endorsement", by, json=body)).status_code == status, by
    assert await needs(app, delegate) == ["endorsement"]


async def test_a_form_cannot_go_round_it_by_another_category(app: RegistrationApp):
    member = await app.registered(by="form", given_name="Bo")
    body = {"category": "guest", "person": {"document_number": "N-2"}}
    refused = await app.ask("PATCH", f"/delegates/{member}", "form", json=body)
    assert refused.status_code == 200, "what the accredited is decided on waits for the desk"
    assert app.delegate(member).category == "member"


async def test_the_last_place_goes_to_one_of_many_who_are_endorsed_at_once(app: RegistrationApp):
    people = [await came(app, name) for name in ("Ada", "Bo", "Cy", "Di", "Eva", "Flo")]
    for answers in (
        await app.together(*(answered(app, each) for each in people[:3])),
        await asyncio.gather(*(answered(app, each) for each in people[3:])),
    ):
        assert all(each.status_code in (200, 409) for each in answers)
    counted = Counter(app.delegate(each).holds_place for each in people)
    assert counted == {True: 2, False: 4}
    assert ("oslo", "guest", 2) in app.rows()["quota_places"]


async def test_two_replicas_that_endorse_at_once_give_the_last_place_once(
    tmp_path: Path, conference: Conference, postgresql_url: str
):
    async with (
        registration_running(postgresql_url, conference, tmp_path) as one,
        registration_running(postgresql_url, conference, tmp_path) as two,
    ):
        people = [await came(one, name) for name in ("Ada", "Bo", "Cy", "Di", "Eva", "Flo")]
        answers = await asyncio.gather(*(answered((one, two)[n % 2], each) for n, each in enumerate(people)))
        assert Counter(each.status_code for each in answers) == {200: 2, 409: 4}
        assert ("oslo", "guest", 2) in one.rows()["quota_places"]


# --- on the delegation's pages ------------------------------------------------------------------------------------


async def test_who_fills_in_the_public_form_waits_on_the_delegations_page_and_is_endorsed_there(app: RegistrationApp):
    page = await app.http.get("/en/register/guest")
    own = {name: answer for name, answer in ANSWERS.items() if not name.startswith("fields/")}
    answer = await posted(app, "/en/register/guest", {**own, "token": token_in(page), "delegation": "oslo"})
    assert answer.status_code == 303, answer.text
    assert "endorses you first" in (await app.http.get(answer.headers["location"])).text
    [delegate] = [each["delegate_id"] for each in (await app.ask("GET", "/delegates")).json()["delegates"]]
    shown = await app.http.get(OSLO)
    assert "Waiting for your endorsement" in shown.text
    assert "0 of 5 places are taken" in seen(shown)
    assert "Nobody is registered yet" in shown.text
    revision = re.search(r'name="revision" value="(\d+)"', shown.text)
    assert revision
    chosen = {"token": token_in(shown), "decision": "endorse", "revision": revision[1]}
    given = await posted(app, f"{OSLO}/people/{delegate}/endorsement", chosen)
    assert given.headers["location"] == f"{OSLO}?done=endorsed"
    after = seen(await app.http.get(given.headers["location"]))
    assert "1 of 5 places are taken" in after
    assert "Waiting for your endorsement" not in after
    assert trail(app) == [("endorse", "focal-point")]


async def test_a_full_quota_is_told_beside_the_button(app: RegistrationApp):
    for name in ("Bo", "Cy"):
        assert (
            await sent(app, f"{OSLO}/add/guest", {**GUEST, "person/given_name": name, "person/document_number": name})
        ).status_code == 303
    delegate = await came(app)
    before = app.rows_of_requests()
    answer = await sent(app, f"{OSLO}/people/{delegate}/endorsement", {"decision": "endorse"})
    assert answer.status_code == 409
    assert "2 of the 2 people" in answer.text
    assert 'aria-describedby="faults"' in answer.text
    assert app.rows_of_requests() == before


async def test_a_focal_point_declines_with_a_reason_and_endorses_after_all(app: RegistrationApp):
    delegate = await came(app)
    address = f"{OSLO}/people/{delegate}/endorsement"
    unreasoned = await sent(app, address, {"decision": "decline"})
    assert (unreasoned.status_code, "A refusal is told with its reason." in unreasoned.text) == (422, True)
    declined = await sent(app, address, {"decision": "decline", "reason": "Left us in May"})
    assert declined.headers["location"] == f"{OSLO}?done=declined"
    page = await app.http.get(OSLO)
    assert "Left us in May" in page.text
    assert "Endorse after all" in page.text
    assert (await sent(app, address, {"decision": "endorse"})).status_code == 303
    assert app.delegate(delegate).status is Status.SUBMITTED
    assert (await app.http.get(address)).headers["location"] == OSLO, "nothing is left to endorse"


async def test_a_focal_point_declines_for_a_reason_of_the_list_and_reads_it_in_their_language(app: RegistrationApp):
    delegate = await came(app, language="fr")
    address = f"{OSLO}/people/{delegate}/endorsement"
    assert '<option value="not-ours">1. We do not expect this person.</option>' in (await app.http.get(address)).text
    unknown = await sent(app, address, {"decision": "decline", "reason_code": "whim", "reason": "Not in May"})
    assert (unknown.status_code, "There are: not-ours." in unknown.text, "Not in May" in unknown.text) == (422, True, True)
    await sent(app, address, {"decision": "decline", "reason_code": "not-ours"})
    held = app.delegate(delegate)
    assert (held.reason_code, held.status_reason) == ("not-ours", "Cette personne n’est pas attendue.")
    page = (await app.http.get(OSLO)).text
    assert ("We do not expect this person." in page, "pas attendue" in page) == (True, False)
    assert (await answered(app, delegate, "decline", reason_code="not-ours")).json()["revision"] == held.revision, "the same"
    assert (await answered(app, delegate)).json()["reason_code"] is None


async def test_whom_a_focal_point_nominates_is_endorsed_by_that(app: RegistrationApp):
    assert (await sent(app, f"{OSLO}/add/guest", GUEST)).status_code == 303
    [delegate] = (await app.ask("GET", "/delegates")).json()["delegates"]
    assert "needs" not in delegate
    assert "1 of 5 places are taken" in seen(await app.http.get(OSLO))


async def test_only_the_delegations_own_focal_point_sees_and_endorses(app: RegistrationApp):
    theirs = await came(app, delegation="marseille")
    mine = await came(app, "Bo")
    token = token_in(await app.http.get(f"{OSLO}/people/{mine}/endorsement"))
    before = app.rows_of_requests()
    for code_ in ("oslo", "marseille"):
        address = f"/en/delegation/{code_}/people/{theirs}/endorsement"
        assert (await app.http.get(address)).status_code == 404
        assert (await posted(app, address, {"token": token, "decision": "endorse"})).status_code == 404
    assert app.rows_of_requests() == before


# --- at the desk --------------------------------------------------------------------------------------------------


async def test_the_desk_does_not_see_who_waits_for_a_focal_point_before_it_may_decide(app: RegistrationApp):
    await focal_points(app, "marseille")
    desk = await signed_in(app)
    waiting, alone = await came(app), await came(app, "Bo", delegation="marseille")
    assert listed(await desk.get("/en/desk")) == ["Bo Berg"], "no focal point is known of Marseille"
    assert listed(await desk.get("/en/desk?status=endorsement")) == ["Ada Berg"]
    assert listed(await desk.get("/en/desk?status=submitted")) == ["Ada Berg", "Bo Berg"]
    page = await desk.get(f"/en/desk/people/{waiting}")
    assert "endorses this person first" in page.text
    assert re.findall(r'name="decision" value="([a-z]+)"', page.text) == ["refuse", "withdraw"]
    assert "No focal point of this delegation is known" in (await desk.get(f"/en/desk/people/{alone}")).text
    assert (await decide(desk, alone, "accredit")).headers["location"] == f"/en/desk?decided={alone}"
    assert app.delegate(alone).status is Status.ACCREDITED
    assert (await decide(desk, waiting, "accredit")).status_code == 422


async def test_the_desk_decides_without_once_the_time_is_over(app: RegistrationApp):
    desk = await signed_in(app)
    waiting = await came(app)
    await grow_old(app, waiting, timedelta(days=5))
    assert listed(await desk.get("/en/desk")) == ["Ada Berg"]
    assert "you may decide without" in (await desk.get(f"/en/desk/people/{waiting}")).text
    assert (await decide(desk, waiting, "accredit")).status_code == 303
    assert "1 of 5 places are taken" in seen(await app.http.get(OSLO))


async def grow_old(app: RegistrationApp, delegate: str, by: timedelta) -> None:
    """Let somebody have waited so much longer."""
    d, held = store.delegates.c, app.delegate(delegate)
    assert held.endorsement
    assert held.endorsement.until
    until = held.endorsement.until - by
    aged = held.model_copy(update={"endorsement": held.endorsement.model_copy(update={"until": until})})
    change = store.delegates.update().where(d.delegate_id == UUID(delegate))
    await app.database.write(lambda tx: tx.execute(change.values(content=aged.model_dump_json(), endorse_until=until)))
