"""From a post's start until its job can be read from the badge queue, at 100 posts a second, against a bare pipeline."""

from statistics import quantiles

from bench import people
from bench.arrivals import Arrivals
from bench.bare_pipeline import FORWARDED, SUBMITTED
from bench.measures import Measure
from bench.stand import Spoilt, Stand
from shared.conference_folder import load
from shared.topics import badge_queue

RATE = 100
SECONDS = 20
WARM_UP_SECONDS = 3


async def measure(stand: Stand, rounds: int) -> list[Measure]:
    p50 = Measure(name="Post to badge queue at 100/s: median", unit="ms", below=30, at_most=2)
    p99 = Measure(name="Post to badge queue at 100/s: p99", unit="ms", below=150, at_most=2)
    stand.make_topic(SUBMITTED)
    stand.make_topic(FORWARDED)
    stand.conference_folder = people.without_photos(stand.folder / "conference")
    for service in ("registration", "badging"):
        await stand.start_service(service)
    bootstrap = stand.kafka.kafka_bootstrap_servers
    await stand.start_bare_server("bare_pipeline", "post", "--bootstrap", bootstrap)
    await stand.start_bare("bare_pipeline", "forward", "--bootstrap", bootstrap)
    queue = stand.kafka.topic(badge_queue(stand.kafka.stations[0]))
    accredited = people.accredited_at_once(load(stand.conference_folder))
    for number in range(rounds + 1):
        bodies = people.bodies(accredited, RATE * (SECONDS if number else WARM_UP_SECONDS))
        ours = await _times(stand, "registration", queue, bodies, f"round-{number}")
        bare = await _times(stand, "bare_pipeline", FORWARDED, bodies, f"round-{number}")
        stand.check()
        if number:
            p50.note(ours[49], bare[49])
            p99.note(ours[98], bare[98])
    return [p50, p99]


async def _times(stand: Stand, server: str, topic: str, bodies: list[str], series: str) -> list[float]:
    """Post and wait for every record; returns the 99 percentiles of the time between, in ms."""
    async with Arrivals(stand.kafka, topic) as arrivals:
        posted = await stand.post(server, bodies, series, rate=RATE)
        await arrivals.reach(len(bodies))
    missing = [each.delegate_id for each in posted if each.delegate_id not in arrivals.first_at]
    if missing or arrivals.count != len(bodies):
        raise Spoilt(f"{arrivals.count} records came to {topic} of {len(bodies)} posts; none for {missing[:3]}")
    return quantiles([(arrivals.first_at[each.delegate_id] - each.started_at) * 1000 for each in posted], n=100)
