"""Badging's HTTP API over its real routes and database: what the desk, the gates and everybody else get."""

import dataclasses
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pypdfium2
import pytest
from structlog.testing import capture_logs

from badging import store
from badging.api import router
from badging.door import Door
from badging.service import BadgeDesk
from shared.clock import ConferenceClock
from shared.database import Database
from shared.events import BadgeJob, PrintState
from shared.http import Readiness, http_app
from shared.ids import new_id
from shared.keys import Role, StaffKeys, key_hash
from shared.settings import KafkaSettings
from tests.badging_examples import CONFERENCE, NOON, queued, received, registered, reported, session

NAME = "Ada Berg"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'badging.db'}", "badging")
    database.migrate("badging:migrations")
    yield database
    database.close()


@pytest.fixture
def desk() -> BadgeDesk:
    return BadgeDesk(CONFERENCE, KafkaSettings(badge_stations="main,gate-2"))


@pytest.fixture
def keys(tmp_path: Path) -> StaffKeys:
    path = tmp_path / "keys.toml"
    path.write_text("".join(f'[keys.{key_hash(role)}]\nname = "{role} desk"\nrole = "{role}"\n' for role in Role))
    return StaffKeys(path)


@dataclasses.dataclass
class Badging:
    """The service as its callers see it, and as events reach it."""

    http: httpx.AsyncClient
    database: Database
    desk: BadgeDesk

    async def get(self, path: str, role: Role | None = Role.READ_ONLY, **parameters: Any) -> httpx.Response:
        return await self.http.get(path, params=parameters or None, headers=authorization(role))

    async def reprint(self, badge_id: UUID | str, body: Any, role: Role = Role.BADGING, **headers: str) -> httpx.Response:
        sent = {**authorization(role), **headers}
        return await self.http.post(f"/badges/{badge_id}/reprint", json=body, headers=sent)

    async def listed(self, **parameters: Any) -> list[str]:
        answer = await self.get("/badges", **parameters)
        assert answer.status_code == 200, answer.text
        return [badge["badge_id"] for badge in answer.json()["badges"]]

    def issue(self, **changed: Any) -> BadgeJob:
        fact = registered(name=NAME, **changed)
        self.handle(self.desk.converge, fact)
        with self.database.connect() as tx:
            return queued(tx, fact.delegate_id)[-1][1]

    def handle(self, use_case: Callable[..., Any], fact: Any) -> None:
        self.database.transaction(lambda tx: use_case(tx, [received(fact)]))


def authorization(role: Role | None) -> dict[str, str]:
    return {} if role is None else {"Authorization": f"Bearer {role}"}


@pytest.fixture
async def badging(database: Database, desk: BadgeDesk, keys: StaffKeys) -> AsyncIterator[Badging]:
    async def ready() -> Readiness:
        return Readiness(ready=True, checks={})

    app = http_app("Lanyard badging", ready)
    app.include_router(router(database, keys, desk, Door(CONFERENCE, ConferenceClock(NOON))))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://badging.example") as http:
        yield Badging(http, database, desk)


# --- keys ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["", "/{id}", "/{id}.pdf", "/{id}.png", "/verify?credential=x"])
async def test_everything_needs_a_key_of_the_right_kind(badging: Badging, path: str):
    url = "/badges" + path.format(id=badging.issue().badge_id)
    for role, status in ((None, 401), (Role.PROGRAMME, 403), (Role.OPERATIONS, 200), (Role.ACCREDITATION, 200)):
        answer = await badging.get(url, role)
        assert answer.status_code == status, (role, answer.text)
        if status != 200:
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["detail"]


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.BADGING])
async def test_only_the_badging_desk_reprints(badging: Badging, role: Role):
    job = badging.issue()
    assert (await badging.reprint(job.badge_id, {"reason": "lost"}, role)).status_code == 403
    assert await badging.listed(delegate=job.delegate_id, state="valid") == [str(job.badge_id)]


