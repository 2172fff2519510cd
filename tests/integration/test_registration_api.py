"""Registration's routes over their real intake and database: what each asks, answers, stores and publishes."""

from typing import Any

import pytest
from sqlalchemy import update
from structlog.testing import capture_logs

from registration import store
from registration.callers import caller
from shared.events import DelegateRegistered, SessionChanged, Status
from shared.keys import Role, key_hash
from tests.registration_app import RegistrationApp, body_of, code, faults

SOMEBODY = "01900000-0000-7000-8000-000000000000"
EVERY_ROUTE = [
    ("POST", "/delegates"),
    ("POST", "/events"),
    ("GET", "/delegates"),
    ("GET", f"/delegates/{SOMEBODY}"),
    ("PATCH", f"/delegates/{SOMEBODY}"),
    ("DELETE", f"/delegates/{SOMEBODY}"),
    ("POST", f"/delegates/{SOMEBODY}/decision"),
    ("POST", f"/delegates/{SOMEBODY}/withdrawal"),
    ("PUT", f"/delegates/{SOMEBODY}/sessions/pilots"),
    ("DELETE", f"/delegates/{SOMEBODY}/sessions/pilots"),
    ("PATCH", "/sessions/pilots"),
]
MAY = {
    "accreditation": {route for route in EVERY_ROUTE if route[1] != "/sessions/pilots"},
    "programme": {("POST", "/events"), ("PATCH", "/sessions/pilots")},
    "form": {
        route
        for route in EVERY_ROUTE
        if not route[1].endswith("/decision")
        and route[1] != "/sessions/pilots"
        and route != ("DELETE", f"/delegates/{SOMEBODY}")
    },
}


# --- keys ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "path"), EVERY_ROUTE)
async def test_every_route_that_writes_or_shows_people_needs_a_key(registration_app: RegistrationApp, method, path):
    for authorization in ("", "Bearer", "Bearer ", "Basic YTpi", "Bearer unknown", "bearer " + "x" * 5000):
        answer = await registration_app.ask(method, path, None, headers={"Authorization": authorization})
        expected = "key-unknown" if len(authorization) > len("Basic YTpi") else "key-needed"
        assert (answer.status_code, code(answer)) == (401, expected)
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("by", [*Role, "form"])
async def test_a_key_of_the_wrong_kind_is_refused_before_anything_is_read(registration_app: RegistrationApp, by):
    readers = {("GET", "/delegates"), ("GET", f"/delegates/{SOMEBODY}")}
    allowed = MAY.get(by, set()) | readers
    for method, path in EVERY_ROUTE:
        with capture_logs() as logs:
            answer = await registration_app.ask(method, path, by)
        if (method, path) in allowed:
            assert answer.status_code not in (401, 403), (method, path)
        else:
            assert (answer.status_code, code(answer)) == (403, "key-of-wrong-kind"), (method, path)
            assert [(each["event"], each["reason"]) for each in logs] == [("key_refused", "wrong-kind")]


async def test_what_is_public_needs_no_key(registration_app: RegistrationApp):
    for path in ("/sessions", "/conference", "/health", "/ready"):
        assert (await registration_app.ask("GET", path, None)).status_code == 200


async def test_a_form_registers_only_for_its_categories_and_delegations(registration_app: RegistrationApp):
    assert (await registration_app.register("oslo-form")).status_code == 201
    for fields in ({"delegation": "marseille"}, {"category": "guest", "document_number": "N-1"}):
        answer = await registration_app.register("oslo-form", given_name="Eva", **fields)
        assert (answer.status_code, code(answer)) == (403, "not-of-this-key")
    answer = await registration_app.register("no-form", given_name="Eva")
    assert (answer.status_code, code(answer)) == (403, "not-of-this-key")


async def test_a_form_neither_sees_nor_changes_whom_its_key_does_not_cover(registration_app: RegistrationApp):
    theirs = await registration_app.registered()
    other = await registration_app.registered(delegation="marseille", email="b@x.example")
    page = (await registration_app.ask("GET", "/delegates", "oslo-form")).json()
    assert [each["delegate_id"] for each in page["delegates"]] == [theirs]
    asked: list[tuple[str, str, dict[str, Any]]] = [
        ("GET", "", {}),
        ("PATCH", "", {"json": {"person": {"function": "Pilot"}}}),
        ("POST", "/withdrawal", {}),
        ("PUT", "/sessions/pilots", {}),
        ("DELETE", "/sessions/pilots", {}),
    ]
    for method, path, request in asked:
        answer = await registration_app.ask(method, f"/delegates/{other}{path}", "oslo-form", **request)
        assert (answer.status_code, code(answer)) == (404, "not-found")
    assert registration_app.delegate(other).revision == 1


