"""The AsyncAPI 3.0 document: every channel, what goes over it, and who sends and receives it.

https://www.asyncapi.com/docs/reference/specification/v3.0.0
"""

import re
from typing import Any

from shared import dead_letters, topics
from shared.cloudevents import schema_uri
from shared.events import FACTS, MAX_BATCH_EVENTS, MAX_EVENT_BYTES, REQUESTS, Fact, Request
from shared.flows import FLOWS, STATION, Flow
from shared.topics import Topic

Part = dict[str, Any]
_INTAKE = "intake"
_LETTER = "DeadLetter"

_DESCRIPTION = (
    "Registration, badging and notifications meet only in Kafka. A fact is the full state of one key at a revision: keep the "
    "highest revision of a key and drop the rest. Ignore fields you do not know; set an event of another major version "
    f"aside. Topic names carry the deployment's prefix, if it has one. No event exceeds {MAX_EVENT_BYTES // 1024} KiB."
)

_TEXT = {"type": "string"}
_ATTRIBUTES: dict[str, Part] = {
    "specversion": {"const": "1.0"},
    "id": {**_TEXT, "description": "With `source`, the same for every delivery of one event."},
    "type": {**_TEXT, "description": "The event's name."},
    "source": {**_TEXT, "description": "The service, printer or form that wrote it."},
    "subject": {**_TEXT, "description": "The record's key."},
    "time": {**_TEXT, "format": "date-time"},
    "dataschema": {**_TEXT, "description": "The `$id` of the data's schema; its last part is the major version."},
}
_REQUIRED = ("specversion", "id", "type", "source")
_TRACE = {**_TEXT, "description": "W3C Trace Context: from the form's post to the printed badge and the mail."}
_ADDED: dict[str, Part] = {
    dead_letters.LETTER: {**_TEXT, "description": "The letter's id; all headers before it are the event's own."},
    dead_letters.TOPIC: {**_TEXT, "description": "Where the event stood, with its partition and offset."},
    dead_letters.PARTITION: _TEXT,
    dead_letters.OFFSET: _TEXT,
    dead_letters.SERVICE: {**_TEXT, "description": "Who could not take it."},
    dead_letters.ERROR_TYPE: _TEXT,
    dead_letters.ERROR_MESSAGE: {**_TEXT, "description": "What was wrong, without personal data."},
    dead_letters.PREVIOUS: {**_TEXT, "description": "The letter that was replayed and failed again as this one."},
    dead_letters.OUTCOME: {
        "enum": [each.value for each in dead_letters.Outcome],
        "description": "In a record without a value: what became of the letter.",
    },
    dead_letters.PLACE: {**_TEXT, "description": "In the retry topic: where the letter lies."},
    dead_letters.DISCARD: {**_TEXT, "description": "In the retry topic: the letter is to be closed and not handled."},
}


def document() -> Part:
    """The whole document; schemas are referred to by file name, beside it."""
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Lanyard", "version": "1", "description": _DESCRIPTION, "license": {"name": "Apache-2.0"}},
        "defaultContentType": "application/json",
        "servers": _servers(),
        "channels": {**{_channel_id(flow.topic): _channel(flow) for flow in FLOWS}, _INTAKE: _intake_channel()},
        "operations": {**dict(each for flow in FLOWS for each in _operations(flow)), **_intake_operation()},
        "components": {
            "messages": {
                **{_message_id(fact): _message(fact, "kafkaHeaders") for fact in FACTS},
                **{_message_id(request): _message(request, "httpHeaders") for request in REQUESTS},
                _LETTER: _dead_letter(),
            },
            "schemas": {
                "kafkaHeaders": _headers("ce_"),
                "httpHeaders": _headers("ce-"),
                "deadLetterHeaders": {"type": "object", "required": [dead_letters.LETTER], "properties": _ADDED},
            },
        },
    }


def _servers() -> Part:
    def server(protocol: str, host: str, description: str) -> Part:
        variable = {"default": host, "description": description}
        return {"host": "{address}", "protocol": protocol, "variables": {"address": variable}}

    return {
        "kafka": server("kafka", "localhost:9092", "One of the deployment's bootstrap servers."),
        "registration": server("http", "localhost:8000", "Where the registration service answers."),
    }


