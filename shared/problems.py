"""Errors as people and programs read them: RFC 9457 problem details, with every fault of a body at once."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
from pydantic import ValidationError
from starlette.responses import Response

from shared.events import LANGUAGES, Language
from shared.said import FieldFault, Said, say, say_counted
from shared.wording import sentence

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """An error with its answer. `code` is stable and for programs; `title` and `detail` are for people."""

    def __init__(
        self,
        status: int,
        code: str,
        title: Said,
        detail: Said | None = None,
        *,
        faults: Sequence[FieldFault] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code)
        self.status, self.code, self.title, self.detail = status, code, title, detail
        self.faults = list(faults)
        self.headers = dict(headers or {})

    @property
    def said(self) -> Said:
        """What is wrong, in one sentence: where fields have faults, the first one's."""
        return self.faults[0].detail if self.faults else self.detail or self.title

    def document(self, language: Language) -> dict[str, Any]:
        title = self.title.in_language(language)
        document: dict[str, Any] = {"type": f"urn:lanyard:problem:{self.code}", "title": title, "status": self.status}
        if self.detail:
            document["detail"] = self.detail.in_language(language)
        if self.faults:
            document["errors"] = [
                {"pointer": fault.pointer, "code": fault.code, "detail": fault.detail.in_language(language)}
                for fault in self.faults
            ]
        return document

    def response(self, language: Language) -> Response:
        """The answer to a reader of `language`."""
        headers = {**self.headers, "Content-Language": language, "Vary": "Accept-Language"}
        return Response(orjson.dumps(self.document(language)), self.status, headers, MEDIA_TYPE)


_DOCUMENT_SCHEMA: dict[str, Any] = {
    "$ref": "#/$defs/ProblemDetails",
    "$defs": {
        "FieldFault": {
            "type": "object",
            "title": "FieldFault",
            "description": "what is wrong with one field",
            "required": ["pointer", "code", "detail"],
            "properties": {
                "pointer": {
                    "type": "string",
                    "description": "its JSON Pointer (RFC 6901) in the body, or a header's or parameter's name",
                },
                "code": {"type": "string", "description": "stable, for programs"},
                "detail": {"type": "string", "description": "for people, in the language of the answer"},
            },
        },
        "ProblemDetails": {
            "type": "object",
            "title": "ProblemDetails",
            "required": ["type", "title", "status"],
            "properties": {
                "type": {"type": "string", "description": "`urn:lanyard:problem:CODE`: stable, for programs"},
                "title": {"type": "string", "description": "what was wrong, for people, in the language of the answer"},
                "status": {"type": "integer"},
                "detail": {"type": "string", "description": "what to do, likewise"},
                "errors": {
                    "type": "array",
                    "items": {"$ref": "#/$defs/FieldFault"},
                    "description": "every fault of the request",
                },
            },
        },
    },
}
_HEADERS = {
    "Content-Language": {
        "schema": {"type": "string", "enum": list(LANGUAGES)},
        "description": "The language of the sentences: of these, the one that `Accept-Language` wishes most, else English.",
    },
    "Vary": {"schema": {"type": "string"}},
}


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI of these answers as problem details, for a route's `responses`."""
    documented = {"content": {MEDIA_TYPE: {"schema": _DOCUMENT_SCHEMA}}, "headers": _HEADERS}
    return {status: {"description": HTTPStatus(status).phrase, **documented} for status in statuses}


def pointer(location: Sequence[int | str]) -> str:
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in location)


def faults_of(error: ValidationError, under: str = "") -> list[FieldFault]:
    """Every fault of a body, with the place of each; never with the value that was sent."""
    return [field_fault(fault, under + pointer(fault["loc"])) for fault in error.errors(include_input=False, include_url=False)]


def field_fault(fault: Mapping[str, Any], where: str) -> FieldFault:
    """One of pydantic's error details."""
    return FieldFault(pointer=where, code=_code(fault["type"]), detail=sentence(fault))


def _code(pydantic_type: str) -> str:
    return {"missing": "required", "extra_forbidden": "unknown-field"}.get(pydantic_type, pydantic_type.replace("_", "-"))


def invalid_body(faults: Sequence[FieldFault]) -> Problem:
    detail = say_counted(
        "1 fault; nothing was stored. Correct what `errors` names and send it again.",
        "{count} faults; nothing was stored. Correct what `errors` names and send it again.",
        count=len(faults),
    )
    return _invalid(detail, faults)


def invalid_parameters(faults: Sequence[FieldFault]) -> Problem:
    """Of what stands in the address or in a header."""
    detail = say_counted(
        "1 fault in its address or headers. Correct what `errors` names and ask again.",
        "{count} faults in its address or headers. Correct what `errors` names and ask again.",
        count=len(faults),
    )
    return _invalid(detail, faults)


def _invalid(detail: Said, faults: Sequence[FieldFault]) -> Problem:
    return Problem(422, "invalid", say("The request is not valid."), detail, faults=faults)


def unavailable() -> Problem:
    detail = say("It is not known to be stored. Repeat it with the same Idempotency-Key; it will be taken once.")
    return Problem(503, "unavailable", say("This cannot be done at the moment."), detail, headers={"Retry-After": "2"})
