"""HTTP in: the programme, for anyone to read and the programme desk to change."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from registration import openapi, queries, views
from registration import openapi_examples as examples
from registration.intake.submitting import PROGRAMME, FrontDesk
from registration.programme.service import ChangeSession
from shared.events import ProgrammeChange, SessionChange, Slug
from shared.http import DirectRoute, json_response, parse


def programme_routes(desk: FrontDesk) -> APIRouter:
    routes = APIRouter(route_class=DirectRoute)

    @routes.get(
        "/sessions",
        summary="The programme, by starting time",
        **openapi.reads_publicly(views.ProgrammeView, 503),
    )
    async def sessions() -> Response:
        found = await desk.database.read(queries.all_sessions)
        return json_response({"sessions": [views.session_view(session, enrolled) for session, enrolled in found]})

    @routes.patch(
        "/sessions",
        summary="Change several sessions' entries together, or none: two rooms swapped are one change",
        **openapi.changes(views.ProgrammeChanged, ProgrammeChange, examples.SWAP),
    )
    async def change_sessions(request: Request) -> Response:
        caller, body = await desk.staff_json(request, PROGRAMME)
        return await desk.change_programme(request, parse(ProgrammeChange, body), caller, body)

    @routes.patch(
        "/sessions/{session_id}",
        summary="Change a session's entry; texts and audience are given whole",
        **openapi.changes(views.SessionView, SessionChange, examples.SESSION),
    )
    async def change_session(request: Request, session_id: Slug) -> Response:
        caller, body = await desk.staff_json(request, PROGRAMME)
        return await desk.submit(request, ChangeSession(session_id, parse(SessionChange, body), caller), caller, body)

    return routes
