"""The routes of the pages: each page in each language under its own address, such as `/fr/programme`."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from inspect import signature
from typing import Any

from sqlalchemy import Connection
from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Router

from registration import queries
from registration.intake.group_commit import Intake
from registration.kept import Kept
from registration.pages import looks
from registration.pages.language import PageLanguage
from registration.pages.options import Options, delegation_options
from registration.pages.programme import Entry, SessionShown, days_shown, revisions_shown, session_shown
from registration.studio import Studio
from shared.calendar import MEDIA_TYPE as CALENDAR
from shared.calendar import programme_calendar
from shared.clock import ConferenceClock
from shared.conference import Category, Conference
from shared.database import Database
from shared.events import LANGUAGES, Language, SessionChanged
from shared.faults import DATABASE_AWAY
from shared.logs import get_log
from shared.negotiation import negotiated
from shared.problems import Problem, unavailable
from shared.said import say

log = get_log()

_SAFE = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
}


@dataclass(slots=True)
class Site:
    """What the pages show, and where what is posted on them goes."""

    conference: Conference
    database: Database
    intake: Intake
    clock: ConferenceClock
    languages: Mapping[Language, PageLanguage]
    studio: Studio = field(default_factory=Studio)
    _delegations: dict[tuple[Language, frozenset[str]], Options] = field(default_factory=dict[Any, Options])
    _entries: Kept[list[Entry]] = field(init=False)
    _shown: Kept[dict[str, SessionShown]] = field(init=False)

    def __post_init__(self) -> None:
        self._entries, self._shown = Kept(self.database), Kept(self.database)

    async def entries(self) -> list[Entry]:
        """The programme as it stands."""
        return await self._entries.thing("all", lambda: self.database.read(queries.all_sessions))

    async def shown(self, language: PageLanguage) -> Mapping[str, SessionShown]:
        """The same as pages show it, by session."""

        async def made() -> dict[str, SessionShown]:
            return {each[0].session_id: session_shown(each, self.conference, language) for each in await self.entries()}

        return await self._shown.thing(language.code, made)

    def delegations(self, language: PageLanguage, kinds: Iterable[str]) -> Options:
        """The delegations of these kinds to choose among, made once."""
        wanted = (language.code, frozenset(kinds))
        if wanted not in self._delegations:
            self._delegations[wanted] = delegation_options(self.conference, language, wanted[1])
        return self._delegations[wanted]

    def page(self, request: Request, language: PageLanguage, template: str, status: int = 200, **values: object) -> Response:
        """A page as HTML; `elsewhere` is where its other languages are."""
        rest = request.url.path.removeprefix(f"/{language.code}").rstrip("/") if _is_in(request, language) else ""
        asked = f"?{request.url.query}" if rest and request.url.query else ""
        html = language.render(
            template,
            conference=self.conference,
            stylesheet=looks.STYLE_SHEET,
            icon=looks.ICON,
            elsewhere={each: f"/{each.code}{rest}{asked}" for each in self.languages.values()},
            **values,
        )
        return HTMLResponse(html, status, {**_SAFE, "Content-Language": language.code})

    def of_address(self, request: Request) -> PageLanguage | None:
        """The language whose address it is; `None` where it is none's."""
        first = request.url.path.split("/")[1]
        return next((each for code, each in self.languages.items() if code == first), None)

    def wished(self, request: Request) -> PageLanguage:
        asked, wishes = request.query_params.get("lang"), request.headers.get("accept-language", "")
        return self.languages[negotiated(asked, wishes, list(self.languages))]

    def front_door(self, request: Request, language: PageLanguage) -> Response:
        ways = [(each, _open_to(each, self.conference, language)) for each in self.conference.categories]
        return self.page(request, language, "front_door.html", ways=ways)

    def no_such_page(self, request: Request, language: PageLanguage) -> Response:
        problem = Problem(404, "not-found", say("There is no such page."))
        return self.problem(request, language, problem)

    def problem(self, request: Request, language: PageLanguage, problem: Problem) -> Response:
        answer = self.page(
            request,
            language,
            "problem.html",
            problem.status,
            title=problem.title.in_language(language.code),
            detail=problem.detail and problem.detail.in_language(language.code),
        )
        answer.headers.update(problem.headers)
        return answer


@cache
def languages() -> Mapping[Language, PageLanguage]:
    """The six, made once: each keeps the templates that it has compiled."""
    return {code: PageLanguage(code) for code in LANGUAGES}


def _is_in(request: Request, language: PageLanguage) -> bool:
    return request.url.path.startswith(f"/{language.code}/")


def _open_to(category: Category, conference: Conference, language: PageLanguage) -> str:
    return language.listed(language.plain(conference.kind[each].names) for each in category.open_to)


class Elsewhere(Exception):
    """What is asked for is not here for this reader; `address` is where they are sent."""

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.address = address


class Instead(Exception):
    """Another page answers than the one asked for."""

    def __init__(self, page: Response) -> None:
        super().__init__(page.status_code)
        self.page = page


class _LanguageInAddress(Convertor[str]):
    """`{language:language}` in a route's address: one of the six."""

    regex = "|".join(LANGUAGES)

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("language", _LanguageInAddress())
HERE = "/{language:language}"


Page = Callable[..., Awaitable[Response]]
"""Answers a request; it takes that, and what its address names, by the names that they have there."""