def _channel(flow: Flow) -> Part:
    configuration = next(each for each in topics.all_topics([STATION]) if each.name == flow.topic)
    letters = flow.topic.endswith(".dead-letter")
    messages = [_LETTER] if letters else [_message_id(fact) for fact in flow.facts]
    parameters = {"parameters": {STATION.strip("{}"): {"description": "The slug of a badge station.", "default": "main"}}}
    return {
        "address": flow.topic,
        "summary": flow.summary,
        "servers": [{"$ref": "#/servers/kafka"}],
        **(parameters if STATION in flow.topic else {}),
        "messages": {each: {"$ref": f"#/components/messages/{each}"} for each in messages},
        "bindings": {"kafka": {"topicConfiguration": _topic_configuration(configuration), "bindingVersion": "0.5.0"}},
    }


def _topic_configuration(topic: Topic) -> Part:
    described: Part = {}
    for name, value in topic.configuration().items():
        described[name] = [value] if name == "cleanup.policy" else int(value)
    return described


def _operations(flow: Flow) -> list[tuple[str, Part]]:
    channel = {"$ref": f"#/channels/{_channel_id(flow.topic)}"}
    directions = [("send", each) for each in flow.written_by] + [("receive", each) for each in flow.read_by]
    return [
        (f"{who}.{action}.{_channel_id(flow.topic)}", {"action": action, "channel": channel, "tags": [{"name": who}]})
        for action, who in directions
    ]


def _intake_channel() -> Part:
    return {
        "address": "/events",
        "summary": f"Requests to registration: one event, structured or binary, or a batch of at most {MAX_BATCH_EVENTS}.",
        "servers": [{"$ref": "#/servers/registration"}],
        "messages": {_message_id(each): {"$ref": f"#/components/messages/{_message_id(each)}"} for each in REQUESTS},
    }


def _intake_operation() -> Part:
    return {
        f"registration.receive.{_INTAKE}": {
            "action": "receive",
            "channel": {"$ref": f"#/channels/{_INTAKE}"},
            "tags": [{"name": "registration"}],
            "bindings": {"http": {"method": "POST", "bindingVersion": "0.3.0"}},
        }
    }


def _message(event: type[Fact] | type[Request], headers: str) -> Part:
    described: Part = {
        "name": event.event_type,
        "summary": (event.__doc__ or "").partition("\n\n")[0],
        "headers": {"$ref": f"#/components/schemas/{headers}"},
        "payload": {"$ref": f"./{event.event_type}.json"},
    }
    if issubclass(event, Fact):
        described["bindings"] = {"kafka": {"key": _TEXT, "bindingVersion": "0.5.0"}}
    described["x-dataschema"] = schema_uri(event.event_type, event.major)
    return described


def _dead_letter() -> Part:
    both = [{"$ref": "#/components/schemas/kafkaHeaders"}, {"$ref": "#/components/schemas/deadLetterHeaders"}]
    return {
        "name": "dead-letter",
        "summary": "An event that a service could not take, its bytes and headers as they came.",
        "headers": {"type": "object", "allOf": both},
        "payload": {"description": "The original bytes, whatever they are."},
    }


def _headers(prefix: str) -> Part:
    named = {f"{prefix}{name}": schema for name, schema in _ATTRIBUTES.items()}
    return {
        "type": "object",
        "description": "CloudEvents 1.0 in binary mode, and the trace.",
        "required": [f"{prefix}{name}" for name in _REQUIRED],
        "properties": {**named, "traceparent": _TRACE, "content-type": {"const": "application/json"}},
    }


def _channel_id(topic: str) -> str:
    """The topic's name as one word in camel case: tools make identifiers of it."""
    first, *rest = re.findall(r"[a-z]+", topic.replace(STATION, ""))
    return first + "".join(word.capitalize() for word in rest)


def _message_id(event: type[Fact] | type[Request]) -> str:
    return event.__name__
