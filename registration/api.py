"""HTTP in: the routes of registration. They read, name the use case, and answer; they decide nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse, Response

from registration import pages, queries, service, views
from registration.answers import Idempotency
from registration.callers import Caller, Callers
from registration.group import Part, Submission
from registration.intake import Intake
from registration.model import Amendment
from registration.posted import BATCH, BINARY, STRUCTURED, Posted, posted_events
from registration.queries import MAX_PAGE, DelegateFilter
from shared.conference import Conference
from shared.database import Database
from shared.events import MAX_BATCH_BYTES, MAX_EVENT_BYTES, RegistrationSubmitted, SessionChange, SessionChangeRequested, Status
from shared.http import json_response, parse, read_body, require_json, traceparent_of
from shared.keys import Role
from shared.problems import Problem

READERS = frozenset(Role)
ACCREDITATION = frozenset({Role.ACCREDITATION})
PROGRAMME = frozenset({Role.PROGRAMME})
MAX_KEY_LENGTH = 256


@dataclass(frozen=True, slots=True)
class Registration:
    """What the routes call."""

    intake: Intake
    callers: Callers
    database: Database
    conference: Conference

    async def submit(self, request: Request, use_case: service.UseCase, caller: Caller, body: bytes) -> Response:
        """Have one use case decided, once per `Idempotency-Key`."""
        dry_run = _dry_run(request)
        part = Part(use_case, None if dry_run else _idempotency(request, caller, body))
        traceparent = traceparent_of(request)
        [answer] = await self.intake.submit(Submission([part], traceparent, dry_run))
        return json_response(answer.body, 200 if dry_run else answer.status, {"traceparent": traceparent})

    async def submit_events(self, request: Request, posted: Sequence[Posted], caller: Caller, *, as_list: bool) -> Response:
        """Have posted events decided, all or none, each once per `source` and `id`."""
        dry_run = _dry_run(request)
        parts = [
            Part(
                _use_case(each, caller),
                None if dry_run else Idempotency.of(caller.scope, f"{each.event.source} {each.event.id}", each.data),
                each.under,
            )
            for each in posted
        ]
        traceparent = traceparent_of(request)
        answers = await self.intake.submit(Submission(parts, traceparent, dry_run))
        headers = {"traceparent": traceparent}
        if not as_list:
            return json_response(answers[0].body, 200 if dry_run else answers[0].status, headers)
        results = [
            {"id": each.event.id, "source": each.event.source, "status": answer.status, **answer.body}
            for each, answer in zip(posted, answers, strict=True)
        ]
        return json_response({"results": results}, 200, headers)


def _dry_run(request: Request) -> bool:
    return request.query_params.get("dry_run", "").lower() in ("1", "true", "yes")


def _idempotency(request: Request, caller: Caller, body: bytes) -> Idempotency | None:
    key = request.headers.get("idempotency-key", "").strip().strip('"')
    if not key:
        return None
    if len(key) > MAX_KEY_LENGTH:
        detail = f"It may have {MAX_KEY_LENGTH} characters."
        raise Problem(400, "key-too-long", "The Idempotency-Key is too long.", detail)
    return Idempotency.of(caller.scope, key, request.method.encode(), request.url.path.encode(), body)


def _use_case(posted: Posted, caller: Caller) -> service.UseCase:
    match posted.request:
        case RegistrationSubmitted() as submitted:
            return service.RegisterDelegate(submitted, caller)
        case SessionChangeRequested() as change:
            if caller.staff is None or caller.staff.role is not Role.PROGRAMME:
                raise Problem(403, "key-of-wrong-kind", "This key may not change the programme.", "It needs a programme key.")
            return service.ChangeSession(change.session_id, change)
        case _:
            raise AssertionError(posted.event.type)


def _body(model: type[Any], **examples: Any) -> dict[str, Any]:
    """The OpenAPI of a body that is read by hand, so that its faults can all be named at once."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    schema.pop("$defs", None)
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema, **examples}}}}


def router(registration: Registration) -> APIRouter:
    """Every route of registration."""
    routes = APIRouter()
    _intake_routes(routes, registration)
    _delegate_routes(routes, registration)
    _enrolment_routes(routes, registration)
    _programme_routes(routes, registration)
    return routes


def _intake_routes(routes: APIRouter, r: Registration) -> None:
    @routes.post("/delegates", status_code=201, summary="Register one person", openapi_extra=_body(RegistrationSubmitted))
    async def register(request: Request) -> Response:
        caller = await r.callers.require(request.headers.get("authorization"), staff=ACCREDITATION, forms=True)
        require_json(request)
        body = await read_body(request)
        return await r.submit(request, service.RegisterDelegate(parse(RegistrationSubmitted, body), caller), caller, body)

    @routes.post("/events", summary="Post one CloudEvent, or a batch that is taken whole or not at all")
    async def events(request: Request) -> Response:
        caller = await r.callers.require(request.headers.get("authorization"), staff=ACCREDITATION | PROGRAMME, forms=True)
        media_type = require_json(request, STRUCTURED, BATCH, BINARY)
        body = await read_body(request, MAX_BATCH_BYTES if media_type == BATCH else MAX_EVENT_BYTES)
        posted = posted_events(media_type, request.headers, body)
        return await r.submit_events(request, posted, caller, as_list=media_type == BATCH)


