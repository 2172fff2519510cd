"""Photos over the API: who may give and see one, what it changes, where it goes and where it does not."""

import base64
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registration.photos.portraits import MOST_BYTES
from shared.conference import Conference
from shared.events import DelegateRegistered
from tests.pictures import is_blue, is_red, opened, picture
from tests.registration_app import RegistrationApp, body_of, code, faults
from tests.registration_examples import TINY
from tests.staff_accounts import signed_in

PHOTO = picture()
TYPES = {"Content-Type": "image/jpeg"}
GUEST = {"category": "guest", "document_number": "N-1"}


def with_photos() -> Conference:
    member, guest = (each.model_copy(update={"photo": True}) for each in TINY.categories)
    guest = guest.model_copy(update={"self_registration": True})
    pilot = member.model_copy(update={"slug": "pilot", "photo": False})
    categories = [each.model_dump() for each in (member, guest, pilot)]
    return Conference.model_validate(TINY.model_dump() | {"categories": categories})


@pytest.fixture
def conference() -> Conference:
    """Members are accredited at once, guests by decision; both badges show a photo, a pilot's does not."""
    return with_photos()


async def give(
    app: RegistrationApp, delegate_id: str, photo: bytes = PHOTO, by: str | None = "accreditation", **asked: Any
) -> httpx.Response:
    headers = TYPES | asked.pop("headers", {})
    return await app.ask("PUT", f"/delegates/{delegate_id}/photo", by, content=photo, headers=headers, params=asked)


def shown(app: RegistrationApp, delegate_id: str) -> list[DelegateRegistered]:
    """What was published of somebody, in order."""
    facts = [each.fact for each in app.published()]
    return [each for each in facts if isinstance(each, DelegateRegistered) and each.key == delegate_id]


def with_photo(photo: bytes = PHOTO, **fields: Any) -> dict[str, Any]:
    return body_of(**fields) | {"photo": base64.b64encode(photo).decode()}


async def test_who_has_no_photo_yet_is_registered_and_accredited_when_it_comes(registration_app: RegistrationApp):
    answer = (await registration_app.register()).json()
    assert (answer["status"], answer["needs"]) == ("submitted", ["photo"])
    member = answer["delegate_id"]
    given = await give(registration_app, member)
    assert (given.status_code, given.json()["status"], "needs" in given.json()) == (200, "accredited", False)
    before, after = shown(registration_app, member)
    assert (before.photo, after.revision) == (None, 2)
    assert after.photo is not None
    assert opened(after.photo.jpeg).size == (420, 540)
    view = (await registration_app.ask("GET", f"/delegates/{member}")).json()
    assert view["photo"] == after.photo.sha256


async def test_a_form_sends_the_photo_with_the_registration(registration_app: RegistrationApp):
    answer = await registration_app.ask("POST", "/delegates", "form", json=with_photo())
    assert (answer.status_code, answer.json()["status"]) == (201, "accredited")
    [event] = shown(registration_app, answer.json()["delegate_id"])
    assert event.photo is not None
    event_of_another = {
        "specversion": "1.0", "id": "1", "source": "/f", "type": "registration-submitted",
        "data": with_photo(email="gro@port.example", given_name="Gro"),
    }  # fmt: skip
    headers = {"Content-Type": "application/cloudevents+json"}
    posted = await registration_app.ask("POST", "/events", "form", json=event_of_another, headers=headers)
    assert (posted.status_code, posted.json()["status"]) == (201, "accredited")


async def test_what_is_no_photo_is_a_fault_of_its_field_and_registers_nobody(registration_app: RegistrationApp):
    wrong = with_photo(b"<svg/>")
    french = {"Accept-Language": "fr"}
    refused = await registration_app.ask("POST", "/delegates", "form", json=wrong, headers=french)
    assert (refused.status_code, faults(refused)) == (422, {("/photo", "wrong-format")})
    assert "SVG" in refused.json()["errors"][0]["detail"]
    assert "read here" not in refused.json()["errors"][0]["detail"]
    event = {"specversion": "1.0", "id": "1", "source": "/f", "type": "registration-submitted", "data": wrong}
    headers = {"Content-Type": "application/cloudevents-batch+json"}
    batch = await registration_app.ask("POST", "/events", "form", json=[event], headers=headers)
    assert faults(batch) == {("/0/data/photo", "wrong-format")}
    assert shown(registration_app, "") == []
    assert (await registration_app.ask("GET", "/delegates")).json()["delegates"] == []


