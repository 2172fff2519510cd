"""Forms for somebody who is not signed in: each is bound to the browser that it was shown in."""

import secrets

from starlette.requests import Request
from starlette.responses import Response

from registration.pages.language import PageLanguage
from registration.pages.site import Site
from registration.pages.tokens import COOKIE, FORM_SECONDS, Tokens


def form_cookie(request: Request) -> str:
    """What binds a form to its browser; empty where cookies are off."""
    return request.cookies.get(COOKIE, "")


def form_page(
    request: Request, site: Site, tokens: Tokens, language: PageLanguage, template: str, status: int = 200, **values: object
) -> Response:
    """A page with a form that brings back its `token`, which is good with this browser's cookie alone."""
    cookie = form_cookie(request) or secrets.token_urlsafe(24)
    page = site.page(request, language, template, status, token=tokens.form(cookie), **values)
    page.set_cookie(COOKIE, cookie, FORM_SECONDS, httponly=True, samesite="strict", secure=request.url.scheme == "https")
    page.headers["Cache-Control"] = "no-store"
    return page
