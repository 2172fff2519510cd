"""What the OpenAPI document says of the routes beyond their types: bodies that are read by hand, keys, faults."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from registration.posted import BATCH, BINARY, STRUCTURED, CloudEvent
from shared.events import MAX_BATCH_EVENTS, RegistrationSubmitted, SessionChangeRequested
from shared.openapi import KEY_NEEDED, body_of, schema_of
from shared.problems import documented

_DRY_RUN = {
    "name": "dry_run",
    "in": "query",
    "schema": {"type": "boolean", "default": False},
    "description": "Say what would be answered, with status 200, and change nothing.",
}
_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "schema": {"type": "string", "maxLength": 256},
    "description": "The same key with the same body gets the same answer, and is taken once.",
}
_TRACEPARENT = {
    "name": "traceparent",
    "in": "header",
    "schema": {"type": "string"},
    "description": "W3C Trace Context: the trace that the change, its event and all that follows from it belong to.",
}


def reads(answer: Any, *also: int, also_as: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Of a route that shows what a key may see; `also_as` are its other media types."""
    return {**_shows(answer, documented(401, 403, 422, 503, *also), also_as), "openapi_extra": KEY_NEEDED}


def reads_publicly(answer: Any, *faults: int, also_as: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Of a route that shows anyone what is public."""
    return _shows(answer, documented(*faults), also_as)


def registers(answer: Any, body: type[BaseModel]) -> dict[str, Any]:
    """Of the route that registers."""
    return {**_changes(answer, [_IDEMPOTENCY_KEY], body_of({BINARY: body}), created=True), "status_code": 201}


def changes(answer: Any, body: type[BaseModel] | None = None) -> dict[str, Any]:
    """Of a route that changes what is there already, once per `Idempotency-Key`."""
    return _changes(answer, [_IDEMPOTENCY_KEY], {} if body is None else body_of({BINARY: body}))


def erases(answer: Any) -> dict[str, Any]:
    """Of the route that erases: it may be asked again, and needs no key for that."""
    return _changes(answer, [], {})


def takes_events(answer: Any) -> dict[str, Any]:
    """Of the route that takes CloudEvents, each once per `source` and `id`."""
    requests = {"anyOf": schema_of([RegistrationSubmitted, SessionChangeRequested])}
    event = CloudEvent.model_json_schema()
    event["properties"]["data"] = requests
    batch = {"type": "array", "items": event, "minItems": 1, "maxItems": MAX_BATCH_EVENTS}
    attributes = [
        {"name": f"ce-{name}", "in": "header", "schema": event["properties"][name], "description": "In binary mode."}
        for name in ("specversion", "id", "source", "type", "dataschema")
    ]
    return _changes(answer, attributes, body_of({STRUCTURED: event, BATCH: batch, BINARY: requests}), created=True)


def _changes(answer: Any, parameters: list[dict[str, Any]], body: dict[str, Any], *, created: bool = False) -> dict[str, Any]:
    also = {201: {"model": answer}, 200: {"model": answer, "description": "Changed; or, in a dry run, what would be."}}
    faults = documented(400, 401, 403, 404, 409, 410, 422, 503, *([413, 415] if body else []))
    return {
        "response_model": answer,
        "responses": {**faults, **(also if created else {})},
        "openapi_extra": {**KEY_NEEDED, "parameters": [*parameters, _DRY_RUN, _TRACEPARENT], **body},
    }


def _shows(answer: Any, faults: Mapping[int | str, Any], also_as: Mapping[str, Any] | None) -> dict[str, Any]:
    other_media = {200: {"content": dict(also_as)}} if also_as else {}
    return {"response_model": answer, "responses": {**faults, **other_media}}