async def test_no_photo_is_taken_where_no_badge_shows_one(registration_app: RegistrationApp):
    refused = await registration_app.ask("POST", "/delegates", "form", json=with_photo(category="pilot"))
    assert faults(refused) == {("/photo", "photo-not-shown")}
    pilot = (await registration_app.register(category="pilot")).json()
    assert pilot["status"] == "accredited"
    assert faults(await give(registration_app, pilot["delegate_id"])) == {("/photo", "photo-not-shown")}


async def test_nobody_is_accredited_by_decision_without_their_photo(registration_app: RegistrationApp):
    guest = await registration_app.registered(**GUEST)
    accredit = {"json": {"decision": "accredit"}}
    refused = await registration_app.ask("POST", f"/delegates/{guest}/decision", **accredit)
    assert (refused.status_code, faults(refused)) == (422, {("/photo", "photo-needed")})
    assert (await give(registration_app, guest, by="form")).json()["status"] == "submitted"
    assert shown(registration_app, guest)[-1].photo is None, "no badge shows it yet"
    assert (await registration_app.ask("POST", f"/delegates/{guest}/decision", **accredit)).status_code == 200
    assert shown(registration_app, guest)[-1].photo is not None


async def test_who_has_yet_to_give_a_photo_is_found(registration_app: RegistrationApp):
    """Over the API and at the desk: not who is decided on, shows none, or gave theirs."""
    missing = await registration_app.registered(given_name="Ada", email="ada@port.example")
    given = await registration_app.registered(**GUEST, given_name="Bo", email="bo@port.example")
    await give(registration_app, given)
    await registration_app.registered(category="pilot", given_name="Cy", email="cy@port.example", document_number="N-3")
    hidden = {**GUEST, "given_name": "Di", "document_number": "N-4", "email": "di@port.example", "protected": True}
    await registration_app.registered(**hidden)
    gone = await registration_app.registered(given_name="Ed", email="ed@port.example", document_number="N-5")
    await registration_app.ask("POST", f"/delegates/{gone}/withdrawal")
    found = (await registration_app.ask("GET", "/delegates?needs=photo")).json()["delegates"]
    assert [each["delegate_id"] for each in found] == [missing]
    desk = await signed_in(registration_app)
    page = (await desk.get("/en/desk?status=photo")).text
    assert re.findall(r'href="/en/desk/people/([0-9a-f-]{36})"', page) == [missing]


async def test_another_photo_is_another_revision_and_the_same_one_is_none(registration_app: RegistrationApp):
    member = await registration_app.registered()
    await give(registration_app, member, left=1, top=5, width=45)
    assert (await give(registration_app, member, left=1, top=5, width=45)).json()["revision"] == 2
    assert (await give(registration_app, member, left=54, top=5, width=45)).json()["revision"] == 3
    red, blue = (each.photo for each in shown(registration_app, member)[1:])
    assert red is not None
    assert blue is not None
    assert is_red(opened(red.jpeg).getpixel((150, 100)))
    assert is_blue(opened(blue.jpeg).getpixel((150, 100)))
    amended = await registration_app.ask("PATCH", f"/delegates/{member}", json={"person": {"function": "Admiral"}})
    assert amended.status_code == 200
    assert shown(registration_app, member)[-1].photo == blue, "state, not deltas: every revision has it"


async def test_a_photo_replaced_in_the_same_group_is_still_that_of_its_revision(registration_app: RegistrationApp):
    member = await registration_app.registered()
    await give(registration_app, member, left=1, top=5, width=45)
    await registration_app.together(
        registration_app.ask("PATCH", f"/delegates/{member}", json={"person": {"function": "Admiral"}}),
        give(registration_app, member, left=54, top=5, width=45),
    )
    events = shown(registration_app, member)
    assert [each.revision for each in events] == [1, 2, 3, 4]
    pictures = [opened(each.photo.jpeg) for each in events if each.photo]
    assert is_red(pictures[1].getpixel((150, 100)))
    assert is_blue(pictures[2].getpixel((150, 100)))


