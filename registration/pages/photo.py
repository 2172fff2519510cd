"""The pages on which a photo is given: it is uploaded, its part for the badge is chosen, and that is kept."""

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast
from uuid import UUID

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from registration import store
from registration.amendment import PHOTO, CorrectionState
from registration.delegate import Registration
from registration.intake.group import Part, Submission
from registration.pages.cropping import MOVES, Cropping, cropping_of
from registration.pages.language import PageLanguage
from registration.pages.posts import posted_answers, posted_file
from registration.pages.site import PageRoutes, Site
from registration.photos.portraits import MOST_BYTES, NotAPicture, Picture, Portrait
from registration.service import UseCase
from shared.clock import utc_now
from shared.events import ENDED
from shared.http import traceparent_of
from shared.problems import Problem
from shared.said import say

_SCRIPT = (Path(__file__).parent.parent / "static" / "photo.js").read_bytes()
SCRIPT = f"/static/{hashlib.sha256(_SCRIPT).hexdigest()[:12]}.js"
NOT_KEPT = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class Show(Protocol):
    async def __call__(self, template: str, status: int, **values: object) -> Response: ...


@dataclass(frozen=True, slots=True)
class Giving:
    """Whose photo is given, and by whom: what the pages need to know of it."""

    registration: Registration
    language: PageLanguage
    address: str
    back: str
    show: Show
    form_name: Callable[[Mapping[str, Sequence[str]]], Awaitable[str | None]]
    use_case: Callable[[Portrait], UseCase]
    """Lets a portrait be theirs."""
    done: Callable[[Mapping[str, object]], Awaitable[str]]
    """Where to go on to, by what was answered."""
    may_change: bool = True


Access = Callable[[Request], Awaitable[Giving]]
"""Lets in who may give, or see, the photo that a request is about; raises `Problem` or `Elsewhere`."""


def photo_pages(site: Site, address: str, access: Access) -> PageRoutes:
    routes = PageRoutes(site)
    _uploading(routes, site, address, access)
    _choosing(routes, site, address, access)
    _pictures(routes, site, address, access)
    return routes


def photo_script(site: Site) -> PageRoutes:
    routes = PageRoutes(site)

    @routes.get(SCRIPT)
    async def script() -> Response:
        headers = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
        return Response(_SCRIPT, media_type="text/javascript", headers=headers)

    return routes


def _uploading(routes: PageRoutes, site: Site, address: str, access: Access) -> None:
    async def shown(giving: Giving, status: int = 200, fault: str = "") -> Response:
        values = {"address": giving.address, "back": giving.back, "photo": giving.registration.photo}
        return await giving.show("photo.html", status, fault=fault, **values)

    @routes.get(address)
    async def photo(request: Request) -> Response:
        return await shown(_changing(await access(request), site))

    @routes.post(address)
    async def upload(request: Request) -> Response:
        giving = _changing(await access(request), site)
        answers, file = await posted_file(request, "photo", MOST_BYTES)
        if await giving.form_name(answers) is None:
            return await shown(giving, 403, _stale(giving.language))
        try:
            picture = await site.studio.picture(file)
        except NotAPicture as error:
            return await shown(giving, 422, error.detail.in_language(giving.language.code))
        delegate_id = giving.registration.delegate_id
        taken = await site.database.write(lambda tx: store.photos.take(tx, delegate_id, picture, utc_now()), announce=False)
        return RedirectResponse(f"{giving.address}/choose?picture={taken}", 303)


