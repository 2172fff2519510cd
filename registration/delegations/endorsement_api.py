"""HTTP in: the endorsement of whoever registered themselves, said by the accreditation desk for a focal point."""

from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from registration import openapi, views
from registration import openapi_examples as examples
from registration.delegations.nominations import Endorse, EndorsementDecision
from registration.intake.submitting import ACCREDITATION, Registration
from shared.http import DirectRoute, parse, read_body, require_json


def endorsement_routes(r: Registration) -> APIRouter:
    routes = APIRouter(route_class=DirectRoute)

    @routes.post(
        "/delegates/{delegate_id}/endorsement",
        summary="Endorse somebody who registered themselves, or decline, for a focal point; not for forms",
        **openapi.changes(views.DelegateDecided, EndorsementDecision, examples.ENDORSEMENT),
    )
    async def endorse(request: Request, delegate_id: UUID) -> Response:
        caller = await r.staff(request, ACCREDITATION)
        require_json(request)
        body = await read_body(request)
        use_case = Endorse(delegate_id, parse(EndorsementDecision, body), caller)
        return await r.submit(request, use_case, caller, body)

    return routes
