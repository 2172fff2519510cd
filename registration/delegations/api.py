"""HTTP in: who the focal points of a delegation are, and what they endorse; all of it for the accreditation desk."""

from collections.abc import Sequence
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from registration import openapi, views
from registration import openapi_examples as examples
from registration.delegations.focal_points import (
    FocalPoint,
    FocalPointsGiven,
    FocalPointsView,
    faults_among,
    focal_points_of,
    keep_focal_points,
    shown,
)
from registration.delegations.service import Endorse, EndorsementDecision
from registration.intake.submitting import ACCREDITATION, FrontDesk, dry_run_asked
from shared.conference import Conference
from shared.events import Slug
from shared.http import DirectRoute, json_response, parse, read_body, require_json
from shared.logs import get_log
from shared.problems import Problem, invalid_body
from shared.said import say

log = get_log()

ADDRESS = "/delegations/{code}/focal-points"


def endorsement_routes(desk: FrontDesk) -> APIRouter:
    routes = APIRouter(route_class=DirectRoute)

    @routes.post(
        "/delegates/{delegate_id}/endorsement",
        summary="Endorse somebody who registered themselves, or decline, for a focal point; not for forms",
        **openapi.changes(views.DelegateDecided, EndorsementDecision, examples.ENDORSEMENT),
    )
    async def endorse(request: Request, delegate_id: UUID) -> Response:
        caller, body = await desk.staff_json(request, ACCREDITATION)
        use_case = Endorse(delegate_id, parse(EndorsementDecision, body), caller)
        return await desk.submit(request, use_case, caller, body)

    return routes


def focal_point_routes(desk: FrontDesk) -> APIRouter:
    routes = APIRouter(route_class=DirectRoute)

    async def named(request: Request, code: str) -> str:
        await desk.staff(request, ACCREDITATION)
        return known_delegation(desk.conference, code)

    async def settled(request: Request, delegation: str, given: Sequence[FocalPoint]) -> Response:
        """Let these be the delegation's focal points; in a dry run only say so."""
        if faults := list(faults_among(given)):
            raise invalid_body(faults)
        view = shown(delegation, [(delegation, each) for each in given])
        if dry_run_asked(request):
            return json_response({**view, "dry_run": True})
        await desk.database.write(lambda tx: keep_focal_points(tx, delegation, given), announce=False)
        log.info("focal_points_named", delegation=delegation, count=len(given))
        return json_response(view)

    @routes.get(ADDRESS, summary="A delegation's focal points", **openapi.reads(FocalPointsView, 404))
    async def focal_points(request: Request, code: Slug) -> Response:
        delegation = await named(request, code)
        return json_response(shown(delegation, await desk.database.read(lambda tx: focal_points_of(tx, delegation))))

    @routes.put(
        ADDRESS,
        summary="Name a delegation's focal points, in place of those before; who is named no longer is signed out",
        **openapi.settles(FocalPointsView, FocalPointsGiven),
    )
    async def name(request: Request, code: Slug) -> Response:
        delegation = await named(request, code)
        require_json(request)
        return await settled(request, delegation, parse(FocalPointsGiven, await read_body(request)).focal_points)

    @routes.delete(ADDRESS, summary="Let a delegation have no focal point", **openapi.settles(FocalPointsView))
    async def remove(request: Request, code: Slug) -> Response:
        return await settled(request, await named(request, code), [])

    return routes


def known_delegation(conference: Conference, code: str) -> str:
    """The code; raises 404 where it is no delegation's."""
    if code not in conference.delegation:
        detail = say("There is no delegation '{delegation}'; see `GET /conference`.", delegation=code)
        raise Problem(404, "not-found", say("There is no such delegation."), detail)
    return code
