"""CloudEvents as they are posted: what is read of them, and what is told of those that cannot be read."""

import base64
import json
from typing import Any

import pytest

from registration.intake.posted import BATCH, BINARY, STRUCTURED, posted_events
from shared.events import MAX_BATCH_EVENTS, MAX_EVENT_BYTES, RegistrationSubmitted, SessionChangeRequested
from shared.problems import Problem
from tests.registration_examples import submitted

REQUEST = json.loads(submitted().model_dump_json(exclude_none=True))


def event(**changed: Any) -> dict[str, Any]:
    fields = {"specversion": "1.0", "id": "1", "source": "form", "type": "registration-submitted", "data": REQUEST}
    return {name: value for name, value in (fields | changed).items() if value is not ...}


def read(document: Any, media_type: str = STRUCTURED, headers: dict[str, str] | None = None):
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return posted_events(media_type, headers or {}, body)


def refused(document: Any, media_type: str = STRUCTURED, headers: dict[str, str] | None = None) -> tuple[int, Any]:
    """The status, and the places and codes of all faults; of a problem without any, its code."""
    with pytest.raises(Problem) as raised:
        read(document, media_type, headers)
    problem = raised.value
    return problem.status, {(each.pointer, each.code) for each in problem.faults} or problem.code


HEADERS = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "form", "ce-type": "registration-submitted"}


def test_one_event_is_the_same_request_in_every_mode():
    [structured] = read(event())
    [batched] = read([event()], BATCH)
    [binary] = read(REQUEST, BINARY, HEADERS)
    [encoded] = read(event(data=..., data_base64=base64.b64encode(json.dumps(REQUEST).encode()).decode()))
    assert structured.request == batched.request == binary.request == encoded.request == RegistrationSubmitted(**REQUEST)
    assert len({each.name for each in (structured, batched, binary, encoded)}) == 1
    assert len({each.content for each in (structured, batched, binary, encoded)}) == 1
    assert (structured.data_at, batched.data_at, binary.data_at, encoded.data_at) == ("/data", "/0/data", "", "/data_base64")


def test_the_programme_desk_changes_a_session():
    [posted] = read(event(type="session-change-requested", data={"session_id": "pilots", "capacity": None}))
    assert posted.request == SessionChangeRequested(session_id="pilots", capacity=None)
    assert posted.request.model_fields_set == {"session_id", "capacity"}


def test_extensions_are_ignored_and_attributes_may_be_percent_encoded():
    [posted] = read(REQUEST, BINARY, HEADERS | {"ce-source": "form%20%C3%A9", "ce-traceparent": "00-x"})
    assert posted.event.source == "form é"
    assert read(event(partitionkey="x", time="now"))


def test_source_and_id_are_told_apart():
    [one], [other] = read(event(source="a b", id="c")), read(event(source="a", id="b c"))
    assert one.name != other.name


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"specversion": "0.3"}, ("/specversion", "literal-error")),
        ({"id": ...}, ("/id", "required")),
        ({"id": ""}, ("/id", "string-too-short")),
        ({"id": "\u0000"}, ("/id", "control-character")),
        ({"source": "a\u202eb"}, ("/source", "control-character")),
        ({"id": 7}, ("/id", "string-type")),
        ({"type": "delegate-registered"}, ("/type", "unknown-type")),
        ({"dataschema": "urn:lanyard:event:registration-submitted:2"}, ("/dataschema", "unknown-version")),
        ({"dataschema": "https://elsewhere.example/schema"}, ("/dataschema", "unknown-version")),
        ({"datacontenttype": "text/xml"}, ("/datacontenttype", "string-pattern-mismatch")),
        ({"data": ...}, ("/data", "model-type")),
        ({"data": [1]}, ("/data", "model-type")),
        ({"data": REQUEST | {"extra": 1}}, ("/data/extra", "unknown-field")),
        ({"data": REQUEST | {"protected": "yes"}}, ("/data/protected", "bool-type")),
        ({"data": REQUEST | {"pass_days": [2**70]}}, ("/data/pass_days/0", "date-type")),
        ({"data_base64": "e30="}, ("/data_base64", "data-twice")),
        ({"data": ..., "data_base64": "***"}, ("/data_base64", "not-base64")),
        ({"data": ..., "data_base64": "e30"}, ("/data_base64", "not-base64")),
        ({"data": ..., "data_base64": "eA=="}, ("/data_base64", "not-json")),
    ],
)
def test_each_fault_is_told_at_its_place(changed, fault):
    assert refused(event(**changed)) == (422, {fault})
    assert refused([event(), event(**changed)], BATCH) == (422, {(f"/1{fault[0]}", fault[1])})


def test_every_fault_of_every_event_is_told_at_once():
    wrong = [event(id="", source=""), event(), event(data=REQUEST | {"category": "No", "x": 1}), 5, event(type="x")]
    assert refused(wrong, BATCH) == (
        422,
        {
            ("/0/id", "string-too-short"),
            ("/0/source", "string-too-short"),
            ("/2/data/category", "string-pattern-mismatch"),
            ("/2/data/x", "unknown-field"),
            ("/3", "model-type"),
            ("/4/type", "unknown-type"),
        },
    )


def test_faults_of_headers_are_named_by_header():
    assert refused(REQUEST, BINARY, {"ce-specversion": "1.0", "ce-source": "x%00"}) == (
        422,
        {("ce-id", "required"), ("ce-source", "control-character"), ("ce-type", "required")},
    )
    assert refused(REQUEST, BINARY, HEADERS | {"ce-type": "x"}) == (422, {("ce-type", "unknown-type")})
    assert refused(REQUEST, BINARY, {}) == (422, "not-an-event")


@pytest.mark.parametrize(
    ("document", "answer"),
    [
        ([], (422, "batch-size")),
        ([{}] * (MAX_BATCH_EVENTS + 1), (413, "batch-size")),
        ({}, (422, {("", "list-type")})),
        (b"[", (400, "not-json")),
        (b"[" * 300, (400, "too-deep")),
        (b'[{"id":1,"id":2}]', (400, "name-twice")),
    ],
)
def test_a_batch_is_a_list_of_a_size_that_is_taken(document, answer):
    assert refused(document, BATCH) == answer


def test_an_event_in_a_batch_is_no_larger_than_alone():
    large = event(data=REQUEST | {"x": "x" * MAX_EVENT_BYTES})
    assert refused([event(), large], BATCH) == (422, {("/1/data", "too-large")})