# --- reading ------------------------------------------------------------------------------------------------------


async def test_a_badge_is_shown_whole_but_for_its_credential(badging: Badging):
    job = badging.issue()
    answer = await badging.get(f"/badges/{job.badge_id}")
    badge = answer.json()
    assert (badge["serial"], badge["state"], badge["print_state"], badge["reason"]) == (job.serial, "valid", "queued", "first")
    assert badge["content"]["name"] == NAME
    assert job.credential not in answer.text
    assert answer.headers["cache-control"] == "no-store"


async def test_badges_are_listed_by_delegate_serial_and_state_and_in_pages(badging: Badging):
    first = badging.issue()
    second = badging.issue()
    new = (await badging.reprint(first.badge_id, {"reason": "damaged"})).json()
    every = [str(first.badge_id), str(second.badge_id), new["badge_id"]]
    assert await badging.listed() == every
    assert await badging.listed(delegate=first.delegate_id) == [every[0], every[2]]
    assert await badging.listed(delegate=new_id()) == []
    assert await badging.listed(state="void") == [every[0]]
    assert await badging.listed(serial=second.serial.lower().replace("-", "")) == [every[1]]
    page = (await badging.get("/badges", limit=2)).json()
    assert page["next_after"] == every[1]
    last = (await badging.get("/badges", limit=2, after=page["next_after"])).json()
    assert ([badge["badge_id"] for badge in last["badges"]], last["next_after"]) == ([every[2]], None)


async def test_operations_finds_what_failed_and_what_to_destroy(badging: Badging):
    failed, superseded, kept = badging.issue(), badging.issue(), badging.issue()
    badging.handle(badging.desk.record, reported(failed, PrintState.FAILED, cause="no font here has U+1F600"))
    for job in (superseded, kept):
        badging.handle(badging.desk.record, reported(job, PrintState.PRINTED))
    await badging.reprint(superseded.badge_id, {"reason": "lost"})
    assert await badging.listed(print_state="failed") == [str(failed.badge_id)]
    assert await badging.listed(destroy=1) == [str(superseded.badge_id)]
    shown = (await badging.get(f"/badges/{failed.badge_id}")).json()
    assert shown["print_cause"] == "no font here has U+1F600"


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"limit": 0}, "limit"),
        ({"state": "lost"}, "state"),
        ({"delegate": "ada"}, "delegate"),
        ({"serial": "HD26-1"}, "serial"),
    ],
)
async def test_a_wrong_parameter_is_named(badging: Badging, parameters: dict[str, Any], named: str):
    answer = await badging.get("/badges", **parameters)
    assert answer.status_code == 422
    [fault] = answer.json()["errors"]
    assert named in fault["pointer"]


async def test_a_badge_that_is_not_there_is_404(badging: Badging):
    for path in ("", ".pdf", ".png"):
        answer = await badging.get(f"/badges/{new_id()}{path}")
        assert (answer.status_code, answer.json()["type"]) == (404, "urn:lanyard:problem:no-such-badge")
    assert (await badging.reprint(new_id(), {"reason": "lost"})).status_code == 404


# --- pictures -----------------------------------------------------------------------------------------------------


def words_of(pdf: bytes) -> str:
    document = pypdfium2.PdfDocument(pdf)
    return document[0].get_textpage().get_text_range().replace("\r\n", " ")


async def test_pictures_show_the_badge_and_a_void_one_says_so(badging: Badging):
    job = badging.issue()
    pdf, png = [await badging.get(f"/badges/{job.badge_id}.{kind}") for kind in ("pdf", "png")]
    assert (pdf.headers["content-type"], png.headers["content-type"]) == ("application/pdf", "image/png")
    assert pdf.headers["cache-control"] == "no-store"
    assert png.content.startswith(b"\x89PNG")
    assert NAME in words_of(pdf.content)
    assert job.serial in words_of(pdf.content)
    assert "VOID" not in words_of(pdf.content)
    await badging.reprint(job.badge_id, {"reason": "stolen"})
    assert "VOID" in words_of((await badging.get(f"/badges/{job.badge_id}.pdf")).content)
    assert (await badging.get(f"/badges/{job.badge_id}.png")).content != png.content


