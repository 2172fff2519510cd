"""The relay, on a real broker: several side by side, one that stands still, one that is overtaken."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from typing import Any

import pytest
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient
from sqlalchemy import MetaData

from registration import store
from registration.newest import newest
from shared import claims, relay, topics
from shared.cloudevents import Record
from shared.database import Database
from shared.events import DelegateRegistered
from shared.ids import new_id
from shared.outbox import Outbox, Row
from shared.relay import Relay
from shared.settings import KafkaSettings
from shared.waking import Waking
from tests import parts
from tests.integration.topic_reading import records_in
from tests.registration_app import KAFKA, RegistrationApp
from tests.waiting import until

KEYS, REVISIONS, REPLICAS = 40, 25, 3
_prefixes = parts.prefixes()


@pytest.fixture
def with_tables_of() -> None:
    return None


@pytest.fixture
def kafka(bootstrap: str) -> KafkaSettings:
    settings = KafkaSettings(kafka_bootstrap_servers=bootstrap, topic_prefix=f"relay-{next(_prefixes)}.", kafka_partitions=3)
    topics.create(settings, settings.stations)
    return settings


@pytest.fixture
def apps_kafka(bootstrap: str) -> Iterator[KafkaSettings]:
    """The topics that `registration_app` writes to; another test makes them anew."""
    settings = KafkaSettings(kafka_bootstrap_servers=bootstrap, topic_prefix=KAFKA.topic_prefix, kafka_partitions=1)
    created = topics.create(settings, settings.stations)
    yield settings
    with closing(KafkaAdminClient(**settings.client_arguments())) as admin:
        admin.delete_topics(created)


class Replica:
    """One process's share of a service: its connections to the database, its relay, what wakes it."""

    def __init__(self, url: str, kafka: KafkaSettings) -> None:
        self.database = Database(url, "registration")
        self.metadata = MetaData()
        self.outbox = Outbox(self.metadata, "registration")
        self.relay = Watched(self.database, self.outbox, kafka)
        self.waking = Waking(self.database)
        self.topic = kafka.topic(topics.BADGE_STATUS)

    async def publish(self, *values: tuple[str, int]) -> None:
        records = [(self.topic, Record(key.encode(), str(number).encode(), [])) for key, number in values]
        await self.database.write(lambda tx: self.outbox.publish_records(tx, records))

    async def waiting(self) -> int:
        return (await self.database.read(self.outbox.backlog)).rows


class Watched(Relay):
    """A relay whose passes are counted, and which stands still before it sends while it is not `let_go`."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self.passes: list[Sequence[Row]] = []
        self.let_go = asyncio.Event()
        self.let_go.set()

    async def _send(self, producer: Any, rows: Sequence[Row]) -> Any:
        self.passes.append(rows)
        await self.let_go.wait()
        return await super()._send(producer, rows)


@contextmanager
def replicas(url: str, kafka: KafkaSettings, number: int) -> Iterator[list[Replica]]:
    all_of_them = [Replica(url, kafka) for _ in range(number)]
    all_of_them[0].database.transaction(all_of_them[0].metadata.create_all)
    yield all_of_them
    for each in all_of_them:
        each.database.close()


@asynccontextmanager
async def running(*parts: Relay | Waking) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(part.run()) for part in parts]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_replicas_relay_side_by_side_and_keep_the_order_of_each_key(postgresql_url: str, kafka: KafkaSettings) -> None:
    with replicas(postgresql_url, kafka, REPLICAS) as group:

        async def change(number: int) -> None:
            """One person's changes, each stored by whichever replica is asked, none before the one before it."""
            for revision in range(REVISIONS):
                await group[(number + revision) % REPLICAS].publish((f"delegate-{number}", revision))

        async with running(*(each.relay for each in group), *(each.waking for each in group)):
            await asyncio.gather(*(change(number) for number in range(KEYS)))
            await until(lambda: _empty(group[0]), "the outbox is empty")
    sent: dict[bytes, list[int]] = {}
    for record in await asyncio.to_thread(records_in, kafka, topics.BADGE_STATUS):
        sent.setdefault(record.key, []).append(int(record.value or b""))
    assert len(sent) == KEYS
    assert [key for key, revisions in sent.items() if revisions != list(range(REVISIONS))] == []
    assert min(len(each.relay.passes) for each in group) > 0


