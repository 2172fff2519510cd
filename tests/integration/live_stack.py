"""A real stack for tests: broker, mail sink, three services and printers as processes, in a folder of its own."""

import asyncio
import os
import random
import socket
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx

from services.embedded.broker import FREE_PORTS
from services.embedded.stack import HOST, Stack, StackSettings
from services.embedded.supervisor import Change
from services.example.simulation import Simulation
from shared import topics
from shared.conference import Conference
from shared.conference_folder import load
from shared.flows import PRINTERS
from shared.ids import new_id
from tests.integration.evidence import Evidence, gathered
from tests.integration.topic_reading import Positions
from tests.waiting import until

EXAMPLE = Path(__file__).parents[2] / "conferences" / "counter-terrorism-2018"
ANSWERED_WITHIN_SECONDS = 60.0
PORTS = 5


@dataclass
class LiveStack:
    """A stack that is up, and how its users reach it."""

    stack: Stack
    conference: Conference
    simulation: Simulation
    positions: Positions
    http: httpx.AsyncClient
    changes: list[Change]
    """What became of the processes, in order."""

    @property
    def settings(self) -> StackSettings:
        return self.stack.settings

    async def ask(self, kind: str, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ask registration with a key of this kind, as a form does: again with one idempotency key until it answers."""
        headers = {"Authorization": f"Bearer {self.stack.keys[kind]}", "Idempotency-Key": str(new_id())}
        give_up = time.monotonic() + ANSWERED_WITHIN_SECONDS
        while True:
            try:
                answer = await self.http.request(method, self._url("registration", path), json=body, headers=headers)
                if answer.status_code not in (409, 503):
                    assert answer.is_success, answer.text
                    return answer.json()
            except httpx.TransportError as error:
                answer = error
            assert time.monotonic() < give_up, f"{method} {path} was never answered but with {answer!r}"
            await asyncio.sleep(0.1)

    async def waiting(self, service: str) -> dict[str, int]:
        """What a service counts of its work on `/ready`, and its outbox; nothing where it does not answer."""
        try:
            checks = (await self.http.get(self._url(service, "/ready"))).json()["checks"]
        except httpx.TransportError:
            return {}
        return {"outbox": checks["outbox"]["rows"], **checks["counts"]} if "counts" in checks else {}

    def _url(self, service: str, path: str) -> str:
        return f"{self.settings.url(service)}{path}"

    async def settled(self, *, printed: bool = True, within: float = 240.0) -> None:
        """Return when nothing is left to do; without `printed`, but to print."""
        await until(partial(self._nothing_left, printed), "all work was done", within=within, look_every=0.25)

    async def _nothing_left(self, printed: bool) -> bool:
        """Looks downstream, the way the work flows, so that nothing slips past between two looks."""
        if (await self.waiting("registration")).get("outbox") != 0:
            return False
        facts = [topics.DELEGATE_REGISTERED, topics.SESSION_CHANGED]
        if await self._unread("badging", *facts) or await self._unread("notifications", *facts):
            return False
        notices = await self.waiting("notifications")
        if [notices.get(each) for each in ("outbox", "due", "waiting")] != [0, 0, 0]:
            return False
        if (await self.waiting("badging")).get("outbox") != 0:
            return False
        if not printed:
            return True
        queue = [topics.badge_queue("main"), topics.badge_queue("main", urgent=True)]
        readers = {f"{PRINTERS}.main": queue, "badging": [topics.BADGE_STATUS], "registration": [topics.BADGE_STATUS]}
        return not any([await self._unread(group, *names) for group, names in readers.items()])

    async def _unread(self, group: str, *names: str) -> int:
        return await asyncio.to_thread(self.positions.unread, group, *names)

    async def badges(self) -> list[dict[str, Any]]:
        """Every badge that badging's API lists."""
        headers = {"Authorization": f"Bearer {self.stack.keys['read-only']}"}
        found: list[dict[str, Any]] = []
        after: dict[str, str] = {}
        while True:
            parameters = {"limit": "500", **after}
            answer = await self.http.get(self._url("badging", "/badges"), params=parameters, headers=headers)
            page = answer.raise_for_status().json()
            found += page["badges"]
            if page["next_after"] is None:
                return found
            after = {"after": page["next_after"]}

    async def evidence(self) -> Evidence:
        badges = await self.badges()
        folders = self.settings.printed_folder, self.settings.mail_folder
        return await asyncio.to_thread(gathered, self.conference, self.stack.kafka, *folders, badges)


@asynccontextmanager
async def live_stack(var: Path, folder: Path = EXAMPLE) -> AsyncIterator[LiveStack]:
    """A stack in the folder `var`, on free ports, its printers not started yet; with the conference in `folder`."""
    settings = StackSettings(var=var, port=free_ports(), conference_folder=folder)
    conference = load(folder)
    with patch.dict(os.environ):
        os.environ.pop("KAFKA_BOOTSTRAP_SERVERS", None)  # always a broker of its own
        changes: list[Change] = []
        async with Stack(settings, lambda _step: None, changes.append) as stack:
            await stack.start_services(lambda _done, _total: None)
            simulation = Simulation(settings.url("registration"), stack.keys, conference)
            async with httpx.AsyncClient(timeout=30) as http:
                with closing(Positions(stack.kafka)) as positions:
                    yield LiveStack(stack, conference, simulation, positions, http, changes)


def free_ports() -> int:
    """The first of as many free ports in a row as a stack takes."""
    for first in random.sample(FREE_PORTS[:-PORTS], 50):
        with ExitStack() as held:
            try:
                for port in range(first, first + PORTS):
                    held.enter_context(socket.socket()).bind((HOST, port))
            except OSError:
                continue
            return first
    raise AssertionError("no five free ports in a row were found")
