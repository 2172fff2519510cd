"""HTTP in: what operations staff ask about notices. No answer holds an address, a name or what a notice says."""

from collections.abc import Sequence
from uuid import UUID

from fastapi import APIRouter, Depends
from starlette.responses import Response

from notifications import records
from notifications.records import NoticeRecord
from shared.database import Database
from shared.http import json_response, staff_caller
from shared.keys import Role, StaffKeys
from shared.problems import documented

MAY_READ = frozenset({Role.OPERATIONS, Role.READ_ONLY, Role.ACCREDITATION})


def router(database: Database, keys: StaffKeys) -> APIRouter:
    routes = APIRouter(tags=["notices"])

    may_read = Depends(staff_caller(keys, MAY_READ))

    @routes.get(
        "/notices",
        summary="Every notice to one delegate, and how far it is",
        responses=documented(401, 403, 422),
        dependencies=[may_read],
    )
    async def notices(delegate: UUID) -> Response:
        return _listed(await database.read(lambda tx: records.of_delegate(tx, str(delegate))))

    @routes.get(
        "/notices/undeliverable",
        summary="Notices that a mail server refused for good",
        responses=documented(401, 403, 422),
        dependencies=[may_read],
    )
    async def undeliverable() -> Response:
        return _listed(await database.read(records.undeliverable))

    return routes


def _listed(records: Sequence[NoticeRecord]) -> Response:
    return json_response({"notices": [record._asdict() for record in records]})
