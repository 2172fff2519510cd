"""Erasing a delegate: what is published, what is left in the database, and what is answered ever after."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, update

from registration import erasure, store
from registration.erasure import KeyEnder
from registration.newest import newest
from registration.queries import note_badge_reports
from shared.clock import utc_now
from shared.cloudevents import Envelope
from shared.events import BadgeStatus, DelegateRegistered, EnrolmentState, PrintState, Status
from shared.ids import new_id
from shared.inbox import Journal
from shared.outbox import Tombstone
from shared.received import RawRecord, Received
from tests.registration_app import KAFKA, RegistrationApp, body_of, code, until
from tests.registration_examples import AT

PERSONAL = ("Ada", "Berg", "ada@port.example", "Harbour master", "N-1", "1915-12-10", "Europe/Oslo", "A lovelace of a reason")


async def somebody(app: RegistrationApp, posted: str = "posted") -> str:
    """Registered with all that can be told of a person, refused for a reason, accredited again, with a printed badge."""
    told = {"category": "guest", "document_number": "N-1", "birth_date": "1915-12-10", "sessions": ["welcome"]}
    delegate = (await app.register(key=posted, **told)).json()["delegate_id"]
    refused = {"decision": "refuse", "reason": "A lovelace of a reason"}
    for name, decision in (("refused", refused), ("accredited", {"decision": "accredit"})):
        headers = {"Idempotency-Key": f"{posted} {name}"}
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
    again = await registration_app.register(category="guest", document_number="N-1", birth_date="1915-12-10")
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
    told = {"category": "guest", "document_number": "N-1", "birth_date": "1915-12-10", "sessions": ["welcome"]}
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
    assert not any(personal in repr(registration_app.rows()) for personal in PERSONAL)


async def test_an_event_that_no_broker_takes_is_dropped_too_and_one_that_is_being_sent_is_not_waited_for(
    registration_app: RegistrationApp,
):
    parked, sending = await somebody(registration_app), await registration_app.registered(given_name="Eva", email="e@x.example")
    with registration_app.database.connect() as tx:
        tx.execute(update(store.outbox.table).where(store.outbox.table.c.key == parked.encode()).values(refusal="too large"))
        tx.commit()
    with registration_app.database.connect() as relay:
        store.outbox.claim(relay)
        async with asyncio.timeout(60):
            await erased(registration_app, parked)
            await erased(registration_app, sending)
    left = [each.fact for each in registration_app.published() if each.topic == "t.delegate-registered"]
    assert [fact.key for fact in left if isinstance(fact, DelegateRegistered) and fact.person is None] == [parked, sending]
    assert [fact.key for fact in left if fact.key == parked] == [parked]


async def test_nobody_is_erased_who_is_not_there(registration_app: RegistrationApp):
    answer = await registration_app.ask("DELETE", f"/delegates/{new_id()}")
    assert (answer.status_code, code(answer)) == (404, "not-found")


async def test_events_of_the_erased_are_not_taken_again(registration_app: RegistrationApp):
    data = body_of(given_name="Eva", email="e@x.example")
    event = {"specversion": "1.0", "id": "1", "source": "f", "type": "registration-submitted", "data": data}
    headers = {"Content-Type": "application/cloudevents+json"}
    first = await registration_app.ask("POST", "/events", json=event, headers=headers)
    await erased(registration_app, first.json()["delegate_id"])
    again = await registration_app.ask("POST", "/events", json=event, headers=headers)
    assert (again.status_code, code(again)) == (410, "erased")


# --- the end of the key -------------------------------------------------------------------------------------------


def endings(app: RegistrationApp) -> list[tuple[str, bytes]]:
    """The records without a value in the outbox, by topic and key."""
    table = store.outbox.table.c
    with app.database.connect() as tx:
        found = tx.execute(select(table.topic, table.key).where(table.value.is_(None)).order_by(table.seq))
        return [(topic, key) for topic, key in found]


async def end_keys(app: RegistrationApp, days: float) -> Journal:
    now = utc_now() + timedelta(days=days)
    return await app.database.write(lambda tx: erasure.end_keys(tx, KAFKA, now))


async def test_seven_days_later_the_key_ends_in_a_null_and_only_the_hash_of_the_id_is_kept(registration_app: RegistrationApp):
    delegate, other = await somebody(registration_app), await registration_app.registered(given_name="Eva", email="e@x.example")
    await erased(registration_app, delegate)
    assert await end_keys(registration_app, 6.9) == []
    assert endings(registration_app) == []
    [(line, fields)] = await end_keys(registration_app, 7.1)
    assert (line, fields["delegate_id"]) == ("delegate_key_ended", delegate)
    assert endings(registration_app) == [("t.delegate-registered", delegate.encode())]
    registration_app.forget_published()
    held = registration_app.rows()
    assert delegate not in repr(held)
    assert UUID(delegate).hex not in repr(held)
    assert len(held["erased"]) == 1
    assert str(registration_app.delegate(other).delegate_id) == other


async def test_a_key_ends_once(registration_app: RegistrationApp):
    delegate = await somebody(registration_app)
    await erased(registration_app, delegate)
    ended = await asyncio.gather(*(end_keys(registration_app, 8) for _ in range(3)))
    assert sorted(map(len, ended)) == [0, 0, 1]
    assert len(endings(registration_app)) == 1


async def test_who_is_erased_stays_so_when_the_key_has_ended(registration_app: RegistrationApp):
    delegate = await somebody(registration_app)
    await erased(registration_app, delegate)
    await end_keys(registration_app, 8)
    before = registration_app.rows()
    await erased(registration_app, delegate)
    for method, path in (("GET", ""), ("POST", "/withdrawal"), ("PUT", "/sessions/welcome")):
        answer = await registration_app.ask(method, f"/delegates/{delegate}{path}")
        assert (answer.status_code, code(answer)) == (410, "erased")
    assert registration_app.rows() == before


async def test_a_relay_that_was_overtaken_ends_the_key_again(registration_app: RegistrationApp):
    delegate = await somebody(registration_app)
    key = {("t.delegate-registered", delegate.encode())}
    app = registration_app
    await erased(app, delegate)
    [(_, fact, _)] = await app.database.write(lambda tx: newest(tx, key, app.conference, KAFKA))
    assert isinstance(fact, DelegateRegistered)
    assert fact.status is Status.ERASED
    await end_keys(app, 8)
    [(topic, ending, _)] = await app.database.write(lambda tx: newest(tx, key, app.conference, KAFKA))
    assert (topic, ending) == ("t.delegate-registered", Tombstone(delegate))


async def test_keys_are_ended_at_the_start_and_whenever_their_time_has_come(registration_app: RegistrationApp, monkeypatch):
    monkeypatch.setattr(erasure, "KEPT_ERASED", timedelta(0))
    monkeypatch.setattr(erasure, "CHECK_SECONDS", 0.01)
    first = await somebody(registration_app)
    await erased(registration_app, first)
    ender = KeyEnder(registration_app.database, KAFKA)
    running = asyncio.create_task(ender.run())
    await until(lambda: len(endings(registration_app)) == 1)
    await erased(registration_app, await somebody(registration_app, "again"))
    await until(lambda: len(endings(registration_app)) == 2)
    ender.close()
    await asyncio.wait_for(running, 60)
