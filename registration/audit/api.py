"""HTTP in: the audit trail, for whoever watches over the desk."""

from typing import Annotated, NotRequired

import orjson
from fastapi import APIRouter, Query, Request
from starlette.responses import Response
from typing_extensions import TypedDict

from registration import openapi, queries, store
from registration import openapi_examples as examples
from registration.audit.entries import Action, ActorKind, KeptEntry
from registration.audit.head import NoKey, SignedHead
from registration.audit.trail import TrailFilter
from registration.intake.submitting import FrontDesk
from shared.clock import utc_now
from shared.events import Slug, Status
from shared.http import DirectRoute, json_response
from shared.keys import Role
from shared.logs import get_log
from shared.problems import Problem
from shared.said import say

log = get_log()

AUDITORS = frozenset({Role.ACCREDITATION, Role.OPERATIONS, Role.READ_ONLY})


class ByView(TypedDict):
    kind: ActorKind
    name: str


class EntryView(TypedDict):
    """A decision, with nothing personal: of the delegate the SHA-256 of their id, of the reason that of the id and it."""

    seq: int
    at: str
    action: Action
    delegate_sha256: str
    revision: int
    status: Status
    by: ByView
    reason_sha256: NotRequired[str]
    reason_code: NotRequired[str]
    amended: NotRequired[list[str]]
    """What was amended, without what it was or is."""


class LetterEntryView(TypedDict):
    """A delegation's letter of credentials was given, by the SHA-256 of its file, or removed."""

    seq: int
    at: str
    action: Action
    delegation: Slug
    by: ByView
    letter_sha256: NotRequired[str]


class KeptView(TypedDict):
    entry: EntryView | LetterEntryView
    hash: str
    """SHA-256 of the hash before it and of `entry` as JSON with sorted names and no spaces."""


class TrailPage(TypedDict):
    entries: list[KeptView]
    next_after: int | None
    """Where there may be more: the `after` of the next page."""


def audit_routes(desk: FrontDesk) -> APIRouter:
    routes = APIRouter(route_class=DirectRoute)

    @routes.get(
        "/audit",
        summary="The audit trail: who decided what, by number, each entry with its hash",
        **openapi.reads(TrailPage, example=examples.AUDIT),
    )
    async def entries(request: Request, asked: Annotated[TrailFilter, Query()]) -> Response:
        await desk.staff(request, AUDITORS)
        found = await desk.database.read(lambda tx: queries.find_entries(tx, asked))
        next_after = found[-1].seq if len(found) == asked.limit else None
        return json_response({"entries": [_shown(each) for each in found], "next_after": next_after})

    @routes.get(
        "/audit/head",
        summary="How far the audit trail goes, signed: keep it where nobody who can edit the database can edit it",
        description="As `lanyard audit head` writes it, and `lanyard audit verify --head FILE` holds the trail against it.",
        **openapi.reads(SignedHead, example=examples.AUDIT_HEAD),
    )
    async def head(request: Request) -> Response:
        await desk.staff(request, AUDITORS)
        try:
            signed = await desk.database.read(lambda tx: desk.head_signer.sign(store.trail.head(tx), utc_now()))
        except NoKey as error:
            log.error("audit_head_not_signed", error=str(error))
            detail = say("Name one by AUDIT_KEY_FILE, as the log says.")
            raise Problem(503, "no-audit-key", say("There is no key to sign the head with."), detail) from None
        return json_response(signed.model_dump())

    return routes


def _shown(kept: KeptEntry) -> dict[str, object]:
    """The entry byte for byte, so that its hash can be worked out again."""
    return {"entry": orjson.Fragment(kept.content), "hash": kept.hash.hex()}
