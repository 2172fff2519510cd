"""The main job, done once on the example conference and counted: posts, badges, sheets, notices, and the time between."""

import asyncio
import re
import statistics
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
from pydantic import BaseModel

from services.embedded.stack import SERVICES, StackSettings
from services.example import generator
from services.example.simulation import Posted, Simulation
from services.queue_reader import QueueReader
from shared.events import BadgeJob, Status
from shared.settings import KafkaSettings

SETTLED_WITHIN_SECONDS = 240.0
KEPT_IN = "demonstration.json"
_MESSAGE_ID = re.compile(rb"^message-id:\s*<([0-9a-f-]{36})\.", re.IGNORECASE | re.MULTILINE)

Progress = Callable[[str, int], Callable[[int], None]]
"""Announces a piece of work by its label and size; returns what is told how much of it is done."""


class Row(BaseModel):
    """One category of the summary; times from post to badge queue are in milliseconds."""

    category: str
    registered: int
    accredited: int
    refused: int = 0
    withdrawn: int = 0
    printed: int
    noticed: int
    median_ms: float | None = None
    p99_ms: float | None = None


class Summary(BaseModel):
    """What the demonstration came to. `wrong` says in words which counts are not as they should be."""

    rows: list[Row]
    changed_sessions: list[str]
    notices: int
    wrong: list[str]
    example_delegate: str

    @classmethod
    def kept(cls, var: Path) -> "Summary | None":
        """The summary of an earlier run in this folder, where its counts were right."""
        path = var / KEPT_IN
        return cls.model_validate_json(path.read_text(encoding="utf-8")) if path.exists() else None

    def keep(self, var: Path) -> None:
        (var / KEPT_IN).write_text(self.model_dump_json(indent=2), encoding="utf-8")


class Demonstration:
    """Does the main job against a stack that is up."""

    def __init__(self, settings: StackSettings, kafka: KafkaSettings, simulation: Simulation, progress: Progress) -> None:
        self._settings, self._kafka, self._simulation, self._progress = settings, kafka, simulation, progress

    async def run(self) -> Summary:
        """Register, decide, print, notify, change the programme, notify again. Raises `SimulationFailed`."""
        count = self._settings.delegates
        with QueueReader(self._kafka) as queue:
            posted = await self._simulation.register(count, self._settings.rate, self._counted("Registering delegates", count))
            await self._simulation.decide(self._counted("Deciding on accreditation", count))
            await self._settle("Printing badges and sending notices")
            changed = await self._simulation.change_programme()
            settled = await self._settle("Telling those enrolled what changed")
            return self._summary(posted, changed, queue, settled)

    def _counted(self, label: str, total: int) -> Callable[[], None]:
        tell = self._progress(label, total)
        done = 0

        def one_more() -> None:
            nonlocal done
            done += 1
            tell(done)

        return one_more

    async def _settle(self, label: str) -> bool:
        """Wait until every badge is printed and nobody is left to tell; returns whether it came to that in time."""
        total = self._settings.delegates
        tell = self._progress(label, total)
        give_up = time.monotonic() + SETTLED_WITHIN_SECONDS
        async with httpx.AsyncClient(timeout=10) as client:
            while time.monotonic() < give_up:
                left = await self._left_to_do(client)
                tell(max(0, total - left))
                if left == 0:
                    return True
                await asyncio.sleep(0.25)
        return False

    async def _left_to_do(self, client: httpx.AsyncClient) -> int:
        registration, badging, notifications = [await self._checks(client, name) for name in SERVICES]
        outboxes = sum(each["outbox"]["rows"] for each in (registration, badging, notifications))
        unbadged = abs(registration["counts"].get("accredited", 0) - badging["counts"]["valid"])
        untold = notifications["counts"]["due"] + notifications["counts"]["waiting"]
        return outboxes + unbadged + badging["counts"]["queued"] + badging["counts"]["accepted"] + untold

    async def _checks(self, client: httpx.AsyncClient, service: str) -> dict[str, Any]:
        return (await client.get(f"{self._settings.url(service)}/ready")).json()["checks"]

    def _summary(self, posted: list[Posted], changed: list[str], queue: QueueReader, settled: bool) -> Summary:
        printed = {str(job.delegate_id): job for job in queue.jobs if self._sheet(job).exists()}
        noticed = _noticed(self._settings.mail_folder)
        endings = {
            each.delegate_id: generator.ends_as(index, self._simulation.conference.category[each.category])
            for index, each in enumerate(posted)
        }
        accredited = {delegate for delegate, ending in endings.items() if ending is Status.ACCREDITED}
        rows = [
            _row(category.slug, [each for each in posted if each.category == category.slug], endings, printed, noticed, queue)
            for category in self._simulation.conference.categories
        ]
        wrong = [] if settled else [f"not settled within {SETTLED_WITHIN_SECONDS:.0f} s; `lanyard status` tells what waits"]
        if unprinted := accredited - printed.keys():
            wrong.append(f"{len(unprinted)} accredited delegates have no printed badge")
        if untold := endings.keys() - noticed:
            wrong.append(f"{len(untold)} delegates were told nothing")
        if unsheeted := [job for job in queue.jobs if not self._sheet(job).exists()]:
            wrong.append(f"{len(unsheeted)} print jobs have no sheet")
        example_delegate = next((each.delegate_id for each in posted if each.delegate_id in accredited), "")
        return Summary(
            rows=rows,
            changed_sessions=changed,
            notices=len(list(self._settings.mail_folder.glob("*.eml"))),
            wrong=wrong,
            example_delegate=example_delegate,
        )

    def _sheet(self, job: BadgeJob) -> Path:
        return self._settings.printed_folder / f"{job.serial}.pdf"


def _row(
    category: str,
    posted: list[Posted],
    endings: Mapping[str, Status],
    printed: dict[str, BadgeJob],
    noticed: set[str],
    queue: QueueReader,
) -> Row:
    waits = sorted(
        (queue.seen_at[each.delegate_id] - each.asked_at) * 1000
        for each in posted
        if each.status == Status.ACCREDITED and each.delegate_id in queue.seen_at
    )
    ended = Counter(endings[each.delegate_id] for each in posted)
    return Row(
        category=category,
        registered=len(posted),
        accredited=ended[Status.ACCREDITED],
        refused=ended[Status.REFUSED],
        withdrawn=ended[Status.WITHDRAWN],
        printed=sum(each.delegate_id in printed for each in posted),
        noticed=sum(each.delegate_id in noticed for each in posted),
        median_ms=statistics.median(waits) if waits else None,
        p99_ms=waits[int(len(waits) * 0.99)] if waits else None,
    )


def _noticed(mail: Path) -> set[str]:
    """Who was mailed, by the delegate id in each Message-ID."""
    found = (_MESSAGE_ID.search(each.read_bytes()) for each in mail.glob("*.eml"))
    return {match[1].decode() for match in found if match}
