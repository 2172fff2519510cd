"""Badging draining `delegate-registered` until its last job can be read, against an agent that only validates.

The draining process stands still (SIGSTOP) while the topic is filled, so that the time begins, exactly, when it goes on.
"""

import os
import signal
import time
from collections.abc import Generator
from contextlib import contextmanager
from itertools import islice

from bench import people
from bench.arrivals import Arrivals, fill
from bench.bare_drain import REGISTERED, REPORT_EVERY, VALIDATED
from bench.measures import Measure
from bench.stand import Stand
from registration.delegate import Registration, fact_of
from shared.clock import utc_now
from shared.cloudevents import Record, encode
from shared.conference import Conference
from shared.events import Enrolment, EnrolmentState, RegistrationSubmitted, Status
from shared.ids import new_id
from shared.topics import DELEGATE_REGISTERED, badge_queue
from shared.tracing import new_traceparent

EVENTS = 20_000
WARM_UP = 2000


async def measure(stand: Stand, rounds: int) -> list[Measure]:
    drained = Measure(name=f"Badging drains {EVENTS:,} delegate-registered", unit="/s", at_least=0.4)
    stand.make_topic(REGISTERED)
    stand.make_topic(VALIDATED, partitions=1)
    await stand.start_service("badging")
    await stand.start_bare("bare_drain", "--bootstrap", stand.kafka.kafka_bootstrap_servers)
    conference, kafka = people.conference(), stand.kafka
    registered, queue = kafka.topic(DELEGATE_REGISTERED), kafka.topic(badge_queue(kafka.stations[0]))
    everybody = list(islice(people.everybody(conference), EVENTS))
    for number in range(rounds + 1):
        records = [_event(each, conference) for each in everybody[: EVENTS if number else WARM_UP]]
        ours = await _rate(stand, "badging", records, registered, queue, len(records))
        bare = await _rate(stand, "bare_drain", records, REGISTERED, VALIDATED, len(records) // REPORT_EVERY)
        stand.check()
        if number:
            drained.note(ours, bare)
    return [drained]


async def _rate(stand: Stand, process: str, records: list[Record], source: str, target: str, expected: int) -> float:
    """Events a second from when the process goes on until `expected` records can be read from `target`."""
    async with Arrivals(stand.kafka, target) as arrivals:
        with _standing_still(stand.pid(process)):
            await fill(stand.kafka, source, records)
        begin = time.monotonic()
        return len(records) / (await arrivals.reach(expected) - begin)


@contextmanager
def _standing_still(pid: int) -> Generator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def _event(submitted: RegistrationSubmitted, conference: Conference) -> Record:
    """The event of a person whom registration has accredited: every one makes a badge."""
    now = utc_now()
    registration = Registration(
        delegate_id=new_id(),
        revision=1,
        status=Status.ACCREDITED,
        category=submitted.category,
        pass_type=conference.category[submitted.category].pass_type,
        pass_days=submitted.pass_days,
        delegation=submitted.delegation,
        person=submitted.person,
        protected=submitted.protected,
        enrolments=[Enrolment(session_id=each, state=EnrolmentState.ENROLLED) for each in submitted.sessions],
        submitted_at=now,
        changed_at=now,
    )
    return encode(fact_of(registration, conference), "registration", new_traceparent())
