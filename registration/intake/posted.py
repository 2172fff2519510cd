"""CloudEvents 1.0 as they are posted over HTTP: structured, binary, or a batch.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md
Extensions are ignored, as the specification asks; the data are read strictly.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, cast
from urllib.parse import unquote

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic_core import PydanticCustomError, to_json
from starlette.requests import Request as HttpRequest

from shared.cloudevents import major_of
from shared.events import MAX_BATCH_EVENTS, MAX_EVENT_BYTES, RegistrationSubmitted, Request, SessionChangeRequested
from shared.http import read_json, require_json
from shared.problems import Problem, faults_of, invalid_body
from shared.said import FieldFault, Said, one_of, say

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
BINARY = "application/json"
_REQUESTS: dict[str, type[Request]] = {each.event_type: each for each in (RegistrationSubmitted, SessionChangeRequested)}


def _printable(value: str) -> str:
    for character in value:
        if not character.isprintable():
            unwanted = {"character": f"U+{ord(character):04X}"}
            raise PydanticCustomError("control_character", "must not contain the control character {character}", unwanted)
    return value


Attribute = Annotated[str, StringConstraints(min_length=1, max_length=256), AfterValidator(_printable)]


class CloudEvent(BaseModel):
    """The attributes that are read, and the data."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    specversion: Literal["1.0"]
    id: Attribute
    source: Attribute
    type: Annotated[str, Field(max_length=256, json_schema_extra={"enum": list(_REQUESTS)})]
    dataschema: str | None = None
    datacontenttype: Annotated[str, Field(pattern=r"^application/([a-z0-9.-]+\+)?json *(;.*)?$")] = BINARY
    data: Any = None
    data_base64: str | None = None


@dataclass(frozen=True, slots=True)
class Posted:
    """One event as posted, its request, and where its type and its data stand in what was posted."""

    event: CloudEvent
    request: Request
    type_at: str
    data_at: str

    @property
    def name(self) -> str:
        """What a repeat of this event is known by: `source` and `id`, unambiguously."""
        return f"{len(self.event.source)} {self.event.source} {self.event.id}"

    @property
    def content(self) -> bytes:
        """What a repeat must come with, however its JSON is spelt."""
        return f"{self.event.type} {self.request.model_dump_json(exclude_unset=True)}".encode()


def media_type_of(request: HttpRequest) -> str:
    """The media type of posted events; raises 415 where it is none that is taken.

    An event in binary mode may come without one: its data are JSON then, as the CloudEvents project's own SDKs take it.
    """
    if "content-type" not in request.headers and "ce-specversion" in request.headers:
        return BINARY
    return require_json(request, STRUCTURED, BATCH, BINARY)


def posted_events(media_type: str, headers: Mapping[str, str], body: bytes) -> list[Posted]:
    """The events of a request, in order; raises a `Problem` that names every fault by the event's index."""
    if media_type == BATCH:
        return _batch(read_json(body))
    if media_type == STRUCTURED:
        return [_read(read_json(body), "")]
    attributes = {name[3:]: unquote(value) for name, value in headers.items() if name.startswith("ce-")}
    if "specversion" not in attributes:
        detail = say("Send `ce-specversion`, `ce-id`, `ce-source` and `ce-type`, or a structured event.")
        raise Problem(422, "not-an-event", say("The CloudEvents headers are missing."), detail)
    return [_with_request(_event(attributes, "ce-"), read_json(body), "ce-", "")]


def _batch(document: Any) -> list[Posted]:
    if not isinstance(document, list):
        raise invalid_body([FieldFault("", "list-type", say("A batch is a list of events."))])
    elements = cast(list[Any], document)
    if not 0 < len(elements) <= MAX_BATCH_EVENTS:
        detail = say("It holds {held}; between 1 and {most} are taken.", held=len(elements), most=MAX_BATCH_EVENTS)
        raise Problem(413 if elements else 422, "batch-size", say("The batch does not have a size that is taken."), detail)
    read: list[Posted] = []
    faults: list[FieldFault] = []
    for index, element in enumerate(elements):
        try:
            read.append(_read(element, f"/{index}"))
        except Problem as problem:
            faults += problem.faults or [FieldFault(f"/{index}", problem.code, problem.detail or problem.title)]
    if faults:
        raise invalid_body(faults)
    return read


def _read(document: Any, under: str) -> Posted:
    event = _event(document, f"{under}/")
    if event.data_base64 is None:
        return _with_request(event, event.data, f"{under}/", f"{under}/data")
    place = f"{under}/data_base64"
    if event.data is not None:
        raise _one_fault(place, "data-twice", say("Send `data` or `data_base64`, not both."))
    try:
        data = read_json(base64.b64decode(event.data_base64, validate=True))
    except (binascii.Error, ValueError):
        raise _one_fault(place, "not-base64", say("This is not Base64.")) from None
    except Problem as problem:
        raise _one_fault(place, problem.code, problem.detail or problem.title) from None
    return _with_request(event, data, f"{under}/", place)


def _event(attributes: Any, prefix: str) -> CloudEvent:
    """The envelope; faults name its attributes with `prefix` before them."""
    try:
        return CloudEvent.model_validate(attributes, strict=True)
    except ValidationError as error:
        faults = faults_of(error)
    where = [(prefix + each.pointer.removeprefix("/")).removesuffix("/") for each in faults]
    raise invalid_body([replace(each, pointer=place) for each, place in zip(faults, where, strict=True)])


def _with_request(event: CloudEvent, data: Any, prefix: str, under_data: str) -> Posted:
    model = _REQUESTS.get(event.type)
    if model is None:
        raise _one_fault(f"{prefix}type", "unknown-type", say("Expected {types}.", types=one_of(list(_REQUESTS))))
    if event.dataschema and major_of({"ce_dataschema": event.dataschema}) != model.major:
        detail = say("Only version {version} of {type} is taken here.", version=model.major, type=event.type)
        raise _one_fault(f"{prefix}dataschema", "unknown-version", detail)
    written = to_json(data)
    if len(written) > MAX_EVENT_BYTES:
        raise _one_fault(under_data, "too-large", say("At most {size} KiB are taken.", size=MAX_EVENT_BYTES // 1024))
    try:
        return Posted(event, model.model_validate_json(written, strict=True), f"{prefix}type", under_data)
    except ValidationError as error:
        raise invalid_body(faults_of(error, under_data)) from None


def _one_fault(pointer: str, code: str, detail: Said) -> Problem:
    return invalid_body([FieldFault(pointer, code, detail)])