def _delegate_routes(routes: APIRouter, r: Registration) -> None:
    @routes.get("/delegates", summary="Delegates by status, delegation and category; as JSON or, asked for `text/csv`, as CSV")
    async def delegates(
        request: Request,
        status: Status | None = None,
        delegation: str | None = None,
        category: str | None = None,
        after: UUID | None = None,
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 100,
    ) -> Response:
        caller = await r.callers.require(request.headers.get("authorization"), staff=READERS, forms=True)
        asked = DelegateFilter(status, delegation, category, after, limit)
        found = await r.database.read(lambda tx: queries.find_delegates(tx, asked, caller.form))
        badges = await r.database.read(lambda tx: queries.badge_states(tx, [each.delegate_id for each in found]))
        with_names = caller.may_read_protected_names
        shown = [
            views.delegate_view(each, with_protected_name=with_names, badge=badges.get(each.delegate_id)) for each in found
        ]
        next_after = str(found[-1].delegate_id) if len(found) == limit else None
        if "text/csv" in request.headers.get("accept", ""):
            headers = {"X-Next-After": next_after} if next_after else None
            return Response(views.delegates_csv(shown), 200, headers, "text/csv; charset=utf-8")
        return json_response({"delegates": shown, "next_after": next_after})

    @routes.get("/delegates/{delegate_id}", summary="One delegate")
    async def delegate(request: Request, delegate_id: UUID) -> Response:
        caller = await r.callers.require(request.headers.get("authorization"), staff=READERS, forms=True)
        found = await r.database.read(lambda tx: queries.find_delegate(tx, delegate_id))
        if found is None or not caller.may_read(found.category, found.delegation):
            raise Problem(404, "not-found", "There is no such delegate.", "None at least that this key may see.")
        badges = await r.database.read(lambda tx: queries.badge_states(tx, [delegate_id]))
        shown = views.delegate_view(found, with_protected_name=caller.may_read_protected_names, badge=badges.get(delegate_id))
        return json_response(shown)

    @routes.patch("/delegates/{delegate_id}", summary="Correct what a registration says", openapi_extra=_body(Amendment))
    async def amend(request: Request, delegate_id: UUID) -> Response:
        caller = await r.callers.require(request.headers.get("authorization"), staff=ACCREDITATION, forms=True)
        require_json(request)
        body = await read_body(request)
        return await r.submit(request, service.Amend(delegate_id, parse(Amendment, body), caller), caller, body)

    @routes.post("/delegates/{delegate_id}/decision", summary="Accredit or refuse", openapi_extra=_body(service.Decision))
    async def decide(request: Request, delegate_id: UUID) -> Response:
        caller = await r.callers.require(request.headers.get("authorization"), staff=ACCREDITATION)
        require_json(request)
        body = await read_body(request)
        return await r.submit(request, service.Decide(delegate_id, parse(service.Decision, body)), caller, body)

    @routes.post("/delegates/{delegate_id}/withdrawal", summary="Withdraw a registration; every place is released")
    async def withdraw(request: Request, delegate_id: UUID) -> Response:
        caller = await r.callers.require(request.headers.get("authorization"), staff=ACCREDITATION, forms=True)
        return await r.submit(request, service.Withdraw(delegate_id, caller), caller, b"")


def _enrolment_routes(routes: APIRouter, r: Registration) -> None:
    @routes.put("/delegates/{delegate_id}/sessions/{session_id}", summary="Enrol a delegate in a session")
    async def enrol(request: Request, delegate_id: UUID, session_id: str) -> Response:
        caller = await r.callers.require(request.headers.get("authorization"), staff=ACCREDITATION, forms=True)
        return await r.submit(request, service.Enrol(delegate_id, session_id, caller), caller, b"")

    @routes.delete("/delegates/{delegate_id}/sessions/{session_id}", summary="Leave a session; the place is released")
    async def leave(request: Request, delegate_id: UUID, session_id: str) -> Response:
        caller = await r.callers.require(request.headers.get("authorization"), staff=ACCREDITATION, forms=True)
        return await r.submit(request, service.Leave(delegate_id, session_id, caller), caller, b"")


def _programme_routes(routes: APIRouter, r: Registration) -> None:
    @routes.get("/sessions", summary="The programme, by starting time")
    async def sessions() -> Response:
        found = await r.database.read(queries.all_sessions)
        return json_response({"sessions": [views.session_view(session, enrolled) for session, enrolled in found]})

    @routes.patch("/sessions/{session_id}", summary="Change a session's entry", openapi_extra=_body(SessionChange))
    async def change_session(request: Request, session_id: str) -> Response:
        caller = await r.callers.require(request.headers.get("authorization"), staff=PROGRAMME)
        require_json(request)
        body = await read_body(request)
        return await r.submit(request, service.ChangeSession(session_id, parse(SessionChange, body)), caller, body)

    @routes.get(
        "/conference", summary="What the conference is, and what a form needs to offer; asked for `text/html`, as a page"
    )
    async def conference(request: Request, lang: str | None = None) -> Response:
        if "text/html" not in request.headers.get("accept", ""):
            return json_response(views.conference_view(r.conference))
        wishes = request.headers.get("accept-language", "")
        language = pages.negotiated(lang, wishes, pages.notice_languages(r.conference))
        headers = {"Vary": "Accept, Accept-Language", "Content-Language": language}
        return HTMLResponse(pages.conference_page(r.conference, language), headers=headers)
