"""Pages of registration, 20 readers at once, with 10,000 delegates of 820 delegations, against a bare FastAPI page."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from statistics import quantiles
from typing import NamedTuple

import aiohttp
from sqlalchemy import select

from bench import people, readers
from bench.measures import Measure
from bench.stand import HOST, Spoilt, Stand
from registration import store
from shared.keys import Role

DELEGATES = 10_000
READERS = 20
PAGES_EACH = 15
"""How often each reader reads each page in a round, the connection open."""
WITHIN_MS = 150.0
DELEGATION = "fr"


class Reading(NamedTuple):
    """A page, and who reads it: one of those who sign in, or anybody."""

    path: str
    """`{person}` in it is somebody of `DELEGATION`."""
    reader: str = "anybody"


PAGES = {
    "the front door": Reading("/en"),
    "the programme": Reading("/ar/programme"),
    "a session": Reading("/fr/sessions/opening"),
    "the public form": Reading("/zh/register/civil-society"),
    "the desk's queue": Reading("/en/desk", "accreditation"),
    "the desk, searching": Reading("/en/desk?q=mar", "accreditation"),
    "the programme desk": Reading("/en/programme-desk", "programme"),
    "a delegation's own": Reading(f"/en/delegation/{DELEGATION}", "focal point"),
    "a person at the desk": Reading("/en/desk/people/{person}", "accreditation"),
    "a session to be changed": Reading("/en/programme-desk/change?session=opening", "programme"),
    "somebody to be nominated": Reading(f"/ar/delegation/{DELEGATION}/add/delegate", "focal point"),
    "somebody to be amended": Reading(f"/en/delegation/{DELEGATION}/people/{{person}}/amend", "focal point"),
}


async def measure(stand: Stand, rounds: int) -> list[Measure]:
    await stand.start_service("registration")
    await stand.start_bare_server("bare_page")
    conference = people.conference()
    await stand.post("registration", people.bodies(people.everybody(conference), DELEGATES), "everybody")
    cookies, person = await asyncio.to_thread(_signed_in, stand)
    pages = {name: page._replace(path=page.path.replace("{person}", person)) for name, page in PAGES.items()}
    measures = {name: Measure(name=f"Page, p95: {name}", unit="ms", below=WITHIN_MS) for name in PAGES}
    for number in range(rounds + 1):
        bare = await _p95(stand, "bare_page", Reading("/page"), cookies)
        for name, page in pages.items():
            ours = await _p95(stand, "registration", page, cookies)
            if number:
                measures[name].note(ours, bare)
    stand.check()
    return list(measures.values())


def _signed_in(stand: Stand) -> tuple[Mapping[str, str], str]:
    """Open sessions as the pages do; the cookie of each reader, and the id of somebody of `DELEGATION`."""
    of_delegation = select(store.delegates.c.delegate_id).where(store.delegates.c.delegation == DELEGATION).limit(1)
    with stand.database("registration") as database:
        person = str(database.transaction(lambda tx: tx.execute(of_delegation).scalar_one()))
        cookies = {
            "accreditation": database.transaction(lambda tx: readers.staff(tx, Role.ACCREDITATION)),
            "programme": database.transaction(lambda tx: readers.staff(tx, Role.PROGRAMME)),
            "focal point": database.transaction(lambda tx: readers.focal_point(tx, DELEGATION)),
        }
    return {"anybody": "", **{reader: "=".join(cookie) for reader, cookie in cookies.items()}}, person


async def _p95(stand: Stand, server: str, page: Reading, cookies: Mapping[str, str]) -> float:
    """The time that 95 of 100 answers take at most, in milliseconds."""
    address = f"http://{HOST}:{stand.ports[server]}{page.path}"
    headers = {"Cookie": cookies[page.reader]} if cookies[page.reader] else {}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=READERS), headers=headers) as client:
        await asyncio.gather(*(_read(client, address, 1) for _ in range(READERS)))
        taken = await asyncio.gather(*(_read(client, address, PAGES_EACH) for _ in range(READERS)))
    return quantiles([each for reader in taken for each in reader], n=20)[-1] * 1000


async def _read(client: aiohttp.ClientSession, address: str, times: int) -> Sequence[float]:
    taken: list[float] = []
    for _ in range(times):
        began = time.perf_counter()
        async with client.get(address, allow_redirects=False) as answer:
            await answer.read()
        taken.append(time.perf_counter() - began)
        if answer.status != 200:
            raise Spoilt(f"{address} was answered {answer.status}")
    return taken
