"""CloudEvents 1.0 in the Kafka protocol binding, binary mode: attributes are `ce_` headers, the value is the data.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from shared.clock import utc_now
from shared.events import Fact
from shared.ids import new_id
from shared.tracing import continued

Headers = list[tuple[str, bytes | None]]


class Record(NamedTuple):
    """What goes into a Kafka record; a `value` of `None` is a tombstone, or closes a dead letter."""

    key: bytes
    value: bytes | None
    headers: Headers


class Envelope(NamedTuple):
    """The attributes of a received event."""

    id: str
    type: str
    major: int
    source: str
    traceparent: str


def schema_uri(event_type: str, major: int) -> str:
    """`ce_dataschema` of an event; the major version is its last part."""
    return f"urn:lanyard:event:{event_type}:{major}"


def encode(fact: Fact, source: str, traceparent: str, event_id: str | None = None) -> Record:
    """Encode `fact` as a new event of `source` (a service or a printer), on the given trace, by default with a new id."""
    key = fact.key.encode()
    headers = [
        *_constant_headers(type(fact), source),
        ("ce_id", (event_id or str(new_id())).encode()),
        ("ce_subject", key),
        ("ce_time", utc_now().isoformat().replace("+00:00", "Z").encode()),
        ("traceparent", traceparent.encode()),
    ]
    return Record(key, fact.model_dump_json().encode(), headers)


@lru_cache(maxsize=64)
def _constant_headers(fact_type: type[Fact], source: str) -> Headers:
    return [
        ("ce_specversion", b"1.0"),
        ("ce_type", fact_type.event_type.encode()),
        ("ce_source", source.encode()),
        ("ce_dataschema", schema_uri(fact_type.event_type, fact_type.major).encode()),
        ("content-type", b"application/json"),
    ]


def decode(headers: Iterable[tuple[str, bytes | None]], *, default_type: str, default_id: str) -> Envelope:
    """Read the attributes of a record.

    A record without CloudEvents headers, as a printer of ten lines may send one, is read as its topic's own type,
    version 1, with its place in the topic as id.
    """
    found = {name: value.decode("utf-8", "replace") for name, value in headers if value}
    return Envelope(
        id=found.get("ce_id", default_id),
        type=found.get("ce_type", default_type),
        major=major_of(found),
        source=found.get("ce_source", ""),
        traceparent=continued(found.get("traceparent")),
    )


def major_of(attributes: Mapping[str, str], name: str = "ce_dataschema") -> int:
    """The major version that `ce_dataschema` ends in; 1 where there is none, 0 (unknown) where it is not ours."""
    uri = attributes.get(name)
    if not uri:
        return 1
    version = uri.rpartition(":")[2]
    return int(version) if uri.startswith("urn:lanyard:event:") and version.isdecimal() else 0
