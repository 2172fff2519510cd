"""The OpenAPI document where FastAPI cannot know: bodies that are read by hand, the key, schemas that refer to others."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, cast

from fastapi import FastAPI
from fastapi.security import HTTPBearer
from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import models_json_schema

_IN_SCHEMA, _IN_COMPONENTS = "#/$defs/", "#/components/schemas/"
_BEARER = HTTPBearer(description="Keys are given out by the conference's operations staff.")

KEY_NEEDED: Mapping[str, Any] = {"security": [{_BEARER.scheme_name: []}]}
"""For the `openapi_extra` of a route that looks for the key itself."""


class DocumentedApp(FastAPI):
    """FastAPI with a document in which every `$ref` leads somewhere and every key is described."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is not None:
            return self.openapi_schema
        found: dict[str, Any] = {}
        document = _lifted(super().openapi(), found)
        components = document.setdefault("components", {})
        schemas = components.setdefault("schemas", {})
        for name, schema in found.items():
            if schemas.setdefault(name, schema) != schema:
                raise ValueError(f"two schemas are called {name}; rename one of the models")
        bearer = _BEARER.model.model_dump(mode="json", by_alias=True, exclude_none=True)
        components.setdefault("securitySchemes", {}).setdefault(_BEARER.scheme_name, bearer)
        self.openapi_schema = document
        return document


def body_of(
    models: Mapping[str, type[BaseModel] | Mapping[str, Any]], examples: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """A body, by media type, with its examples: for the `openapi_extra` of a route that reads it by hand."""
    content = {
        media_type: {
            "schema": model if isinstance(model, Mapping) else schema_of(model)[0],
            **({"example": examples[media_type]} if examples else {}),
        }
        for media_type, model in models.items()
    }
    return {"requestBody": {"required": True, "content": content}}


@cache
def answer_of(model: Any) -> Mapping[str, Any]:
    """An answer in JSON, for the `responses` of routes.

    As their `response_model` FastAPI would work out its schema anew for each of them, which made most of a start.
    """
    references, schemas = TypeAdapter.json_schemas([("answer", "serialization", TypeAdapter[Any](model))])
    return {"content": {"application/json": {"schema": {**references["answer", "serialization"], **schemas}}}}


@cache
def schema_of(*models: type[BaseModel]) -> Sequence[Mapping[str, Any]]:
    """For each model a reference to its schema, with the definitions it needs beside it."""
    references, schemas = models_json_schema([(model, "validation") for model in models])
    return [{**references[model, "validation"], **schemas} for model in models]


def _lifted(node: Any, found: dict[str, Any]) -> Any:
    """A copy of `node` with the definitions of all its schemas moved to `found`, and referred to there."""
    if isinstance(node, list):
        return [_lifted(each, found) for each in cast(list[Any], node)]
    if not isinstance(node, dict):
        return node
    copy: dict[str, Any] = {}
    for name, value in cast(dict[str, Any], node).items():
        if name == "$defs":
            found.update(_lifted(value, found))
        elif name == "$ref":
            copy[name] = value.replace(_IN_SCHEMA, _IN_COMPONENTS)
        else:
            copy[name] = _lifted(value, found)
    return copy
