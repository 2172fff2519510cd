"""Erasing a delegate: what is published, what is left in the database, and what is answered ever after."""

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from registration import store
from registration.queries import note_badge_reports
from shared.cloudevents import Envelope
from shared.events import BadgeStatus, DelegateRegistered, EnrolmentState, PrintState, Status
from shared.ids import new_id
from shared.received import RawRecord, Received
from tests.registration_app import RegistrationApp, body_of, code
from tests.registration_examples import AT

PERSONAL = ("Ada", "Berg", "ada@port.example", "Harbour master", "N-1", "1815-12-10", "Europe/Oslo", "A lovelace of a reason")


async def somebody(app: RegistrationApp) -> str:
    """Registered with all that can be told of a person, refused for a reason, accredited again, with a printed badge."""
    told = {"category": "guest", "document_number": "N-1", "birth_date": "1815-12-10", "sessions": ["welcome"]}
    delegate = (await app.register(key="posted", **told)).json()["delegate_id"]
    refused = {"decision": "refuse", "reason": "A lovelace of a reason"}
    for name, decision in (("refused", refused), ("accredited", {"decision": "accredit"})):
        headers = {"Idempotency-Key": name}
        answer = await app.ask("POST", f"/delegates/{delegate}/decision", json=decision, headers=headers)
        assert answer.status_code == 200
    assert (await app.ask("PUT", f"/delegates/{delegate}/sessions/welcome")).status_code == 200
    await app.database.write(lambda tx: note_badge_reports(tx, [printed(delegate)]))
    return delegate