async def test_of_an_erased_delegate_the_serial_alone_is_left(badging: Badging):
    job = badging.issue()
    badging.handle(badging.desk.converge, registered(job.delegate_id, revision=2, status="erased"))
    answer = await badging.get(f"/badges/{job.badge_id}")
    assert (answer.json()["serial"], answer.json()["state"], answer.json()["content"]) == (job.serial, "void", None)
    assert NAME not in answer.text
    for kind in ("pdf", "png"):
        assert (await badging.get(f"/badges/{job.badge_id}.{kind}")).status_code == 410


# --- the desk -----------------------------------------------------------------------------------------------------


async def test_a_reprint_answers_with_the_new_badge_on_the_callers_trace(badging: Badging):
    job = badging.issue()
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    with capture_logs() as logs:
        answer = await badging.reprint(
            job.badge_id, {"reason": "illegible", "station": "gate-2", "priority": "urgent"}, traceparent=trace
        )
    new = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/badges/{new['badge_id']}"
    assert (new["reason"], new["supersedes"], new["station"]) == ("illegible", str(job.badge_id), "gate-2")
    assert new["serial"] != job.serial
    assert [line["event"] for line in logs] == ["badge_voided", "badge_issued"]
    assert {line["trace_id"] for line in logs} == {trace[3:35]}
    assert NAME not in str(logs)
    with badging.database.connect() as tx:
        table = store.outbox.table
        assert tx.execute(table.select().order_by(table.c.seq.desc())).first().topic == "badge-queue.gate-2.urgent"


async def test_a_reprint_under_one_key_is_made_once(badging: Badging):
    job = badging.issue()
    key = {"Idempotency-Key": "desk-1-0001"}
    first, again = [await badging.reprint(job.badge_id, {"reason": "lost"}, **key) for _ in range(2)]
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    other = await badging.reprint(job.badge_id, {"reason": "stolen"}, **key)
    assert (other.status_code, other.json()["type"]) == (422, "urn:lanyard:problem:key-reused")
    assert len(await badging.listed(delegate=job.delegate_id)) == 2


async def test_a_refused_reprint_leaves_its_key_free(badging: Badging):
    job = badging.issue()
    key = {"Idempotency-Key": "desk-1-0002"}
    assert (await badging.reprint(job.badge_id, {"reason": "lost", "station": "moon"}, **key)).status_code == 422
    assert (await badging.reprint(job.badge_id, {"reason": "lost", "station": "main"}, **key)).status_code == 201


async def test_a_badge_that_is_not_valid_says_which_one_is(badging: Badging):
    job = badging.issue()
    new = (await badging.reprint(job.badge_id, {"reason": "lost"})).json()
    answer = await badging.reprint(job.badge_id, {"reason": "lost"})
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:lanyard:problem:badge-not-valid")
    assert new["badge_id"] in answer.json()["detail"]


async def test_every_fault_of_a_reprint_is_named_at_once(badging: Badging):
    answer = await badging.reprint(badging.issue().badge_id, {"reason": "bored", "priority": "now", "printer": "p1"})
    assert answer.status_code == 422
    assert sorted(fault["pointer"] for fault in answer.json()["errors"]) == ["/printer", "/priority", "/reason"]


@pytest.mark.parametrize(
    ("media_type", "body", "status"),
    [("text/plain", b"{}", 415), ("application/json", b"{", 400), ("application/json", b" " * 300_000, 413)],
)
async def test_a_body_that_is_no_reprint_is_refused(badging: Badging, media_type: str, body: bytes, status: int):
    headers = {**authorization(Role.BADGING), "Content-Type": media_type}
    url = f"/badges/{badging.issue().badge_id}/reprint"
    assert (await badging.http.post(url, content=body, headers=headers)).status_code == status


