"""HTTP in: a delegation's letter of credentials, for the accreditation desk."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from registration import openapi, store
from registration.delegations.api import known_delegation
from registration.intake.submitting import ACCREDITATION, FrontDesk
from registration.letters.files import JPEG, MOST_BYTES, PDF, NotALetter
from registration.letters.letter import Letter
from registration.letters.service import GiveLetter, RemoveLetter
from registration.letters.views import LetterGiven, LetterRemoved, LetterView, letter_view
from shared.events import Slug
from shared.http import DirectRoute, json_response, read_body, require_json
from shared.problems import Problem, invalid_body
from shared.said import say

ADDRESS = "/delegations/{code}/letter"
_SAFE = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}
"""Whatever a letter is, a browser only saves it."""


def letter_routes(desk: FrontDesk) -> APIRouter:
    routes = APIRouter(route_class=DirectRoute)

    @routes.put(
        ADDRESS,
        summary="Give a delegation's letter of credentials, in place of any before: a PDF, or a picture of it",
        description=(
            "Once for all of its people. A PDF has at most 20 pages and 5 MiB, and does nothing but show them; a picture "
            "has at most 10 MiB and is written anew. Whoever waited for nothing else is accredited."
        ),
        **openapi.takes_files(LetterGiven, *openapi.LETTERS),
    )
    async def give(request: Request, code: Slug) -> Response:
        caller = await desk.staff(request, ACCREDITATION)
        known_delegation(desk.conference, code)
        require_json(request, *openapi.LETTERS)
        body = await read_body(request, MOST_BYTES)
        try:
            file = await desk.public_desk.site.studio.letter(body)
        except NotALetter as error:
            raise invalid_body([error.fault("")]) from None
        return await desk.submit(request, GiveLetter(code, file, caller), caller, body)

    @routes.get(ADDRESS, summary="What is known of a delegation's letter of credentials", **openapi.reads(LetterView, 404))
    async def letter(request: Request, code: Slug) -> Response:
        return json_response(letter_view((await found(request, code))[0]))

    @routes.get(
        f"{ADDRESS}/file",
        summary="A delegation's letter of credentials",
        **openapi.shows_file("The letter.", PDF, JPEG),
    )
    async def file(request: Request, code: Slug) -> Response:
        return letter_answer(*(await found(request, code)))

    @routes.delete(
        ADDRESS,
        summary="Remove a delegation's letter of credentials: who is accredited stays so",
        **openapi.changes(LetterRemoved),
    )
    async def remove(request: Request, code: Slug) -> Response:
        caller = await desk.staff(request, ACCREDITATION)
        known_delegation(desk.conference, code)
        return await desk.submit(request, RemoveLetter(code, caller), caller)

    async def found(request: Request, code: str) -> tuple[Letter, bytes]:
        await desk.staff(request, ACCREDITATION)
        kept = await desk.database.read(lambda tx: store.letters.find(tx, code))
        if kept is None:
            raise no_letter()
        return kept

    return routes


def letter_answer(letter: Letter, content: bytes) -> Response:
    """The file, to be saved and opened outside of the browser."""
    name = f"letter-{letter.delegation}.{'pdf' if letter.media_type == PDF else 'jpg'}"
    headers = {**_SAFE, "Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=letter.media_type, headers=headers)


def no_letter() -> Problem:
    detail = say("None was given for this delegation, or it was removed.")
    return Problem(404, "not-found", say("There is no such letter."), detail)