async def test_a_revoked_form_key_is_refused_once_it_is_asked_for_again(registration_app: RegistrationApp, monkeypatch):
    assert (await registration_app.register("form")).status_code == 201
    revoked = update(store.form_keys).where(store.form_keys.c.key_hash == key_hash("form")).values(revoked=True)
    registration_app.database.transaction(lambda tx: tx.execute(revoked))
    assert (await registration_app.ask("GET", "/delegates", "form")).status_code == 200
    monkeypatch.setattr(caller, "CACHED_SECONDS", 0.0)
    assert (await registration_app.ask("GET", "/delegates", "form")).status_code == 401


# --- registering --------------------------------------------------------------------------------------------------


async def test_a_registration_is_stored_published_and_answered(registration_app: RegistrationApp):
    registration_app.forget_published()
    traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with capture_logs() as logs:
        answer = await registration_app.ask(
            "POST", "/delegates", "form", json=body_of(sessions=["pilots"]), headers={"traceparent": traceparent}
        )
    assert answer.status_code == 201
    told = answer.json()
    assert (told["status"], told["revision"], told["delegation"]) == ("accredited", 1, "oslo")
    assert told["enrolments"] == [{"session_id": "pilots", "state": "enrolled", "cause": None}]
    assert answer.headers["traceparent"][:36] == traceparent[:36]

    [event] = registration_app.published()
    assert event.topic == "t.delegate-registered"
    assert isinstance(event.fact, DelegateRegistered)
    assert (str(event.fact.delegate_id), event.fact.revision) == (told["delegate_id"], 1)
    assert event.fact.person
    assert event.fact.person.printed_name == "Ada Berg"
    assert event.headers["ce_source"] == "registration"
    assert event.headers["ce_subject"] == told["delegate_id"]
    assert event.headers["traceparent"] == answer.headers["traceparent"]

    [line] = [each for each in logs if each["event"] == "delegate_registered"]
    assert line["trace_id"] == "0af7651916cd43dd8448eb211c80319c"
    assert line["event_id"] == event.headers["ce_id"]
    assert not any(personal in str(logs) for personal in ("Ada", "Berg", "ada@port.example", "Harbour"))


async def test_rules_are_told_with_every_fault_and_nothing_is_stored(registration_app: RegistrationApp):
    before = registration_app.rows()
    answer = await registration_app.register(
        category="guest", delegation="no", time_zone="Mars/Base", sessions=["pilots", "nowhere"]
    )
    assert (answer.status_code, code(answer)) == (422, "invalid")
    assert faults(answer) == {
        ("/person/document_number", "required"),
        ("/person/time_zone", "unknown-time-zone"),
        ("/sessions/0", "not-in-audience"),
        ("/sessions/1", "unknown-session"),
    }
    assert answer.json()["detail"].startswith("4 faults; nothing was stored.")
    assert registration_app.rows() == before


async def test_a_known_person_is_told_whoever_was_registered_before_in_the_database(registration_app: RegistrationApp):
    await registration_app.registered(document_number="N-1")
    answer = await registration_app.register(given_name="Eva", delegation="no", email="e@x.example", document_number="n-1")
    assert faults(answer) == {("/person", "known-person")}


# --- changing -----------------------------------------------------------------------------------------------------


async def test_every_change_is_the_next_revision_in_the_answer_the_database_and_the_event(registration_app: RegistrationApp):
    delegate = await registration_app.registered(category="guest", document_number="N-1", sessions=["welcome"])
    registration_app.forget_published()
    asked: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", "/decision", {"json": {"decision": "accredit"}}),
        ("PATCH", "", {"json": {"person": {"function": "Pilot"}, "protected": True}}),
        ("DELETE", "/sessions/welcome", {}),
        ("PUT", "/sessions/welcome", {}),
        ("POST", "/decision", {"json": {"decision": "refuse", "reason": "Not of this port"}}),
    ]
    for revision, (method, path, request) in enumerate(asked, 2):
        answer = await registration_app.ask(method, f"/delegates/{delegate}{path}", **request)
        assert (answer.status_code, answer.json()["revision"]) == (200, revision), answer.text
        stored = registration_app.delegate(delegate)
        assert (stored.revision, stored.status) == (revision, answer.json()["status"])
    facts = [each.fact for each in registration_app.published()]
    # The second still waited, with the name, when the third protected it.
    assert [(fact.revision, fact.status) for fact in facts if isinstance(fact, DelegateRegistered)] == [
        (3, Status.ACCREDITED),
        (4, Status.ACCREDITED),
        (5, Status.ACCREDITED),
        (6, Status.REFUSED),
    ]
    last = facts[-1]
    assert isinstance(last, DelegateRegistered)
    assert (last.status_reason, last.protected) == ("Not of this port", True)
    assert last.person
    assert (last.person.printed_name, last.person.given_name) == ("Pilot", None)
    assert [(each.state, each.cause) for each in last.enrolments] == [("released", "refused")]


