"""What the OpenAPI document says of the routes beyond their types: bodies that are read by hand, keys, faults."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from starlette.responses import Response

from registration import openapi_examples as examples
from registration.intake.posted import BATCH, BINARY, STRUCTURED, CloudEvent
from shared.events import MAX_BATCH_EVENTS, RegistrationSubmitted, SessionChangeRequested
from shared.openapi import KEY_NEEDED, answer_of, body_of, schema_of
from shared.problems import documented

PICTURES = ("image/jpeg", "image/png", "image/webp")
LETTERS = ("application/pdf", *PICTURES)
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
_SIGNED = [
    {"name": f"webhook-{name}", "in": "header", "schema": {"type": "string"}, "description": description}
    for name, description in (
        ("id", "Of a key that signs (Standard Webhooks): unique; it is the idempotency key."),
        ("timestamp", "Seconds since 1970, at most 5 minutes from now."),
        ("signature", "`v1,` and the Base64 of HMAC-SHA256 over `id.timestamp.body`, by the secret."),
    )
]
CODES: Mapping[int, Sequence[str]] = {
    400: ("not-json", "name-twice", "too-deep", "key-too-long"),
    401: ("key-needed", "key-unknown", "signature-needed", "signature-wrong", "signature-stale"),
    403: ("key-of-wrong-kind", "not-of-this-key", "key-registers-only", "key-reads-nothing", "origin-not-allowed"),
    404: ("not-found",),
    409: (
        "in-flight",
        "registration-ended",
        "not-submitted",
        "no-place-held",
        "changed-meanwhile",
        "nothing-proposed",
        "nothing-to-endorse",
        "quota-full",
        "category-quota-full",
    ),
    410: ("erased",),
    413: ("too-large", "batch-size"),
    415: ("wrong-media-type",),
    422: ("invalid", "key-reused", "not-an-event", "batch-size"),
    429: ("too-many",),
    503: ("unavailable", "outbox-full", "no-audit-key"),
}
"""What stands behind `urn:lanyard:problem:` in an answer of this status, of any route."""


def _faults(*statuses: int) -> dict[int | str, dict[str, Any]]:
    faults = documented(*statuses)
    for status in statuses:
        codes = ", ".join(f"`{each}`" for each in CODES[status])
        faults[status] = {**faults[status], "description": f"{faults[status]['description']}: {codes}"}
    if 422 in statuses:
        media = {name: {**media, "example": examples.INVALID} for name, media in faults[422]["content"].items()}
        faults[422] = {**faults[422], "content": media}
    return faults


def reads(answer: Any, *also: int, also_as: Mapping[str, Any] | None = None, example: Any = None) -> dict[str, Any]:
    """Of a route that shows what a key may see; `also_as` are its other media types."""
    shown = _shows(answer, _faults(401, 403, 422, 429, 503, *also), also_as)
    if example is not None:
        [(media_type, content)] = shown["responses"][200]["content"].items()
        shown["responses"][200] = {"content": {media_type: {**content, "example": example}}}
    return {**shown, "openapi_extra": KEY_NEEDED}


def reads_publicly(answer: Any, *faults: int, also_as: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Of a route that shows anyone what is public."""
    return _shows(answer, _faults(*faults), also_as)


def registers(answer: Any, body: type[BaseModel]) -> dict[str, Any]:
    """Of the route that registers."""
    described = body_of({BINARY: body}, {BINARY: examples.REGISTRATION})
    return {**_changes(answer, [_IDEMPOTENCY_KEY, *_SIGNED], described, created=True), "status_code": 201}


def changes(answer: Any, body: type[BaseModel] | None = None, example: Any = None) -> dict[str, Any]:
    """Of a route that changes what is there already, once per `Idempotency-Key`."""
    described = {} if body is None else body_of({BINARY: body}, {BINARY: example})
    return _changes(answer, [_IDEMPOTENCY_KEY, *_SIGNED], described)


def takes_files(answer: Any, *media_types: str) -> dict[str, Any]:
    """Of a route that takes somebody's photo, or a letter."""
    files = {each: {"type": "string", "format": "binary"} for each in media_types}
    return _changes(answer, [_IDEMPOTENCY_KEY, *_SIGNED], body_of(files))


def shows_file(what: str, *media_types: str) -> dict[str, Any]:
    """Of the route that shows what was taken."""
    shown = {"content": {each: {"schema": {"type": "string", "format": "binary"}} for each in media_types}}
    responses = {**_faults(401, 403, 404, 410, 422, 429, 503), 200: {"description": what, **shown}}
    return {"response_class": Response, "responses": responses, "openapi_extra": KEY_NEEDED}


def erases(answer: Any) -> dict[str, Any]:
    """Of the route that erases: it may be asked again, and needs no key for that."""
    return _changes(answer, [], {})


def settles(answer: Any, body: type[BaseModel] | None = None) -> dict[str, Any]:
    """Of a route that says how something is from now on: it may be asked again, and makes no event."""
    faults = _faults(400, 401, 403, 404, 422, 503, *([413, 415] if body else []))
    extra = {**KEY_NEEDED, "parameters": [_DRY_RUN], **({} if body is None else body_of({BINARY: body}))}
    return {"responses": {**faults, 200: answer_of(answer)}, "openapi_extra": extra}


def takes_events(answer: Any) -> dict[str, Any]:
    """Of the route that takes CloudEvents, each once per `source` and `id`."""
    requests = {"anyOf": schema_of(RegistrationSubmitted, SessionChangeRequested)}
    event = CloudEvent.model_json_schema()
    event["properties"]["data"] = requests
    batch = {"type": "array", "items": event, "minItems": 1, "maxItems": MAX_BATCH_EVENTS}
    attributes = [
        {"name": f"ce-{name}", "in": "header", "schema": event["properties"][name], "description": "In binary mode."}
        for name in ("specversion", "id", "source", "type", "dataschema")
    ]
    shown = {STRUCTURED: examples.EVENT, BATCH: [examples.EVENT], BINARY: examples.REGISTRATION}
    described = body_of({STRUCTURED: event, BATCH: batch, BINARY: requests}, shown)
    return _changes(answer, [*attributes, *_SIGNED], described, created=True)


def _changes(answer: Any, parameters: list[dict[str, Any]], body: dict[str, Any], *, created: bool = False) -> dict[str, Any]:
    shown = answer_of(answer)
    or_not = {**shown, "description": "Changed; or, in a dry run, what would be."}
    faults = _faults(400, 401, 403, 404, 409, 410, 422, 429, 503, *([413, 415] if body else []))
    return {
        "responses": {**faults, **({200: or_not, 201: shown} if created else {200: shown})},
        "openapi_extra": {**KEY_NEEDED, "parameters": [*parameters, _DRY_RUN, _TRACEPARENT], **body},
    }


def _shows(answer: Any, faults: Mapping[int | str, Any], also_as: Mapping[str, Any] | None) -> dict[str, Any]:
    media = {**answer_of(answer)["content"], **(also_as or {})}
    return {"responses": {**faults, 200: {"content": media}}}
