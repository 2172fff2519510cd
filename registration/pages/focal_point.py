"""How a focal point signs in and out: asking for a link, opening it, ending the session. `FocalDesk` is who lets them in."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from registration.callers.caller import Caller
from registration.delegations import sign_in
from registration.delegations.focal_points import SignedIn, address_of
from registration.kept import Kept
from registration.pages.form_page import form_cookie, form_page
from registration.pages.language import PageLanguage
from registration.pages.posts import HourlyLimit, client_of, posted_answers
from registration.pages.site import Elsewhere, PageRoutes, Site
from registration.pages.tokens import Tokens
from shared.clock import utc_now
from shared.events import Email, Language
from shared.keys import key_hash
from shared.logs import get_log
from shared.problems import Problem
from shared.said import say

log = get_log()

SESSION_COOKIE = "lanyard-focal-point"
LINKS_AN_HOUR = 6
"""How many links one e-mail address may be sent within an hour, by the memory of each process."""
_EMAIL = TypeAdapter[str](Email)


@dataclass(frozen=True, slots=True)
class Visit:
    """A focal point who is signed in, and their session's token."""

    who: SignedIn
    session: str

    @property
    def caller(self) -> Caller:
        return Caller(scope=f"focal point {key_hash(self.who.email)}", focal_point=self.who)


class FocalDesk:
    """Lets focal points in, and gives their pages what they need.

    `wake` has the links mailed that are asked for; it is `None` where there is no mail server.
    """

    def __init__(
        self, site: Site, tokens: Callable[[], Awaitable[Tokens]], wake: Callable[[], None] | None, asks_an_hour: int
    ) -> None:
        self.site = site
        self.tokens = tokens
        self._sessions = Kept[SignedIn | None](site.database)
        self._wake = wake
        self._by_client = HourlyLimit(asks_an_hour)
        self._by_address = HourlyLimit(LINKS_AN_HOUR)

    async def visit(self, request: Request, language: PageLanguage) -> Visit:
        """Whose request it is; raises `Elsewhere`, to the page that signs in, where it is nobody's."""
        found = await self.find_visit(request)
        if found is None:
            raise Elsewhere(f"/{language.code}/focal-point")
        return found

    async def visit_of(self, request: Request, language: PageLanguage, delegation: str) -> Visit:
        """As `visit`; raises 404 where the delegation is not one of theirs."""
        visit = await self.visit(request, language)
        if delegation not in visit.who.delegations:
            raise no_such_page()
        return visit

    async def find_visit(self, request: Request) -> Visit | None:
        session = request.cookies.get(SESSION_COOKIE, "")
        if not session:
            return None
        who = await self._sessions.thing(session, lambda: self._signed_in(session))
        return None if who is None else Visit(who, session)

    async def _signed_in(self, session: str) -> SignedIn | None:
        return await self.site.database.read(lambda tx: sign_in.find_session(tx, session, utc_now()))

    async def page(
        self, request: Request, language: PageLanguage, template: str, visit: Visit, status: int = 200, **values: object
    ) -> Response:
        """A page of a focal point who is signed in, with the token of its forms."""
        token = (await self.tokens()).form(visit.session)
        page = self.site.page(request, language, template, status, token=token, visit=visit, **values)
        page.headers["Cache-Control"] = "no-store"
        return page

    async def form_name(self, answers: Mapping[str, Sequence[str]], cookie: str) -> str | None:
        """The name of the form that was posted; `None` where it is not one that this browser was given."""
        return (await self.tokens()).form_name("".join(answers.get("token", [])), cookie)

    async def answers(self, request: Request, visit: Visit) -> dict[str, list[str]]:
        """What a form of few answers was posted with; raises 403 where this browser was not given it."""
        answers = await posted_answers(request)
        if await self.form_name(answers, visit.session) is None:
            raise stale()
        return answers

    async def ask(self, request: Request, email: str, language: Language) -> None:
        """Ask for a link to be mailed, if anybody is known by the address. Raises 422, 429 and 503."""
        if self._wake is None:
            raise Problem(503, "no-mail", say("No mail can be sent from here."), say("Write to the conference’s contact."))
        title, detail = say("Links were asked for too often."), say("Wait an hour, or write to the conference’s contact.")
        self._by_client.count(client_of(request), title, detail)
        self._by_address.count(address_of(email), title, detail)
        await self.site.database.write(lambda tx: sign_in.ask_for_link(tx, email, language, utc_now()), announce=False)
        self._wake()


