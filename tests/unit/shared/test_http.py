"""What every service answers by itself, and in which words."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Request
from starlette.types import Message
from structlog.testing import capture_logs

from shared.events import RegistrationSubmitted
from shared.http import Readiness, add_routes, http_app, parse, read_body
from shared.keys import Role, StaffKeys
from shared.problems import Problem

ROUTES = APIRouter()


@ROUTES.get("/badges/{badge_id}")
async def badge(badge_id: UUID, limit: int = 1) -> str:
    return f"{badge_id} {limit}"


@ROUTES.patch("/badges/{badge_id}")
async def amend(badge_id: UUID) -> str:
    return str(badge_id)


@ROUTES.post("/badges")
async def issue() -> str:
    return ""


@ROUTES.put("/badges")
async def import_badges(request: Request) -> int:
    return len(await read_body(request))


@pytest.fixture
def app() -> FastAPI:
    async def ready() -> Readiness:
        return Readiness(ready=True, checks={})

    app = http_app("Test", ready)
    add_routes(app, ROUTES)
    return app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        yield client


async def test_a_method_that_is_not_taken_is_told_all_that_are(client: httpx.AsyncClient) -> None:
    answer = await client.delete("/badges/0190a6f2-3c4e-7b1a-9d2f-5e6a7b8c9d0e")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD, PATCH")


async def test_what_can_be_read_can_be_asked_for_without_its_content(client: httpx.AsyncClient) -> None:
    read = await client.get("/health")
    assert (await client.head("/health")).headers == read.headers
    assert (await client.head("/badges")).status_code == 405


async def test_who_goes_away_before_all_is_sent_is_no_fault_of_ours(app: FastAPI) -> None:
    received: list[Message] = [
        {"type": "http.request", "body": b"half", "more_body": True},
        {"type": "http.disconnect"},
    ]
    answered: list[Message] = []

    async def receive() -> Message:
        return received.pop(0)

    async def send(message: Message) -> None:
        answered.append(message)

    asked = {"path": "/badges", "raw_path": b"/badges", "query_string": b"", "headers": []}
    with capture_logs() as logs:
        await app({"type": "http", "method": "PUT", "scheme": "http", **asked}, receive, send)
    assert [each["event"] for each in logs] == ["client_went_away"]
    assert answered[0]["status"] == 400


async def test_nothing_is_loaded_from_elsewhere_to_describe_the_api(client: httpx.AsyncClient) -> None:
    assert (await client.get("/docs")).status_code == 404
    assert "/openapi.json" in (await client.get("/nowhere")).json()["detail"]
    assert (await client.get("/openapi.json")).json()["paths"].keys() >= {"/badges", "/health", "/ready"}


async def test_what_is_no_id_is_said_to_be_none(client: httpx.AsyncClient) -> None:
    told = (await client.get("/badges/abc", params={"limit": "many"})).json()
    assert {each["pointer"]: each["detail"] for each in told["errors"]} == {
        "badge_id": "This is not an id. One looks like 0190a6f2-3c4e-7b1a-9d2f-5e6a7b8c9d0e.",
        "limit": "This is not a whole number.",
    }
    assert "stored" not in told["detail"], "nothing would have been"


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b" ", "It is empty."),
        (b'{"category": "member"', "It ends before it is complete at line 1, column 21."),
        (b"{\n category: 1}", "It cannot be read on at line 2, column 2."),
        (b'{"a":1,"a":2}', "The second one ends at line 1, column 12. Keep one of the two."),
    ],
)
def test_what_is_not_json_is_told_where(body: bytes, detail: str) -> None:
    with pytest.raises(Problem) as raised:
        parse(RegistrationSubmitted, body)
    assert (raised.value.status, raised.value.detail) == (400, detail)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "/person/email": ({"email": "ada"}, "This is not an e-mail address."),
    "/person/given_name": ({"given_name": 7}, "This is not text."),
    "/person/family_name": ({"family_name": ""}, "This is empty."),
    "/person/function": ({"function": "x" * 161}, "This is longer than 160 characters."),
    "/person/language": ({"language": "de"}, "Choose one of these: 'ar', 'zh', 'en', 'fr', 'ru' or 'es'."),
    "/person/birth_date": ({"birth_date": "28.6.1970"}, "This is not a date. Write it as 2018-06-28."),
    "/person/shoe_size": ({"shoe_size": 43}, "This field is not known."),
    "/category": ({}, "Write it in small letters, digits and single dashes, such as port-of-oslo."),
    "/delegation": ({}, "This field is required."),
    "/protected": ({}, "This is neither true nor false."),
    "/sessions": ({}, "This is not a list."),
    "/pass_days/0": ({}, "This is not a date. Write it as 2018-06-28."),
}


def test_every_fault_of_a_field_is_told_in_our_own_words() -> None:
    person = {"given_name": "Ada", "family_name": "Berg", "function": "Pilot", "email": "a@b.example", "language": "en"}
    for changed, _ in WRONG.values():
        person |= changed
    body = {"category": "Member!", "person": person, "protected": "yes", "sessions": "pilots", "pass_days": ["tomorrow"]}
    with pytest.raises(Problem) as raised:
        parse(RegistrationSubmitted, httpx.Request("POST", "http://test", json=body).content)
    assert {each.pointer: each.detail for each in raised.value.faults} == {at: said for at, (_, said) in WRONG.items()}


def test_a_missing_key_and_a_wrong_one_are_told_apart(tmp_path: Path) -> None:
    keys = StaffKeys(tmp_path / "none.toml")
    told: list[tuple[int, str, str]] = []
    for header in (None, "Basic abc", "Bearer wrong"):
        with pytest.raises(Problem) as raised:
            keys.require(header, {Role.BADGING})
        told.append((raised.value.status, raised.value.code, raised.value.title))
    missing = (401, "key-needed", "A key is needed, and none was sent.")
    assert told == [missing, missing, (401, "key-unknown", "A key was sent, and it is not known here.")]
