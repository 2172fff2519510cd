"""HTTP in: one decision on many people."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from registration import openapi, views
from registration import openapi_examples as examples
from registration.decisions.many import DecisionOnMany
from registration.intake.submitting import ACCREDITATION, Registration
from shared.http import DirectRoute, parse, read_body, require_json
from shared.problems import invalid_body


def decision_routes(r: Registration) -> APIRouter:
    routes = APIRouter(route_class=DirectRoute)

    @routes.post(
        "/decisions",
        summary="Decide on up to 500 people together: the same on each, all or none, published as one",
        description="Where two must decide, it is proposed of each. A fault names whom it is of by `/delegates/INDEX`.",
        **openapi.changes(views.DecidedOnMany, DecisionOnMany, examples.DECISION_ON_MANY),
    )
    async def decide(request: Request) -> Response:
        caller = await r.staff(request, ACCREDITATION)
        require_json(request)
        body = await read_body(request)
        asked = parse(DecisionOnMany, body)
        if faults := list(asked.faults):
            raise invalid_body(faults)
        return await r.decide_on_many(request, asked, caller, body)

    return routes
