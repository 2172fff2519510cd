"""A photo that comes after an accreditation by decision waits at the desk like any correction, and the one decided on stays."""

import base64
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from registration import store
from shared.conference import Conference
from shared.events import Status
from shared.keys import Role
from tests.integration.test_photos import GUEST, give, shown, with_photos
from tests.integration.test_who_may import KEYS, filled, routes_of, visitors_of
from tests.pictures import is_blue, is_red, opened
from tests.registration_app import RegistrationApp, code, registration_running
from tests.registration_examples import tiny
from tests.smtp_server import MailBox, smtp_server
from tests.staff_accounts import signed_in

RED, BLUE = {"left": 1, "top": 5, "width": 45}, {"left": 54, "top": 5, "width": 45}
PROPOSED = store.metadata.tables["proposed_portraits"].name


@pytest.fixture
def conference() -> Conference:
    """Of the two kinds of guests, two decide on one."""
    photos = with_photos()
    [guest] = [each for each in photos.categories if each.slug == "guest"]
    board = guest.model_copy(update={"slug": "board", "decided_by_two": True})
    return tiny(categories=[each.model_dump() for each in (*photos.categories, board)])


async def accredited(app: RegistrationApp, **also: Any) -> str:
    """A guest with a red photo."""
    guest = await app.registered(**{**GUEST, **also})
    assert (await give(app, guest, by="form", **RED)).status_code == 200
    for _ in range(2 if also.get("category") == "board" else 1):
        await app.ask("POST", f"/delegates/{guest}/decision", json={"decision": "accredit"})
    return guest


async def decided(app: RegistrationApp, delegate_id: str, decision: str, **also: Any) -> httpx.Response:
    return await app.ask("POST", f"/delegates/{delegate_id}/correction/decision", json={"decision": decision, **also})


def colour(jpeg: bytes) -> str:
    pixel = opened(jpeg).getpixel((150, 100))
    return "red" if is_red(pixel) else "blue" if is_blue(pixel) else "?"


def published(app: RegistrationApp, delegate_id: str) -> list[str]:
    return [colour(each.photo.jpeg) for each in shown(app, delegate_id) if each.photo]


async def seen(app: RegistrationApp, delegate_id: str, by: str = "accreditation", **asked: Any) -> str:
    answer = await app.ask("GET", f"/delegates/{delegate_id}/photo", by, params=asked)
    return colour(answer.content) if answer.status_code == 200 else code(answer)


async def test_another_photo_waits_and_the_one_decided_on_stays_until_it_is_accepted(registration_app: RegistrationApp):
    app = registration_app
    guest = await accredited(app)
    answer = (await give(app, guest, by="form", **BLUE)).json()
    assert (answer["status"], answer["revision"]) == ("accredited", 3), "no revision was made"
    assert (answer["proposed"]["state"], answer["proposed"]["parts"]) == ("waiting", ["/photo"])
    assert (await seen(app, guest), await seen(app, guest, proposed=1)) == ("red", "blue")
    assert published(app, guest) == ["red"]
    accepted = (await decided(app, guest, "accept", number=1)).json()
    assert (accepted["status"], accepted["revision"], accepted["proposed"]["state"]) == ("accredited", 4, "accepted")
    assert published(app, guest) == ["red", "blue"]
    assert (await seen(app, guest), await seen(app, guest, proposed=1)) == ("blue", "not-found")
    assert app.rows()[PROPOSED] == []
    entries = (await app.ask("GET", "/audit")).json()["entries"]
    told = [(each["entry"]["action"], each["entry"].get("amended")) for each in entries]
    assert told[-2:] == [("propose-correction", ["/photo"]), ("accept-correction", ["/photo"])]


async def test_a_declined_one_is_gone_and_the_same_as_stands_is_taken_back(registration_app: RegistrationApp):
    app = registration_app
    guest = await accredited(app)
    await give(app, guest, by="form", **BLUE)
    declined = (await decided(app, guest, "decline", reason="No uniform, please")).json()
    assert (declined["proposed"]["state"], declined["revision"]) == ("declined", 3)
    assert app.rows()[PROPOSED] == []
    await give(app, guest, by="form", **BLUE)
    taken_back = (await give(app, guest, by="form", **RED)).json()
    assert taken_back["proposed"]["state"] == "taken-back"
    assert (published(app, guest), app.rows()[PROPOSED]) == (["red"], [])


