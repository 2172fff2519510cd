"""Whether one JSON Schema may follow another: what a change would break for those who know only the version before.

A request has readers of the new version and writers of both: what was accepted must stay so. A fact has readers and
writers of both versions, and its log holds records of both: each must be readable by each, and no field may go.
Only fields that may be left out can be added to either.

What it cannot judge it reports: a keyword that differs and that it does not know counts as a break.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

Schema = Mapping[str, Any]

_SAYS_NOTHING = {"title", "description", "examples", "default", "$id", "$schema", "$defs", "$ref", "$comment"}
_UPPER = {"maxLength", "maximum", "exclusiveMaximum", "maxItems", "maxProperties"}
_LOWER = {"minLength", "minimum", "exclusiveMinimum", "minItems", "minProperties"}
_OF_VALUES = {"type", "enum", "const", "anyOf", "oneOf"}
_OF_PARTS = {"properties", "required", "items", "additionalProperties", "propertyNames"}
_COMPARED_APART = _SAYS_NOTHING | _OF_VALUES | _OF_PARTS


def breaks_of_request(before: Schema, after: Schema) -> list[str]:
    """What writers of the version before could send and would now be refused."""
    return list(_Reading(written=before, read=after, fields_may_go=False).faults())


def breaks_of_fact(before: Schema, after: Schema) -> list[str]:
    """What readers of the version after would refuse of records before, and readers before of records after."""
    of_old_records = _Reading(written=before, read=after, fields_may_go=False).faults()
    of_new_records = _Reading(written=after, read=before, fields_may_go=True).faults()
    return [f"in a record of the version before, {each}" for each in of_old_records] + [
        f"to a reader of the version before, {each}" for each in of_new_records
    ]


@dataclass(frozen=True, slots=True)
class _Reading:
    """Records `written` by one schema, as `read` by another. Lists what may be written and is not read."""

    written: Schema
    read: Schema
    fields_may_go: bool
    """Whether the reader may lack a field that is written, as one of the version before lacks a new one."""

    def faults(self) -> Iterator[str]:
        return self._compare(self.written, self.read, "")

    def _compare(self, written: Schema, read: Schema, place: str) -> Iterator[str]:
        written, read = _resolved(written, self.written), _resolved(read, self.read)
        if not self.fields_may_go and written.get("default") != read.get("default"):
            yield f"{_named(place)} left out means {read.get('default')!r}, not {written.get('default')!r}"
        choices, accepted = _choices(written), _choices(read)
        if len(choices) == len(accepted) == 1:
            yield from self._compare_one(_resolved(choices[0], self.written), _resolved(accepted[0], self.read), place)
            return
        for choice in choices:
            tried = [list(self._compare(choice, each, place)) for each in accepted]
            yield from min(tried, key=len)

    def _compare_one(self, written: Schema, read: Schema, place: str) -> Iterator[str]:
        kinds, read_kinds = _types(written), _types(read)
        if read_kinds and not (kinds and kinds <= read_kinds):
            yield f"{_named(place)} of type {_listed(kinds)} is read as {_listed(read_kinds)}"
            return
        yield from _values(written, read, place)
        yield from _bounds(written, read, place)
        yield from self._fields(written, read, place)
        for keyword in ("items", "propertyNames"):
            if keyword in read:
                yield from self._compare(_part(written, keyword), _part(read, keyword), f"{place}[{keyword}]")

    def _fields(self, written: Schema, read: Schema, place: str) -> Iterator[str]:
        fields: Schema = written.get("properties", {})
        known: Schema = read.get("properties", {})
        for name, schema in fields.items():
            inside = f"{place}.{name}" if place else name
            if name in known:
                yield from self._compare(schema, known[name], inside)
            elif not self.fields_may_go:
                yield f"{_named(inside)} is not known any more"
            elif read.get("additionalProperties") is False:
                yield f"{_named(inside)} is refused as unknown"
        for name in read.get("required", []):
            if name not in written.get("required", []):
                yield f"{_named(f'{place}.{name}' if place else name)} may be missing and is required"
        if "additionalProperties" in read:
            yield from self._others(written.get("additionalProperties", True), read["additionalProperties"], place)

    def _others(self, written: Schema | bool, read: Schema | bool, place: str) -> Iterator[str]:
        """Compare the fields that have no name in the schema."""
        if written is False or read is True:
            return
        if written is True or read is False:
            yield f"{_named(place)} may have fields that are not known"
        else:
            yield from self._compare(written, read, f"{place}[]")


def _values(written: Schema, read: Schema, place: str) -> Iterator[str]:
    allowed = _enumerated(read)
    if allowed is None:
        return
    possible = _enumerated(written)
    if possible is None:
        yield f"{_named(place)} may be any value and is read only as one of {_listed(allowed)}"
        return
    for value in possible:
        if value not in allowed:
            yield f"{_named(place)} may be {value!r}, which is not read"


def _bounds(written: Schema, read: Schema, place: str) -> Iterator[str]:
    for keyword, limit in read.items():
        if keyword in _COMPARED_APART or written.get(keyword) == limit:
            continue
        found = written.get(keyword)
        looser = (keyword in _UPPER and found is not None and found < limit) or (
            keyword in _LOWER and found is not None and found > limit
        )
        if not looser:
            yield f"{_named(place)} is written with {keyword} {found!r} and read with {limit!r}"


def _resolved(schema: Schema, root: Schema) -> Schema:
    """Follow `$ref`; what stands beside it (a default, a description) wins."""
    while "$ref" in schema:
        beside = {keyword: value for keyword, value in schema.items() if keyword != "$ref"}
        target: Any = root
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        schema = {**target, **beside}
    return schema


def _choices(schema: Schema) -> list[Schema]:
    return schema.get("anyOf") or schema.get("oneOf") or [{k: v for k, v in schema.items() if k != "default"}]


def _types(schema: Schema) -> frozenset[str]:
    found = schema.get("type", ())
    kinds = frozenset([found] if isinstance(found, str) else found)
    return kinds | {"integer"} if "number" in kinds else kinds


def _part(schema: Schema, keyword: str) -> Schema:
    found = schema.get(keyword, True)
    return cast(Schema, found) if isinstance(found, Mapping) else {}


def _enumerated(schema: Schema) -> list[Any] | None:
    return [schema["const"]] if "const" in schema else schema.get("enum")


def _named(place: str) -> str:
    return f"`{place}`" if place else "the event"


def _listed(values: Any) -> str:
    return ", ".join(sorted(str(each) for each in values)) or "any"
