"""HTTP as every service offers it: bounded bodies, problem details, one trace per request, `/health`, `/ready`, `/metrics`."""

import inspect
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping
from typing import Annotated, Any, TypeVar

import jiter
import orjson
from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import ExceptionHandler, Receive, Scope, Send

from shared.events import LANGUAGES, MAX_EVENT_BYTES, Language
from shared.faults import DATABASE_AWAY
from shared.keys import Role, StaffKey, StaffKeys
from shared.logs import get_log
from shared.negotiation import negotiated
from shared.openapi import DocumentedApp
from shared.problems import Problem, faults_of, field_fault, invalid_body, invalid_parameters, unavailable
from shared.safe_headers import with_safe_headers
from shared.said import FieldFault, Said, quoted, say
from shared.tracing import continued

log = get_log()

M = TypeVar("M", bound=BaseModel)

_NO_ROUTE = {
    404: ("not-found", say("There is nothing at this address.")),
    405: ("method-not-allowed", say("This address does not take this method.")),
}


class Readiness(BaseModel):
    """What `/ready` answers: 200 where `ready`, else 503."""

    ready: bool
    checks: dict[str, Any]


def http_app(title: str, ready: Callable[[], Awaitable[Readiness]]) -> FastAPI:
    """A FastAPI app with what every service offers; the service's own routes are included by the caller."""
    # Its own pages load a viewer from the web; its redirects name the host that the request names.
    app = _SafeApp(title=title, version="1", docs_url=None, redoc_url=None, redirect_slashes=False)
    app.add_exception_handler(Problem, _answer_problem)
    app.add_exception_handler(RequestValidationError, _answer_invalid_parameters)
    app.add_exception_handler(HTTPException, _answer_no_route)
    app.add_exception_handler(ClientDisconnect, _answer_nobody)
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


class _SafeApp(DocumentedApp):
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            send = with_safe_headers(scope, send)
            if scope["method"] == "HEAD":  # answered as GET is: the server that it came by leaves the body out
                scope = {**scope, "method": "GET"}
        await super().__call__(scope, receive, send)


async def answer_to(request: Request, error: Exception) -> Response:
    """How an error is answered that no route answers itself."""
    handlers = request.app.exception_handlers
    found = next(handlers[kind] for kind in type(error).__mro__ if kind in handlers)
    return await found(request, error)


class DirectRoute(APIRoute):
    """A route that hands the request to an endpoint which asks for nothing else, at a third of FastAPI's own cost."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        if list(inspect.signature(self.endpoint).parameters) != ["request"]:
            return super().get_route_handler()
        endpoint: Callable[[Request], Coroutine[Any, Any, Response]] = self.endpoint
        return endpoint


def refuse_unknown_parameters(request: Request, *also: str) -> None:
    """Raises 422 where what is asked for is no parameter of the route, nor one of `also`, which it reads itself."""
    route: APIRoute = request.scope["route"]
    known = {each.alias for each in route.dependant.query_params}.union(also)
    unknown = [each for each in request.query_params if each not in known]
    if unknown:
        raise invalid_parameters([FieldFault(each, "unknown-field", say("This field is not known.")) for each in unknown])


def add_routes(app: FastAPI, routes: APIRouter, answer_no_route: ExceptionHandler | None = None) -> None:
    """Make the routes of `routes` the app's own. `include_router` asks each of them twice, which every request pays for.

    `answer_no_route` answers what none of them takes, in place of problem details.
    """
    app.router.routes[:0] = routes.routes
    if answer_no_route is not None:
        app.add_exception_handler(HTTPException, answer_no_route)


def json_response(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(content, default=str), status, headers, "application/json")


def staff_caller(keys: StaffKeys, roles: frozenset[Role]) -> Callable[..., StaffKey]:
    """A dependency that lets callers of these roles in, and names the key's place in the OpenAPI document.

    Raises 422 where they ask for what is no parameter: one misspelt would be ignored.
    """
    scheme = HTTPBearer(auto_error=False, description=f"A staff key of the kind: {', '.join(sorted(roles))}")

    def caller(request: Request, _: Annotated[Any, Depends(scheme)]) -> StaffKey:
        key = keys.require(request.headers.get("authorization"), roles)
        refuse_unknown_parameters(request)
        return key

    return caller


def traceparent_of(request: Request) -> str:
    """The trace of this request: the caller's, or a new one."""
    return continued(request.headers.get("traceparent"))