async def test_it_waits_together_with_what_else_is_corrected(registration_app: RegistrationApp):
    app = registration_app
    guest = await accredited(app)
    await give(app, guest, by="form", **BLUE)
    amended = await app.ask("PATCH", f"/delegates/{guest}", "form", json={"person": {"function": "Pilot"}})
    assert amended.json()["proposed"]["parts"] == ["/person/function", "/photo"]
    assert await seen(app, guest, proposed=1) == "blue"
    accepted = (await decided(app, guest, "accept", number=2)).json()
    assert accepted["revision"] == 4, "both in one"
    assert published(app, guest) == ["red", "blue"]
    [*_, fact] = shown(app, guest)
    assert fact.person
    assert fact.person.function == "Pilot"


async def test_what_is_proposed_and_accepted_in_one_group_is_published_once(registration_app: RegistrationApp):
    app = registration_app
    guest = await accredited(app)
    answers = await app.together(give(app, guest, by="form", **BLUE), decided(app, guest, "accept"))
    assert {each.status_code for each in answers} <= {200, 409}
    if answers[1].status_code == 409:  # decided before it was proposed
        await decided(app, guest, "accept")
    assert published(app, guest) == ["red", "blue"]
    assert app.rows()[PROPOSED] == []


async def test_it_ends_with_the_registration(registration_app: RegistrationApp):
    app = registration_app
    for path, body in (("decision", {"decision": "refuse", "reason": "Late"}), ("withdrawal", None)):
        guest = await accredited(app, given_name=path, email=f"{path}@port.example", document_number=path)
        await give(app, guest, by="form", **BLUE)
        assert len(app.rows()[PROPOSED]) == 1
        await app.ask("POST", f"/delegates/{guest}/{path}", json=body)
        assert app.rows()[PROPOSED] == []
    erased = await accredited(app, given_name="Cy")
    await give(app, erased, by="form", **BLUE)
    await app.ask("DELETE", f"/delegates/{erased}")
    rows = app.rows()
    assert (rows[PROPOSED], rows["portraits"]) == ([], [each for each in rows["portraits"] if str(each[0]) != erased])


async def test_the_desk_alone_gives_another_at_once_where_one_decides(registration_app: RegistrationApp):
    app = registration_app
    guest = await accredited(app)
    assert "proposed" not in (await give(app, guest, **BLUE)).json()
    assert published(app, guest) == ["red", "blue"]


async def test_where_two_decide_another_must_confirm_also_what_the_desk_gave(registration_app: RegistrationApp):
    app = registration_app
    board = await app.registered(**{**GUEST, "category": "board"})
    await give(app, board, by="form", **RED)
    anna = await signed_in(app)
    await app.ask("POST", f"/delegates/{board}/decision", json={"decision": "accredit"})
    await anna.send(f"/en/desk/people/{board}", {"decision": "accredit", "revision": "3"})
    assert app.delegate(board).status is Status.ACCREDITED
    assert (await give(app, board, **BLUE)).json()["proposed"]["state"] == "waiting"
    assert (await decided(app, board, "accept")).json()["proposed"]["state"] == "waiting", "the key proposed it"
    await anna.send(f"/en/desk/people/{board}", {"decision": "accept", "number": "1"})
    assert published(app, board) == ["red", "blue"]


async def test_who_is_not_accredited_or_by_rule_has_another_at_once(registration_app: RegistrationApp):
    app = registration_app
    guest, member = await app.registered(**GUEST), await app.registered(given_name="Bo")
    for each in (guest, member):
        for area in (RED, BLUE):
            assert "proposed" not in (await give(app, each, by="form", **area)).json()
    assert published(app, member) == ["red", "blue"]
    assert await seen(app, guest) == "blue"