async def test_a_key_is_one_relays_at_a_time_and_the_others_are_free(postgresql_url: str, kafka: KafkaSettings) -> None:
    with replicas(postgresql_url, kafka, 2) as (held, other):
        held.relay.let_go.clear()
        async with running(held.relay):
            await held.publish(("ada", 1), ("bob", 1))
            await until(lambda: held.relay.passes, "it has claimed both")
            await other.publish(("ada", 2), ("eve", 1))
            async with running(other.relay):
                await until(lambda: other.relay.passes, "the other has claimed")
                await until(lambda: _holds(other, 3), "the other has sent what was free")
                held.relay.let_go.set()
                await until(lambda: _empty(held), "all is sent")
        claimed = [[row.key for row in rows] for rows in other.relay.passes]
        assert claimed[0] == [b"eve"]
    found = [(record.key, record.value) for record in records_in(kafka, topics.BADGE_STATUS) if record.key == b"ada"]
    assert found == [(b"ada", b"1"), (b"ada", b"2")]


async def test_a_relay_hears_at_once_of_what_another_replica_committed(postgresql_url, kafka, monkeypatch) -> None:
    monkeypatch.setattr(relay, "POLL_SECONDS", 3600)
    with replicas(postgresql_url, kafka, 2) as (deaf, listening):
        async with running(deaf.waking, listening.waking, listening.relay):
            await until(lambda: _listens(listening), "it listens")
            for number in range(3):
                await deaf.publish(("ada", number))
                await until(lambda: _empty(deaf), "it is sent", within=60)


async def test_another_sends_for_a_relay_that_stands_still(postgresql_url, kafka, monkeypatch) -> None:
    monkeypatch.setattr(claims, "CLAIM_SECONDS", 0.5)
    with replicas(postgresql_url, kafka, 2) as (still, other):
        still.relay.let_go.clear()
        async with running(still.relay):
            await still.publish(("ada", 1))
            await until(lambda: still.relay.passes, "it has claimed")
            async with running(other.relay):
                await until(lambda: _empty(other), "the other has sent it", within=60)


async def test_one_that_was_overtaken_publishes_the_newest_state_again_which_alone_is_left_for_late_joiners(
    registration_app: RegistrationApp, apps_kafka: KafkaSettings, monkeypatch
) -> None:
    monkeypatch.setattr(claims, "CLAIM_SECONDS", 0.5)
    app, kafka = registration_app, apps_kafka

    async def empty() -> bool:
        return (await app.database.read(store.outbox.backlog)).rows == 0

    def relaying(database: Database) -> Watched:
        return Watched(database, store.outbox, kafka, lambda tx, keys: newest(tx, keys, app.conference, kafka))

    delegate_id = await app.registered(function="Head of delegation")
    still, other = relaying(app.database), relaying(app.database)
    still.let_go.clear()
    async with running(still):
        await until(lambda: still.passes, "it has claimed the first revision")
        amended = await app.ask("PATCH", f"/delegates/{delegate_id}", json={"person": {"function": "Adviser"}})
        assert amended.status_code == 200, amended.text
        async with running(other):
            await until(empty, "the other has sent both revisions")
            still.let_go.set()
            await until(lambda: len(_revisions(kafka, delegate_id)) == 4, "the first and the newest are sent again")
            assert _revisions(kafka, delegate_id) == [1, 2, 1, 2]
            await until(empty, "nothing waits")
            _compact(kafka, topics.DELEGATE_REGISTERED)

            somebody = await app.registered(given_name="Somebody")

            async def compacted() -> bool:
                """The broker compacts all but what was written last."""
                await app.ask("PATCH", f"/delegates/{somebody}", json={"person": {"function": str(new_id())}})
                return _revisions(kafka, delegate_id) == [2]

            await until(compacted, "the newest alone is left for late joiners", within=60, look_every=1)


async def _empty(replica: Replica) -> bool:
    return await _holds(replica, 0)


async def _holds(replica: Replica, rows: int) -> bool:
    return await replica.waiting() == rows


async def _listens(replica: Replica) -> bool:
    query = "select count(*) from pg_stat_activity where query = 'listen committed' and datname = current_database()"
    return await replica.database.read(lambda tx: tx.exec_driver_sql(query).scalar_one()) == 2


def _compact(kafka: KafkaSettings, topic: str) -> None:
    """Have the broker do at once what it does in time."""
    soon = {"segment.ms": "1", "min.cleanable.dirty.ratio": "0", "max.compaction.lag.ms": "1"}
    with closing(KafkaAdminClient(**kafka.client_arguments())) as admin:
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, kafka.topic(topic), soon)], incremental=True)


def _revisions(kafka: KafkaSettings, delegate_id: str) -> list[int]:
    found = [each for each in records_in(kafka, topics.DELEGATE_REGISTERED) if each.key == delegate_id.encode()]
    return [DelegateRegistered.model_validate_json(each.value or b"").revision for each in found]
