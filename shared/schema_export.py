"""The contract as files for readers in any language: a JSON Schema of each event, and one AsyncAPI document of all.

`shared/schemas` holds them, under version control; `shared/schemas/released` holds the schemas as last released.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from shared import asyncapi
from shared.cloudevents import schema_uri
from shared.events import FACTS, REQUESTS, Fact, Request
from shared.schema_compatibility import breaks_of_fact, breaks_of_request

SCHEMAS = Path(__file__).parent / "schemas"
RELEASED = SCHEMAS / "released"
ASYNCAPI = "asyncapi.yaml"
_WRITTEN_BY = "# Written by `lanyard schemas`, from shared/events.py and shared/flows.py.\n"

Schema = dict[str, Any]


class _Generate(GenerateJsonSchema):
    def field_title_should_be_set(self, schema: Any) -> bool:
        """Leave out titles: they only repeat the fields' names."""
        return False

    def bytes_schema(self, schema: core_schema.BytesSchema) -> JsonSchemaValue:
        """Bound the text that carries the bytes: pydantic gives the length of the bytes, four characters stand for three."""
        alphabet = "Base64 in the alphabet for URLs (RFC 4648, section 5), with padding."
        described: Schema = {"type": "string", "format": "base64url", "description": alphabet}
        if (longest := schema.get("max_length")) is not None:
            described["maxLength"] = -(-longest // 3) * 4
        return described


class _InFull(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        """Write out what stands in two places: few tools for AsyncAPI read YAML's aliases."""
        return True


def schema_of(event: type[Fact] | type[Request]) -> Schema:
    """The JSON Schema (2020-12) of an event's data."""
    described = event.model_json_schema(schema_generator=_Generate)
    definitions = {"$defs": described.pop("$defs")} if "$defs" in described else {}
    identity = {"$schema": GenerateJsonSchema.schema_dialect, "$id": schema_uri(event.event_type, event.major)}
    return {**identity, **described, **definitions}


def schemas() -> dict[str, Schema]:
    """The schema of every event, by event type."""
    return {event.event_type: schema_of(event) for event in (*FACTS, *REQUESTS)}


def schema_files() -> dict[str, str]:
    """The content of every JSON Schema file, by file name."""
    return {f"{event_type}.json": _json(schema) for event_type, schema in schemas().items()}


def files() -> dict[str, str]:
    """The content of every file of the contract, by its name in `SCHEMAS`."""
    document = yaml.dump(asyncapi.document(), Dumper=_InFull, sort_keys=False, allow_unicode=True, width=120)
    return {**schema_files(), ASYNCAPI: f"{_WRITTEN_BY}{document}"}


def read_released(folder: Path = RELEASED) -> dict[str, Schema]:
    """The schemas as last released, by event type; none before the first release."""
    return {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in sorted(folder.glob("*.json"))}


def breaks(released: Mapping[str, Schema], current: Mapping[str, Schema]) -> list[str]:
    """What would break whoever knows only the version before; empty where nothing would.

    An event whose major version was raised is another event: its readers were told.
    """
    found: list[str] = []
    requests = {request.event_type for request in REQUESTS}
    for event_type, before in released.items():
        after = current.get(event_type)
        if after is None:
            found.append(f"{event_type}: is not there any more")
        elif _major(after) < _major(before):
            found.append(f"{event_type}: its major version went back")
        elif _major(after) == _major(before):
            compare = breaks_of_request if event_type in requests else breaks_of_fact
            found += [f"{event_type}: {each}" for each in compare(before, after)]
    return found


def _major(schema: Schema) -> int:
    return int(schema["$id"].rpartition(":")[2])


def _json(schema: Schema) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
