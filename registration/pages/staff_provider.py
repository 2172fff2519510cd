"""Signing in with an OpenID provider: there, back, and in. Where one comes back to is the same in every language."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from registration import store
from registration.pages.site import PageRoutes
from registration.pages.staff import HERE, StaffDesk, with_session
from registration.pages.tokens import PROVIDER_SECONDS
from registration.staff.provider import NoRole, NotVouchedFor, Provider, ProviderAway
from shared.clock import utc_now
from shared.events import LANGUAGES, Language
from shared.logs import get_log
from shared.problems import Problem
from shared.said import Said, say

log = get_log()

COOKIE = "lanyard-oidc"
BACK = "/staff/oidc"
"""What the provider is told to send people back to, under this service's own address."""


def provider_routes(desk: StaffDesk, provider: Provider, own_url: str) -> PageRoutes:
    routes = PageRoutes(desk.site)

    @routes.get(f"{HERE}/oidc")
    async def there(request: Request, language: Language) -> Response:
        try:
            answer, kept = await provider.ask(request, own_url.rstrip("/") + BACK)
        except ProviderAway:
            raise _away() from None
        token = (await desk.tokens()).at_provider({"language": language, "kept": kept})
        secure = request.url.scheme == "https"
        # Not strict: it must come along when the provider sends them back.
        answer.set_cookie(COOKIE, token, PROVIDER_SECONDS, httponly=True, samesite="lax", secure=secure)
        answer.headers["Cache-Control"] = "no-store"
        return answer

    @routes.get(BACK)
    async def back(request: Request) -> Response:
        """Into the language they left from, where what goes wrong is said in it."""
        left = (await desk.tokens()).read_at_provider(request.cookies.get(COOKIE, ""))
        language = left["language"] if left and left["language"] in LANGUAGES else "en"
        return RedirectResponse(f"/{language}{BACK}/back?{request.url.query}", 303)

    @routes.get(f"{HERE}/oidc/back")
    async def signed_in(request: Request, language: Language) -> Response:
        left = (await desk.tokens()).read_at_provider(request.cookies.get(COOKIE, ""))
        if left is None:
            raise Problem(403, "sign-in-stale", say("This sign-in was not begun here, or too long ago."), _again())
        try:
            account = await provider.vouched(request, left["kept"])
        except ProviderAway:
            raise _away() from None
        except NotVouchedFor as error:
            log.warning("oidc_sign_in_refused", reason=error.code)
            raise Problem(403, "not-vouched-for", say("The sign-in service did not confirm who you are."), _again()) from None
        except NoRole:
            log.warning("oidc_sign_in_refused", reason="no-role")
            detail = say("The conference's operations staff can give you one.")
            raise Problem(403, "no-role", say("You are signed in there, and have no role here."), detail) from None
        token = await desk.site.database.write(lambda tx: store.accounts.begin_vouched(tx, account, utc_now()), announce=False)
        if token is None:
            log.warning("oidc_sign_in_refused", reason="account-closed-or-taken")
            detail = say("It was closed, or an account with a password has the same name.")
            raise Problem(403, "account-closed", say("Your account is not open here."), detail)
        log.info("staff_signed_in", account=account.name, issuer=account.issuer)
        # A page, and no redirect: only what a page of ours asks for brings a strict cookie along.
        answer = desk.site.page(request, desk.site.languages[language], "staff_signed_in.html")
        answer.headers["Cache-Control"] = "no-store"
        answer.delete_cookie(COOKIE)
        return with_session(request, answer, token)

    return routes


def _again() -> Said:
    return say("Go back to the sign-in page and try again.")


def _away() -> Problem:
    detail = say("Try again in a moment, or sign in with an account and password of this system.")
    return Problem(502, "provider-away", say("The sign-in service does not answer."), detail)
