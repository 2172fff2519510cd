"""HTTP in: what operations staff ask about notices. No answer holds an address, a name or what a notice says."""

from collections.abc import Sequence
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from notifications import ledger
from notifications.ledger import NoticeRecord
from shared.database import Database
from shared.http import json_response
from shared.keys import Role, StaffKeys

MAY_READ = frozenset({Role.OPERATIONS, Role.READ_ONLY, Role.ACCREDITATION})


def router(database: Database, keys: StaffKeys) -> APIRouter:
    routes = APIRouter(tags=["notices"])

    @routes.get("/notices", summary="Every notice to one delegate, and how far it is")
    async def notices(request: Request, delegate: UUID) -> Response:  # pyright: ignore[reportUnusedFunction] (FastAPI keeps it)
        keys.require(request.headers.get("authorization"), MAY_READ)
        return _listed(await database.read(lambda tx: ledger.of_delegate(tx, str(delegate))))

    @routes.get("/notices/undeliverable", summary="Notices that a mail server refused for good")
    async def undeliverable(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        keys.require(request.headers.get("authorization"), MAY_READ)
        return _listed(await database.read(ledger.undeliverable))

    return routes


def _listed(records: Sequence[NoticeRecord]) -> Response:
    return json_response({"notices": [record._asdict() for record in records]})