def no_such_page() -> Problem:
    return Problem(404, "not-found", say("There is no such page."))


def stale() -> Problem:
    return Problem(403, "stale-form", say("This form was open for too long, or cookies are off."), say("Open the page anew."))


def sign_in_routes(desk: FocalDesk) -> PageRoutes:
    routes = PageRoutes(desk.site)
    _asking(routes, desk)
    _opening(routes, desk)
    return routes


def _asking(routes: PageRoutes, desk: FocalDesk) -> None:
    address = "/{language:language}/focal-point"

    @routes.get(address)
    async def form(request: Request, language: Language) -> Response:
        if await desk.find_visit(request) is not None:
            return RedirectResponse(f"/{language}/delegation", 303)
        return await _with_cookie(request, desk, desk.site.languages[language], "sign_in.html")

    @routes.post(address)
    async def ask(request: Request, language: Language) -> Response:
        answers, said = await posted_answers(request), desk.site.languages[language]
        email = "".join(answers.get("email", [])).strip()
        if await desk.form_name(answers, form_cookie(request)) is None:
            fault = said.gettext(
                "This form was open for too long, or cookies are off. Nothing is lost: check it and send it again."
            )
            return await _with_cookie(request, desk, said, "sign_in.html", 403, email=email, fault=fault)
        try:
            _EMAIL.validate_python(email)
        except ValidationError:
            fault = say("This is not an e-mail address.").in_language(language)
            return await _with_cookie(request, desk, said, "sign_in.html", 422, email=email, fault=fault)
        await desk.ask(request, email, language)
        return RedirectResponse(f"/{language}/focal-point/asked", 303)

    @routes.get(f"{address}/asked")
    async def asked(request: Request, language: Language) -> Response:
        return desk.site.page(request, desk.site.languages[language], "sign_in_asked.html")


def _opening(routes: PageRoutes, desk: FocalDesk) -> None:
    address = "/{language:language}/focal-point/link"

    @routes.get(address)
    async def opened(request: Request, language: Language) -> Response:
        """Uses nothing up: whatever looks at the links of mails may look at this one."""
        link, said = request.query_params.get("link", ""), desk.site.languages[language]
        if (await desk.tokens()).read_link(link) is None:
            return desk.site.page(request, said, "sign_in_spent.html", 404)
        return await _with_cookie(request, desk, said, "sign_in_link.html", link=link)

    @routes.post(address)
    async def use(request: Request, language: Language) -> Response:
        answers, said = await posted_answers(request), desk.site.languages[language]
        link_id = (await desk.tokens()).read_link("".join(answers.get("link", [])))
        if await desk.form_name(answers, form_cookie(request)) is None:
            raise stale()
        used = link_id and await desk.site.database.write(lambda tx: sign_in.use_link(tx, link_id, utc_now()), announce=False)
        if not used:
            return desk.site.page(request, said, "sign_in_spent.html", 410)
        token, who = used
        log.info("focal_point_signed_in", link_id=str(link_id), delegations=sorted(who.delegations))
        answer = RedirectResponse(f"/{language}/delegation", 303)
        life, secure = int(sign_in.SESSION_LIFE.total_seconds()), request.url.scheme == "https"
        # Lax: a link in a mail to their pages finds them signed in; whatever changes anything is posted with a form's token.
        answer.set_cookie(SESSION_COOKIE, token, life, httponly=True, samesite="lax", secure=secure)
        return answer

    @routes.post("/{language:language}/focal-point/sign-out")
    async def sign_out(request: Request, language: Language) -> Response:
        visit = await desk.visit(request, desk.site.languages[language])
        await desk.answers(request, visit)
        await desk.site.database.write(lambda tx: sign_in.end_session(tx, visit.session), announce=False)
        answer = RedirectResponse(f"/{language}/focal-point", 303)
        answer.delete_cookie(SESSION_COOKIE)
        return answer


async def _with_cookie(
    request: Request, desk: FocalDesk, language: PageLanguage, template: str, status: int = 200, **values: object
) -> Response:
    """A page with a form for somebody who is not signed in yet."""
    shown = {"email": "", "fault": "", **values}
    return form_page(request, desk.site, await desk.tokens(), language, template, status, **shown)
