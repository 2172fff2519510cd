"""HTTP in: the routes of registration. They read, name the use case, and answer; they decide nothing."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

import orjson
from fastapi import APIRouter, Query, Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from registration import openapi, queries, service, store, views
from registration import openapi_examples as examples
from registration.amendment import Amendment
from registration.audit.api import audit_routes
from registration.callers.caller import Caller
from registration.callers.forms import cross_origin_route, preflight_routes
from registration.conference_view import ConferenceView
from registration.decisions.api import decision_routes
from registration.delegate import Registration
from registration.delegates_csv import delegates_csv
from registration.delegations.api import endorsement_routes, focal_point_routes
from registration.delegations.service import Replace
from registration.intake.group import gone
from registration.intake.posted import BATCH, media_type_of, posted_events
from registration.intake.submitting import ACCREDITATION, PROGRAMME, FrontDesk
from registration.letters.api import letter_routes
from registration.needs import needs_of
from registration.pages import letter_giving, photo_access
from registration.pages.desk import AccreditationDesk, desk_routes
from registration.pages.focal_point import sign_in_routes
from registration.pages.nominating import delegation_routes
from registration.pages.photo import photo_pages, photo_script
from registration.pages.programme_desk import ProgrammeDesk, programme_desk_routes
from registration.pages.public_form import form_routes
from registration.pages.site import reading_routes
from registration.pages.staff import StaffDesk, staff_routes
from registration.pages.staff_provider import provider_routes
from registration.pages.staged import staged_routes
from registration.photos.api import photo_routes
from registration.programme.api import programme_routes
from registration.queries import DelegateFilter
from registration.store import erased_among
from shared.events import MAX_BATCH_BYTES, MAX_EVENT_BYTES, RegistrationSubmitted, Slug
from shared.http import DirectRoute, json_response, parse, read_body, require_json
from shared.problems import Problem
from shared.said import say


def router(desk: FrontDesk) -> APIRouter:
    """Every route of registration; those that most ask for come first, as each request is held against one after another."""
    routes = APIRouter(route_class=DirectRoute)
    limits = desk.callers.limits
    intake = APIRouter(route_class=cross_origin_route(limits))
    _intake_routes(intake, desk)
    routes.routes += intake.routes
    routes.routes += preflight_routes(limits, *(each.path for each in intake.routes if isinstance(each, APIRoute))).routes
    _reading_routes(routes, desk)
    _delegate_routes(routes, desk)
    routes.routes += endorsement_routes(desk).routes
    routes.routes += decision_routes(desk).routes
    routes.routes += audit_routes(desk).routes
    routes.routes += photo_routes(desk).routes
    routes.routes += letter_routes(desk).routes
    routes.routes += programme_routes(desk).routes
    _conference_routes(routes, desk)
    routes.routes += focal_point_routes(desk).routes
    routes.routes += reading_routes(desk.public_desk.site).routes
    routes.routes += form_routes(desk.public_desk).routes
    provider = desk.provider
    staff_desk = StaffDesk(desk.public_desk.site, desk.public_desk.tokens, provider.name if provider else "")
    if provider is not None:
        routes.routes += provider_routes(staff_desk, provider, desk.own_url).routes
    accreditation_desk = AccreditationDesk(staff_desk)
    for pages in (
        sign_in_routes(desk.focal_desk),
        delegation_routes(desk.focal_desk),
        staff_routes(staff_desk),
        desk_routes(accreditation_desk),
        photo_script(staff_desk.site),
        photo_pages(staff_desk.site, photo_access.OF_DELEGATION, photo_access.by_focal_point(desk.focal_desk)),
        photo_pages(staff_desk.site, photo_access.OWN, photo_access.by_themselves(desk.public_desk)),
        photo_pages(staff_desk.site, photo_access.AT_THE_DESK, photo_access.by_staff(accreditation_desk)),
        letter_giving.letter_pages(staff_desk.site, letter_giving.OF_DELEGATION, letter_giving.by_focal_point(desk.focal_desk)),
        letter_giving.letter_pages(staff_desk.site, letter_giving.AT_THE_DESK, letter_giving.by_staff(accreditation_desk)),
        letter_giving.letter_removal(staff_desk.site, accreditation_desk),
        staged_routes(accreditation_desk, desk.decider),
        programme_desk_routes(ProgrammeDesk(staff_desk)),
    ):
        routes.routes += pages.routes
    return routes


def _intake_routes(routes: APIRouter, desk: FrontDesk) -> None:
    @routes.post(
        "/delegates",
        summary="Register one person",
        **openapi.registers(views.DelegateDecided, RegistrationSubmitted),
    )
    async def register(request: Request) -> Response:
        caller = await desk.registering(request, ACCREDITATION)
        require_json(request)
        body = await read_body(request)
        caller = caller.proved(request.headers, body)
        submitted = desk.submitted(body)
        portrait = await desk.portrait(submitted.photo)
        return await desk.submit(request, service.RegisterDelegate(submitted, caller, portrait), caller, body)

    @routes.post(
        "/events",
        summary="Post one CloudEvent, or a batch that is taken whole or not at all",
        **openapi.takes_events(views.DelegateDecided | views.SessionView | views.BatchResult),
    )
    async def events(request: Request) -> Response:
        caller = await desk.registering(request, ACCREDITATION | PROGRAMME)
        media_type = media_type_of(request)
        body = await read_body(request, MAX_BATCH_BYTES if media_type == BATCH else MAX_EVENT_BYTES)
        caller = caller.proved(request.headers, body)
        posted = posted_events(media_type, request.headers, body)
        return await desk.submit_events(request, posted, caller, as_list=media_type == BATCH)


def _reading_routes(routes: APIRouter, desk: FrontDesk) -> None:
    @routes.get(
        "/delegates",
        summary="Delegates by status, delegation, category and what is typed; as JSON or, asked for `text/csv`, as CSV",
        **openapi.reads(views.DelegatePage, also_as={"text/csv": {"schema": {"type": "string"}}}),
    )
    async def delegates(request: Request, asked: Annotated[DelegateFilter, Query()]) -> Response:
        caller = await desk.reader(request)
        may_know = caller.may_read_protected_names
        conference = desk.conference
        found = await desk.database.read(
            lambda tx: queries.find_delegates(tx, asked, caller.form, conference, with_protected_names=may_know)
        )
        shown = await _shown(desk, caller, found)
        next_after = found[-1].delegate_id if len(found) == asked.limit else None
        if "text/csv" in request.headers.get("accept", ""):
            headers = {"X-Next-After": str(next_after)} if next_after else None
            return Response(delegates_csv(shown), 200, headers, "text/csv; charset=utf-8")
        return json_response({"delegates": shown, "next_after": next_after})

    @routes.get("/delegates/{delegate_id}", summary="One delegate", **openapi.reads(views.DelegateView, 404, 410))
    async def delegate(request: Request, delegate_id: UUID) -> Response:
        caller = await desk.reader(request)
        found = await desk.database.read(lambda tx: queries.find_delegate(tx, delegate_id))
        if await desk.database.read(lambda tx: erased_among(tx, [delegate_id])):
            raise gone()
        if found is None or not caller.may_read(found.category, found.delegation):
            detail = say("None at least that this key may see.")
            raise Problem(404, "not-found", say("There is no such delegate."), detail)
        return json_response((await _shown(desk, caller, [found]))[0])


async def _shown(desk: FrontDesk, caller: Caller, found: Sequence[Registration]) -> list[views.DelegateView]:
    """These as the caller may see them."""
    ids, with_names = [each.delegate_id for each in found], caller.may_read_protected_names
    badges, corrections = await desk.database.read(lambda tx: (queries.badge_states(tx, ids), store.corrections.of(tx, ids)))
    letters = await desk.database.read(lambda tx: store.letters.of(tx, {each.delegation for each in found}))
    return [
        views.delegate_view(
            each,
            with_protected_name=with_names,
            badge=badges.get(each.delegate_id),
            correction=corrections.get(each.delegate_id),
            needs=needs_of(each, desk.conference, letters),
            with_note=caller.may_read_notes,
        )
        for each in found
    ]


def _delegate_routes(routes: APIRouter, desk: FrontDesk) -> None:
    decided = views.DelegateDecided

    @routes.patch(
        "/delegates/{delegate_id}",
        summary="Correct what it says",
        **openapi.changes(decided, Amendment, examples.AMENDMENT),
    )
    async def amend(request: Request, delegate_id: UUID) -> Response:
        caller, body = await desk.changing(request)
        require_json(request)
        return await desk.submit(request, service.Amend(delegate_id, parse(Amendment, body), caller), caller, body)

    @routes.post(
        "/delegates/{delegate_id}/withdrawal",
        summary="Withdraw a registration; every place is released",
        **openapi.changes(decided),
    )
    async def withdraw(request: Request, delegate_id: UUID) -> Response:
        caller, body = await desk.changing(request)
        return await desk.submit(request, service.Withdraw(delegate_id, caller), caller, body)

    @routes.post(
        "/delegates/{delegate_id}/replacement",
        summary="Register another person in this one's place, who is withdrawn: both or neither, also where the quota is full",
        **openapi.registers(views.DelegateReplaced, RegistrationSubmitted),
    )
    async def replace(request: Request, delegate_id: UUID) -> Response:
        caller, body = await desk.changing(request)
        require_json(request)
        submitted = desk.submitted(body)
        portrait = await desk.portrait(submitted.photo)
        return await desk.submit(request, Replace(delegate_id, submitted, caller, portrait), caller, body)

    @routes.delete(
        "/delegates/{delegate_id}",
        summary="Erase a delegate: nothing personal is left, the badge is void",
        **openapi.erases(views.DelegateErased),
    )
    async def erase(request: Request, delegate_id: UUID) -> Response:
        caller = await desk.staff(request, ACCREDITATION)
        return await desk.erase(request, delegate_id, caller)

    @routes.put("/delegates/{delegate_id}/sessions/{session_id}", summary="Enrol in a session", **openapi.changes(decided))
    async def enrol(request: Request, delegate_id: UUID, session_id: Slug) -> Response:
        caller, body = await desk.changing(request)
        return await desk.submit(request, service.Enrol(delegate_id, session_id, caller), caller, body)

    @routes.delete(
        "/delegates/{delegate_id}/sessions/{session_id}",
        summary="Leave a session; the place is released",
        **openapi.changes(decided),
    )
    async def leave(request: Request, delegate_id: UUID, session_id: Slug) -> Response:
        caller, body = await desk.changing(request)
        return await desk.submit(request, service.Leave(delegate_id, session_id, caller), caller, body)


def _conference_routes(routes: APIRouter, desk: FrontDesk) -> None:
    as_json = orjson.dumps(ConferenceView.model_validate(desk.conference).model_dump(mode="json"))
    site = desk.public_desk.site

    @routes.get(
        "/conference",
        summary="What the conference is, and what a form offers; asked for `text/html`, as a page",
        **openapi.reads_publicly(ConferenceView, 422, also_as={"text/html": {"schema": {"type": "string"}}}),
    )
    async def conference_as_asked(request: Request) -> Response:
        if "text/html" not in request.headers.get("accept", ""):
            return Response(as_json, media_type="application/json")
        answer = site.front_door(request, site.wished(request))
        answer.headers["Vary"] = "Accept, Accept-Language"
        return answer