async def test_what_changes_nothing_makes_no_revision_and_no_event(registration_app: RegistrationApp):
    delegate = await registration_app.registered(sessions=["pilots"])
    before = registration_app.rows()
    for method, path, by, request in (
        ("PATCH", f"/delegates/{delegate}", "accreditation", {"json": {"person": {"function": "Harbour master"}}}),
        ("PATCH", f"/delegates/{delegate}", "accreditation", {"json": {}}),
        ("POST", f"/delegates/{delegate}/decision", "accreditation", {"json": {"decision": "accredit"}}),
        ("PUT", f"/delegates/{delegate}/sessions/pilots", "form", {}),
        ("PATCH", "/sessions/pilots", "programme", {"json": {"capacity": 4}}),
        ("PATCH", "/sessions/pilots", "programme", {"json": {}}),
    ):
        answer = await registration_app.ask(method, path, by, **request)
        assert (answer.status_code, answer.json()["revision"]) == (200, 1)
    assert registration_app.rows() == before


async def test_an_amended_name_that_is_another_delegates_is_told(registration_app: RegistrationApp):
    await registration_app.registered(given_name="Eva", document_number="N-1")
    ada = await registration_app.registered()
    before = registration_app.rows()
    for person in ({"given_name": "EVA"}, {"document_number": "n-1"}):
        answer = await registration_app.ask("PATCH", f"/delegates/{ada}", json={"person": person})
        assert (answer.status_code, faults(answer)) == (422, {("/person", "known-person")})
    assert registration_app.rows() == before

    swapped = await registration_app.ask("PATCH", f"/delegates/{ada}", json={"person": {"given_name": "Åse"}})
    assert swapped.status_code == 200
    assert (await registration_app.register(email="other@x.example")).status_code == 201
    assert faults(await registration_app.register(given_name="ASE")) == {("/person", "known-person")}


async def test_a_withdrawn_person_frees_their_place_and_may_register_anew(registration_app: RegistrationApp):
    everybody = [await registration_app.registered(delegation="no", given_name=name) for name in ("Ada", "Bo", "Cleo")]
    assert faults(await registration_app.register(delegation="no", given_name="Dag")) == {("/delegation", "quota-full")}
    answer = await registration_app.ask("POST", f"/delegates/{everybody[0]}/withdrawal", "form")
    assert answer.json()["status"] == "withdrawn"
    again = await registration_app.register(delegation="no")
    assert again.status_code == 201
    assert again.json()["delegate_id"] != everybody[0]
    assert (await registration_app.ask("POST", f"/delegates/{everybody[0]}/withdrawal", "form")).json()["revision"] == 2


async def test_what_does_not_fit_the_state_is_a_conflict(registration_app: RegistrationApp):
    delegate = await registration_app.registered()
    await registration_app.ask("POST", f"/delegates/{delegate}/withdrawal")
    for method, path, request in (
        ("POST", "/decision", {"json": {"decision": "accredit"}}),
        ("POST", "/decision", {"json": {"decision": "refuse", "reason": "Late"}}),
        ("PATCH", "", {"json": {"person": {"function": "Pilot"}}}),
        ("PUT", "/sessions/pilots", {}),
    ):
        answer = await registration_app.ask(method, f"/delegates/{delegate}{path}", **request)
        assert (answer.status_code, code(answer)) == (409, "registration-ended")


async def test_a_refusal_without_a_reason_names_the_field(registration_app: RegistrationApp):
    delegate = await registration_app.registered()
    answer = await registration_app.ask("POST", f"/delegates/{delegate}/decision", json={"decision": "refuse"})
    assert (answer.status_code, faults(answer)) == (422, {("/reason", "required")})


async def test_two_of_one_name_in_a_delegation_are_told_apart_by_their_birth_dates(registration_app: RegistrationApp):
    first = await registration_app.register(birth_date="1970-03-01", email="one@oslo.example")
    namesake = await registration_app.register(birth_date="1992-07-14", email="two@oslo.example")
    assert (first.status_code, namesake.status_code) == (201, 201)
    again = await registration_app.register(birth_date="1992-07-14", email="three@oslo.example")
    assert faults(again) == {("/person", "known-person")}
    unsaid = await registration_app.register(email="one@oslo.example")
    assert faults(unsaid) == {("/person", "known-person")}, "without a date, the name and the address tell"