async def test_what_is_only_tried_or_sent_again_waits_once(registration_app: RegistrationApp):
    app = registration_app
    guest = await accredited(app)
    tried = await give(app, guest, by="form", dry_run=1, **BLUE)
    assert tried.json()["proposed"]["state"] == "waiting"
    assert app.rows()[PROPOSED] == []
    for _ in range(2):
        assert (await give(app, guest, by="form", **BLUE)).json()["proposed"]["number"] == 1


async def test_the_desk_sees_both_beside_each_other(registration_app: RegistrationApp):
    app = registration_app
    guest = await accredited(app)
    await give(app, guest, by="form", **BLUE)
    anna, reader = await signed_in(app), await signed_in(app, "reader", Role.READ_ONLY)
    for address in (f"/en/desk/people/{guest}", "/en/desk?status=corrections"):
        page = (await anna.get(address)).text
        found = re.findall(rf'<td><img src="(/en/desk/people/{guest}/photo/(now|proposed)[^"]*)"', page)
        assert [kind for _, kind in found] == ["now", "proposed"], address
        assert [colour((await anna.get(each)).content) for each, _ in found] == ["red", "blue"]
        assert "/photo/proposed" not in (await reader.get(address)).text
    assert (await reader.get(f"/en/desk/people/{guest}/photo/proposed")).status_code == 404
    await anna.send(f"/en/desk/people/{guest}", {"decision": "accept", "number": "1"})
    assert (await anna.get(f"/en/desk/people/{guest}/photo/proposed")).status_code == 404


@pytest.mark.thorough
async def test_a_protected_persons_photo_is_nowhere_but_at_the_desk_and_before_their_focal_point(
    conference: Conference, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """The one in force and the one that waits are looked for in all that anybody can ask, and in what leaves registration."""
    box, url = MailBox(), f"sqlite:///{tmp_path / 'registration.db'}"
    async with smtp_server(box), registration_running(url, conference, tmp_path, smtp_port=box.port) as app:
        person = await accredited(app, protected=True, function="Pilot")
        await give(app, person, by="form", **BLUE)
        rows = app.rows()
        traces = [each for row in (*rows["portraits"], *rows[PROPOSED]) for each in traces_of(row[1], row[2])]
        assert len(traces) == 6
        visitors = await visitors_of(app, box)
        values = {"delegate_id": person, "code": "oslo", "session_id": "welcome", "category": "guest", "link": "none"}
        found: dict[str, set[str]] = {}
        for name, method, path in routes_of(app.app):
            if method != "GET":
                continue
            address = filled(path, {**values, "staged_id": person})
            for asked in (address, f"{address}?proposed=1", f"{address}?status=corrections"):
                answers = {who: await visitor.get(asked) for who, visitor in visitors.items()}
                for who, key in KEYS.items():
                    answers[who] = await app.http.get(asked, headers={"Authorization": f"Bearer {key}"} if key else {})
                for who, answer in answers.items():
                    if stands_in(answer.content, traces):
                        found.setdefault(who, set()).add(name)
        at_desk, of_oslo = "GET /LANG/desk/people/{delegate_id}/photo", "GET /LANG/delegation/{code}/people/{delegate_id}/photo"
        assert found == {
            "accreditation": {"GET /delegates", "GET /delegates/{delegate_id}", "GET /delegates/{delegate_id}/photo"},
            "accreditation account": {f"{at_desk}/now", f"{at_desk}/proposed"},
            "focal point of oslo": {f"{of_oslo}/now", f"{of_oslo}/proposed"},
        }
        held = {table for table, content in app.rows().items() for row in content if stands_in(row, traces)}
        assert held == {"portraits", PROPOSED, "delegates", "corrections"}, "no outbox, no answer, no trail"
        assert not stands_in([mail.as_bytes() for mail in box.mails], traces)
        assert not stands_in(capsys.readouterr().out, traces), "no log"


def traces_of(sha256: str, jpeg: bytes) -> list[bytes]:
    return [sha256.encode(), jpeg, base64.b64encode(jpeg)[:60]]


def stands_in(content: Any, traces: Sequence[bytes]) -> bool:
    if isinstance(content, str | bytes):
        written = content.encode() if isinstance(content, str) else content
        return any(each in written for each in traces)
    return isinstance(content, Sequence) and any(stands_in(each, traces) for each in cast(Sequence[Any], content))
