"""What holds between the parts of a conference: no slug is given twice, every slug that is named exists.

Works on parts as they were read (mappings) and as models alike, so that a folder with a fault in one part still
has all others checked in the same run.
"""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, NamedTuple, cast

Loc = tuple[int | str, ...]
"""A place in the conference: field names and list positions, outermost first."""


class Fault(NamedTuple):
    loc: Loc
    message: str
    kind: str = "conference"
    found: object = None
    """What stands there, where that says more than the message."""


class _Identifier(NamedTuple):
    part: str
    field: str
    noun: str


class _Reference(NamedTuple):
    part: str
    field: str
    target: str


IDENTIFIERS = (
    _Identifier("zones", "slug", "zone"),
    _Identifier("pass_types", "slug", "pass type"),
    _Identifier("categories", "slug", "category"),
    _Identifier("delegation_kinds", "slug", "kind of delegation"),
    _Identifier("delegations", "code", "delegation"),
    _Identifier("rooms", "slug", "room"),
    _Identifier("sessions", "session_id", "session"),
    _Identifier("working_groups", "slug", "working group"),
    _Identifier("refusal_reasons", "code", "reason"),
)
REFERENCES = (
    _Reference("categories", "pass_type", "pass_types"),
    _Reference("categories", "zones", "zones"),
    _Reference("categories", "open_to", "delegation_kinds"),
    _Reference("categories", "letter_from", "delegation_kinds"),
    _Reference("delegation_kinds", "quota_by_category", "categories"),
    _Reference("delegations", "kind", "delegation_kinds"),
    _Reference("sessions", "room", "rooms"),
    _Reference("sessions", "audience", "categories"),
    _Reference("sessions", "organisers", "delegations"),
    _Reference("working_groups", "members", "delegations"),
)


def faults_between(conference: object) -> Iterator[Fault]:
    """Yield every slug given twice and every slug named that does not exist, each with its place."""
    yield from _twice(conference, _Identifier("zones", "code", "zone code"))
    for identifier in IDENTIFIERS:
        yield from _twice(conference, identifier)
    for reference in REFERENCES:
        yield from _dangling(conference, reference)


def _twice(conference: object, identifier: _Identifier) -> Iterator[Fault]:
    seen: set[str] = set()
    for number, item in enumerate(_items(conference, identifier.part)):
        slug = _value(item, identifier.field)
        if not isinstance(slug, str):
            continue
        if slug in seen:
            message = f'{identifier.noun} "{slug}" is given twice: remove one or rename it'
            yield Fault((identifier.part, number, identifier.field), message, "twice")
        seen.add(slug)


def _dangling(conference: object, reference: _Reference) -> Iterator[Fault]:
    target = next(identifier for identifier in IDENTIFIERS if identifier.part == reference.target)
    known = {str(_value(item, target.field)) for item in _items(conference, target.part)}
    for number, item in enumerate(_items(conference, reference.part)):
        for place, slug in _slugs(_value(item, reference.field)):
            if slug not in known:
                loc = (reference.part, number, reference.field, *place)
                yield Fault(loc, f'unknown {target.noun} "{slug}": {_remedy(slug, known, target)}', "dangling")


def _remedy(slug: str, known: set[str], target: _Identifier) -> str:
    close = get_close_matches(slug, sorted(known), n=1)
    meant = f'did you mean "{close[0]}"? Else ' if close else ""
    return f"{meant}add it to {target.part} or name another"


def _slugs(value: object) -> Iterator[tuple[Loc, str]]:
    """Yield each slug of a field that holds one, a list of them, or a mapping by them, with its place inside."""
    if isinstance(value, str):
        yield (), value
    elif isinstance(value, Mapping):
        yield from (((key,), key) for key in cast(Mapping[object, object], value) if isinstance(key, str))
    elif isinstance(value, Sequence):
        yield from (((at,), slug) for at, slug in enumerate(cast(Sequence[object], value)) if isinstance(slug, str))


def _items(conference: object, part: str) -> Sequence[object]:
    items = _value(conference, part)
    return cast(Sequence[object], items) if isinstance(items, list) else ()


def _value(item: object, field: str) -> Any:
    return cast(Mapping[str, Any], item).get(field) if isinstance(item, Mapping) else getattr(item, field, None)
