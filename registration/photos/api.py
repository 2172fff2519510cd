"""HTTP in: a delegate's photo."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from sqlalchemy import Connection
from starlette.responses import Response

from registration import openapi, queries, store, views
from registration.intake.group import gone
from registration.intake.submitting import ACCREDITATION, FrontDesk
from registration.photos.portraits import MOST_BYTES, Area, NotAPicture
from registration.photos.service import GivePhoto
from shared.http import DirectRoute, read_body, require_json
from shared.problems import Problem, invalid_body, invalid_parameters
from shared.said import FieldFault, say

ADDRESS = "/delegates/{delegate_id}/photo"
Proposed = Annotated[bool, Query(description="The one that waits for a decision")]
Hundredths = Annotated[float | None, Query(ge=0, le=100, allow_inf_nan=False)]


def photo_routes(desk: FrontDesk) -> APIRouter:
    routes = APIRouter(route_class=DirectRoute)

    @routes.put(
        ADDRESS,
        summary="Give a photo: a picture, of which an area of 7 to 9 is made the portrait, by default in its middle",
        description="`left`, `top` and `width` name another area, in hundredths of the upright picture's width and height.",
        **openapi.takes_files(views.DelegateDecided, *openapi.PICTURES),
    )
    async def give(
        request: Request, delegate_id: UUID, left: Hundredths = None, top: Hundredths = None, width: Hundredths = None
    ) -> Response:
        caller = await desk.callers.require(request.headers, staff=ACCREDITATION, forms=True)
        require_json(request, *openapi.PICTURES)
        if width is None and (left is not None or top is not None):
            raise invalid_parameters([FieldFault("width", "required", say("This field is required."))])
        body = await read_body(request, MOST_BYTES)
        caller = caller.proved(request.headers, body)
        area = None if width is None else Area(left or 0.0, top or 0.0, width)
        try:
            portrait = await desk.public_desk.site.studio.portrait(body, area)
        except NotAPicture as error:
            raise invalid_body([error.fault("")]) from None
        asked = body + (request.scope["query_string"] or b"")
        return await desk.submit(request, GivePhoto(delegate_id, portrait, caller), caller, asked)

    @routes.get(
        ADDRESS,
        summary="The portrait that the badge shows, as JPEG; or the one that a correction proposes",
        **openapi.shows_file("The portrait.", "image/jpeg"),
    )
    async def photo(request: Request, delegate_id: UUID, proposed: Proposed = False) -> Response:
        caller = await desk.reader(request)
        found = await desk.database.read(lambda tx: queries.find_delegate(tx, delegate_id))
        if await desk.database.read(lambda tx: store.erased_among(tx, [delegate_id])):
            raise gone()
        may_see = found is not None and caller.may_read(found.category, found.delegation)
        if found is None or not may_see or (found.protected and not caller.may_read_protected_names):
            raise _no_photo()
        may_know = caller.may_read_protected_names
        portraits = await desk.database.read(
            lambda tx: _proposed(tx, delegate_id, whole=may_know) if proposed else store.photos.of(tx, [delegate_id])
        )
        if not portraits:
            raise _no_photo()
        [jpeg] = portraits.values()
        return Response(jpeg, media_type="image/jpeg", headers=NOT_KEPT)

    return routes


def _proposed(tx: Connection, delegate_id: UUID, *, whole: bool) -> dict[str, bytes]:
    """What waits; of whoever is to be hidden with it nothing, unless `whole`, as of what else is proposed."""
    correction = store.corrections.of(tx, [delegate_id]).get(delegate_id)
    hidden = correction is not None and correction.change.protected and not whole
    return {} if hidden else store.photos.proposed(tx, [delegate_id])


NOT_KEPT = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def _no_photo() -> Problem:
    return Problem(404, "not-found", say("There is no such photo."), say("None at least that this key may see."))
