"""Who writes and who reads each topic, and which events it carries."""

from collections.abc import Iterable
from dataclasses import dataclass

from shared import topics
from shared.events import BadgeJob, BadgeStatus, DelegateRegistered, Fact, SessionChanged

PRINTERS = "badge-printers"
"""Whoever reads the badge queue, ours or anyone's; with a dot and the station, their consumer group."""
OPERATIONS = "operations"
STATION = "{station}"
"""Stands for a badge station's slug in a topic's name."""


@dataclass(frozen=True, slots=True)
class Flow:
    """What goes over one topic. `topic` is without prefix."""

    topic: str
    summary: str
    facts: tuple[type[Fact], ...]
    written_by: tuple[str, ...]
    read_by: tuple[str, ...]


_BETWEEN_SERVICES = (
    Flow(
        topics.DELEGATE_REGISTERED,
        "A delegate's full registration at each revision. A null value, after `erased`, ends a key.",
        (DelegateRegistered,),
        ("registration",),
        ("badging", "notifications"),
    ),
    Flow(
        topics.SESSION_CHANGED,
        "A session's full programme entry at each revision.",
        (SessionChanged,),
        ("registration",),
        ("badging", "notifications"),
    ),
    Flow(
        topics.badge_queue(STATION, urgent=True),
        "Sheets to print at a station before those of its other queue.",
        (BadgeJob,),
        ("badging",),
        (PRINTERS,),
    ),
    Flow(
        topics.badge_queue(STATION),
        "Sheets to print at a station: take one, print it, report it, commit it.",
        (BadgeJob,),
        ("badging",),
        (PRINTERS,),
    ),
    Flow(
        topics.BADGE_STATUS,
        "What printers report of each sheet.",
        (BadgeStatus,),
        (PRINTERS,),
        ("badging", "registration"),
    ),
)


def facts_read_by(service: str) -> tuple[type[Fact], ...]:
    return tuple(fact for flow in _BETWEEN_SERVICES if service in flow.read_by for fact in flow.facts)


def _beside(service: str) -> tuple[Flow, Flow]:
    """The topics that a service shares with operations alone."""
    facts = facts_read_by(service)
    return (
        Flow(
            topics.dead_letter(service),
            f"What {service} could not take: the original bytes and headers, and headers that say what was wrong.",
            facts,
            (service,),
            (OPERATIONS,),
        ),
        Flow(topics.retry(service), f"Dead letters that {service} is to take again.", facts, (OPERATIONS,), (service,)),
    )


FLOWS = (*_BETWEEN_SERVICES, *(flow for service in topics.SERVICES for flow in _beside(service)))


def topics_read_by(reader: str) -> tuple[str, ...]:
    """Names, without prefix, of all topics that a service (or `PRINTERS`) reads; a station's is `STATION`."""
    return tuple(flow.topic for flow in FLOWS if reader in flow.read_by)


def topics_written_by(writer: str, stations: Iterable[str]) -> list[str]:
    """Names, without prefix, of all topics that a service, `PRINTERS` or `OPERATIONS` writes."""
    return [name for flow in FLOWS if writer in flow.written_by for name in at_stations(flow.topic, stations)]


def at_stations(topic: str, stations: Iterable[str]) -> list[str]:
    """The topic of each station, where there is one for each."""
    return [topic.replace(STATION, station) for station in stations] if STATION in topic else [topic]
