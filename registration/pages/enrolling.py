"""The page on which a focal point enrols one of their people in sessions, and takes them out, by the API's use cases."""

from uuid import UUID

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from registration import queries, service
from registration.delegate import Registration, printed_name
from registration.intake.group import Part
from registration.kept import Kept
from registration.pages.focal_point import FocalDesk, Visit, no_such_page
from registration.pages.nomination_desk import OUR_RULES, PERSON, delegation_of, person_of, submit
from registration.pages.person_sessions import DayOfPlaces, places_shown
from registration.pages.site import PageRoutes
from registration.programme.places import places_for
from shared.events import Language
from shared.problems import Problem

ADDRESS = f"{PERSON}/sessions"
DONE = ("enrolled", "waiting", "left")


Places = Kept[list[DayOfPlaces]]
"""A person's sessions as their page shows them."""


def enrolling_routes(routes: PageRoutes, desk: FocalDesk) -> None:
    kept: Places = Kept(desk.site.database)

    @routes.get(ADDRESS)
    async def sessions(request: Request, language: Language, code: str, delegate_id: UUID) -> Response:
        visit, person = await person_of(request, desk, language, code, delegate_id)
        return await _shown(request, desk, kept, visit, language, person)

    @routes.post(ADDRESS)
    async def change(request: Request, language: Language, code: str, delegate_id: UUID) -> Response:
        visit, person = await person_of(request, desk, language, code, delegate_id)
        answers = await desk.answers(request, visit)
        session_id = "".join(answers.get("session", []))
        if await desk.site.database.read(lambda tx: queries.find_session(tx, session_id)) is None:
            raise no_such_page()
        leaves = answers.get("decision") == ["leave"]
        use_case = service.Leave if leaves else service.Enrol
        try:
            await submit(request, desk, [Part(use_case(delegate_id, session_id, visit.caller))])
        except Problem as problem:
            if problem.status not in OUR_RULES:
                raise
            fault = problem.said.in_language(language)
            return await _shown(request, desk, kept, visit, language, person, problem.status, fault, session_id)
        _, person = await person_of(request, desk, language, code, delegate_id)
        what = "left" if leaves else "enrolled" if person.is_enrolled_in(session_id) else "waiting"
        here = f"/{language}/delegation/{code}/people/{delegate_id}/sessions"
        return RedirectResponse(f"{here}?done={what}#{session_id}", 303)


async def _shown(
    request: Request,
    desk: FocalDesk,
    kept: Places,
    visit: Visit,
    language: Language,
    person: Registration,
    status: int = 200,
    fault: str = "",
    about: str = "",
) -> Response:
    """`fault` is what was wrong with what was asked of the session `about`."""
    site, said = desk.site, desk.site.languages[language]

    async def made() -> list[DayOfPlaces]:
        register, shown = await site.database.read(lambda tx: places_for(tx, person)), await site.shown(said)
        return places_shown(person, register, shown, site.conference.zone_info, said, site.clock.now())

    assert person.person is not None, "the erased have no page"
    done = request.query_params.get("done", "")
    days = await kept.thing((language, person.delegate_id, person.revision), made)
    return await desk.page(
        request,
        said,
        "person_sessions.html",
        visit,
        status,
        delegation=delegation_of(desk, person.delegation),
        name=printed_name(person.person),
        person_id=person.delegate_id,
        days=days,
        done=done if done in DONE else "",
        fault=fault,
        about=about if any(each.session.session_id == about for day in days for each in day.places) else "",
    )
