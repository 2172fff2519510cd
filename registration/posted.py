"""CloudEvents 1.0 as they are posted over HTTP: structured, binary, or a batch.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md
Extensions are ignored, as the specification asks; the data are read strictly.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import unquote

import orjson
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from shared.cloudevents import major_of
from shared.events import MAX_BATCH_EVENTS, MAX_EVENT_BYTES, RegistrationSubmitted, Request, SessionChangeRequested
from shared.http import problem_of
from shared.problems import FieldFault, Problem, faults_of, invalid_body

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
BINARY = "application/json"
_REQUESTS: dict[str, type[Request]] = {each.event_type: each for each in (RegistrationSubmitted, SessionChangeRequested)}


class CloudEvent(BaseModel):
    """The attributes that are read, and the data."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    specversion: Literal["1.0"]
    id: str = Field(min_length=1, max_length=256)
    source: str = Field(min_length=1, max_length=256)
    type: str = Field(min_length=1, max_length=128)
    dataschema: str | None = None
    data: Any = None
    data_base64: str | None = None


@dataclass(frozen=True, slots=True)
class Posted:
    """One event as posted: its request, and where its data stand in the body."""

    event: CloudEvent
    request: Request
    data: bytes
    under: str


def posted_events(media_type: str, headers: Mapping[str, str], body: bytes) -> list[Posted]:
    """The events of a request, in order; raises a `Problem` that names every fault by the event's index."""
    if media_type == BATCH:
        return _batch(body)
    if media_type == STRUCTURED:
        event = _event(CloudEvent.model_validate_json, body)
        return [_read(event, "/data", "")]
    attributes = {name[3:]: unquote(value) for name, value in headers.items() if name.startswith("ce-")}
    if "specversion" not in attributes:
        detail = "Send `ce-specversion`, `ce-id`, `ce-source` and `ce-type`, or a structured event."
        raise Problem(422, "not-an-event", "The CloudEvents headers are missing.", detail)
    return [_read(_event(CloudEvent.model_validate, attributes), "", "", body)]


def _event(validate: Any, source: Any) -> CloudEvent:
    try:
        return validate(source)
    except ValidationError as error:
        raise problem_of(error) from None


def _batch(body: bytes) -> list[Posted]:
    try:
        events = TypeAdapter(list[CloudEvent]).validate_json(body)
    except ValidationError as error:
        raise problem_of(error) from None
    if not 0 < len(events) <= MAX_BATCH_EVENTS:
        detail = f"It holds {len(events)}; between 1 and {MAX_BATCH_EVENTS} are taken."
        raise Problem(413 if events else 422, "batch-size", "The batch does not have a size that is taken.", detail)
    read: list[Posted] = []
    faults: list[FieldFault] = []
    for index, event in enumerate(events):
        try:
            read.append(_read(event, f"/{index}/data", f"/{index}"))
        except Problem as problem:
            faults += problem.faults or [FieldFault(pointer=f"/{index}", code=problem.code, detail=problem.detail)]
    if faults:
        raise invalid_body(faults)
    return read


def _read(event: CloudEvent, under_data: str, under_event: str, binary: bytes | None = None) -> Posted:
    model = _REQUESTS.get(event.type)
    if model is None:
        expected = " or ".join(_REQUESTS)
        fault = FieldFault(pointer=f"{under_event}/type", code="unknown-type", detail=f"Expected {expected}.")
        raise invalid_body([fault])
    if event.dataschema and major_of({"ce_dataschema": event.dataschema}) != model.major:
        detail = f"Only version {model.major} of {event.type} is taken here."
        raise invalid_body([FieldFault(pointer=f"{under_event}/dataschema", code="unknown-version", detail=detail)])
    data = _data(event, under_event) if binary is None else binary
    if len(data) > MAX_EVENT_BYTES:
        raise Problem(413, "too-large", "The event is too large.", f"At most {MAX_EVENT_BYTES // 1024} KiB are taken.")
    try:
        return Posted(event, model.model_validate_json(data), data, under_data)
    except ValidationError as error:
        found = problem_of(error)
        raise invalid_body(faults_of(error, under_data)) if found.faults else found from None


def _data(event: CloudEvent, under_event: str) -> bytes:
    if event.data_base64 is None:
        return orjson.dumps(event.data)
    try:
        return base64.b64decode(event.data_base64, validate=True)
    except (binascii.Error, ValueError):
        raise invalid_body(
            [FieldFault(pointer=f"{under_event}/data_base64", code="not-base64", detail="This is not Base64.")]
        ) from None