class PageRoutes(Router):
    """Routes of pages, in the language of their address, in which their errors are pages, too.

    They are no part of the API: FastAPI would read each page's signature, and that for each request.
    """

    def __init__(self, site: Site) -> None:
        super().__init__()
        self._site = site

    def get(self, address: str) -> Callable[[Page], Page]:
        return self._at(address, "GET")

    def post(self, address: str) -> Callable[[Page], Page]:
        return self._at(address, "POST")

    def _at(self, address: str, method: str) -> Callable[[Page], Page]:
        def add(page: Page) -> Page:
            self.add_route(address, self._answering(page), [method], include_in_schema=False)
            return page

        return add

    def _answering(self, page: Page) -> Callable[[Request], Awaitable[Response]]:
        taken = signature(page).parameters

        async def answer(request: Request) -> Response:
            try:
                named = {"request": request, **request.path_params}
                return await page(**{name: named[name] for name in taken if name in named})
            except Elsewhere as elsewhere:
                return RedirectResponse(elsewhere.address, 303)
            except Instead as instead:
                return instead.page
            except Problem as problem:
                return self._problem(request, problem)
            except DATABASE_AWAY as error:
                log.error("database_away", method=request.method, path=request.url.path, error=type(error).__name__)
                return self._problem(request, unavailable())

        return answer

    def _problem(self, request: Request, problem: Problem) -> Response:
        return self._site.problem(request, self._site.of_address(request) or self._site.languages["en"], problem)


def reading_routes(site: Site) -> PageRoutes:
    """The front door, the programme and its feed, in every language."""
    routes = PageRoutes(site)

    @routes.get("/")
    async def door(request: Request) -> Response:
        answer = site.front_door(request, site.wished(request))
        answer.headers["Vary"] = "Accept-Language"
        return answer

    routes.get(looks.STYLE_SHEET)(looks.style_sheet)
    routes.get(looks.ICON)(looks.icon)
    routes.get(looks.FAVICON)(looks.favicon)
    _door(routes, site)
    _programme(routes, site)
    _sessions(routes, site)
    return routes


SHORT = ("programme", "register", "focal-point", "staff", "desk", "programme-desk")
"""Pages as they are told to people, whatever they read: `/register` leads to the page in their language."""


def _door(routes: PageRoutes, site: Site) -> None:
    async def short(request: Request) -> Response:
        answer = RedirectResponse(f"/{site.wished(request).code}{request.url.path}", 303)
        answer.headers["Vary"] = "Accept-Language"
        return answer

    for each in SHORT:
        routes.get(f"/{each}")(short)

    @routes.get(HERE)
    async def door(request: Request, language: Language) -> Response:
        return site.front_door(request, site.languages[language])

    @routes.get(f"{HERE}/")
    async def door_with_slash(language: Language) -> Response:
        return RedirectResponse(f"/{language}", 308)


def _programme(routes: PageRoutes, site: Site) -> None:
    feeds = Kept[Response](site.database)
    kept: dict[Language, tuple[object, Response]] = {}  # the last made: many read it, and most of what is written is not in it

    @routes.get(f"{HERE}/programme")
    async def programme(request: Request, language: Language) -> Response:
        entries = await site.entries()
        as_it_stands = tuple((session.session_id, session.revision, enrolled) for session, enrolled in entries)
        made_of, page = kept.get(language, (None, None))
        if page is None or made_of != as_it_stands or request.url.query:
            said = site.languages[language]
            page = site.page(request, said, "programme.html", days=days_shown(entries, site.conference, said))
            if not request.url.query:  # which the links to the other languages repeat
                kept[language] = as_it_stands, page
        return page

    @routes.get(f"{HERE}/programme.ics")
    async def feed(language: Language) -> Response:
        async def made() -> Response:
            return _calendar([session for session, _ in await site.entries()], site, site.languages[language])

        return await feeds.thing(language, made)


def _sessions(routes: PageRoutes, site: Site) -> None:
    kept = Kept[Response | None](site.database)

    @routes.get(f"{HERE}/sessions/{{session_id}}.ics")
    async def session_feed(request: Request, language: Language, session_id: str) -> Response:
        found, said = await site.database.read(lambda tx: queries.find_session(tx, session_id)), site.languages[language]
        return site.no_such_page(request, said) if found is None else _calendar([found[0]], site, said)

    @routes.get(f"{HERE}/sessions/{{session_id}}")
    async def session(request: Request, language: Language, session_id: str) -> Response:
        said = site.languages[language]
        if request.url.query:  # which the links to the other languages repeat: anybody would have anything kept
            page = await _session_page(site, request, said, session_id)
        else:
            page = await kept.thing((language, session_id), lambda: _session_page(site, request, said, session_id))
        return page or site.no_such_page(request, said)


async def _session_page(site: Site, request: Request, language: PageLanguage, session_id: str) -> Response | None:
    found = await site.database.read(lambda tx: _session_and_history(tx, session_id))
    if found is None:
        return None
    entry, history = found
    shown, revisions = session_shown(entry, site.conference, language), revisions_shown(history, site.conference, language)
    return site.page(request, language, "session.html", session=shown, revisions=revisions)


def _session_and_history(tx: Connection, session_id: str) -> tuple[Entry, list[SessionChanged]] | None:
    entry = queries.find_session(tx, session_id)
    return None if entry is None else (entry, queries.session_history(tx, session_id))


def _calendar(sessions: list[Any], site: Site, language: PageLanguage) -> Response:
    conference = site.conference
    title = language.plain(conference.short_title)
    zone, contact = conference.zone_info, conference.contact
    written = programme_calendar(sessions, language.code, zone, conference.slug, title, contact)
    return Response(written, media_type=f"{CALENDAR}; charset=utf-8", headers={"Content-Language": language.code})
