"""The pages on which a delegation's letter of credentials is given: by its focal points, or at the desk, which opens it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from registration import store
from registration.callers.caller import Caller
from registration.delegations.focal_points import focal_points_of
from registration.intake.group import Part, Submission
from registration.letters.api import letter_answer, no_letter
from registration.letters.files import MOST_BYTES, NotALetter
from registration.letters.service import GiveLetter, RemoveLetter
from registration.pages.desk import DECIDES, DESK, AccreditationDesk
from registration.pages.focal_point import FocalDesk, no_such_page
from registration.pages.language import PageLanguage
from registration.pages.letters import letter_past, letter_shown
from registration.pages.nomination_desk import OWN
from registration.pages.photo import Show
from registration.pages.posts import posted_file
from registration.pages.site import PageRoutes, Site
from registration.pages.staff import AT_DESK
from registration.service import UseCase
from shared.http import traceparent_of

OF_DELEGATION = f"{OWN}/letter"
AT_THE_DESK = f"{DESK}/letters/{{code}}"


@dataclass(frozen=True, slots=True)
class Giving:
    """Whose letter is given, and by whom: what the pages need to know of it."""

    delegation: str
    language: PageLanguage
    address: str
    back: str
    show: Show
    form_name: Callable[[Mapping[str, Sequence[str]]], Awaitable[str | None]]
    caller: Caller
    done: str
    """Where to go on to once it is given."""
    may_remove: bool = False

    @property
    def may_give(self) -> bool:
        """And open it."""
        return self.caller.may_give_letter(self.delegation)


Access = Callable[[Request], Awaitable[Giving]]
"""Lets in who may know of the letter that a request is about; raises `Problem` or `Elsewhere`."""


def by_focal_point(desk: FocalDesk) -> Access:
    async def access(request: Request) -> Giving:
        language, code = desk.site.languages[request.path_params["language"]], request.path_params["code"]
        visit = await desk.visit_of(request, language, code)
        back = f"/{language.code}/delegation/{code}"

        async def show(template: str, status: int, **values: object) -> Response:
            return await desk.page(request, language, template, visit, status, **values)

        async def form_name(answers: Mapping[str, Sequence[str]]) -> str | None:
            return await desk.form_name(answers, visit.session)

        return Giving(
            _known(desk.site, code), language, f"{back}/letter", back, show, form_name, visit.caller, f"{back}?done=letter"
        )

    return access


def by_staff(desk: AccreditationDesk) -> Access:
    async def access(request: Request) -> Giving:
        code, chosen = request.path_params["code"], request.path_params["language"]
        visit = await desk.staff.visit(request, chosen, AT_DESK if request.method == "GET" else DECIDES)
        language, here = desk.site.languages[chosen], f"/{chosen}/desk/letters/{code}"

        async def show(template: str, status: int, **values: object) -> Response:
            return await desk.staff.page(request, chosen, template, visit, status, **values)

        async def form_name(answers: Mapping[str, Sequence[str]]) -> str | None:
            return await desk.staff.form_name(answers, visit.session)

        known = _known(desk.site, code)
        return Giving(known, language, here, f"/{chosen}/desk", show, form_name, visit.caller, here, visit.may_decide)

    return access


def _known(site: Site, code: str) -> str:
    if code not in site.conference.delegation:
        raise no_such_page()
    return code


def letter_pages(site: Site, address: str, access: Access) -> PageRoutes:
    routes = PageRoutes(site)

    @routes.get(address)
    async def letter(request: Request) -> Response:
        return await _shown(site, await access(request))

    @routes.post(address)
    async def give(request: Request) -> Response:
        giving = await access(request)
        answers, file = await posted_file(request, "letter", MOST_BYTES)
        if await giving.form_name(answers) is None:
            return await _stale(site, giving)
        try:
            use_case = GiveLetter(giving.delegation, await site.studio.letter(file), giving.caller)
        except NotALetter as error:
            return await _shown(site, giving, 422, error.detail.in_language(giving.language.code))
        return await _decided(request, site, giving, use_case)

    @routes.get(f"{address}/file")
    async def file(request: Request) -> Response:
        giving = await access(request)
        found = await site.database.read(lambda tx: store.letters.find(tx, giving.delegation))
        if found is None or not giving.may_give:
            raise no_letter()
        return letter_answer(*found)

    return routes


def letter_removal(site: Site, desk: AccreditationDesk) -> PageRoutes:
    routes = PageRoutes(site)
    access = by_staff(desk)

    @routes.post(f"{AT_THE_DESK}/removal")
    async def remove(request: Request) -> Response:
        giving = await access(request)
        visit = await desk.staff.visit(request, giving.language.code, DECIDES)
        await desk.staff.answers(request, visit)
        return await _decided(request, site, giving, RemoveLetter(giving.delegation, giving.caller))

    return routes


async def _decided(request: Request, site: Site, giving: Giving, use_case: UseCase) -> Response:
    await site.intake.submit(Submission([Part(use_case)], traceparent_of(request)))
    return RedirectResponse(giving.done, 303)


async def _stale(site: Site, giving: Giving) -> Response:
    gettext = giving.language.gettext
    return await _shown(
        site,
        giving,
        403,
        gettext("This form was open for too long, or cookies are off. Nothing is lost: check it and send it again."),
    )


async def _shown(site: Site, giving: Giving, status: int = 200, fault: str = "") -> Response:
    code, conference, language = giving.delegation, site.conference, giving.language
    letters, listed, entries = await site.database.read(
        lambda tx: (store.letters.of(tx, [code]), focal_points_of(tx, code), store.trail.about_delegation(tx, code))
    )
    focal_points = [each for _, each in listed]
    return await giving.show(
        "letter.html",
        status,
        delegation=conference.delegation[code],
        letter=letter_shown(letters.get(code), code, focal_points, conference, language),
        past=letter_past(entries, focal_points, conference, language) if giving.may_remove else [],
        address=giving.address,
        back=giving.back,
        may_give=giving.may_give,
        may_remove=giving.may_remove,
        fault=fault,
    )
