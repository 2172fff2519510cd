"""How staff sign in and out and set their passwords. `StaffDesk` is who lets them in."""

import secrets
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from registration import store
from registration.callers.caller import Caller
from registration.pages.focal_point import stale
from registration.pages.form_page import form_cookie, form_page
from registration.pages.language import PageLanguage
from registration.pages.posts import client_of, posted_answers
from registration.pages.site import Elsewhere, Instead, PageRoutes, Site
from registration.pages.tokens import Tokens
from registration.staff.accounts import LONGEST, StaffAccount
from registration.staff.door import COOKIE, Door
from registration.staff.passwords import LONGEST as LONGEST_PASSWORD
from registration.staff.passwords import SHORTEST
from shared.clock import utc_now
from shared.events import Language
from shared.keys import Role
from shared.problems import Problem
from shared.said import say

HERE = "/{language:language}/staff"
AT_DESK = frozenset({Role.ACCREDITATION, Role.READ_ONLY})


@dataclass(frozen=True, slots=True)
class Visit:
    """A staff member who is signed in, and their session's token."""

    account: StaffAccount
    session: str

    @property
    def caller(self) -> Caller:
        return Caller(scope=f"account {self.account.name}", staff=self.account)

    @property
    def may_decide(self) -> bool:
        return self.account.role is Role.ACCREDITATION


class StaffDesk:
    """Lets staff in, and gives their pages what they need."""

    def __init__(self, site: Site, tokens: Callable[[], Awaitable[Tokens]], provider: str = "") -> None:
        """`provider` is what the sign-in page calls the OpenID provider, if there is one."""
        self.site = site
        self.provider = provider
        self.tokens = tokens
        self.door = Door(site.database)

    async def visit(self, request: Request, language: Language, roles: Collection[Role] = frozenset(Role)) -> Visit:
        """Whose request it is; raises `Elsewhere`, to the sign-in, where it is nobody's, `Instead` for another role."""
        found = await self.door.signed_in(request)
        if found is None:
            raise Elsewhere(f"/{language}/staff/sign-in")
        visit = Visit(*found)
        if visit.account.role not in roles:
            said = {
                "title": say("This page is not for your role.").in_language(language),
                "detail": say("Your account has another role. Sign in with one that may.").in_language(language),
            }
            raise Instead(await self.page(request, language, "staff_other_role.html", visit, 403, **said))
        return visit

    async def page(
        self, request: Request, language: Language, template: str, visit: Visit, status: int = 200, **values: object
    ) -> Response:
        """A page of somebody who is signed in, with the token of its forms."""
        token = (await self.tokens()).form(visit.session)
        said = self.site.languages[language]
        page = self.site.page(request, said, template, status, token=token, visit=visit, **values)
        page.headers["Cache-Control"] = "no-store"
        return page

    async def form_name(self, answers: Mapping[str, Sequence[str]], cookie: str) -> str | None:
        return (await self.tokens()).form_name("".join(answers.get("token", [])), cookie)

    async def answers(self, request: Request, visit: Visit) -> tuple[dict[str, list[str]], str]:
        """What was posted, and the form's name; raises 403 where this session was not given the form."""
        answers = await posted_answers(request)
        name = await self.form_name(answers, visit.session)
        if name is None:
            raise stale()
        return answers, name


def staff_routes(desk: StaffDesk) -> PageRoutes:
    routes = PageRoutes(desk.site)
    _signing_in(routes, desk)
    _setting_a_password(routes, desk)
    _own_account(routes, desk)
    return routes


def _signing_in(routes: PageRoutes, desk: StaffDesk) -> None:
    address = f"{HERE}/sign-in"

    @routes.get(address)
    async def form(request: Request, language: Language) -> Response:
        return await _with_cookie(request, desk, desk.site.languages[language], "staff_sign_in.html")

    @routes.post(address)
    async def sign_in(request: Request, language: Language) -> Response:
        answers, said = await posted_answers(request), desk.site.languages[language]
        name, password = _first(answers, "account").strip(), _first(answers, "password")
        if await desk.form_name(answers, form_cookie(request)) is None:
            raise stale()
        token = None
        if len(name) <= LONGEST_PASSWORD and len(password) <= LONGEST_PASSWORD:
            token = await desk.door.sign_in(name, password, client_of(request))
        if token is None:
            fault = said.gettext("Account and password do not fit together.")
            return await _with_cookie(request, desk, said, "staff_sign_in.html", 422, account=name, fault=fault)
        return with_session(request, RedirectResponse(f"/{language}/staff", 303), token)


