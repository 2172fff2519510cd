"""HTTP in: badges for the badging desk, pictures of them, and what a gate asks. Everything needs a staff key."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Path, Query, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ConfigDict
from sqlalchemy import Connection
from starlette.responses import Response

from badging import render, store
from badging.door import Admission, Door
from badging.model import Badge, BadgeState, Progress, ReprintReason
from badging.repeats import Repeat, claim, keep
from badging.serials import NoSerial, read_serial
from badging.service import BadgeDesk, no_such_badge
from shared.database import Database
from shared.events import BadgeContent, BadgeJob, Priority, Slug
from shared.http import parse, read_body, require_json, staff_caller, traceparent_of
from shared.inbox import Journal
from shared.keys import Role, StaffKey, StaffKeys, bearer, key_hash
from shared.logs import get_log
from shared.openapi import body_of
from shared.problems import Problem, documented, invalid_body
from shared.said import FieldFault, say

log = get_log()

MAY_REPRINT = frozenset({Role.BADGING})
MAY_READ = frozenset({Role.BADGING, Role.ACCREDITATION, Role.OPERATIONS, Role.READ_ONLY})
MAX_PAGE = 500
NOT_KEPT = {"Cache-Control": "no-store"}
"""On every answer that shows a person."""


class BadgeView(BaseModel):
    """A badge as the desk sees it; never its credential, which would open a gate."""

    model_config = ConfigDict(from_attributes=True)

    badge_id: UUID
    serial: str
    delegate_id: UUID | None
    state: BadgeState
    reason: str
    void_reason: str | None
    supersedes: UUID | None
    revision: int
    station: str
    priority: Priority
    layout: str
    issued_at: datetime
    voided_at: datetime | None
    print_state: Progress
    print_cause: str | None
    printer: str | None
    printed_at: datetime | None
    sheets: int
    possible_second_sheet: bool
    to_destroy: bool
    content: BadgeContent | None
    """What is printed on it, without the photo; `null` once the delegate is erased."""

    @classmethod
    def of(cls, badge: Badge) -> Self:
        view = cls.model_validate(badge)
        content = view.content and view.content.model_copy(update={"photo": None})
        return view.model_copy(update={"content": content})


class BadgePage(BaseModel):
    badges: list[BadgeView]
    next_after: UUID | None
    """Where there may be more: the `after` of the next page."""


class Reprint(BaseModel):
    """Why a badge is printed anew, and where: by default at the station of the first."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    reason: ReprintReason
    station: Slug | None = None
    priority: Literal["normal", "urgent"] = "normal"


BadgeId = Annotated[UUID, Path(description="The badge's id, not its serial")]


def router(database: Database, keys: StaffKeys, desk: BadgeDesk, door: Door) -> APIRouter:
    """Every route of badging."""
    may_read, may_reprint = staff_caller(keys, MAY_READ), staff_caller(keys, MAY_REPRINT)
    routes = APIRouter(tags=["badges"])
    _gate_routes(routes, database, door, may_read)
    _picture_routes(routes, database, may_read)
    _reading_routes(routes, database, may_read)
    _desk_routes(routes, database, desk, may_reprint)
    return routes


def _gate_routes(routes: APIRouter, database: Database, door: Door, may_read: Callable[..., StaffKey]) -> None:
    @routes.get(
        "/badges/verify",
        summary="May whoever carries this credential enter, the venue or a session? Answers without a name",
        responses=documented(401, 403, 404, 422),
        dependencies=[Depends(may_read)],
    )
    async def verify(
        credential: Annotated[str, Query(max_length=512, description="the text of the QR code")],
        session: Annotated[str | None, Query(max_length=64, description="a session's id; without it, the venue")] = None,
    ) -> Admission:
        return await database.read(lambda tx: door.check(tx, credential, session))


def _reading_routes(routes: APIRouter, database: Database, may_read: Callable[..., StaffKey]) -> None:
    @routes.get(
        "/badges",
        summary="Badges in the order of their issue: a delegate's, those to destroy, those that failed to print",
        responses=documented(401, 403, 422),
        dependencies=[Depends(may_read)],
    )
    async def badges(
        response: Response,
        delegate: UUID | None = None,
        serial: Annotated[str | None, Query(max_length=64, description="as somebody types it")] = None,
        state: BadgeState | None = None,
        print_state: Progress | None = None,
        destroy: Annotated[bool | None, Query(description="1: void badges of which a sheet was printed")] = None,
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 100,
        after: Annotated[UUID | None, Query(description="`next_after` of the page before")] = None,
    ) -> BadgePage:
        wanted = store.Wanted(
            delegate_id=delegate,
            serial=None if serial is None else _serial(serial),
            state=state,
            print_state=print_state,
            to_destroy=destroy,
        )
        found = await database.read(lambda tx: store.listed(tx, wanted, limit=limit, after=after))
        response.headers.update(NOT_KEPT)
        next_after = found[-1].badge_id if len(found) == limit else None
        return BadgePage(badges=[BadgeView.of(badge) for badge in found], next_after=next_after)

    @routes.get(
        "/badges/{badge_id}",
        summary="One badge",
        responses=documented(401, 403, 404, 422),
        dependencies=[Depends(may_read)],
    )
    async def badge(badge_id: BadgeId, response: Response) -> BadgeView:
        found = await database.read(lambda tx: _find(tx, badge_id))
        response.headers.update(NOT_KEPT)
        return BadgeView.of(found)


