"""Errors as people and programs read them: RFC 9457 problem details, with every fault of a body at once."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.responses import Response

from shared.wording import sentence

MEDIA_TYPE = "application/problem+json"


class FieldFault(BaseModel):
    """What is wrong with one field; `pointer` is its JSON Pointer (RFC 6901) in the body, or a header's or parameter's name."""

    model_config = ConfigDict(frozen=True)

    pointer: str
    code: str
    detail: str


class Problem(Exception):
    """An error with its answer. `code` is stable and for programs; `title` and `detail` are for people."""

    def __init__(
        self,
        status: int,
        code: str,
        title: str,
        detail: str = "",
        *,
        faults: Sequence[FieldFault] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code)
        self.status, self.code, self.title, self.detail = status, code, title, detail
        self.faults = list(faults)
        self.headers = dict(headers or {})

    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = {"type": f"urn:lanyard:problem:{self.code}", "title": self.title, "status": self.status}
        if self.detail:
            document["detail"] = self.detail
        if self.faults:
            document["errors"] = [fault.model_dump() for fault in self.faults]
        return document

    def response(self) -> Response:
        return Response(orjson.dumps(self.document()), self.status, self.headers, MEDIA_TYPE)


_DOCUMENT_SCHEMA: dict[str, Any] = {
    "$ref": "#/$defs/ProblemDetails",
    "$defs": {
        "FieldFault": FieldFault.model_json_schema(),
        "ProblemDetails": {
            "type": "object",
            "title": "ProblemDetails",
            "required": ["type", "title", "status"],
            "properties": {
                "type": {"type": "string", "description": "`urn:lanyard:problem:CODE`: stable, for programs"},
                "title": {"type": "string", "description": "what was wrong, for people"},
                "status": {"type": "integer"},
                "detail": {"type": "string", "description": "what to do"},
                "errors": {
                    "type": "array",
                    "items": {"$ref": "#/$defs/FieldFault"},
                    "description": "every fault of the request",
                },
            },
        },
    },
}


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI of these answers as problem details, for a route's `responses`."""
    content = {MEDIA_TYPE: {"schema": _DOCUMENT_SCHEMA}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}


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
    detail = f"{_counted(faults)}; nothing was stored. Correct what `errors` names and send it again."
    return Problem(422, "invalid", "The request is not valid.", detail, faults=faults)


def invalid_parameters(faults: Sequence[FieldFault]) -> Problem:
    """Of what stands in the address or in a header."""
    detail = f"{_counted(faults)} in its address or headers. Correct what `errors` names and ask again."
    return Problem(422, "invalid", "The request is not valid.", detail, faults=faults)


def _counted(faults: Sequence[FieldFault]) -> str:
    return "1 fault" if len(faults) == 1 else f"{len(faults)} faults"


def unavailable() -> Problem:
    detail = "It is not known to be stored. Repeat it with the same Idempotency-Key; it will be taken once."
    return Problem(503, "unavailable", "This cannot be done at the moment.", detail, headers={"Retry-After": "2"})
