"""Notifications on a real broker: what comes on its topics is told, replayed events too, and tombstones are forgotten."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from kafka import KafkaProducer

from notifications import store
from notifications.stream import agents
from shared import topics
from shared.cloudevents import encode
from shared.database import Database
from shared.events import Fact
from shared.inbox import Inbox
from shared.settings import KafkaSettings
from shared.streams import faust_app
from shared.tracing import new_traceparent
from tests import parts
from tests.notification_examples import registered, session
from tests.notifications_running import Notifications, people
from tests.smtp_server import MailBox, smtp_server
from tests.waiting import until

_prefixes = parts.prefixes()


@pytest.fixture
def kafka(bootstrap: str) -> KafkaSettings:
    settings = KafkaSettings(kafka_bootstrap_servers=bootstrap, topic_prefix=f"notices-{next(_prefixes)}.", kafka_partitions=3)
    topics.create(settings, settings.stations)
    return settings


@asynccontextmanager
async def served(kafka: KafkaSettings, database: Database, box: MailBox) -> AsyncIterator[Notifications]:
    """Agents, converger and sender, as a process runs them."""
    async with smtp_server(box):
        notifications = Notifications(database, box.port)
        inbox = Inbox(database, store.dead_letters, dead_letter_topic=kafka.topic(topics.dead_letter("notifications")))
        app = faust_app("notifications", kafka)
        agents(app, inbox, kafka, notifications.desk)
        app.finalize()
        notifications.start()
        await app.start()
        try:
            yield notifications
        finally:
            inbox.stopping = True
            await app.stop()
            await notifications.stop()


def send(kafka: KafkaSettings, topic: str, facts: Sequence[Fact], traceparent: str | None = None) -> None:
    producer = KafkaProducer(**kafka.client_arguments())
    for fact in facts:
        key, value, headers = encode(fact, "registration", traceparent or new_traceparent())
        producer.send(kafka.topic(topic), key=key, value=value, headers=headers)
    producer.flush(timeout=60)
    producer.close()


def forget(kafka: KafkaSettings, key: str) -> None:
    producer = KafkaProducer(**kafka.client_arguments())
    producer.send(kafka.topic(topics.DELEGATE_REGISTERED), key=key.encode(), value=None)
    producer.flush(timeout=60)
    producer.close()


async def test_facts_of_both_topics_and_replayed_ones_are_told(kafka: KafkaSettings, tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'notifications.db'}", "notifications")
    database.migrate("notifications:migrations")
    box, crowd, trace = MailBox(), people(30, enrolments={"pilots": "enrolled"}), new_traceparent()
    gone, *others = crowd

    async def known() -> set[str]:
        return set(await database.read(lambda tx: store.delegates.get(tx, [each.key for each in crowd])))

    async def only_others_are_known() -> bool:
        return await known() == {each.key for each in others}

    async with served(kafka, database, box) as notifications:
        await asyncio.to_thread(send, kafka, topics.DELEGATE_REGISTERED, crowd, trace)
        await asyncio.to_thread(send, kafka, topics.SESSION_CHANGED, [session()])
        await box.arrived(30, within=90)
        await asyncio.to_thread(send, kafka, topics.retry("notifications"), [session(revision=2, room={"en": "Room B"})])
        await box.arrived(60, within=90)
        erased = registered(gone.delegate_id, revision=2, status="erased")
        await asyncio.to_thread(send, kafka, topics.DELEGATE_REGISTERED, [erased])
        await asyncio.to_thread(forget, kafka, gone.key)
        await until(only_others_are_known, "the erased delegate is forgotten")
        await notifications.settled()
    await asyncio.to_thread(database.close)
    first = [mail for mail in box.mails if ".1@" in mail["Message-ID"]]
    moved = [mail for mail in box.mails if mail["Subject"].startswith("Moved")]
    assert (len(first), len(moved), len(box.mails)) == (30, 30, 60)
    assert all("Room A" in str(mail) and mail["Traceparent"][3:35] == trace[3:35] for mail in first)
