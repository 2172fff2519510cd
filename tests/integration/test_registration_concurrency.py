"""Many at once: the last place is given once, a group that cannot be committed stores nothing, nobody harms another."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from sqlalchemy import Connection
from sqlalchemy.engine import make_url
from structlog.testing import capture_logs

from registration import model, service
from registration.intake import group, reach
from registration.intake.locks import hold
from shared.events import EnrolmentState
from tests.parts import PostgreSQL
from tests.registration_app import RegistrationApp, body_of, code, faults, registration_running, until
from tests.registration_examples import TINY

AT_ONCE = 64


def name(number: int) -> str:
    return f"{chr(65 + number // 26)}{chr(97 + number % 26)}"


@asynccontextmanager
async def served(app: RegistrationApp) -> AsyncIterator[httpx.AsyncClient]:
    """The app on a real port."""
    config = uvicorn.Config(app.app, host="127.0.0.1", port=0, http="httptools", lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    await until(lambda: server.started)
    [socket] = server.servers[0].sockets
    limits = httpx.Limits(max_connections=AT_ONCE)
    address = f"http://127.0.0.1:{socket.getsockname()[1]}"
    async with httpx.AsyncClient(base_url=address, limits=limits, timeout=60) as client:
        yield client
    server.should_exit = True
    await serving


@asynccontextmanager
async def replicas(url: str, folder: Path) -> AsyncIterator[tuple[RegistrationApp, RegistrationApp]]:
    async with registration_running(url, TINY, folder) as one, registration_running(url, TINY, folder) as other:
        yield one, other


async def in_time(asked: Awaitable[Any]) -> Any:
    async with asyncio.timeout(60):
        return await asked


# --- the last place -----------------------------------------------------------------------------------------------


async def test_the_last_place_of_a_quota_goes_to_one_of_sixty_four_over_http(registration_app: RegistrationApp):
    for number in range(4):
        await registration_app.registered(given_name=name(number))
    async with served(registration_app) as http:
        asked = [body_of(given_name=name(number), email=f"p{number}@x.example") for number in range(10, 10 + AT_ONCE)]
        headers = {"Authorization": "Bearer form"}
        answers = await in_time(asyncio.gather(*(http.post("/delegates", json=each, headers=headers) for each in asked)))
    assert Counter(each.status_code for each in answers) == {201: 1, 422: AT_ONCE - 1}
    assert all(faults(each) == {("/delegation", "quota-full")} for each in answers if each.status_code == 422)
    [winner] = [each.json()["delegate_id"] for each in answers if each.status_code == 201]
    assert len(registration_app.rows()["delegates"]) == 5
    assert registration_app.delegate(winner).revision == 1


async def test_the_last_place_of_a_session_goes_to_one_of_many(registration_app: RegistrationApp):
    await registration_app.ask("PATCH", "/sessions/pilots", "programme", json={"capacity": 1})
    everybody = [
        await registration_app.registered(given_name=name(number), delegation=("oslo", "marseille")[number % 2])
        for number in range(10)
    ]
    asked = [registration_app.ask("PUT", f"/delegates/{each}/sessions/pilots", "form") for each in everybody]
    answers = await in_time(asyncio.gather(*asked))
    assert Counter(each.status_code for each in answers) == {200: 1, 422: 9}


async def test_one_person_is_registered_once_of_sixty_four(registration_app: RegistrationApp):
    answers = await in_time(asyncio.gather(*(registration_app.register("form") for _ in range(AT_ONCE))))
    assert Counter(each.status_code for each in answers) == {201: 1, 422: AT_ONCE - 1}


# --- two replicas on one database ---------------------------------------------------------------------------------


async def test_of_two_replicas_one_gives_the_last_place(postgresql_url: str, tmp_path: Path):
    async with replicas(postgresql_url, tmp_path) as (one, other):
        for number in range(4):
            await one.registered(given_name=name(number))
        asked = [
            (one, other)[number % 2].register("form", given_name=name(number), email=f"p{number}@x.example")
            for number in range(10, 10 + AT_ONCE)
        ]
        answers = await in_time(asyncio.gather(*asked))
        assert Counter(each.status_code for each in answers) == {201: 1, 422: AT_ONCE - 1}
        assert len(one.rows()["delegates"]) == 5


async def test_of_two_replicas_one_takes_a_key_and_the_other_repeats_it_or_waits(postgresql_url: str, tmp_path: Path):
    async with replicas(postgresql_url, tmp_path) as (one, other):
        answers = await in_time(asyncio.gather(*((one, other)[number % 2].register(key="1") for number in range(AT_ONCE))))
        taken = {each.content for each in answers if each.status_code == 201}
        assert len(taken) == 1
        assert {code(each) for each in answers if each.status_code != 201} <= {"in-flight"}
        assert {(await app.register(key="1")).content for app in (one, other)} == taken
        assert len(one.rows()["delegates"]) == 1


async def test_two_replicas_never_wait_for_each_other_in_a_ring(postgresql_url: str, tmp_path: Path):
    """Batches that touch the same delegations, sessions and people in opposite orders, with amendments and moves."""
    async with replicas(postgresql_url, tmp_path) as (one, other):
        first = await one.registered(given_name="First", sessions=["welcome"])
        second = await one.registered(given_name="Second", delegation="marseille", email="s@x.example", sessions=["welcome"])

        def batch(number: int) -> list[dict[str, Any]]:
            delegations = ["oslo", "marseille", "no"][:: 1 if number % 2 else -1]
            return [
                {
                    "specversion": "1.0",
                    "id": f"{number}-{delegation}",
                    "source": "form",
                    "type": "registration-submitted",
                    "data": body_of(
                        given_name=name(number),
                        delegation=delegation,
                        email=f"p{number}-{place}@x.example",
                        sessions=["welcome", "pilots"][:: 1 if number % 2 else -1],
                    ),
                }
                for place, delegation in enumerate(delegations)
            ]

        headers = {"Content-Type": "application/cloudevents-batch+json"}
        asked: list[Any] = []
        for number in range(24):
            app = (one, other)[number % 2]
            asked.append(app.ask("POST", "/events", "form", content=json.dumps(batch(number)), headers=headers))
            delegate = (first, second)[number % 2]
            asked.append(app.ask("PATCH", f"/delegates/{delegate}", json={"person": {"given_name": f"N{name(number)}"}}))
            method = ("PUT", "DELETE")[number % 3 % 2]
            asked.append(app.ask(method, f"/delegates/{(second, first)[number % 2]}/sessions/welcome", "form"))
            audience = [["member", "guest"], ["guest"]][number % 2]
            asked.append(app.ask("PATCH", "/sessions/welcome", "programme", json={"audience": audience}))
        with capture_logs() as logs:
            answers = await in_time(asyncio.gather(*asked))
        assert {each.status_code for each in answers} <= {200, 404, 422}
        assert not [each for each in logs if each["event"] in ("group_not_committed", "group_taken_apart")]

        rows = one.rows()
        held = Counter(row[3] for row in rows["delegates"])
        assert all(count <= TINY.quota(TINY.delegation[code]) for code, count in held.items())
        programme = (await one.ask("GET", "/sessions", None)).json()["sessions"]
        [welcome] = [each for each in programme if each["session_id"] == "welcome"]
        everybody = [one.delegate(str(row[0])) for row in rows["delegates"]]
        enrolled = [each for each in everybody if each.is_enrolled_in("welcome")]
        assert all(each.category in welcome["audience"] for each in enrolled)
        assert welcome["enrolled"] == len(enrolled)
        for each in everybody:
            places = {(e.session_id, e.state.value) for e in each.enrolments if e.state is not EnrolmentState.RELEASED}
            assert {(row[1], row[2]) for row in rows["enrolments"] if row[0] == each.delegate_id} == places


async def test_a_crowd_that_grew_meanwhile_is_read_again(postgresql_url: str, tmp_path: Path, monkeypatch):
    """Who enrols while a change of audience waits for its locks loses the place like everybody else."""
    async with replicas(postgresql_url, tmp_path) as (one, other):
        delegate = await one.registered()
        loop = asyncio.get_running_loop()
        found_of = reach._found
        looked: list[int] = []

        def crowd_then_somebody_enrols(tx: Connection, asked_for: Any, sessions: Any) -> Any:
            found = found_of(tx, asked_for, sessions)
            if asked_for is not reach._CROWDS:
                return found
            if sessions and not looked:
                asked = other.ask("PUT", f"/delegates/{delegate}/sessions/welcome", "form")
                assert asyncio.run_coroutine_threadsafe(asked, loop).result(30).status_code == 200
            if sessions:
                looked.append(len(found))
            return found

        monkeypatch.setattr(reach, "_found", crowd_then_somebody_enrols)
        with capture_logs() as logs:
            answer = await in_time(one.ask("PATCH", "/sessions/welcome", "programme", json={"audience": ["guest"]}))
        assert (answer.status_code, answer.json()["enrolled"]) == (200, 0)
        assert [each["take"] for each in logs if each["event"] == "group_overtaken"] == [1]
        assert looked[0] == 0
        assert looked[-1] == 1
        assert not one.delegate(delegate).is_enrolled_in("welcome")


# --- a commit that fails ------------------------------------------------------------------------------------------


def assert_unavailable(answers: list[httpx.Response]) -> None:
    for each in answers:
        assert (each.status_code, code(each), each.headers["retry-after"]) == (503, "unavailable", "2")


async def test_a_full_disk_answers_503_to_the_whole_group_and_stores_nothing(tmp_path: Path):
    async with registration_running(f"sqlite:///{tmp_path / 'registration.db'}", TINY, tmp_path) as app:
        before = app.rows()

        def limit_pages(tx: Connection, pages: int) -> None:
            tx.exec_driver_sql(f"PRAGMA max_page_count={pages}")

        pages = app.database.transaction(lambda tx: tx.exec_driver_sql("PRAGMA page_count").scalar_one())
        app.database.transaction(lambda tx: limit_pages(tx, pages))
        asked = [app.register("form", key=str(number), given_name=name(number), function="F" * 160) for number in range(5)]
        long = [body_of(given_name=name(number), delegation="marseille", function="F" * 160) for number in range(5, 10)]
        events = [
            {"specversion": "1.0", "id": str(n), "source": "f", "type": "registration-submitted", "data": each}
            for n, each in enumerate(long)
        ]
        headers = {"Content-Type": "application/cloudevents-batch+json"}
        with capture_logs() as logs:
            answers = await app.together(
                *asked, app.ask("POST", "/events", "form", content=json.dumps(events), headers=headers)
            )
        assert_unavailable(answers)
        assert app.rows() == before
        assert [(each["error"], each["requests"]) for each in logs if each["event"] == "group_not_committed"] == [
            ("OperationalError", 6)
        ]
        app.database.transaction(lambda tx: limit_pages(tx, 1_000_000))
        again = await app.register("form", key="0", given_name=name(0), function="F" * 160)
        assert again.status_code == 201
        answer = await app.ask("POST", "/events", "form", content=json.dumps(events), headers=headers)
        assert answer.status_code == 200


async def test_a_database_that_goes_away_in_the_middle_answers_503_and_comes_back(
    postgresql_url: str, postgresql_server: PostgreSQL, tmp_path: Path
):
    own = make_url(postgresql_url).database
    async with registration_running(postgresql_url, TINY, tmp_path) as app:
        before = app.rows()
        with app.database.connect() as tx:
            hold(tx, ["delegation oslo"])
            asked = [asyncio.create_task(app.register("form", key=str(number), given_name=name(number))) for number in range(5)]
            await until(lambda: app.intake.deciding > 0)
            await asyncio.to_thread(postgresql_server.psql, f"alter database {own} allow_connections false")
            away = f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{own}'"
            await asyncio.to_thread(postgresql_server.psql, away)
            assert_unavailable(await in_time(asyncio.gather(*asked)))
            tx.invalidate()
        for method, path in (("GET", "/delegates"), ("GET", "/sessions")):
            answer = await in_time(app.ask(method, path, "accreditation"))
            assert_unavailable([answer])
        await asyncio.to_thread(postgresql_server.psql, f"alter database {own} allow_connections true")
        assert app.rows() == before
        answers = await in_time(asyncio.gather(*(app.register("form", key=str(n), given_name=name(n)) for n in range(5))))
        assert {each.status_code for each in answers} == {201}


# --- one that cannot be decided -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("room", "rule"), [(model, "register"), (service, "delegate_decided"), (group, "fact_of")], ids=["rule", "answer", "event"]
)
async def test_a_fault_of_ours_harms_nobody_else_in_the_group(registration_app: RegistrationApp, monkeypatch, room, rule):
    """Raised before anything is applied, after it, and when the event is made."""
    right = getattr(room, rule)

    def wrong(*given: Any, **named: Any) -> Any:
        person = given[0].person
        if person.given_name == "Boom":
            raise RuntimeError("a fault of ours")
        return right(*given, **named)

    monkeypatch.setattr(room, rule, wrong)
    with capture_logs() as logs:
        answers = await registration_app.together(
            registration_app.register(key="1", given_name="Ada"),
            registration_app.register(key="2", given_name="Boom"),
            registration_app.register(key="3", given_name="Bo"),
        )
    assert [each.status_code for each in answers] == [201, 500, 201]
    assert code(answers[1]) == "own-fault"
    rows = registration_app.rows()
    assert (len(rows["delegates"]), len(rows["answers"])) == (2, 2)
    assert sum(each.topic == "t.delegate-registered" for each in registration_app.published()) == 2
    assert [each["path"] for each in logs if each["event"] == "request_failed"] == ["/delegates"]

    monkeypatch.setattr(room, rule, right)
    assert (await registration_app.register(key="2", given_name="Boom")).status_code == 201


# --- a client that hangs up ---------------------------------------------------------------------------------------


async def test_a_client_that_hangs_up_does_not_cancel_its_write(tmp_path: Path):
    async with registration_running(f"sqlite:///{tmp_path / 'registration.db'}", TINY, tmp_path) as app, served(app) as http:
        async with app.writer_held():
            _, writer = await asyncio.open_connection(http.base_url.host, http.base_url.port)
            body = json.dumps(body_of(), separators=(",", ":"), ensure_ascii=False).encode()
            head = (
                "POST /delegates HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer form\r\nIdempotency-Key: 1\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            writer.write(head.encode() + body)
            await writer.drain()
            await until(lambda: app.intake.deciding == 1)
            writer.transport.abort()
        await until(lambda: app.intake.deciding == 0)
        again = await app.register("form", key="1")
        assert again.status_code == 201
        assert len(app.rows()["delegates"]) == 1
        assert sum(each.topic == "t.delegate-registered" for each in app.published()) == 1


async def test_a_task_that_is_cancelled_does_not_take_its_submission_back(registration_app: RegistrationApp):
    async with registration_app.writer_held():
        asked = asyncio.create_task(registration_app.register(key="1"))
        await until(lambda: registration_app.intake.deciding == 1)
        asked.cancel()
    await until(lambda: registration_app.intake.deciding == 0)
    assert (await registration_app.register(key="1")).status_code == 201
    assert len(registration_app.rows()["delegates"]) == 1


async def test_what_was_taken_is_answered_when_the_intake_closes(registration_app: RegistrationApp):
    async with registration_app.writer_held():
        taken = [asyncio.create_task(registration_app.register(given_name=name(number))) for number in range(3)]
        await until(lambda: registration_app.intake.deciding + registration_app.intake.waiting == 3)
        registration_app.intake.close()
        late = await registration_app.register(given_name="Late")
        assert_unavailable([late])
    assert [each.status_code for each in await asyncio.gather(*taken)] == [201, 201, 201]