async def read_body(request: Request, limit: int = MAX_EVENT_BYTES) -> bytes:
    """The whole body; raises 413 as soon as it is known to exceed `limit` bytes."""
    return b"".join([chunk async for chunk in limited(request, limit)])


async def limited(request: Request, limit: int) -> AsyncGenerator[bytes]:
    """The body as it comes; raises 413 as soon as it is known to exceed `limit` bytes."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise _too_large(limit)
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        yield chunk


def _too_large(limit: int) -> Problem:
    detail = say("At most {size} KiB are taken here.", size=limit // 1024)
    return Problem(413, "too-large", say("The request is too large."), detail)


def require_json(request: Request, *accepted: str) -> str:
    """The media type of the request, without parameters; raises 415 where it is none of `accepted`."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in (accepted or ("application/json",)):
        expected = ", ".join(accepted or ("application/json",))
        detail = say("Send {expected}.", expected=expected)
        raise Problem(415, "wrong-media-type", say("This media type is not taken here."), detail)
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
    if "recursion" in message:
        detail = say("No request here needs more than a few levels.")
        raise Problem(400, "too-deep", say("The JSON is nested too deeply."), detail)
    line, column = re.findall(r"\d+", message)[-2:]
    where = {"line": line, "column": column}
    if "duplicate" in message:
        detail = say("The second one ends at line {line}, column {column}. Keep one of the two.", **where)
        raise Problem(400, "name-twice", say("A name is given twice in one JSON object."), detail)
    raise Problem(400, "not-json", say("The body is not JSON."), _unread(message, body, where))


def _unread(message: str, body: bytes, where: Mapping[str, str]) -> Said:
    if not body.strip():
        return say("It is empty.")
    if message.startswith("EOF"):
        return say("It ends before it is complete at line {line}, column {column}.", **where)
    return say("It cannot be read on at line {line}, column {column}.", **where)


def language_of(request: Request) -> Language:
    """The language that `Accept-Language` wishes."""
    return negotiated(None, ",".join(request.headers.getlist("accept-language")), LANGUAGES)


async def _answer_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return error.response(language_of(request))


async def _answer_invalid_parameters(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = [field_fault(fault, ".".join(map(str, fault["loc"][1:]))) for fault in error.errors()]
    return invalid_parameters(faults).response(language_of(request))


async def _answer_unavailable(request: Request, error: Exception) -> Response:
    log.error("database_away", method=request.method, path=request.url.path, error=type(error).__name__)
    return unavailable().response(language_of(request))


async def _answer_no_route(request: Request, error: Exception) -> Response:
    return no_route(request, error).response(language_of(request))


def no_route(request: Request, error: Exception) -> Problem:
    """What is wrong with a request that no route takes, as its `HTTPException` says."""
    assert isinstance(error, HTTPException)
    code, title = _NO_ROUTE.get(error.status_code, ("refused", say("The request was refused.")))
    detail = say("The API is described at `/openapi.json`.") if error.status_code in _NO_ROUTE else quoted(error.detail)
    headers = {"Allow": ", ".join(_methods_of(request))} if error.status_code == 405 else error.headers
    return Problem(error.status_code, code, title, detail, headers=headers)


def _methods_of(request: Request) -> list[str]:
    """Every method that some route takes at the address of `request`."""
    routes = [each for each in request.app.router.routes if isinstance(each, Route)]
    taken = [each.methods or () for each in routes if each.matches(request.scope)[0] is not Match.NONE]
    named = {method for methods in taken for method in methods}
    return sorted(named | {"HEAD"} if "GET" in named else named)


async def _answer_nobody(request: Request, _: Exception) -> Response:
    """Who asked went away before all was sent: no fault of ours."""
    log.info("client_went_away", method=request.method, path=request.url.path)
    return Response(status_code=400)


async def _answer_own_fault(request: Request, error: Exception) -> Response:
    log.error("request_failed", method=request.method, path=request.url.path, exc_info=error)
    detail = say("It was logged. Try again, with the same key.")
    return Problem(500, "own-fault", say("Something went wrong here."), detail).response(language_of(request))
