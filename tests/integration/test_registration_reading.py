"""What registration's API shows to whom: delegates found, paged, searched and as a table, and the conference."""

import csv
import io

from registration.queries import note_badge_reports
from shared.cloudevents import Envelope
from shared.events import BadgeStatus, PrintState
from shared.ids import new_id
from shared.keys import Role
from shared.received import RawRecord, Received
from tests.registration_app import RegistrationApp, faults
from tests.registration_examples import AT


async def everybody(app: RegistrationApp) -> list[str]:
    return [
        await app.registered(given_name="Ada"),
        await app.registered(given_name="Bo", delegation="marseille"),
        await app.registered(given_name="Cleo", category="guest", document_number="1", protected=True),
    ]


async def test_delegates_are_found_by_status_delegation_and_category(registration_app: RegistrationApp):
    ada, bo, cleo = await everybody(registration_app)
    for query, expected in (
        ({}, [ada, bo, cleo]),
        ({"status": "submitted"}, [cleo]),
        ({"delegation": "oslo"}, [ada, cleo]),
        ({"delegation": "oslo", "category": "member"}, [ada]),
        ({"status": "withdrawn"}, []),
    ):
        page = (await registration_app.ask("GET", "/delegates", "read-only", params=query)).json()
        assert [each["delegate_id"] for each in page["delegates"]] == expected
        assert page["next_after"] is None


async def test_pages_follow_each_other_and_end(registration_app: RegistrationApp):
    expected = await everybody(registration_app)
    found: list[str] = []
    after: dict[str, str] = {}
    while True:
        page = (await registration_app.ask("GET", "/delegates", params={"limit": "1", **after})).json()
        found += [each["delegate_id"] for each in page["delegates"]]
        if page["next_after"] is None:
            break
        after = {"after": page["next_after"]}
    assert found == expected


async def test_a_question_that_is_misspelt_is_told_not_answered_with_everybody(registration_app: RegistrationApp):
    answer = await registration_app.ask(
        "GET", "/delegates", params={"state": "accredited", "status": "gone", "limit": "501", "delegation": "\x00"}
    )
    assert (answer.status_code, faults(answer)) == (
        422,
        {
            ("state", "unknown-field"),
            ("status", "enum"),
            ("limit", "less-than-equal"),
            ("delegation", "string-pattern-mismatch"),
        },
    )


async def test_only_accreditation_reads_a_protected_name(registration_app: RegistrationApp):
    cleo = (await everybody(registration_app))[2]
    for by in (*Role, "form"):
        one = await registration_app.ask("GET", f"/delegates/{cleo}", by)
        page = await registration_app.ask("GET", "/delegates", by)
        table = await registration_app.ask("GET", "/delegates", by, headers={"Accept": "text/csv"})
        for answer in (one, page, table):
            assert answer.status_code == 200
            assert ("Cleo" in answer.text) == (by == "accreditation" and answer is not table)
        assert one.json()["person"]["printed_name"] == "Harbour master"


async def test_delegates_as_a_table(registration_app: RegistrationApp):
    await everybody(registration_app)
    answer = await registration_app.ask("GET", "/delegates", headers={"Accept": "text/csv"}, params={"limit": "2"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert [row["name"] for row in rows] == ["Ada Berg", "Bo Berg"]
    assert answer.headers["x-next-after"] == rows[-1]["delegate_id"]


async def test_a_focal_point_sees_the_badge_printed(registration_app: RegistrationApp):
    delegate = await registration_app.registered()
    badge = new_id()

    def reported(state: PrintState, minute: int) -> Received[BadgeStatus]:
        fact = BadgeStatus(
            job_id=new_id(), badge_id=badge, delegate_id=delegate, printer="p", state=state, at=AT.replace(minute=minute)
        )
        record = RawRecord("t.badge-status", 0, 0, fact.key.encode(), fact.model_dump_json().encode(), [])
        return Received(fact, Envelope("1", "badge-status", 1, "p", "00-" + "1" * 32 + "-" + "2" * 16 + "-01"), record)

    printed, accepted = reported(PrintState.PRINTED, 2), reported(PrintState.ACCEPTED, 1)
    registration_app.database.transaction(lambda tx: note_badge_reports(tx, [printed]))
    registration_app.database.transaction(lambda tx: note_badge_reports(tx, [accepted]))
    one = (await registration_app.ask("GET", f"/delegates/{delegate}", "form")).json()
    assert one["badge"] == "printed"


async def test_the_conference_tells_what_a_form_needs(registration_app: RegistrationApp):
    told = (await registration_app.ask("GET", "/conference", None)).json()
    assert told["slug"] == "harbour-days-2026"
    assert {each["slug"]: each["required"] for each in told["categories"]} == {"member": [], "guest": ["document_number"]}
    page = await registration_app.ask("GET", "/conference", None, headers={"Accept": "text/html"}, params={"lang": "fr"})
    assert page.headers["content-language"] == "fr"
    assert "Journées du port" in page.text


async def test_people_are_found_by_what_is_typed_and_the_protected_by_who_may_know_them(registration_app: RegistrationApp):
    ask = registration_app.ask
    await registration_app.registered(given_name="Zoë", family_name="Øst")
    guest = {"category": "guest", "protected": True, "document_number": "P-1"}
    await registration_app.registered(given_name="Canary", function="Pilot", email="canary@port.example", **guest)

    async def found(q: str, by: str) -> int:
        answer = await ask("GET", "/delegates", by, params={"q": q})
        assert answer.status_code == 200, answer.text
        return len(answer.json()["delegates"])

    assert [await found(each, "form") for each in ("ost zoe", "_", "\0", "pilot", "canary")] == [1, 0, 0, 1, 0]
    assert [await found("canary", each) for each in ("accreditation", "read-only")] == [1, 0]
    assert (await ask("GET", "/delegates", params={"q": ""})).status_code == 422
