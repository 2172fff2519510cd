"""The OpenAPI document: valid, complete, every reference leads somewhere, every fault is told."""

import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator
from openapi_spec_validator import validate

from registration import openapi
from tests.registration_app import RegistrationApp, body_of

ROOT = Path(__file__).parents[2]
METHODS = ("get", "post", "put", "patch", "delete")
PUBLIC = {"/sessions", "/conference", "/health", "/ready"}
SETTLED = {"/delegations/{code}/focal-points"}
"""Where it is said how something is from now on: it may be said again, and no event is made of it."""


@pytest.fixture
def registration_url(sqlite_url: str) -> str:
    return sqlite_url


@pytest.fixture
def document(registration_app: RegistrationApp) -> Any:
    return registration_app.app.openapi()


def operations(document: Any) -> list[tuple[str, str, Any]]:
    return [
        (method, path, operation)
        for path, at_path in document["paths"].items()
        for method, operation in at_path.items()
        if method in METHODS
    ]


def references(node: Any) -> set[str]:
    if isinstance(node, list):
        return {found for each in node for found in references(each)}
    if not isinstance(node, dict):
        return set()
    own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
    return own | {found for each in node.values() for found in references(each)}


async def test_it_is_served_and_valid(registration_app: RegistrationApp, document):
    served = await registration_app.http.get("/openapi.json")
    assert served.json() == document
    validate(document)


def test_every_reference_leads_somewhere_and_nothing_is_left_inside(document):
    schemas = document["components"]["schemas"]
    assert references(document) == {f"#/components/schemas/{name}" for name in schemas}
    assert '"$defs"' not in str(document).replace("'", '"')


def test_every_change_names_its_body_key_and_faults(document):
    for method, path, operation in operations(document):
        own = set(operation["responses"])
        if path in PUBLIC and method == "get":
            assert "security" not in operation
            continue
        assert operation["security"] == [{"HTTPBearer": []}], path
        assert own >= {"401", "403", "422", "503"}, path
        if "{" in path:
            assert "404" in own, path
        if method == "get":
            continue
        if path in SETTLED:
            continue
        assert own >= {"400", "404", "409"}, path
        parameters = {each["name"] for each in operation["parameters"]}
        assert parameters >= {"dry_run", "traceparent"}, path
        idempotent_by_itself = path == "/events" or (method, path) == ("delete", "/delegates/{delegate_id}")
        assert ("Idempotency-Key" in parameters) != idempotent_by_itself, path
        if "requestBody" in operation:
            assert own >= {"413", "415"}, path
    assert document["components"]["securitySchemes"]["HTTPBearer"]["scheme"] == "bearer"


def test_every_fault_is_a_problem_document(document):
    for _, path, operation in operations(document):
        for status, answer in operation["responses"].items():
            if int(status) >= 400 and path != "/ready":
                [(media_type, content)] = answer["content"].items()
                assert media_type == "application/problem+json"
                assert content["schema"] == {"$ref": "#/components/schemas/ProblemDetails"}, (path, status)
                assert "`" in answer["description"], "which codes"


def test_every_code_of_a_problem_is_told():
    raised = {
        (int(status), code)
        for folder in (ROOT / "registration", ROOT / "shared")
        for file in folder.rglob("*.py")
        if "pages" not in file.parts
        for status, code in re.findall(r'(?:Problem|_refused|_unauthorized)\(\s*(\d+), "([a-z-]+)"', file.read_text("utf-8"))
    }
    assert len(raised) > 15
    told = {(status, code) for status, codes in openapi.CODES.items() for code in codes}
    assert {each for each in raised if each[0] != 500} <= told


def test_every_body_has_an_example_that_fits(document):
    shown = 0
    for _, path, operation in operations(document):
        for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
            if path.endswith("/focal-points") or content["schema"].get("format") == "binary":
                continue
            schema = {**content["schema"], "components": document["components"]}
            Draft202012Validator(schema).validate(content["example"])
            assert content["example"], media_type
            shown += 1
    assert shown >= 8


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("post", "/delegates", body_of(category="guest", document_number="N-1", sessions=["welcome"])),
        ("patch", "/delegates/{delegate_id}", {"person": {"function": "Pilot", "birth_date": None}}),
        ("post", "/delegates/{delegate_id}/decision", {"decision": "refuse", "reason": "Late"}),
        ("patch", "/sessions/{session_id}", {"capacity": None, "title": {"en": "Pilots"}}),
    ],
)
def test_the_schema_of_a_body_takes_what_the_route_takes_and_no_more(document, method, path, body):
    content = document["paths"][path][method]["requestBody"]["content"]["application/json"]
    validator = Draft202012Validator({**content["schema"], "components": document["components"]})
    validator.validate(body)
    assert not validator.is_valid(body | {"unknown": 1})


def test_events_are_described_in_every_mode(document):
    content = document["paths"]["/events"]["post"]["requestBody"]["content"]
    event = {"specversion": "1.0", "id": "1", "source": "f", "type": "registration-submitted", "data": body_of()}
    bodies = {
        "application/cloudevents+json": event,
        "application/cloudevents-batch+json": [event],
        "application/json": body_of(),
    }
    assert set(content) == set(bodies)
    for media_type, body in bodies.items():
        schema = {**content[media_type]["schema"], "components": document["components"]}
        Draft202012Validator(schema).validate(body)
    wrong = event | {"data": body_of() | {"unknown": 1}}
    schema = {**content["application/cloudevents+json"]["schema"], "components": document["components"]}
    assert not Draft202012Validator(schema).is_valid(wrong)


def test_operations_are_named_once(document):
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"\w+", name) for name in names)
    assert all(operation["summary"] for _, _, operation in operations(document))