def with_session(request: Request, answer: Response, token: str) -> Response:
    """The answer, with the cookie that keeps them signed in."""
    life, secure = int(LONGEST.total_seconds()), request.url.scheme == "https"
    answer.set_cookie(COOKIE, token, life, httponly=True, samesite="strict", secure=secure)
    return answer


def _setting_a_password(routes: PageRoutes, desk: StaffDesk) -> None:
    address = f"{HERE}/set-password"

    @routes.get(address)
    async def form(request: Request, language: Language) -> Response:
        link, said = request.query_params.get("link", ""), desk.site.languages[language]
        account = await desk.site.database.read(lambda tx: store.accounts.of_link(tx, link, utc_now()))
        if account is None:
            raise _spent()
        return await _with_cookie(request, desk, said, "staff_password.html", link=link, account=account.name)

    @routes.post(address)
    async def set_password(request: Request, language: Language) -> Response:
        answers, said = await posted_answers(request), desk.site.languages[language]
        link = _first(answers, "link")
        if await desk.form_name(answers, form_cookie(request)) is None:
            raise stale()
        account = await desk.site.database.read(lambda tx: store.accounts.of_link(tx, link, utc_now()))
        if account is None:
            raise _spent()
        if fault := _fault(answers, account.name, said):
            values = {"link": link, "account": account.name, "fault": fault}
            return await _with_cookie(request, desk, said, "staff_password.html", 422, **values)
        hashed = await desk.door.passwords.hashed(_first(answers, "password"))
        used = await desk.site.database.write(lambda tx: store.accounts.use_link(tx, link, hashed, utc_now()), announce=False)
        if used is None:
            raise _spent()
        return RedirectResponse(f"/{language}/staff/sign-in", 303)


def _own_account(routes: PageRoutes, desk: StaffDesk) -> None:
    @routes.get(HERE)
    async def own(request: Request, language: Language) -> Response:
        visit = await desk.visit(request, language)
        if visit.account.role in AT_DESK:
            return RedirectResponse(f"/{language}/desk", 303)
        if visit.account.role is Role.PROGRAMME:
            return RedirectResponse(f"/{language}/programme-desk", 303)
        return await desk.page(request, language, "staff_account.html", visit, fault="")

    @routes.get(f"{HERE}/account")
    async def account(request: Request, language: Language) -> Response:
        return await desk.page(request, language, "staff_account.html", await desk.visit(request, language), fault="")

    @routes.post(f"{HERE}/account")
    async def change_password(request: Request, language: Language) -> Response:
        visit = await desk.visit(request, language)
        answers, _ = await desk.answers(request, visit)
        said, name = desk.site.languages[language], visit.account.name
        fault = _fault(answers, name, said)
        if not fault and not await desk.door.confirms(name, _first(answers, "now"), client_of(request)):
            fault = said.gettext("Your password now is another.")
        if fault:
            return await desk.page(request, language, "staff_account.html", visit, 422, fault=fault)
        hashed = await desk.door.passwords.hashed(_first(answers, "password"))
        await desk.site.database.write(lambda tx: store.accounts.set_password(tx, name, hashed), announce=False)
        return RedirectResponse(f"/{language}/staff/sign-in", 303)

    @routes.post(f"{HERE}/sign-out")
    async def sign_out(request: Request, language: Language) -> Response:
        visit = await desk.visit(request, language)
        await desk.answers(request, visit)
        await desk.door.sign_out(visit.session)
        answer = RedirectResponse(f"/{language}/staff/sign-in", 303)
        answer.delete_cookie(COOKIE)
        return answer


def _fault(answers: Mapping[str, Sequence[str]], account: str, said: PageLanguage) -> str:
    """What is wrong with a new password; empty where nothing is."""
    password, again = _first(answers, "password"), _first(answers, "again")
    if len(password) < SHORTEST or len(password) > LONGEST_PASSWORD:
        return said.gettext("A password has 12 to 200 characters.")
    if account.casefold() in password.casefold():
        return said.gettext("The account’s name must not be in its password.")
    return "" if secrets.compare_digest(password.encode(), again.encode()) else said.gettext("The two are not the same.")


def _spent() -> Problem:
    detail = say("Ask whoever runs the system for another: `lanyard staff reset`.")
    return Problem(404, "link-spent", say("This link was used, or is too old."), detail)


def _first(answers: Mapping[str, Sequence[str]], name: str) -> str:
    return "".join(answers.get(name, [])[:1])


async def _with_cookie(
    request: Request, desk: StaffDesk, language: PageLanguage, template: str, status: int = 200, **values: object
) -> Response:
    """A page with a form for somebody who is not signed in yet."""
    shown = {"account": "", "fault": "", "provider": desk.provider, **values}
    return form_page(request, desk.site, await desk.tokens(), language, template, status, **shown)
