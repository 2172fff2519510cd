"""Bad input: each kind has its own clear answer, every fault is told at once, nothing is stored or published."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.events import MAX_BATCH_BYTES, MAX_EVENT_BYTES
from tests.registration_app import RegistrationApp, body_of, code, faults, registration_running
from tests.registration_examples import TINY

PERSON = body_of()["person"]
SOMEBODY = "01900000-0000-7000-8000-000000000000"
ROUTES = [
    ("POST", "/delegates", "form", "application/json"),
    ("PATCH", f"/delegates/{SOMEBODY}", "form", "application/json"),
    ("POST", f"/delegates/{SOMEBODY}/decision", "accreditation", "application/json"),
    ("PATCH", "/sessions/pilots", "programme", "application/json"),
    ("POST", "/events", "form", "application/cloudevents+json"),
    ("POST", "/events", "form", "application/cloudevents-batch+json"),
]
every_route = pytest.mark.parametrize(("method", "path", "by", "media_type"), ROUTES)


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def registration_app(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RegistrationApp]:
    """One for all tests of this file: they leave it as it was."""
    folder = tmp_path_factory.mktemp("bad-input")
    async with registration_running(f"sqlite:///{folder / 'registration.db'}", TINY, folder) as app:
        yield app


async def pieces(body: bytes, size: int = 64 * 1024) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


@pytest.fixture(autouse=True)
def nothing_is_stored(registration_app: RegistrationApp) -> Any:
    before = registration_app.rows()
    yield
    assert registration_app.rows() == before


def written(**changed: Any) -> bytes:
    return json.dumps(body_of() | changed).encode()


@every_route
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", "not-json"),
        (b"{", "not-json"),
        (b"'a'", "not-json"),
        (b'{"a": NaN}', "not-json"),
        (b'{"a": 1,}', "not-json"),
        (b'{"a": "\xff"}', "not-json"),
        (b'{"a": "\\ud800"}', "not-json"),
        (b'\xef\xbb\xbf{"a": 1}', "not-json"),
        (b"\x1f\x8b\x08\x00", "not-json"),
        (b'{"a":' * 300, "too-deep"),
        (b"[" * 100_000, "too-deep"),
        (b'{"a": 1, "a": 1}', "name-twice"),
        (b'[{"a": {"b": 1, "\\u0062": 2}}]', "name-twice"),
    ],
)
async def test_what_is_not_json_is_told(registration_app: RegistrationApp, method, path, by, media_type, body, expected):
    answer = await registration_app.ask(method, path, by, content=body, headers={"Content-Type": media_type})
    assert (answer.status_code, code(answer)) == (400, expected)


@every_route
async def test_a_media_type_that_is_not_taken_is_told(registration_app: RegistrationApp, method, path, by, media_type):
    for sent in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "", "application"):
        answer = await registration_app.ask(method, path, by, content=written(), headers={"Content-Type": sent})
        assert (answer.status_code, code(answer)) == (415, "wrong-media-type")
        assert media_type in answer.json()["detail"]
    answer = await registration_app.ask(
        method, path, by, content=b"", headers={"Content-Type": f"{media_type.upper()}; charset=utf-8"}
    )
    assert answer.status_code == 400


@every_route
@pytest.mark.parametrize("declared", [True, False])
async def test_a_body_that_is_too_large_is_told(registration_app: RegistrationApp, method, path, by, media_type, declared):
    limit = MAX_BATCH_BYTES if "batch" in media_type else MAX_EVENT_BYTES
    body = b" " * (limit + 1)
    headers = {"Content-Type": media_type}
    content: Any = body if declared else pieces(body)
    answer = await registration_app.ask(method, path, by, content=content, headers=headers)
    assert ("content-length" in answer.request.headers) == declared
    assert (answer.status_code, code(answer)) == (413, "too-large")
    assert f"{limit // 1024} KiB" in answer.json()["detail"]

    just_right = await registration_app.ask(method, path, by, content=pieces(body[1:]), headers=headers)
    assert (just_right.status_code, code(just_right)) == (400, "not-json")


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"category": None}, ("/category", "string-type")),
        ({"category": "Member"}, ("/category", "string-pattern-mismatch")),
        ({"category": "x" * 65}, ("/category", "string-too-long")),
        ({"category": "member\n"}, ("/category", "string-pattern-mismatch")),
        ({"delegation": 7}, ("/delegation", "string-type")),
        ({"delegation": ["oslo"]}, ("/delegation", "string-type")),
        ({"delegate_id": SOMEBODY}, ("/delegate_id", "unknown-field")),
        ({"status": "accredited"}, ("/status", "unknown-field")),
        ({"a/b~c": 1}, ("/a~1b~0c", "unknown-field")),
        ({"protected": "true"}, ("/protected", "bool-type")),
        ({"protected": 1}, ("/protected", "bool-type")),
        ({"person": None}, ("/person", "model-type")),
        ({"person": []}, ("/person", "model-type")),
        ({"person": {**PERSON, "birth_date": 0}}, ("/person/birth_date", "date-type")),
        ({"person": {**PERSON, "birth_date": "1970-02-30"}}, ("/person/birth_date", "date-parsing")),
        ({"person": {**PERSON, "birth_date": "1899-12-31"}}, ("/person/birth_date", "impossible")),
        ({"person": {**PERSON, "birth_date": "2992-05-05"}}, ("/person/birth_date", "impossible")),
        ({"person": {**PERSON, "document_number": 2**70}}, ("/person/document_number", "string-type")),
        ({"person": {**PERSON, "language": "de"}}, ("/person/language", "literal-error")),
        ({"person": {**PERSON, "email": "ada@localhost"}}, ("/person/email", "string-pattern-mismatch")),
        ({"person": {**PERSON, "email": "ada@x.example\nBcc: b@x.example"}}, ("/person/email", "string-pattern-mismatch")),
        ({"person": {**PERSON, "email": f"{'a' * 250}@x.example"}}, ("/person/email", "string-too-long")),
        ({"person": {**PERSON, "given_name": "A" * 161}}, ("/person/given_name", "string-too-long")),
        ({"person": {**PERSON, "given_name": "\u0958" * 160}}, ("/person/given_name", "string-too-long")),
        ({"person": {**PERSON, "given_name": "Ada\u0000"}}, ("/person/given_name", "control-character")),
        ({"person": {**PERSON, "given_name": "Ada\u001b[31m"}}, ("/person/given_name", "control-character")),
        ({"person": {**PERSON, "family_name": "\u202egreB"}}, ("/person/family_name", "control-character")),
        ({"person": {**PERSON, "function": "a\u2028b"}}, ("/person/function", "control-character")),
        ({"person": {**PERSON, "function": "\u200d"}}, ("/person/function", "nothing-to-see")),
        ({"person": {**PERSON, "printed_name": ""}}, ("/person/printed_name", "string-too-short")),
        ({"person": {**PERSON, "time_zone": "x" * 65}}, ("/person/time_zone", "string-too-long")),
        ({"person": {**PERSON, "time_zone": "../../etc/passwd"}}, ("/person/time_zone", "unknown-time-zone")),
        ({"pass_days": [2**100]}, ("/pass_days/0", "date-type")),
        ({"pass_days": ["2026-05-12"] * 32}, ("/pass_days", "too-long")),
        ({"sessions": "pilots"}, ("/sessions", "list-type")),
        ({"sessions": ["pilots"] * 61}, ("/sessions", "too-long")),
    ],
)
async def test_a_field_that_is_wrong_is_named(registration_app: RegistrationApp, changed, fault):
    content = written(**changed)
    answer = await registration_app.ask(
        "POST", "/delegates", "form", content=content, headers={"Content-Type": "application/json"}
    )
    assert (answer.status_code, faults(answer)) == (422, {fault}), answer.text
    data = json.loads(content)
    event = {"specversion": "1.0", "id": "1", "source": "f", "type": "registration-submitted", "data": data}
    for sent, media_type, under in ((event, "cloudevents", "/data"), ([event], "cloudevents-batch", "/0/data")):
        headers = {"Content-Type": f"application/{media_type}+json"}
        answer = await registration_app.ask("POST", "/events", "form", content=json.dumps(sent), headers=headers)
        assert (answer.status_code, faults(answer)) == (422, {(under + fault[0], fault[1])}), answer.text


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"capacity": -1}, ("/capacity", "greater-than-equal")),
        ({"capacity": 10**30}, ("/capacity", "less-than-equal")),
        ({"capacity": 1e3}, ("/capacity", "int-type")),
        ({"capacity": "12"}, ("/capacity", "int-type")),
        ({"capacity": True}, ("/capacity", "int-type")),
        ({"starts_at": "2026-05-12T09:00:00"}, ("/starts_at", "timezone-aware")),
        ({"starts_at": 1778569200}, ("/starts_at", "datetime-type")),
        ({"starts_at": "0001-01-01T00:00:00+14:00"}, ("/starts_at", "time-out-of-range")),
        ({"ends_at": "9999-12-31T23:59:59-14:00"}, ("/ends_at", "time-out-of-range")),
        ({"ends_at": "2026-05-12T08:00:00Z"}, ("/ends_at", "ends-before-start")),
        ({"status": "postponed"}, ("/status", "enum")),
        ({"title": {}}, ("/title", "too-short")),
        ({"title": {"de": "Lotsen"}}, ("/title/de/[key]", "literal-error")),
        ({"title": {"en": "a\u202eb"}}, ("/title/en", "control-character")),
        ({"audience": ["pirate"]}, ("/audience/0", "unknown-category")),
        ({"session_id": "welcome"}, ("/session_id", "unknown-field")),
    ],
)
async def test_a_field_of_a_session_that_is_wrong_is_named(registration_app: RegistrationApp, changed, fault):
    answer = await registration_app.ask("PATCH", "/sessions/pilots", "programme", json=changed)
    assert (answer.status_code, faults(answer)) == (422, {fault}), answer.text


async def test_a_category_and_a_delegation_that_are_none_are_told_with_all_else(registration_app: RegistrationApp):
    person = {"given_name": "Ada", "email": "nowhere"}
    answer = await registration_app.ask(
        "POST", "/delegates", json={"category": "guests", "delegation": "osl", "person": person}
    )
    told = faults(answer)
    assert {("/category", "unknown-category"), ("/delegation", "unknown-delegation")} <= told
    assert len({pointer for pointer, _ in told}) == len(told) > 3
    unreadable = await registration_app.ask("POST", "/delegates", json={"category": "No Slug", "delegation": 7})
    assert {code for pointer, code in faults(unreadable) if pointer in ("/category", "/delegation")}.isdisjoint(
        {"unknown-category", "unknown-delegation"}
    )


async def test_every_fault_is_told_at_once_and_no_value_is_repeated(registration_app: RegistrationApp):
    secret = "Zaphod\u202e"
    content = written(category="NO", extra=1, person={"given_name": secret, "email": secret, "language": secret, "x": secret})
    answer = await registration_app.ask(
        "POST", "/delegates", "form", content=content, headers={"Content-Type": "application/json"}
    )
    assert faults(answer) == {
        ("/category", "string-pattern-mismatch"),
        ("/extra", "unknown-field"),
        ("/person/given_name", "control-character"),
        ("/person/family_name", "required"),
        ("/person/function", "required"),
        ("/person/email", "string-pattern-mismatch"),
        ("/person/language", "literal-error"),
        ("/person/x", "unknown-field"),
    }
    assert "Zaphod" not in answer.text


@pytest.mark.parametrize("identifier", ["nonsense", "%00", "01900000-0000-7000-8000-00000000000g", "%F0%9F%92%A9"])
async def test_an_address_that_is_no_identifier_is_told(registration_app: RegistrationApp, identifier):
    answer = await registration_app.ask("GET", f"/delegates/{identifier}")
    assert (answer.status_code, {pointer for pointer, _ in faults(answer)}) == (422, {"delegate_id"})
    if identifier != "nonsense" and "-" not in identifier:
        for method, path in (("PATCH", f"/sessions/{identifier}"), ("PUT", f"/delegates/{SOMEBODY}/sessions/{identifier}")):
            answer = await registration_app.ask(method, path, "programme" if method == "PATCH" else "form", json={})
            assert (answer.status_code, {pointer for pointer, _ in faults(answer)}) == (422, {"session_id"})


async def test_an_idempotency_key_that_is_too_long_is_told(registration_app: RegistrationApp):
    answer = await registration_app.register(key="k" * 257)
    assert (answer.status_code, code(answer)) == (400, "key-too-long")


@pytest.mark.parametrize("asked", ["maybe", "2", "tru", "1 "])
async def test_a_dry_run_that_is_misspelt_is_not_a_real_one(registration_app: RegistrationApp, asked):
    answer = await registration_app.ask("POST", "/delegates", json=body_of(), params={"dry_run": asked})
    assert (answer.status_code, faults(answer)) == (422, {("dry_run", "bool-parsing")})


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
NAMES = st.sampled_from([*body_of(), *PERSON, "birth_date", "pass_days", "specversion", "id", "type", "data", "capacity"])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    route=st.sampled_from(ROUTES),
    document=JSON_VALUES
    | st.dictionaries(NAMES, JSON_VALUES)
    | st.builds(
        lambda name, value: body_of() | {name: value}, NAMES, JSON_VALUES.filter(lambda value: value not in ([], False))
    ),
)
async def test_nothing_that_can_be_sent_is_a_fault_of_ours(registration_app: RegistrationApp, route, document):
    method, path, by, media_type = route
    content = json.dumps(document).encode()
    answer = await registration_app.ask(
        method, path, by, content=content, headers={"Content-Type": media_type}, params={"dry_run": "1"}
    )
    assert answer.status_code in (200, 400, 403, 404, 422), answer.text


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    headers=st.dictionaries(
        st.sampled_from(["ce-id", "ce-source", "ce-type", "ce-specversion", "ce-dataschema", "traceparent", "Idempotency-Key"]),
        st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=300),
    )
)
async def test_no_header_is_a_fault_of_ours(registration_app: RegistrationApp, headers):
    for path in ("/events", "/delegates"):
        answer = await registration_app.ask("POST", path, json={}, headers=headers)
        assert answer.status_code in (400, 422), answer.text


@pytest.mark.parametrize("query", ["?dryrun=1", "?dry_run", "?dry_run=1&DRY_RUN=1", "?dry_run=2"])
async def test_what_may_have_meant_a_dry_run_registers_nobody(registration_app: RegistrationApp, query: str):
    before = registration_app.rows()
    answer = await registration_app.ask("POST", f"/delegates{query}", json=body_of())
    assert (answer.status_code, code(answer)) == (422, "invalid")
    assert registration_app.rows() == before
