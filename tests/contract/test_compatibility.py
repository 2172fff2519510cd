"""The checker of changes to the contract: it sees each kind of break, and lets additions pass."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from shared import schema_export
from shared.events import REQUESTS
from shared.schema_compatibility import breaks_of_fact, breaks_of_request

Schema = dict[str, Any]
Change = Callable[[Schema], object]

BADGE: Schema = {
    "$id": "urn:lanyard:event:badge:1",
    "type": "object",
    "required": ["serial", "holder"],
    "properties": {
        "serial": {"type": "string", "minLength": 4, "maxLength": 32, "pattern": "^[0-9]+$"},
        "holder": {"$ref": "#/$defs/Holder"},
        "copies": {"type": "integer", "minimum": 1, "maximum": 9, "default": 1},
        "reason": {"anyOf": [{"type": "string", "maxLength": 64}, {"type": "null"}], "default": None},
        "zones": {"type": "array", "items": {"type": "string", "maxLength": 3}, "maxItems": 9},
        "names": {
            "type": "object",
            "propertyNames": {"enum": ["en", "fr"]},
            "additionalProperties": {"type": "string", "maxLength": 160},
            "minProperties": 1,
        },
        "issued_at": {"type": "string", "format": "date-time"},
    },
    "$defs": {
        "Holder": {
            "type": "object",
            "required": ["id"],
            "properties": {"id": {"type": "string"}, "state": {"enum": ["valid", "void"], "type": "string"}},
        }
    },
}


def changed(schema: Schema, change: Change) -> Schema:
    after = copy.deepcopy(schema)
    change(after)
    return after


def closed(schema: Schema) -> Schema:
    """The same as a request, which refuses unknown fields."""
    shut = copy.deepcopy(schema)
    for each in (shut, shut["$defs"]["Holder"]):
        each["additionalProperties"] = False
    return shut


def of(*path: str, **keywords: Any) -> Change:
    """Set keywords of the schema at a path; `None` takes one away."""

    def change(schema: Schema) -> None:
        target = schema
        for step in path:
            target = target[step]
        for keyword, value in keywords.items():
            target.pop(keyword, None)
            if value is not None:
                target[keyword] = value

    return change


def field(name: str, **keywords: Any) -> Change:
    return of("properties", name, **keywords)


HOLDER = ("$defs", "Holder")
STATE = (*HOLDER, "properties", "state")
REMOVED: dict[str, Change] = {
    "a field": lambda s: s["properties"].pop("copies"),
    "a required field": lambda s: (s["properties"].pop("serial"), s["required"].remove("serial")),
    "a field of a part": lambda s: s["$defs"]["Holder"]["properties"].pop("state"),
}
NARROWED: dict[str, Change] = {
    "another type": field("copies", type="string"),
    "another type in a list": field("zones", items={"type": "integer"}),
    "no null": field("reason", anyOf=[{"type": "string", "maxLength": 64}]),
    "no text": field("reason", anyOf=[{"type": "null"}]),
    "an optional field is required": of(required=["serial", "holder", "copies"]),
    "an optional field of a part is required": of(*HOLDER, required=["id", "state"]),
    "a new required field": lambda s: (s["properties"].update(station={"type": "string"}), s["required"].append("station")),
    "a value less": of(*STATE, enum=["valid"]),
    "only some values": field("serial", enum=["0001", "0002"]),
    "only one value": field("serial", const="0001"),
    "shorter": field("serial", maxLength=16),
    "shorter in a choice": field("reason", anyOf=[{"type": "string", "maxLength": 9}, {"type": "null"}]),
    "longer at least": field("serial", minLength=8),
    "less at most": field("copies", maximum=3),
    "more at least": field("copies", minimum=2),
    "fewer items": field("zones", maxItems=3),
    "a limit where none was": field("zones", minItems=1),
    "another pattern": field("serial", pattern="^[A-Z]+$"),
    "another format": field("issued_at", format="date"),
    "another default": field("copies", default=2),
    "a language less": field("names", propertyNames={"enum": ["en"]}),
    "shorter texts by language": field("names", additionalProperties={"type": "string", "maxLength": 80}),
    "no languages but named ones": field("names", additionalProperties=False),
    "a keyword the checker does not know": field("zones", uniqueItems=True),
}
WIDENED: dict[str, Change] = {
    "a required field is optional": of(required=["serial"]),
    "null too": field("copies", type=None, anyOf=[{"type": "integer", "minimum": 1, "maximum": 9}, {"type": "null"}]),
    "any number": field("copies", type="number"),
    "a value more": of(*STATE, enum=["valid", "void", "lost"]),
    "any value": of(*STATE, enum=None),
    "longer": field("serial", maxLength=64),
    "no limit": field("serial", maxLength=None),
    "no pattern": field("serial", pattern=None),
    "a language more": field("names", propertyNames={"enum": ["en", "fr", "es"]}),
    "a choice more": field("reason", anyOf=[{"type": "string", "maxLength": 64}, {"type": "null"}, {"type": "integer"}]),
}
ADDED: dict[str, Change] = {
    "nothing": lambda s: None,
    "words": of(title="Badge", description="A badge."),
    "words of a field": field("serial", description="Printed on it."),
    "an optional field": lambda s: s["properties"].update(station={"type": "string", "default": "main"}),
    "an optional field of a part": lambda s: s["$defs"]["Holder"]["properties"].update(photo={"type": "string"}),
    "a part moved into a definition": lambda s: (
        s["$defs"].update(Serial=s["properties"]["serial"]),
        s["properties"].update(serial={"$ref": "#/$defs/Serial"}),
    ),
}


def each_of(*kinds: dict[str, Change]) -> Any:
    cases = {name: change for kind in kinds for name, change in kind.items()}
    return pytest.mark.parametrize("change", cases.values(), ids=cases.keys())


@each_of(REMOVED, NARROWED, WIDENED)
def test_a_fact_may_neither_lose_nor_narrow_nor_widen(change: Change) -> None:
    assert breaks_of_fact(BADGE, changed(BADGE, change)) != []


@each_of(REMOVED, NARROWED)
def test_a_request_may_neither_lose_nor_narrow(change: Change) -> None:
    assert breaks_of_request(closed(BADGE), changed(closed(BADGE), change)) != []


@each_of(WIDENED)
def test_a_request_may_widen(change: Change) -> None:
    assert breaks_of_request(closed(BADGE), changed(closed(BADGE), change)) == []


@each_of(ADDED)
def test_additions_pass(change: Change) -> None:
    assert breaks_of_fact(BADGE, changed(BADGE, change)) == []
    assert breaks_of_request(closed(BADGE), changed(closed(BADGE), change)) == []


def test_a_fact_that_is_closed_may_not_get_a_field() -> None:
    later = changed(closed(BADGE), ADDED["an optional field"])
    assert breaks_of_fact(closed(BADGE), later) == ["to a reader of the version before, `station` is refused as unknown"]


def test_a_break_says_where_and_what() -> None:
    found = breaks_of_fact(BADGE, changed(BADGE, of(*STATE, enum=["valid", "lost"])))
    assert found == [
        "in a record of the version before, `holder.state` may be 'void', which is not read",
        "to a reader of the version before, `holder.state` may be 'lost', which is not read",
    ]


def released(event_type: str = "session-changed") -> dict[str, Schema]:
    return {event_type: schema_export.schemas()[event_type]}


def test_an_event_that_is_gone_is_a_break() -> None:
    assert schema_export.breaks(released(), {}) == ["session-changed: is not there any more"]


def test_a_new_event_is_none() -> None:
    assert schema_export.breaks({}, released()) == []


def test_a_break_is_found_between_released_and_present_events() -> None:
    after = {"session-changed": changed(released()["session-changed"], lambda s: s["properties"].pop("capacity"))}
    [found] = schema_export.breaks(released(), after)
    assert found.startswith("session-changed: ")
    assert "`capacity`" in found


def test_a_raised_major_version_may_break_and_may_not_go_back() -> None:
    after = changed(released()["session-changed"], lambda s: s["properties"].clear())
    after["$id"] = "urn:lanyard:event:session-changed:2"
    assert schema_export.breaks(released(), {"session-changed": after}) == []
    assert schema_export.breaks({"session-changed": after}, released()) == ["session-changed: its major version went back"]


def test_requests_are_judged_as_requests() -> None:
    for request in REQUESTS:
        before = schema_export.schema_of(request)
        wider = changed(before, of(required=[]))
        assert schema_export.breaks({request.event_type: before}, {request.event_type: wider}) == []
