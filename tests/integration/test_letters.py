"""Letters of credentials over the API: given once for a delegation, what waits for them, who may open one, what is kept."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from registration import store
from registration.audit.entries import broken
from registration.letters.files import MOST_BYTES
from shared.conference import Conference
from shared.events import DelegateRegistered
from tests.pdfs import HOSTILE, opens_with, pdf
from tests.pictures import opened, picture
from tests.registration_app import RegistrationApp, code, faults
from tests.registration_examples import TINY, tiny

LETTER = pdf(text="Ada Berg comes for Oslo")
GUEST = {"category": "guest", "document_number": "N-1"}
OSLO = "/delegations/oslo/letter"


def with_letters() -> Conference:
    member, guest = (each.model_dump() | {"letter_from": ["port"]} for each in TINY.categories)
    pilot = member | {"slug": "pilot", "letter_from": []}
    return tiny(categories=[member, guest, pilot])


@pytest.fixture
def conference() -> Conference:
    """Ports give a letter for their members, who are accredited at once, and their guests, who are so by decision."""
    return with_letters()


async def give(
    app: RegistrationApp,
    delegation: str = "oslo",
    letter: bytes = LETTER,
    by: str | None = "accreditation",
    kind: str = "application/pdf",
    **asked: Any,
) -> httpx.Response:
    headers = {"Content-Type": kind} | asked.pop("headers", {})
    return await app.ask("PUT", f"/delegations/{delegation}/letter", by, content=letter, headers=headers, params=asked)


async def accredit(app: RegistrationApp, delegate_id: str, **headers: str) -> httpx.Response:
    return await app.ask("POST", f"/delegates/{delegate_id}/decision", json={"decision": "accredit"}, headers=headers)


async def status_of(app: RegistrationApp, delegate_id: str) -> str:
    return (await app.ask("GET", f"/delegates/{delegate_id}")).json()["status"]


async def test_a_letter_is_given_once_for_everybody_in_the_delegation(registration_app: RegistrationApp):
    app = registration_app
    member, other = await app.register(), await app.register(delegation="marseille", given_name="Bo")
    assert (member.json()["status"], member.json()["needs"]) == ("submitted", ["letter"])
    guest = await app.registered(given_name="Gro", **GUEST)
    given = await give(app)
    assert (given.status_code, given.json()["accredited"], given.json()["pages"]) == (200, 1, 1)
    assert await status_of(app, member.json()["delegate_id"]) == "accredited"
    assert await status_of(app, other.json()["delegate_id"]) == "submitted"
    assert "needs" not in (await app.ask("GET", f"/delegates/{guest}")).json()
    assert (await accredit(app, guest)).json()["status"] == "accredited"
    later = (await app.register(given_name="Cy")).json()
    assert (later["status"], "needs" in later) == ("accredited", False)
    facts = [each.fact for each in app.published() if isinstance(each.fact, DelegateRegistered)]
    assert [each.status for each in facts if each.key == member.json()["delegate_id"]] == ["submitted", "accredited"]


async def test_the_desk_accredits_nobody_whose_delegations_letter_is_missing(registration_app: RegistrationApp):
    guest = await registration_app.registered(**GUEST)
    refused = await accredit(registration_app, guest, **{"Accept-Language": "es"})
    assert (refused.status_code, faults(refused)) == (422, {("/letter", "letter-needed")})
    assert refused.json()["errors"][0]["detail"] == "La carta credencial de la delegación aún no está."
    assert await status_of(registration_app, guest) == "submitted"


async def test_an_event_registers_who_then_waits_for_the_letter(registration_app: RegistrationApp):
    body = json.loads((await registration_app.register(category="pilot", given_name="Pi")).request.content)
    data = body | {"category": "member", "person": body["person"] | {"given_name": "Eva"}}
    event = {"specversion": "1.0", "id": "1", "source": "/f", "type": "registration-submitted", "data": data}
    headers = {"Content-Type": "application/cloudevents+json"}
    posted = (await registration_app.ask("POST", "/events", "form", json=event, headers=headers)).json()
    assert (posted["status"], posted["needs"]) == ("submitted", ["letter"])
    assert (await give(registration_app)).json()["accredited"] == 1


async def test_who_waits_for_a_letter_is_found(registration_app: RegistrationApp):
    app = registration_app
    waiting = [await app.registered(), await app.registered(given_name="Gro", **GUEST)]
    await app.registered(given_name="Pi", category="pilot")
    await give(app, "marseille")
    await app.registered(given_name="Bo", delegation="marseille", category="guest", document_number="N-2")
    withdrawn = await app.registered(given_name="Cy")
    await app.ask("POST", f"/delegates/{withdrawn}/withdrawal")

    async def found() -> list[str]:
        return [each["delegate_id"] for each in (await app.ask("GET", "/delegates?needs=letter")).json()["delegates"]]

    assert await found() == waiting
    await give(app)
    assert await found() == []


async def test_a_newer_letter_takes_the_place_of_the_one_before_and_the_same_changes_nothing(registration_app: RegistrationApp):
    app = registration_app
    first = (await give(app)).json()
    assert (await give(app)).json() == first
    second = (await give(app, letter=picture(800, 1000), kind="image/jpeg")).json()
    assert (second["media_type"], second["sha256"] != first["sha256"]) == ("image/jpeg", True)
    assert (await app.ask("GET", OSLO)).json() == {name: value for name, value in second.items() if name != "accredited"}
    [row] = app.rows()["letters"]
    assert second["sha256"] in row
    assert opened((await app.ask("GET", f"{OSLO}/file")).content).size == (800, 1000)


async def test_a_letter_is_only_saved_by_a_browser(registration_app: RegistrationApp):
    await give(registration_app)
    answer = await registration_app.ask("GET", f"{OSLO}/file")
    assert (answer.content, answer.headers["content-type"]) == (LETTER, "application/pdf")
    assert answer.headers["content-disposition"] == 'attachment; filename="letter-oslo.pdf"'
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"].startswith("sandbox;")
    assert answer.headers["cache-control"] == "no-store"


async def test_only_the_desk_gives_opens_and_removes_a_letter(registration_app: RegistrationApp):
    app = registration_app
    assert (await give(app, by=None)).status_code == 401
    await give(app)
    for stranger in ("read-only", "programme", "badging", "operations", "form", "oslo-form"):
        assert (await give(app, by=stranger)).status_code == 403
        for method, address in (("GET", OSLO), ("GET", f"{OSLO}/file"), ("DELETE", OSLO)):
            assert (await app.ask(method, address, stranger)).status_code == 403, (stranger, method)
    for method, address in (("GET", "/delegations/marseille/letter"), ("DELETE", "/delegations/atlantis/letter")):
        assert (await app.ask(method, address)).status_code == 404
    assert (await give(app, "atlantis")).status_code == 404


async def test_who_is_accredited_stays_so_when_the_letter_is_removed(registration_app: RegistrationApp):
    app = registration_app
    await give(app)
    member = await app.registered()
    for _ in range(2):
        removed = await app.ask("DELETE", OSLO)
        assert (removed.status_code, removed.json()) == (200, {"delegation": "oslo"})
    assert (await app.ask("GET", OSLO)).status_code == 404
    assert await status_of(app, member) == "accredited"
    assert (await app.register(given_name="Cy")).json()["needs"] == ["letter"]
    assert app.rows()["letters"] == []


async def test_an_erasure_leaves_no_letter_that_may_name_the_erased(registration_app: RegistrationApp):
    app = registration_app
    await asyncio.gather(give(app), give(app, "marseille"))
    member, other = await app.registered(), await app.registered(given_name="Bo")
    assert (await app.ask("DELETE", f"/delegates/{member}")).status_code == 200
    assert [row[0] for row in app.rows()["letters"]] == ["marseille"]
    assert await status_of(app, other) == "accredited"
    assert (await give(app)).status_code == 200
    assert (await app.ask("DELETE", f"/delegates/{member}")).status_code == 200  # a repeat erases nothing more
    assert len(app.rows()["letters"]) == 2


async def test_each_letter_is_in_the_audit_trail_and_nobody_edits_that_unseen(registration_app: RegistrationApp):
    app = registration_app
    given = (await give(app)).json()
    member = await app.registered()
    await app.ask("DELETE", f"/delegates/{member}")
    with app.database.connect() as tx:
        entries = [json.loads(each) for each in store.trail.about_delegation(tx, "oslo")]
        assert broken(store.trail.entries(tx), store.trail.head(tx)) is None
    assert [each["action"] for each in entries] == ["give-letter", "remove-letter"]
    assert entries[0]["letter_sha256"] == given["sha256"]
    assert {each["by"]["name"] for each in entries} == {"accreditation desk"}
    table = store.metadata.tables["audit_trail"]
    first = table.c.seq == entries[0]["seq"]
    app.database.transaction(lambda tx: tx.execute(table.update().where(first).values(delegate_hash="0" * 64)))
    with app.database.connect() as tx:
        wrong = broken(store.trail.entries(tx), store.trail.head(tx))
    assert wrong == f"Entry {entries[0]['seq']} stands under another delegate or number than its content says."


async def test_the_letter_and_whoever_waits_for_it_come_together(registration_app: RegistrationApp):
    """In one group, in whatever order, and with a letter that another letter replaces at once."""
    app = registration_app
    answers = await app.together(
        app.register(), give(app), app.register(given_name="Bo"), give(app, letter=pdf(text="another"))
    )
    assert [each.status_code for each in answers] == [201, 200, 201, 200]
    registered = [answers[0].json()["delegate_id"], answers[2].json()["delegate_id"]]
    assert [await status_of(app, each) for each in registered] == ["accredited", "accredited"]
    assert len(app.rows()["letters"]) == 1


async def test_a_dry_run_and_a_repeat_change_nothing(registration_app: RegistrationApp):
    app = registration_app
    member = await app.registered()
    tried = (await give(app, dry_run=1)).json()
    assert (tried["dry_run"], tried["accredited"]) == (True, 1)
    assert app.rows()["letters"] == []
    assert await status_of(app, member) == "submitted"
    once = {"headers": {"Idempotency-Key": "once"}}
    answers = [(await give(app, **once)).json() for _ in range(2)]
    assert answers[0] == answers[1]
    assert code(await give(app, letter=pdf(text="other"), **once)) == "key-reused"


async def test_what_is_no_letter_is_refused_and_nothing_kept(registration_app: RegistrationApp):
    app = registration_app
    for kind in ("a script that runs when it is opened", "encrypted", "one part that unpacks to 80 MB", "6 MiB", "cut off"):
        made, expected = HOSTILE[kind]
        refused = await give(app, letter=made())
        assert (refused.status_code, faults(refused)) == (422, {("", expected)}), kind
    arabic = await give(app, letter=pdf(opens_with("/Launch")), headers={"Accept-Language": "ar"})
    assert arabic.json()["errors"][0]["detail"].startswith("يحتوي ملف PDF على برنامج نصي")
    assert (await give(app, kind="text/html")).status_code == 415
    assert (await give(app, letter=bytes(MOST_BYTES + 1))).status_code == 413
    assert app.rows()["letters"] == []
    assert app.rows()["audit_trail"] == []


async def test_a_hundred_megabytes_are_refused_while_they_are_read(registration_app: RegistrationApp):
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(1600):
            sent += 64 * 1024
            yield bytes(64 * 1024)

    headers = {"Authorization": "Bearer accreditation", "Content-Type": "application/pdf"}
    async with httpx.AsyncClient(transport=registration_app.http._transport, base_url="http://registration.test") as client:
        answer = await client.put(OSLO, content=endless(), headers=headers)
    assert (answer.status_code, code(answer)) == (413, "too-large")
    assert sent <= MOST_BYTES + 2 * 64 * 1024 or sent == 1600 * 64 * 1024  # the transport of tests may read ahead
    assert registration_app.rows()["letters"] == []
