"""HTTP as every service offers it: bounded bodies, problem details, one trace per request, `/health`, `/ready`, `/metrics`."""

import inspect
import re
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import jiter
import orjson
from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match, Route

from shared.events import MAX_EVENT_BYTES
from shared.faults import DATABASE_AWAY
from shared.logs import get_log
from shared.openapi import DocumentedApp
from shared.problems import Problem, faults_of, field_fault, invalid_body, invalid_parameters, unavailable
from shared.tracing import continued

log = get_log()

M = TypeVar("M", bound=BaseModel)

_SEE = "The API is described at `/openapi.json`."
_NO_ROUTE = {
    404: Problem(404, "not-found", "There is nothing at this address.", _SEE),
    405: Problem(405, "method-not-allowed", "This address does not take this method.", _SEE),
}


class Readiness(BaseModel):
    """What `/ready` answers: 200 where `ready`, else 503."""

    ready: bool
    checks: dict[str, Any]


def http_app(title: str, ready: Callable[[], Awaitable[Readiness]]) -> FastAPI:
    """A FastAPI app with what every service offers; the service's own routes are included by the caller."""
    app = DocumentedApp(title=title, version="1", docs_url=None, redoc_url=None)  # their pages load a viewer from the web
    app.add_exception_handler(Problem, _answer_problem)
    app.add_exception_handler(RequestValidationError, _answer_invalid_parameters)
    app.add_exception_handler(HTTPException, _answer_no_route)
    for fault in DATABASE_AWAY:
        app.add_exception_handler(fault, _answer_unavailable)
    app.add_exception_handler(Exception, _answer_own_fault)

    @app.get("/health", summary="Is the process alive?")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/ready", summary="Can it do its work?", response_model=Readiness, responses={503: {"model": Readiness}})
    async def readiness() -> Response:
        state = await ready()
        return json_response(state.model_dump(), 200 if state.ready else 503)

    @app.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return app


class DirectRoute(APIRoute):
    """A route that hands the request to an endpoint which asks for nothing else, at a third of FastAPI's own cost."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        if list(inspect.signature(self.endpoint).parameters) != ["request"]:
            return super().get_route_handler()
        endpoint: Callable[[Request], Coroutine[Any, Any, Response]] = self.endpoint
        return endpoint


def add_routes(app: FastAPI, routes: APIRouter) -> None:
    """Make the routes of `routes` the app's own. `include_router` asks each of them twice, which every request pays for."""
    app.router.routes[:0] = routes.routes


def json_response(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(content, default=str), status, headers, "application/json")


def traceparent_of(request: Request) -> str:
    """The trace of this request: the caller's, or a new one."""
    return continued(request.headers.get("traceparent"))


async def read_body(request: Request, limit: int = MAX_EVENT_BYTES) -> bytes:
    """The whole body; raises 413 as soon as it is known to exceed `limit` bytes."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise _too_large(limit)
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        chunks.append(chunk)
    return b"".join(chunks)


def _too_large(limit: int) -> Problem:
    return Problem(413, "too-large", "The request is too large.", f"At most {limit // 1024} KiB are taken here.")


def require_json(request: Request, *accepted: str) -> str:
    """The media type of the request, without parameters; raises 415 where it is none of `accepted`."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in (accepted or ("application/json",)):
        expected = ", ".join(accepted or ("application/json",))
        raise Problem(415, "wrong-media-type", "This media type is not taken here.", f"Send {expected}.")
    return media_type


def parse(model: type[M], body: bytes) -> M:
    """The body as `model`, strictly; raises 400 where it is not JSON, 422 with every fault where it is not valid."""
    read_json(body)
    try:
        return model.model_validate_json(body, strict=True)
    except ValidationError as error:
        raise invalid_body(faults_of(error)) from None


def read_json(body: bytes) -> Any:
    """The content of a JSON text (RFC 8259); raises 400 also where a name is given twice, which readers read differently."""
    try:
        return jiter.from_json(body, catch_duplicate_keys=True, allow_inf_nan=False, cache_mode="keys")
    except ValueError as error:
        message = str(error)
    place = _PLACE.search(message)
    where = f" at line {place[1]}, column {place[2]}" if place else ""
    if "recursion" in message:
        raise Problem(400, "too-deep", "The JSON is nested too deeply.", "No request here needs more than a few levels.")
    if "duplicate" in message:
        detail = f"The second one ends{where}. Keep one of the two."
        raise Problem(400, "name-twice", "A name is given twice in one JSON object.", detail)
    what = "It ends before it is complete" if message.startswith("EOF") else "It cannot be read on"
    raise Problem(400, "not-json", "The body is not JSON.", f"{what}{where}." if body.strip() else "It is empty.")


_PLACE = re.compile(r"line (\d+) column (\d+)")


async def _answer_problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return error.response()


async def _answer_invalid_parameters(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = [field_fault(fault, ".".join(map(str, fault["loc"][1:]))) for fault in error.errors()]
    return invalid_parameters(faults).response()


async def _answer_unavailable(request: Request, error: Exception) -> Response:
    log.error("database_away", method=request.method, path=request.url.path, error=type(error).__name__)
    return unavailable().response()


async def _answer_no_route(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    problem = _NO_ROUTE.get(error.status_code)
    if problem is None:
        problem = Problem(error.status_code, "refused", str(error.detail))
    headers = {"Allow": ", ".join(_methods_of(request))} if error.status_code == 405 else error.headers
    return Response(orjson.dumps(problem.document()), error.status_code, headers, "application/problem+json")


def _methods_of(request: Request) -> list[str]:
    """Every method that some route takes at the address of `request`."""
    routes = [each for each in request.app.router.routes if isinstance(each, Route)]
    taken = [each.methods or () for each in routes if each.matches(request.scope)[0] is not Match.NONE]
    return sorted({method for methods in taken for method in methods})


async def _answer_own_fault(request: Request, error: Exception) -> Response:
    log.error("request_failed", method=request.method, path=request.url.path, exc_info=error)
    return Problem(500, "own-fault", "Something went wrong here.", "It was logged. Try again, with the same key.").response()
