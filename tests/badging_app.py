"""Badging in this process, over its real routes and a database of its own, for tests."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from fastapi import FastAPI

from badging.api import router
from badging.door import Door
from badging.service import BadgeDesk
from shared.clock import ConferenceClock
from shared.database import Database
from shared.events import BadgeJob
from shared.http import Readiness, add_routes, http_app
from shared.keys import Role, StaffKeys, key_hash
from shared.settings import KafkaSettings
from tests.badging_examples import CONFERENCE, NOON, queued, received, registered

NAME = "Ada Berg"
"""Of every delegate here: what no log and no gate may show."""


@dataclass
class Badging:
    """The service as its callers see it, and as events reach it."""

    app: FastAPI
    http: httpx.AsyncClient
    database: Database
    desk: BadgeDesk

    async def get(self, path: str, role: Role | None = Role.READ_ONLY, **parameters: Any) -> httpx.Response:
        return await self.http.get(path, params=parameters or None, headers=authorization(role))

    async def reprint(self, badge_id: UUID | str, body: Any, role: Role = Role.BADGING, **headers: str) -> httpx.Response:
        sent = {**authorization(role), **headers}
        return await self.http.post(f"/badges/{badge_id}/reprint", json=body, headers=sent)

    async def listed(self, **parameters: Any) -> list[str]:
        answer = await self.get("/badges", **parameters)
        assert answer.status_code == 200, answer.text
        return [badge["badge_id"] for badge in answer.json()["badges"]]

    def issue(self, **changed: Any) -> BadgeJob:
        fact = registered(name=NAME, **changed)
        self.handle(self.desk.converge, fact)
        with self.database.connect() as tx:
            return queued(tx, fact.delegate_id)[-1][1]

    def handle(self, use_case: Callable[..., Any], fact: Any) -> None:
        self.database.transaction(lambda tx: use_case(tx, [received(fact)]))


def authorization(role: Role | None) -> dict[str, str]:
    return {} if role is None else {"Authorization": f"Bearer {role}"}


@asynccontextmanager
async def badging_app(url: str, folder: Path) -> AsyncIterator[Badging]:
    """The service on the empty database at `url`, with a staff key of each role, at the conference's noon."""
    database = Database(url, "badging")
    database.migrate("badging:migrations")
    desk = BadgeDesk(CONFERENCE, KafkaSettings(badge_stations="main,gate-2"))

    async def ready() -> Readiness:
        return Readiness(ready=True, checks={})

    app = http_app("Lanyard badging", ready)
    add_routes(app, router(database, staff_keys(folder / "keys.toml"), desk, Door(CONFERENCE, ConferenceClock(NOON))))
    try:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://badging.example") as http:
            yield Badging(app, http, database, desk)
    finally:
        database.close()


def staff_keys(path: Path) -> StaffKeys:
    path.write_text("".join(f'[keys.{key_hash(role)}]\nname = "{role} desk"\nrole = "{role}"\n' for role in Role))
    return StaffKeys(path)
