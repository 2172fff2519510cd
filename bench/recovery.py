"""Back to work after a fault: how long work waits when a replica is killed, and when the broker comes back.

A killed replica's partitions are the others' once the broker misses its heartbeats. While the broker is away,
registration still answers: its outbox keeps what is to be sent.
"""

import asyncio
import time

from bench import people
from bench.arrivals import Arrivals
from bench.load import Posted
from bench.measures import Measure
from bench.stand import Spoilt, Stand
from shared.topics import badge_queue

RATE = 50
STEADY_SECONDS, AWAY_SECONDS = 3, 10


async def measure(stand: Stand, rounds: int) -> list[Measure]:
    moved = Measure(name=f"Longest wait for a badge job at {RATE}/s, one badging replica killed", unit="s", below=10)
    back = Measure(name="From the broker's return to the first job of what waited", unit="s", below=5)
    for service in ("registration", "badging"):
        await stand.start_service(service)
    queue = stand.kafka.topic(badge_queue(stand.kafka.stations[0]))
    accredited = people.accredited_at_once(people.conference())
    for number in range(rounds):
        bodies = people.bodies(accredited, RATE * (STEADY_SECONDS + AWAY_SECONDS))
        moved.note(await _longest_wait(stand, queue, bodies, f"moved-{number}"))
        bodies = people.bodies(accredited, RATE * STEADY_SECONDS)
        back.note(await _after_return(stand, queue, bodies, f"back-{number}"))
        stand.check()
    return [moved, back]


async def _longest_wait(stand: Stand, queue: str, bodies: list[str], series: str) -> float:
    """Of all posts, while one of two replicas is killed in the middle of the work."""
    replica = await stand.start_replica("badging")
    async with Arrivals(stand.kafka, queue) as arrivals:
        posting = asyncio.create_task(stand.post("registration", bodies, series, rate=RATE))
        await arrivals.reach(RATE * STEADY_SECONDS)
        replica.kill()
        await replica.wait()
        posted = await posting
        await _all_arrived(arrivals, posted)
    return max(arrivals.first_at[each.delegate_id] - each.started_at for each in posted)


async def _after_return(stand: Stand, queue: str, bodies: list[str], series: str) -> float:
    async with Arrivals(stand.kafka, queue) as arrivals:
        stand.kill_broker()
        posted = await stand.post("registration", bodies, series, rate=RATE)
        await asyncio.sleep(AWAY_SECONDS)
        stand.start_broker()
        returned_at = time.monotonic()
        await _all_arrived(arrivals, posted)
    return min(arrivals.first_at.values()) - returned_at


async def _all_arrived(arrivals: Arrivals, posted: list[Posted]) -> None:
    """A job may come twice after a kill: it is the first of each delegate that counts."""
    give_up = time.monotonic() + 120
    while missing := [each.delegate_id for each in posted if each.delegate_id not in arrivals.first_at]:
        if time.monotonic() > give_up:
            raise Spoilt(f"no job came for {len(missing)} of {len(posted)} posts")
        await asyncio.sleep(0.05)
