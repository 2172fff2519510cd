"""The contract's files: up to date, breaking nobody who knows the version before, and true of real events."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema_rs import Draft202012Validator
from jsonschema_rs import ValidationError as SchemaFault
from pydantic import ValidationError

from services import composition
from shared import asyncapi, flows, schema_export, topics
from shared.cloudevents import encode
from shared.events import FACTS, REQUESTS, DelegateRegistered, Fact, Photo, Request
from shared.schema_export import SCHEMAS
from shared.tracing import new_traceparent

EVENTS = {event.event_type: event for event in (*FACTS, *REQUESTS)}
EXAMPLES = Path(__file__).parent / "examples"

every_event = pytest.mark.parametrize("event_type", EVENTS)
NAMED_BY_THE_CONFERENCE = {("fields",), ("reserved",)}
"""Where fields and categories stand: what is not known there is another one of them."""

every_fact = pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.event_type)
every_request = pytest.mark.parametrize("request_type", REQUESTS, ids=lambda request: request.event_type)


def example(event: type[Fact] | type[Request]) -> dict[str, Any]:
    return json.loads((EXAMPLES / f"{event.event_type}.json").read_text(encoding="utf-8"))


def committed(event_type: str) -> Draft202012Validator:
    schema = json.loads((SCHEMAS / f"{event_type}.json").read_text(encoding="utf-8"))
    return Draft202012Validator(schema, validate_formats=True)


def objects_in(document: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The places of all JSON objects of a closed or open shape, not of maps such as names by language."""
    if isinstance(document, list):
        return [place for index, each in enumerate(document) for place in objects_in(each, (*path, index))]
    if not isinstance(document, dict) or set(document) <= {"ar", "zh", "en", "fr", "ru", "es"}:
        return []
    return [path, *(place for name, each in document.items() for place in objects_in(each, (*path, name)))]


def with_unknown_field(document: dict[str, Any], place: tuple[str | int, ...]) -> dict[str, Any]:
    changed = json.loads(json.dumps(document))
    target = changed
    for step in place:
        target = target[step]
    target["added_later"] = "x"
    return changed


def test_the_files_are_up_to_date() -> None:
    for name, text in schema_export.files().items():
        assert (SCHEMAS / name).read_text(encoding="utf-8") == text, "run `lanyard schemas`"
    assert {file.name for file in SCHEMAS.iterdir() if file.is_file()} == set(schema_export.files())


def test_nobody_who_knows_the_version_before_is_broken() -> None:
    released = schema_export.read_released()
    assert set(released) <= set(EVENTS)
    assert schema_export.breaks(released, schema_export.schemas()) == []


@every_event
def test_an_example_is_valid_and_is_read(event_type: str) -> None:
    event = EVENTS[event_type]
    committed(event_type).validate(example(event))
    event.model_validate_json(json.dumps(example(event)))


@every_event
def test_an_example_shows_every_field(event_type: str) -> None:
    event = EVENTS[event_type]
    assert set(example(event)) == set(event.model_fields)


@every_fact
def test_what_is_written_is_valid(fact: type[Fact]) -> None:
    record = encode(fact.model_validate(example(fact)), "registration", new_traceparent())
    committed(fact.event_type).validate(json.loads(record.value))


@every_fact
def test_a_fact_of_the_version_before_is_read(fact: type[Fact]) -> None:
    """Only what the released schema requires is sure to be in an old record."""
    required = schema_export.read_released()[fact.event_type]["required"]
    oldest = {name: value for name, value in example(fact).items() if name in required}
    committed(fact.event_type).validate(oldest)
    fact.model_validate_json(json.dumps(oldest))


@every_fact
def test_unknown_fields_of_a_fact_are_ignored(fact: type[Fact]) -> None:
    read = fact.model_validate_json(json.dumps(example(fact)))
    for place in objects_in(example(fact)):
        if place in NAMED_BY_THE_CONFERENCE:
            continue
        later = with_unknown_field(example(fact), place)
        committed(fact.event_type).validate(later)
        assert fact.model_validate_json(json.dumps(later)) == read


@every_request
def test_unknown_fields_of_a_request_are_refused(request_type: type[Request]) -> None:
    places = [each for each in objects_in(example(request_type)) if each not in NAMED_BY_THE_CONFERENCE]
    assert () in places
    for place in places:
        misspelt = with_unknown_field(example(request_type), place)
        with pytest.raises(SchemaFault, match="added_later"):
            committed(request_type.event_type).validate(misspelt)
        with pytest.raises(ValidationError, match="added_later"):
            request_type.model_validate_json(json.dumps(misspelt))


@every_event
def test_a_missing_field_is_refused_by_schema_and_reader_alike(event_type: str) -> None:
    event = EVENTS[event_type]
    for name, field in event.model_fields.items():
        without = {key: value for key, value in example(event).items() if key != name}
        valid = committed(event_type).is_valid(without)
        assert valid is not field.is_required()
        if not valid:
            with pytest.raises(ValidationError, match=name):
                event.model_validate_json(json.dumps(without))


def test_the_largest_photo_is_valid() -> None:
    photo = Photo(sha256="0" * 64, jpeg=bytes([251, 255, 190]) * (16 * 1024))
    fact = DelegateRegistered.model_validate(example(DelegateRegistered) | {"photo": None}).model_copy(update={"photo": photo})
    assert b"-_--" in fact.model_dump_json().encode()
    committed("delegate-registered").validate(json.loads(fact.model_dump_json()))
    assert DelegateRegistered.model_validate_json(fact.model_dump_json()).photo == photo


def test_times_are_in_utc_whatever_the_offset() -> None:
    later = DelegateRegistered.model_validate(example(DelegateRegistered) | {"changed_at": "2018-06-21T10:30:00+02:00"})
    assert later.changed_at == datetime(2018, 6, 21, 8, 30, tzinfo=UTC)
    assert '"changed_at":"2018-06-21T08:30:00Z"' in later.model_dump_json()


def test_every_reference_of_the_asyncapi_document_leads_somewhere() -> None:
    document = yaml.safe_load((SCHEMAS / schema_export.ASYNCAPI).read_text(encoding="utf-8"))
    references = list(_references(document))
    assert len(references) > 50
    for reference in references:
        if reference.startswith("./"):
            assert (SCHEMAS / reference).exists()
            continue
        target = document
        for step in reference.removeprefix("#/").split("/"):
            target = target[step]


def _references(part: Any) -> Any:
    if isinstance(part, dict):
        if "$ref" in part:
            yield part["$ref"]
        for each in part.values():
            yield from _references(each)
    elif isinstance(part, list):
        for each in part:
            yield from _references(each)


def test_channels_are_the_topics_that_are_created() -> None:
    addresses = {channel["address"] for channel in asyncapi.document()["channels"].values()}
    created = {topic.name for topic in topics.all_topics([flows.STATION])}
    assert addresses == created | {"/events"}


def test_headers_of_a_record_are_those_of_the_document() -> None:
    fact = DelegateRegistered.model_validate(example(DelegateRegistered))
    headers = {name: value.decode() for name, value in encode(fact, "registration", new_traceparent()).headers}
    described = asyncapi.document()["components"]["schemas"]["kafkaHeaders"]
    assert set(headers) == set(described["properties"])
    Draft202012Validator(described).validate(headers)


def test_services_read_what_the_document_says() -> None:
    for name in composition.NAMES:
        assert set(composition.service(name).reads) == set(flows.topics_read_by(name))
