"""HTTP in: decisions on a registration, on a correction, and on many people together."""

from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from registration import openapi, views
from registration import openapi_examples as examples
from registration.decisions.service import CorrectionDecision, Decide, DecideCorrection, Decision, DecisionOnMany
from registration.intake.submitting import ACCREDITATION, FrontDesk
from shared.http import DirectRoute, parse
from shared.problems import invalid_body


def decision_routes(desk: FrontDesk) -> APIRouter:
    routes = APIRouter(route_class=DirectRoute)

    @routes.post(
        "/delegates/{delegate_id}/decision",
        summary="Accredit, refuse or take under review",
        **openapi.changes(views.DelegateDecided, Decision, examples.DECISION),
    )
    async def decide(request: Request, delegate_id: UUID) -> Response:
        caller, body = await desk.staff_json(request, ACCREDITATION)
        return await desk.submit(request, Decide(delegate_id, parse(Decision, body), caller), caller, body)

    @routes.post(
        "/delegates/{delegate_id}/correction/decision",
        summary="Accept or decline a correction that waits, of somebody accredited",
        **openapi.changes(views.DelegateDecided, CorrectionDecision, examples.CORRECTION_DECISION),
    )
    async def decide_correction(request: Request, delegate_id: UUID) -> Response:
        caller, body = await desk.staff_json(request, ACCREDITATION)
        use_case = DecideCorrection(delegate_id, parse(CorrectionDecision, body), caller)
        return await desk.submit(request, use_case, caller, body)

    @routes.post(
        "/decisions",
        summary="Decide on up to 500 people together: the same on each, all or none, published as one",
        description="Where two must decide, it is proposed of each. A fault names whom it is of by `/delegates/INDEX`.",
        **openapi.changes(views.DecidedOnMany, DecisionOnMany, examples.DECISION_ON_MANY),
    )
    async def decide_on_many(request: Request) -> Response:
        caller, body = await desk.staff_json(request, ACCREDITATION)
        asked = parse(DecisionOnMany, body)
        if faults := list(asked.faults):
            raise invalid_body(faults)
        return await desk.decide_on_many(request, asked, caller, body)

    return routes
