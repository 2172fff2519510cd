"""Intake on SQLite against bare FastAPI: registrations answered a second, over 64 connections, the outbox keeping up."""

import asyncio
import time

import httpx

from bench import people
from bench.load import Posted
from bench.measures import Measure
from bench.stand import HOST, Spoilt, Stand

POSTS = 6000
WARM_UP = 500
EMPTY_WITHIN_SECONDS = 1.0


async def measure(stand: Stand, rounds: int) -> list[Measure]:
    rate = Measure(name="Intake: POST /delegates, 64 connections", unit="/s", at_least=0.45)
    empty = Measure(name="Intake: outbox empty after the last answer", unit="s", below=EMPTY_WITHIN_SECONDS)
    await stand.start_service("registration")
    await stand.start_bare_server("bare_intake")
    everybody = people.everybody(people.conference())
    for number in range(rounds + 1):
        bodies = people.bodies(everybody, POSTS if number else WARM_UP)
        posted = await stand.post("registration", bodies, f"round-{number}")
        emptied = await _outbox_empty(stand) - max(each.answered_at for each in posted)
        bare = await stand.post("bare_intake", bodies, f"round-{number}")
        stand.check()
        if number:
            rate.note(_rate(posted), _rate(bare))
            empty.note(max(emptied, 0.0))
    return [rate, empty]


def _rate(posted: list[Posted]) -> float:
    return len(posted) / (max(each.answered_at for each in posted) - min(each.started_at for each in posted))


async def _outbox_empty(stand: Stand) -> float:
    """Wait until registration's outbox is empty, and return when."""
    give_up = time.monotonic() + 60
    async with httpx.AsyncClient() as client:
        while time.monotonic() < give_up:
            ready = await client.get(f"http://{HOST}:{stand.ports['registration']}/ready")
            if ready.json()["checks"]["outbox"]["rows"] == 0:
                return time.monotonic()
            await asyncio.sleep(0.005)
    raise Spoilt("the relay did not empty registration's outbox within 60 s")