def _choosing(routes: PageRoutes, site: Site, address: str, access: Access) -> None:
    async def shown(giving: Giving, cropping: Cropping, status: int = 200, fault: str = "") -> Response:
        values = {"address": giving.address, "back": giving.back, "moves": MOVES, "script": SCRIPT}
        page = await giving.show("photo_choose.html", status, cropping=cropping, fault=fault, **values)
        page.headers["Content-Security-Policy"] += "; script-src 'self'"
        return page

    @routes.get(f"{address}/choose")
    async def choose(request: Request) -> Response:
        giving = _changing(await access(request), site)
        return await shown(giving, await _cropping(site, giving, request.query_params))

    @routes.post(f"{address}/choose")
    async def keep(request: Request) -> Response:
        giving = _changing(await access(request), site)
        answers = await posted_answers(request)
        cropping = await _cropping(site, giving, {name: "".join(given[:1]) for name, given in answers.items()})
        if await giving.form_name(answers) is None:
            return await shown(giving, cropping, 403, _stale(giving.language))
        try:
            portrait = await site.studio.portrait(cropping.picture.jpeg, cropping.area)
            use_case = giving.use_case(portrait)
            [answer] = await site.intake.submit(Submission([Part(use_case)], traceparent_of(request)))
        except NotAPicture as error:
            return await shown(giving, cropping, 422, error.detail.in_language(giving.language.code))
        except Problem as problem:
            if problem.status not in (409, 422):
                raise
            return await shown(giving, cropping, problem.status, problem.said.in_language(giving.language.code))
        return RedirectResponse(await giving.done(answer.body), 303)


def _pictures(routes: PageRoutes, site: Site, address: str, access: Access) -> None:
    @routes.get(f"{address}/picture")
    async def picture(request: Request) -> Response:
        """What was uploaded, while its portrait is chosen."""
        cropping = await _cropping(site, _changing(await access(request), site), request.query_params)
        return Response(cropping.picture.jpeg, media_type="image/jpeg", headers=NOT_KEPT)

    @routes.get(f"{address}/portrait")
    async def portrait(request: Request) -> Response:
        """What the badge would show."""
        cropping = await _cropping(site, _changing(await access(request), site), request.query_params)
        made = await site.studio.portrait(cropping.picture.jpeg, cropping.area)
        return Response(made.jpeg, media_type="image/jpeg", headers=NOT_KEPT)

    @routes.get(f"{address}/now")
    async def now(request: Request) -> Response:
        """The portrait that is kept."""
        delegate_id = (await access(request)).registration.delegate_id
        return _only(await site.database.read(lambda tx: store.photos.of(tx, [delegate_id])))

    @routes.get(f"{address}/proposed")
    async def proposed(request: Request) -> Response:
        """The portrait that waits for a decision."""
        delegate_id = _changing(await access(request), site).registration.delegate_id
        return _only(await site.database.read(lambda tx: store.photos.proposed(tx, [delegate_id])))


def waits_at_desk(answer: Mapping[str, object]) -> bool:
    """Whether the photo that was given waits for a decision."""
    correction = answer.get("proposed")
    if not isinstance(correction, Mapping):
        return False
    held = cast(Mapping[str, Any], correction)
    return held["state"] == CorrectionState.WAITING and PHOTO in held["parts"]


def _only(portraits: Mapping[str, bytes]) -> Response:
    if not portraits:
        raise _no_such_photo()
    [jpeg] = portraits.values()
    return Response(jpeg, media_type="image/jpeg", headers=NOT_KEPT)


def _changing(giving: Giving, site: Site) -> Giving:
    """Raises 404 where nothing may be given: by who may only look, or to whom no badge shows a photo."""
    shows = site.conference.category[giving.registration.category].photo
    if not giving.may_change or not shows or giving.registration.status in ENDED:
        raise Problem(404, "not-found", say("There is no such page."))
    return giving


async def _cropping(site: Site, giving: Giving, given: Mapping[str, str]) -> Cropping:
    try:
        picture_id = UUID(given.get("picture", ""))
    except ValueError:
        raise _no_such_photo() from None
    delegate_id = giving.registration.delegate_id
    picture: Picture | None = await site.database.read(lambda tx: store.photos.picture(tx, delegate_id, picture_id))
    if picture is None:
        raise _no_such_photo()
    return cropping_of(picture_id, picture, given)


def _no_such_photo() -> Problem:
    detail = say("It was kept, or replaced by another, or is too old. Send it again.")
    return Problem(404, "not-found", say("There is no such picture."), detail)


def _stale(language: PageLanguage) -> str:
    return language.gettext("This form was open for too long, or cookies are off. Nothing is lost: check it and send it again.")