async def test_nobody_and_nothing_unknown_is_found(registration_app: RegistrationApp):
    delegate = await registration_app.registered()
    for method, path, by, request in (
        ("GET", f"/delegates/{SOMEBODY}", "read-only", {}),
        ("PATCH", f"/delegates/{SOMEBODY}", "accreditation", {"json": {}}),
        ("POST", f"/delegates/{SOMEBODY}/decision", "accreditation", {"json": {"decision": "accredit"}}),
        ("POST", f"/delegates/{SOMEBODY}/withdrawal", "form", {}),
        ("PUT", f"/delegates/{SOMEBODY}/sessions/pilots", "form", {}),
        ("PUT", f"/delegates/{delegate}/sessions/nowhere", "form", {}),
        ("DELETE", f"/delegates/{delegate}/sessions/pilots", "form", {}),
        ("PATCH", "/sessions/nowhere", "programme", {"json": {}}),
        ("GET", "/nowhere", None, {}),
    ):
        answer = await registration_app.ask(method, path, by, **request)
        assert (answer.status_code, code(answer)) == (404, "not-found"), path
    answer = await registration_app.ask("PUT", "/delegates", json={})
    assert (answer.status_code, code(answer)) == (405, "method-not-allowed")


# --- the programme ------------------------------------------------------------------------------------------------


async def test_the_programme_is_seeded_once_and_published(registration_app: RegistrationApp):
    facts = [each.fact for each in registration_app.published()]
    assert [(fact.session_id, fact.revision) for fact in facts if isinstance(fact, SessionChanged)] == [
        ("welcome", 1),
        ("pilots", 1),
    ]
    sessions = (await registration_app.ask("GET", "/sessions", None)).json()["sessions"]
    assert [(each["session_id"], each["enrolled"]) for each in sessions] == [("welcome", 0), ("pilots", 0)]


async def test_a_capacity_below_the_enrolled_is_refused_naming_the_number(registration_app: RegistrationApp):
    for name in ("Ada", "Bo", "Cleo"):
        await registration_app.registered(given_name=name, sessions=["pilots"])
    answer = await registration_app.ask("PATCH", "/sessions/pilots", "programme", json={"capacity": 2})
    assert (answer.status_code, faults(answer)) == (422, {("/capacity", "capacity-below-enrolled")})
    assert "3 people are enrolled" in answer.text
    answer = await registration_app.ask("PATCH", "/sessions/pilots", "programme", json={"capacity": 3})
    assert (answer.json()["capacity"], answer.json()["enrolled"]) == (3, 3)
    answer = await registration_app.register(given_name="Dag", sessions=["pilots"])
    assert faults(answer) == {("/sessions/0", "session-full")}


async def test_who_leaves_the_audience_is_released_in_the_same_transaction(registration_app: RegistrationApp):
    members = [await registration_app.registered(given_name=name, sessions=["welcome"]) for name in ("Ada", "Bo")]
    guest = await registration_app.registered(category="guest", given_name="Eva", document_number="1", sessions=["welcome"])
    registration_app.forget_published()
    answer = await registration_app.ask("PATCH", "/sessions/welcome", "programme", json={"audience": ["guest"]})
    assert answer.json()["enrolled"] == 1

    session, *released = [each.fact for each in registration_app.published()]
    assert isinstance(session, SessionChanged)
    assert (session.revision, session.audience) == (2, ["guest"])
    assert {fact.key for fact in released} == set(members)
    for fact in released:
        assert isinstance(fact, DelegateRegistered)
        assert [(each.state, each.cause) for each in fact.enrolments] == [("released", "audience-changed")]
    assert registration_app.delegate(guest).revision == 1
    sessions = (await registration_app.ask("GET", "/sessions", None)).json()["sessions"]
    assert sessions[0]["enrolled"] == 1


async def test_a_cancelled_session_keeps_its_people_and_takes_no_more(registration_app: RegistrationApp):
    await registration_app.registered(sessions=["pilots"])
    answer = await registration_app.ask("PATCH", "/sessions/pilots", "programme", json={"status": "cancelled"})
    assert (answer.json()["status"], answer.json()["enrolled"]) == ("cancelled", 1)
    answer = await registration_app.register(given_name="Bo", sessions=["pilots"])
    assert faults(answer) == {("/sessions/0", "session-cancelled")}
