"""Where readers stand in their topics, asked of the broker: what waits for whom, and who reads."""

from collections.abc import Collection, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from kafka.structs import OffsetAndMetadata, TopicPartition
from pydantic import BaseModel

from services.broker_admin import EARLIEST, LATEST, Admin, connected, offsets, partitions_of
from services.offsets_retention import offsets_retention
from shared import flows, topics
from shared.settings import KafkaSettings


class Waiting(BaseModel):
    """What a consumer group has not committed yet of one topic."""

    group: str
    topic: str
    records: int


class Reading(BaseModel):
    """A consumer group's present members, by the names that they give themselves."""

    group: str
    members: list[str]


class Queue(BaseModel):
    """The badge queue of one station."""

    station: str
    urgent: int
    normal: int
    printers: list[str]


class Positions(BaseModel):
    missing_topics: list[str]
    waiting: list[Waiting]
    groups: list[Reading]
    queues: list[Queue]
    offsets_retention_minutes: int | None = None
    """How long the broker remembers idle groups; `None` where it does not say."""


@dataclass(frozen=True, slots=True)
class _Group:
    """A consumer group and the topics it reads, all by their full names."""

    name: str
    topics: tuple[str, ...]


def positions(kafka: KafkaSettings) -> Positions:
    """Look at all topics and consumer groups of a deployment. Blocks for seconds at most; raises `KafkaError`."""
    groups = _groups(kafka)
    wanted = {kafka.topic(topic.name) for topic in topics.all_topics(kafka.stations)}
    with closing(connected(kafka)) as admin:
        ends = _Ends(admin, wanted & set(admin.list_topics()))
        committed = admin.list_group_offsets([group.name for group in groups])
        members = _members(admin.describe_groups([group.name for group in groups]))
    waiting = {(group.name, topic): ends.behind(topic, committed[group.name]) for group in groups for topic in group.topics}
    return Positions(
        missing_topics=sorted(wanted - ends.existing),
        waiting=[Waiting(group=group, topic=topic, records=records) for (group, topic), records in waiting.items()],
        groups=[Reading(group=group.name, members=members[group.name]) for group in groups],
        offsets_retention_minutes=offsets_retention(kafka),
        queues=[_queue(kafka, station, waiting, members) for station in kafka.stations],
    )


def _groups(kafka: KafkaSettings) -> list[_Group]:
    services = [_Group(kafka.topic(each), _full(kafka, flows.topics_read_by(each))) for each in topics.SERVICES]
    queues = flows.topics_read_by(flows.PRINTERS)
    printers = [
        _Group(_printers(kafka, station), _full(kafka, (name.replace(flows.STATION, station) for name in queues)))
        for station in kafka.stations
    ]
    return services + printers


def _full(kafka: KafkaSettings, names: Iterable[str]) -> tuple[str, ...]:
    return tuple(kafka.topic(name) for name in names)


def _printers(kafka: KafkaSettings, station: str) -> str:
    return kafka.topic(f"{flows.PRINTERS}.{station}")


def _queue(
    kafka: KafkaSettings, station: str, waiting: Mapping[tuple[str, str], int], members: Mapping[str, list[str]]
) -> Queue:
    group = _printers(kafka, station)
    return Queue(
        station=station,
        urgent=waiting[group, kafka.topic(topics.badge_queue(station, urgent=True))],
        normal=waiting[group, kafka.topic(topics.badge_queue(station))],
        printers=members[group],
    )


class _Ends:
    """The first and the next offset of every partition of some topics."""

    def __init__(self, admin: Admin, existing: Collection[str]) -> None:
        self.existing = set(existing)
        partitions = partitions_of(admin, sorted(existing))
        self._first = offsets(admin, partitions, EARLIEST)
        self._next = offsets(admin, partitions, LATEST)

    def behind(self, topic: str, committed: Mapping[TopicPartition, OffsetAndMetadata]) -> int:
        """How many records follow what was committed; all that are kept where nothing was."""
        own = {each: end for each, end in self._next.items() if each.topic == topic}
        done = {each: committed[each].offset if each in committed else 0 for each in own}
        return sum(max(0, end - max(done[each], self._first[each])) for each, end in own.items())


def _members(described: Mapping[str, dict[str, Any]]) -> dict[str, list[str]]:
    return {name: sorted(each["client_id"] for each in group["members"]) for name, group in described.items()}
