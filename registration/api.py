"""HTTP in: the routes of registration. They read, name the use case, and answer; they decide nothing."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

import orjson
from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse, Response

from registration import openapi, pages, queries, service, views
from registration.answers import Idempotency
from registration.callers import Caller, Callers
from registration.group import Part, Submission, gone
from registration.intake import Intake
from registration.model import Amendment
from registration.posted import BATCH, Posted, media_type_of, posted_events
from registration.queries import DelegateFilter
from registration.store import erased_among
from shared.conference import Conference
from shared.database import Database
from shared.events import MAX_BATCH_BYTES, MAX_EVENT_BYTES, RegistrationSubmitted, SessionChange, SessionChangeRequested, Slug
from shared.http import DirectRoute, json_response, parse, read_body, require_json, traceparent_of
from shared.keys import Role
from shared.problems import FieldFault, Problem, invalid_body

READERS = frozenset(Role)
ACCREDITATION = frozenset({Role.ACCREDITATION})
PROGRAMME = frozenset({Role.PROGRAMME})
MAX_KEY_LENGTH = 256
_TRUE, _FALSE = ("1", "true", "yes"), ("", "0", "false", "no")


@dataclass(frozen=True, slots=True)
class Registration:
    """What the routes call."""

    intake: Intake
    callers: Callers
    database: Database
    conference: Conference

    async def caller(self, request: Request, staff: Collection[Role], *, forms: bool = False) -> Caller:
        return await self.callers.require(request.headers.get("authorization"), staff=staff, forms=forms)

    async def submit(self, request: Request, use_case: service.UseCase, caller: Caller, body: bytes = b"") -> Response:
        """Have one use case decided, once per `Idempotency-Key`."""
        return await self._submit(request, Part(use_case, None if _dry_run(request) else _idempotency(request, caller, body)))

    async def erase(self, request: Request, delegate_id: UUID) -> Response:
        """Have a delegate erased: idempotent by itself, so that no answer about them need be kept."""
        return await self._submit(request, Part(service.Erase(delegate_id)))

    async def _submit(self, request: Request, part: Part) -> Response:
        traceparent, dry_run = traceparent_of(request), _dry_run(request)
        [answer] = await self.intake.submit(Submission([part], traceparent, dry_run))
        return _answered(answer.body, answer.status, traceparent, dry_run)

    async def submit_events(self, request: Request, posted: Sequence[Posted], caller: Caller, *, as_list: bool) -> Response:
        """Have posted events decided, all or none, each once per `source` and `id`."""
        dry_run = _dry_run(request)
        parts = [
            Part(use_case, None if dry_run else Idempotency.of(f"{caller.scope} event", each.name, each.content), each.data_at)
            for each, use_case in zip(posted, _use_cases(posted, caller), strict=True)
        ]
        traceparent = traceparent_of(request)
        answers = await self.intake.submit(Submission(parts, traceparent, dry_run))
        if not as_list:
            return _answered(answers[0].body, answers[0].status, traceparent, dry_run)
        results = [
            {"source": each.event.source, "id": each.event.id, "status": answer.status, "answer": answer.body}
            for each, answer in zip(posted, answers, strict=True)
        ]
        return _answered({"results": results}, 200, traceparent, dry_run)


def _answered(body: Mapping[str, object], status: int, traceparent: str, dry_run: bool) -> Response:
    headers = {"traceparent": traceparent}
    return json_response({**body, "dry_run": True}, 200, headers) if dry_run else json_response(body, status, headers)


def _dry_run(request: Request) -> bool:
    if not request.scope["query_string"]:
        return False
    asked = request.query_params.get("dry_run", "").lower()
    if asked not in (*_TRUE, *_FALSE):
        raise invalid_body([FieldFault(pointer="dry_run", code="bool-parsing", detail="Give 1 or leave it out.")])
    return asked in _TRUE


def _idempotency(request: Request, caller: Caller, body: bytes) -> Idempotency | None:
    key = request.headers.get("idempotency-key", "").strip().strip('"')
    if not key:
        return None
    if len(key) > MAX_KEY_LENGTH:
        detail = f"It may have {MAX_KEY_LENGTH} characters."
        raise Problem(400, "key-too-long", "The Idempotency-Key is too long.", detail)
    return Idempotency.of(caller.scope, key, request.method.encode(), request.scope["path"].encode(), body)


def _use_cases(posted: Sequence[Posted], caller: Caller) -> list[service.UseCase]:
    use_cases: list[service.UseCase] = []
    faults: list[FieldFault] = []
    for each in posted:
        match each.request:
            case SessionChangeRequested() as change:
                use_cases.append(service.ChangeSession(change.session_id, change))
                if not caller.may_change_programme:
                    detail = "It needs a programme key."
                    faults.append(FieldFault(pointer=each.type_at, code="key-of-wrong-kind", detail=detail))
            case RegistrationSubmitted() as submitted:
                use_cases.append(service.RegisterDelegate(submitted, caller))
            case _:
                raise AssertionError(each.event.type)
    if faults:
        raise Problem(403, "key-of-wrong-kind", "This key may not change the programme.", faults=faults)
    return use_cases


def router(registration: Registration) -> APIRouter:
    """Every route of registration."""
    routes = APIRouter(route_class=DirectRoute)
    _intake_routes(routes, registration)
    _reading_routes(routes, registration)
    _delegate_routes(routes, registration)
    _programme_routes(routes, registration)
    _conference_routes(routes, registration.conference)
    return routes


def _intake_routes(routes: APIRouter, r: Registration) -> None:
    @routes.post(
        "/delegates",
        summary="Register one person",
        **openapi.registers(views.DelegateDecided, RegistrationSubmitted),
    )
    async def register(request: Request) -> Response:
        caller = await r.caller(request, ACCREDITATION, forms=True)
        require_json(request)
        body = await read_body(request)
        return await r.submit(request, service.RegisterDelegate(parse(RegistrationSubmitted, body), caller), caller, body)

    @routes.post(
        "/events",
        summary="Post one CloudEvent, or a batch that is taken whole or not at all",
        **openapi.takes_events(views.DelegateDecided | views.SessionView | views.BatchResult),
    )
    async def events(request: Request) -> Response:
        caller = await r.caller(request, ACCREDITATION | PROGRAMME, forms=True)
        media_type = media_type_of(request)
        body = await read_body(request, MAX_BATCH_BYTES if media_type == BATCH else MAX_EVENT_BYTES)
        posted = posted_events(media_type, request.headers, body)
        return await r.submit_events(request, posted, caller, as_list=media_type == BATCH)


def _reading_routes(routes: APIRouter, r: Registration) -> None:
    @routes.get(
        "/delegates",
        summary="Delegates by status, delegation and category; as JSON or, asked for `text/csv`, as CSV",
        **openapi.reads(views.DelegatePage, also_as={"text/csv": {"schema": {"type": "string"}}}),
    )
    async def delegates(request: Request, asked: Annotated[DelegateFilter, Query()]) -> Response:
        caller = await r.caller(request, READERS, forms=True)
        found = await r.database.read(lambda tx: queries.find_delegates(tx, asked, caller.form))
        badges = await r.database.read(lambda tx: queries.badge_states(tx, [each.delegate_id for each in found]))
        with_names = caller.may_read_protected_names
        shown = [
            views.delegate_view(each, with_protected_name=with_names, badge=badges.get(each.delegate_id)) for each in found
        ]
        next_after = found[-1].delegate_id if len(found) == asked.limit else None
        if "text/csv" in request.headers.get("accept", ""):
            headers = {"X-Next-After": str(next_after)} if next_after else None
            return Response(views.delegates_csv(shown), 200, headers, "text/csv; charset=utf-8")
        return json_response({"delegates": shown, "next_after": next_after})

    @routes.get("/delegates/{delegate_id}", summary="One delegate", **openapi.reads(views.DelegateView, 404, 410))
    async def delegate(request: Request, delegate_id: UUID) -> Response:
        caller = await r.caller(request, READERS, forms=True)
        found = await r.database.read(lambda tx: queries.find_delegate(tx, delegate_id))
        if await r.database.read(lambda tx: erased_among(tx, [delegate_id])):
            raise gone()
        if found is None or not caller.may_read(found.category, found.delegation):
            raise Problem(404, "not-found", "There is no such delegate.", "None at least that this key may see.")
        badges = await r.database.read(lambda tx: queries.badge_states(tx, [delegate_id]))
        shown = views.delegate_view(found, with_protected_name=caller.may_read_protected_names, badge=badges.get(delegate_id))
        return json_response(shown)


def _delegate_routes(routes: APIRouter, r: Registration) -> None:
    decided = views.DelegateDecided

    @routes.patch("/delegates/{delegate_id}", summary="Correct what it says", **openapi.changes(decided, Amendment))
    async def amend(request: Request, delegate_id: UUID) -> Response:
        caller = await r.caller(request, ACCREDITATION, forms=True)
        require_json(request)
        body = await read_body(request)
        return await r.submit(request, service.Amend(delegate_id, parse(Amendment, body), caller), caller, body)

    @routes.post(
        "/delegates/{delegate_id}/decision", summary="Accredit or refuse", **openapi.changes(decided, service.Decision)
    )
    async def decide(request: Request, delegate_id: UUID) -> Response:
        caller = await r.caller(request, ACCREDITATION)
        require_json(request)
        body = await read_body(request)
        return await r.submit(request, service.Decide(delegate_id, parse(service.Decision, body)), caller, body)

    @routes.post(
        "/delegates/{delegate_id}/withdrawal",
        summary="Withdraw a registration; every place is released",
        **openapi.changes(decided),
    )
    async def withdraw(request: Request, delegate_id: UUID) -> Response:
        caller = await r.caller(request, ACCREDITATION, forms=True)
        return await r.submit(request, service.Withdraw(delegate_id, caller), caller)

    @routes.delete(
        "/delegates/{delegate_id}",
        summary="Erase a delegate: nothing personal is left, the badge is void",
        **openapi.erases(views.DelegateErased),
    )
    async def erase(request: Request, delegate_id: UUID) -> Response:
        await r.caller(request, ACCREDITATION)
        return await r.erase(request, delegate_id)

    @routes.put("/delegates/{delegate_id}/sessions/{session_id}", summary="Enrol in a session", **openapi.changes(decided))
    async def enrol(request: Request, delegate_id: UUID, session_id: Slug) -> Response:
        caller = await r.caller(request, ACCREDITATION, forms=True)
        return await r.submit(request, service.Enrol(delegate_id, session_id, caller), caller)

    @routes.delete(
        "/delegates/{delegate_id}/sessions/{session_id}",
        summary="Leave a session; the place is released",
        **openapi.changes(decided),
    )
    async def leave(request: Request, delegate_id: UUID, session_id: Slug) -> Response:
        caller = await r.caller(request, ACCREDITATION, forms=True)
        return await r.submit(request, service.Leave(delegate_id, session_id, caller), caller)


def _programme_routes(routes: APIRouter, r: Registration) -> None:
    @routes.get(
        "/sessions",
        summary="The programme, by starting time",
        **openapi.reads_publicly(views.ProgrammeView, 503),
    )
    async def sessions() -> Response:
        found = await r.database.read(queries.all_sessions)
        return json_response({"sessions": [views.session_view(session, enrolled) for session, enrolled in found]})

    @routes.patch(
        "/sessions/{session_id}",
        summary="Change a session's entry; texts and audience are given whole",
        **openapi.changes(views.SessionView, SessionChange),
    )
    async def change_session(request: Request, session_id: Slug) -> Response:
        caller = await r.caller(request, PROGRAMME)
        require_json(request)
        body = await read_body(request)
        return await r.submit(request, service.ChangeSession(session_id, parse(SessionChange, body)), caller, body)


def _conference_routes(routes: APIRouter, conference: Conference) -> None:
    as_json = orjson.dumps(views.ConferenceView.model_validate(conference).model_dump(mode="json"))

    @routes.get(
        "/conference",
        summary="What the conference is, and what a form offers; asked for `text/html`, as a page",
        **openapi.reads_publicly(views.ConferenceView, 422, also_as={"text/html": {"schema": {"type": "string"}}}),
    )
    async def conference_as_asked(request: Request, lang: str | None = None) -> Response:
        if "text/html" not in request.headers.get("accept", ""):
            return Response(as_json, media_type="application/json")
        wishes = request.headers.get("accept-language", "")
        language = pages.negotiated(lang, wishes, pages.notice_languages(conference))
        headers = {"Vary": "Accept, Accept-Language", "Content-Language": language}
        return HTMLResponse(pages.conference_page(conference, language), headers=headers)