def printed(delegate: str) -> Received[BadgeStatus]:
    report = BadgeStatus(
        job_id=new_id(), badge_id=new_id(), delegate_id=UUID(delegate), printer="p", state=PrintState.PRINTED, at=AT
    )
    envelope = Envelope(str(new_id()), "badge-status", 1, "printer", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    return Received(report, envelope, RawRecord("badge-status", 0, 0, delegate.encode(), b"", []))


async def erased(app: RegistrationApp, delegate: str) -> None:
    answer = await app.ask("DELETE", f"/delegates/{delegate}")
    assert (answer.status_code, answer.json()) == (200, {"delegate_id": delegate, "status": "erased"})


def places(app: RegistrationApp) -> tuple[list[Any], list[Any]]:
    with app.database.connect() as tx:
        return (
            [tuple(row) for row in tx.execute(select(store.quota_places).order_by(store.quota_places.c.delegation))],
            [tuple(row) for row in tx.execute(select(store.session_places).order_by(store.session_places.c.session_id))],
        )


async def test_an_erased_delegate_is_published_at_the_next_revision_with_nothing_personal(registration_app: RegistrationApp):
    delegate = await somebody(registration_app)
    before = registration_app.delegate(delegate).revision
    registration_app.forget_published()
    await erased(registration_app, delegate)
    [event] = registration_app.published()
    fact = event.fact
    assert isinstance(fact, DelegateRegistered)
    assert (fact.status, fact.revision, fact.person, fact.status_reason) == (Status.ERASED, before + 1, None, None)
    assert [(each.state, each.cause) for each in fact.enrolments] == [(EnrolmentState.RELEASED, "erased")]
    assert not any(personal in fact.model_dump_json() for personal in PERSONAL)


async def test_nothing_personal_is_left_in_any_table(registration_app: RegistrationApp):
    delegate = await somebody(registration_app)
    registration_app.forget_published()
    held = repr(registration_app.rows())
    assert all(personal in held for personal in PERSONAL)
    await erased(registration_app, delegate)
    rows = registration_app.rows()
    assert not any(personal in repr(rows) for personal in PERSONAL)
    assert (rows["people"], rows["enrolments"], rows["badges"]) == ([], [], [])
    await registration_app.database.write(lambda tx: note_badge_reports(tx, [printed(delegate)]))
    assert registration_app.rows()["badges"] == []


async def test_quota_and_places_are_free_again_and_the_person_may_register_anew(registration_app: RegistrationApp):
    delegate = await somebody(registration_app)
    held, enrolled = places(registration_app)
    assert [each[-1] for each in held] == [1]
    assert [each[-1] for each in enrolled] == [1]
    await erased(registration_app, delegate)
    held, enrolled = places(registration_app)
    assert [each[-1] for each in held] == [0]
    assert [each[-1] for each in enrolled] == [0]
    again = await registration_app.register(category="guest", document_number="N-1", birth_date="1815-12-10")
    assert again.status_code == 201
    assert again.json()["delegate_id"] != delegate


async def test_erasing_again_changes_nothing_and_is_answered_the_same(registration_app: RegistrationApp):
    delegate = await somebody(registration_app)
    await erased(registration_app, delegate)
    before = registration_app.rows()
    await erased(registration_app, delegate)
    assert registration_app.rows() == before
    answers = await registration_app.together(*(registration_app.ask("DELETE", f"/delegates/{delegate}") for _ in range(2)))
    assert {each.status_code for each in answers} == {200}
    assert registration_app.rows() == before


async def test_a_dry_run_erases_nobody(registration_app: RegistrationApp):
    delegate = await somebody(registration_app)
    before = registration_app.rows()
    answer = await registration_app.ask("DELETE", f"/delegates/{delegate}?dry_run=1")
    assert answer.json() == {"delegate_id": delegate, "status": "erased", "dry_run": True}
    assert registration_app.rows() == before


async def test_whatever_is_asked_of_the_erased_is_answered_410(registration_app: RegistrationApp):
    delegate = await somebody(registration_app)
    await erased(registration_app, delegate)
    before = registration_app.rows()
    asked: list[tuple[str, str, dict[str, Any]]] = [
        ("GET", "", {}),
        ("PATCH", "", {"json": {"person": {"function": "Pilot"}}}),
        ("POST", "/decision", {"json": {"decision": "accredit"}}),
        ("POST", "/withdrawal", {}),
        ("PUT", "/sessions/welcome", {}),
        ("DELETE", "/sessions/welcome", {}),
    ]
    for method, path, request in asked:
        answer = await registration_app.ask(method, f"/delegates/{delegate}{path}", **request)
        assert (answer.status_code, code(answer)) == (410, "erased"), (method, path)
    for query in ("", "?status=erased"):
        assert (await registration_app.ask("GET", f"/delegates{query}")).json()["delegates"] == []
    assert registration_app.rows() == before


async def test_a_repeated_request_does_not_bring_the_erased_back(registration_app: RegistrationApp):
    delegate = await somebody(registration_app)
    other = (await registration_app.register(key="other", given_name="Eva", email="e@x.example")).json()
    await erased(registration_app, delegate)
    told = {"category": "guest", "document_number": "N-1", "birth_date": "1815-12-10", "sessions": ["welcome"]}
    repeated = await registration_app.register(key="posted", **told)
    assert (repeated.status_code, code(repeated)) == (410, "erased")
    assert (await registration_app.register(key="other", given_name="Eva", email="e@x.example")).json() == other


async def test_a_change_in_the_same_group_leaves_no_answer_behind(registration_app: RegistrationApp):
    delegate = await somebody(registration_app)
    refused = {"decision": "refuse", "reason": "A lovelace of a reason"}
    await registration_app.together(
        registration_app.ask("POST", f"/delegates/{delegate}/decision", json=refused, headers={"Idempotency-Key": "late"}),
        registration_app.ask("DELETE", f"/delegates/{delegate}"),
    )
    registration_app.forget_published()
    assert not any(personal in repr(registration_app.rows()) for personal in PERSONAL)


@pytest.mark.parametrize("delegate", [str(new_id())])
async def test_nobody_is_erased_who_is_not_there(registration_app: RegistrationApp, delegate: str):
    answer = await registration_app.ask("DELETE", f"/delegates/{delegate}")
    assert (answer.status_code, code(answer)) == (404, "not-found")


async def test_events_of_the_erased_are_not_taken_again(registration_app: RegistrationApp):
    data = body_of(given_name="Eva", email="e@x.example")
    event = {"specversion": "1.0", "id": "1", "source": "f", "type": "registration-submitted", "data": data}
    headers = {"Content-Type": "application/cloudevents+json"}
    first = await registration_app.ask("POST", "/events", json=event, headers=headers)
    await erased(registration_app, first.json()["delegate_id"])
    again = await registration_app.ask("POST", "/events", json=event, headers=headers)
    assert (again.status_code, code(again)) == (410, "erased")