def _picture_routes(routes: APIRouter, database: Database, may_read: Callable[..., StaffKey]) -> None:
    async def picture(badge_id: UUID, draw: Callable[[BadgeJob, bool], bytes], media_type: str) -> Response:
        badge = await database.read(lambda tx: _find(tx, badge_id))
        job = store.job_of(badge)
        if job is None:
            raise Problem(410, "wiped", say("This badge can no longer be shown."), say("Its delegate was erased."))
        try:
            drawn = await run_in_threadpool(draw, job, badge.state is BadgeState.VOID)
        except render.CannotRender as cause:
            raise Problem(409, "not-printable", say("No sheet can be made of this badge."), cause.reason) from None
        return Response(drawn, media_type=media_type, headers=NOT_KEPT)

    def documented_as(media_type: str) -> dict[int | str, dict[str, Any]]:
        return {200: {"content": {media_type: {}}}, **documented(401, 403, 404, 409, 410, 422)}

    @routes.get(
        "/badges/{badge_id}.pdf",
        summary="The badge as its printer prints it; a void one says so across",
        response_class=Response,
        responses=documented_as("application/pdf"),
        dependencies=[Depends(may_read)],
    )
    async def pdf(badge_id: BadgeId) -> Response:
        return await picture(badge_id, lambda job, void: render.pdf([job], void), "application/pdf")

    @routes.get(
        "/badges/{badge_id}.png",
        summary="A picture of the badge",
        response_class=Response,
        responses=documented_as("image/png"),
        dependencies=[Depends(may_read)],
    )
    async def png(badge_id: BadgeId) -> Response:
        return await picture(badge_id, lambda job, void: render.png(job, void=void), "image/png")


def _desk_routes(routes: APIRouter, database: Database, desk: BadgeDesk, may_reprint: Callable[..., StaffKey]) -> None:
    @routes.post(
        "/badges/{badge_id}/reprint",
        status_code=201,
        summary="Void a valid badge and issue the next, with a new serial",
        responses=documented(400, 401, 403, 404, 409, 413, 415, 422),
        openapi_extra=body_of({"application/json": Reprint}),
    )
    async def reprint(
        badge_id: BadgeId,
        request: Request,
        response: Response,
        staff: Annotated[StaffKey, Depends(may_reprint)],
        idempotency_key: Annotated[str | None, Header(max_length=256)] = None,
    ) -> BadgeView:
        require_json(request)
        body = await read_body(request)
        asked = parse(Reprint, body)
        repeat = _repeat(request, idempotency_key, badge_id, body)
        traceparent = traceparent_of(request)

        def once(tx: Connection) -> tuple[Badge, Journal]:
            made_before = None if repeat is None else claim(tx, repeat)
            if made_before is not None:
                return _find(tx, made_before), []
            badge, journal = desk.reprint(
                tx,
                badge_id,
                asked.reason,
                station=asked.station,
                priority=Priority(asked.priority),
                traceparent=traceparent,
            )
            if repeat is not None:
                keep(tx, repeat, badge.badge_id)
            return badge, journal

        badge, journal = await database.write(once)
        for name, fields in journal:
            log.info(name, **fields, key_name=staff.name)
        response.headers.update({**NOT_KEPT, "Location": f"/badges/{badge.badge_id}", "traceparent": traceparent})
        return BadgeView.of(badge)


def _find(tx: Connection, badge_id: UUID) -> Badge:
    found = store.find(tx, [badge_id]).get(badge_id)
    if found is None:
        raise no_such_badge()
    return found


def _serial(typed: str) -> str:
    try:
        return read_serial(typed)
    except NoSerial as fault:
        raise invalid_body([FieldFault("/serial", "no-serial", fault.reason)]) from None


def _repeat(request: Request, key: str | None, badge_id: UUID, body: bytes) -> Repeat | None:
    return Repeat.of(key_hash(bearer(request.headers.get("authorization"))), key, badge_id, body) if key else None