async def test_a_protected_persons_photo_leaves_registration_nowhere(registration_app: RegistrationApp):
    guest = await registration_app.registered(**GUEST, protected=True)
    accredited = await registration_app.ask("POST", f"/delegates/{guest}/decision", json={"decision": "accredit"})
    assert accredited.status_code == 200, "none is shown, so none is needed"
    refused = await registration_app.ask("PATCH", f"/delegates/{guest}", json={"protected": False})
    assert faults(refused) == {("/photo", "photo-needed")}
    await give(registration_app, guest)
    assert [each.photo for each in shown(registration_app, guest)] == [None] * len(shown(registration_app, guest))
    address = f"/delegates/{guest}/photo"
    assert (await registration_app.ask("GET", address)).status_code == 200
    for reader in ("read-only", "badging", "form"):
        assert (await registration_app.ask("GET", address, reader)).status_code == 404
        view = await registration_app.ask("GET", f"/delegates/{guest}", reader)
        assert view.json()["photo"] is None
    await registration_app.ask("PATCH", f"/delegates/{guest}", json={"protected": False})
    assert shown(registration_app, guest)[-1].photo is not None


async def test_who_may_give_and_see_a_photo(registration_app: RegistrationApp):
    member = await registration_app.registered(delegation="marseille")
    assert (await give(registration_app, member, by=None)).status_code == 401
    for stranger in ("read-only", "programme"):
        assert (await give(registration_app, member, by=stranger)).status_code == 403
    assert (await give(registration_app, member, by="oslo-form")).status_code == 404
    assert (await registration_app.ask("GET", f"/delegates/{member}/photo")).status_code == 404
    assert (await give(registration_app, member, by="form")).status_code == 200
    answer = await registration_app.ask("GET", f"/delegates/{member}/photo", "read-only")
    assert (answer.headers["content-type"], answer.headers["cache-control"]) == ("image/jpeg", "no-store")
    assert opened(answer.content).size == (420, 540)
    assert (await registration_app.ask("GET", f"/delegates/{member}/photo", "oslo-form")).status_code == 404


async def test_the_erased_have_no_photo_left(registration_app: RegistrationApp):
    member = await registration_app.registered()
    await give(registration_app, member)
    assert registration_app.rows()["portraits"]
    await registration_app.ask("DELETE", f"/delegates/{member}")
    assert registration_app.rows()["portraits"] == []
    assert (await registration_app.ask("GET", f"/delegates/{member}/photo")).status_code == 410
    assert (await give(registration_app, member)).status_code == 410
    assert registration_app.rows()["portraits"] == []


async def test_a_dry_run_and_a_repeat_change_nothing(registration_app: RegistrationApp):
    member = await registration_app.registered()
    assert (await give(registration_app, member, dry_run=1)).json()["dry_run"]
    assert registration_app.rows()["portraits"] == []
    once = {"headers": {"Idempotency-Key": "once"}}
    answers = [(await give(registration_app, member, **once)).json() for _ in range(2)]
    assert answers[0] == answers[1]
    assert code(await give(registration_app, member, picture(900, 900), **once)) == "key-reused"


async def test_what_is_too_much_is_refused_while_it_is_read(registration_app: RegistrationApp):
    member = await registration_app.registered()
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(1600):
            sent += 64 * 1024
            yield bytes(64 * 1024)

    headers = {"Authorization": "Bearer accreditation", **TYPES}
    address = f"/delegates/{member}/photo"
    async with httpx.AsyncClient(transport=registration_app.http._transport, base_url="http://registration.test") as client:
        answer = await client.put(address, content=endless(), headers=headers)
    assert (answer.status_code, code(answer)) == (413, "too-large")
    assert sent <= MOST_BYTES + 2 * 64 * 1024 or sent == 1600 * 64 * 1024  # the transport of tests may read ahead
    declared = await registration_app.ask("PUT", address, content=bytes(MOST_BYTES + 1), headers=TYPES)
    assert declared.status_code == 413
    assert (await registration_app.ask("PUT", address, json={})).status_code == 415
    assert (await give(registration_app, member, left=5)).status_code == 422
    assert faults(await give(registration_app, member, left=80, top=0, width=80)) == {("", "area-outside")}


async def test_any_bytes_at_all_are_a_photo_or_refused(registration_app: RegistrationApp):
    member = await registration_app.registered()
    asked: list[bytes] = []

    @settings(max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.one_of(st.binary(max_size=200), st.tuples(st.integers(0, len(PHOTO)), st.binary(max_size=20))))
    def collect(drawn: bytes | tuple[int, bytes]) -> None:
        asked.append(drawn if isinstance(drawn, bytes) else PHOTO[: drawn[0]] + drawn[1] + PHOTO[drawn[0] + len(drawn[1]) :])

    collect()
    for file in asked:
        answer = await give(registration_app, member, file)
        assert answer.status_code in (200, 422), answer.text