# --- gates --------------------------------------------------------------------------------------------------------


async def verify(badging: Badging, credential: str, **parameters: str) -> dict[str, Any]:
    answer = await badging.get("/badges/verify", credential=credential, **parameters)
    assert answer.status_code == 200, answer.text
    assert NAME not in answer.text
    return answer.json()


async def test_a_valid_credential_is_admitted_without_a_name(badging: Badging):
    job = badging.issue()
    assert await verify(badging, job.credential) == {
        "admitted": True,
        "refusal": None,
        "badge_id": str(job.badge_id),
        "serial": job.serial,
        "category": "member",
        "zones": ["H"],
    }


async def test_a_guessed_or_foreign_credential_is_not(badging: Badging):
    job = badging.issue()
    guessed = job.credential[:-1] + ("0" if job.credential[-1] != "0" else "1")
    for credential in (guessed, job.serial, "LY1.HD26-00000-00000.0", f"LY2{job.credential[3:]}", "é"):
        answer = await verify(badging, credential)
        assert (answer["admitted"], answer["refusal"], answer["serial"]) == (False, "unknown-credential", None)


async def test_a_superseded_badge_is_not(badging: Badging):
    job = badging.issue()
    await badging.reprint(job.badge_id, {"reason": "stolen"})
    answer = await verify(badging, job.credential)
    assert (answer["admitted"], answer["refusal"]) == (False, "void-badge")


async def test_a_pass_is_for_its_days_at_the_venue(badging: Badging):
    today, yesterday = NOON.date(), NOON.date() - timedelta(days=1)
    assert (await verify(badging, badging.issue(pass_days=[today]).credential))["admitted"]
    answer = await verify(badging, badging.issue(pass_days=[yesterday]).credential)
    assert (answer["admitted"], answer["refusal"]) == (False, "not-valid-today")


async def test_a_day_begins_at_the_venues_midnight(badging: Badging):
    job = badging.issue(pass_days=[NOON.date()])
    after_midnight_in_paris = ConferenceClock(NOON.replace(hour=22, minute=30) - timedelta(days=1))
    door = Door(CONFERENCE, after_midnight_in_paris)
    assert (await badging.database.read(lambda tx: door.check(tx, job.credential))).admitted


async def test_a_session_admits_its_audience_as_it_is_now(badging: Badging):
    job = badging.issue()
    badging.handle(badging.desk.keep_sessions, session())
    assert (await verify(badging, job.credential, session="pilots"))["admitted"]
    badging.handle(badging.desk.keep_sessions, session(revision=2, audience=["guest"]))
    answer = await verify(badging, job.credential, session="pilots")
    assert (answer["admitted"], answer["refusal"]) == (False, "category-not-in-audience")
    assert (await badging.get("/badges/verify", credential=job.credential, session="regatta")).status_code == 404


# --- the description ----------------------------------------------------------------------------------------------


async def test_the_openapi_document_describes_bodies_answers_and_keys(badging: Badging):
    document = (await badging.http.get("/openapi.json")).json()
    paths = document["paths"]
    for path in ("/badges", "/badges/{badge_id}", "/badges/{badge_id}.pdf", "/badges/{badge_id}.png", "/badges/verify"):
        operation = paths[path]["get"]
        assert operation["security"], path
        assert "application/problem+json" in operation["responses"]["401"]["content"], path
    reprint = paths["/badges/{badge_id}/reprint"]["post"]
    assert "application/json" in reprint["requestBody"]["content"]
    assert {"201", "400", "404", "409", "413", "415", "422"} <= reprint["responses"].keys()
    assert list(paths["/badges/{badge_id}.pdf"]["get"]["responses"]["200"]["content"]) == ["application/pdf"]
