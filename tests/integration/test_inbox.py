"""Kafka in, on a real broker and SQLite: what a handler that fails, an event that cannot be read and a sudden end do."""

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from aiokafka import AIOKafkaProducer
from structlog.testing import capture_logs

from shared import dead_letters, topics
from shared.cloudevents import Headers, Record, encode
from shared.database import Database
from shared.events import DelegateRegistered, SessionChanged
from shared.settings import KafkaSettings
from shared.tracing import new_traceparent
from tests import parts
from tests.badging_examples import registered, session
from tests.integration.programme_desk import SERVICE, Programme
from tests.waiting import until

SEVERAL = 40
_prefixes = parts.prefixes()


class OutOfOrder(Exception):
    """A fault of the handler's own."""


@pytest.fixture
def with_tables_of() -> None:
    return None


@pytest.fixture
def programme(bootstrap: str, database_url: str) -> Iterator[Programme]:
    kafka = KafkaSettings(kafka_bootstrap_servers=bootstrap, topic_prefix=f"inbox-{next(_prefixes)}.", kafka_partitions=3)
    topics.create(kafka, kafka.stations)
    with closing(Programme(kafka, Database(database_url, SERVICE))) as programme:
        yield programme


def sessions(number: int, **changed: Any) -> list[SessionChanged]:
    return [session(session_id=f"session-{each}", **changed) for each in range(number)]


def headers_of(letter: Record) -> dict[str, str]:
    """The headers that were added."""
    return dead_letters.split(letter.headers)[1]


def original(letter: Record) -> Record:
    """The record as it was before it became a dead letter."""
    return letter._replace(headers=dead_letters.split(letter.headers)[0])


async def test_every_event_takes_effect_once_and_is_told_of_once_it_has(programme: Programme) -> None:
    sent = sessions(SEVERAL)
    programme.send(*sent)
    with capture_logs() as logs:
        async with programme.running():
            await programme.all_read()
    assert programme.took_effect(sent)
    assert max(map(len, programme.batches)) > 1
    told = [line["session_id"] for line in logs if line["event"] == "session_kept"]
    assert sorted(told) == sorted(each.session_id for each in sent)
    assert await programme.dead_letters(0) == []


async def test_a_handler_that_raises_once_loses_nothing(programme: Programme) -> None:
    failures: list[int] = []

    def fail_once(batch: Sequence[str]) -> None:
        if "session-7" in batch and not failures:
            failures.append(len(batch))
            raise OutOfOrder

    programme.before_commit = fail_once
    sent = sessions(SEVERAL)
    programme.send(*sent)
    with capture_logs() as logs:
        async with programme.running():
            await programme.all_read()
    assert failures[0] > 1, "it failed with others in one batch, which were rolled back with it"
    assert programme.took_effect(sent)
    told = Counter(line["session_id"] for line in logs if line["event"] == "session_kept")
    assert set(told.values()) == {1}, "nothing was told of what was rolled back"
    assert await programme.dead_letters(0) == []


async def test_an_event_that_came_alone_and_failed_once_is_not_lost(programme: Programme) -> None:
    failures: list[int] = []

    def fail_once(batch: Sequence[str]) -> None:
        if not failures:
            failures.append(len(batch))
            raise OutOfOrder

    programme.before_commit = fail_once
    sent = sessions(1)
    programme.send(*sent)
    async with programme.running():
        await programme.all_read()
    assert failures == [1]
    assert programme.took_effect(sent)
    assert await programme.dead_letters(0) == []


async def test_an_event_that_failed_once_after_another_took_the_batch_apart_is_not_lost(programme: Programme) -> None:
    failures: list[str] = []

    def fail(batch: Sequence[str]) -> None:
        if "session-7" in batch or ("session-9" in batch and len(batch) > 1):
            raise OutOfOrder
        if "session-9" in batch and not failures:
            failures.append("session-9")
            raise OutOfOrder

    programme.before_commit = fail
    sent = sessions(SEVERAL)
    records = programme.send(*sent)
    async with programme.running():
        await programme.all_read()
        [letter] = await programme.dead_letters(1)
    assert failures == ["session-9"]
    assert original(letter) == records[7]
    assert programme.took_effect([each for each in sent if each.session_id != "session-7"])


async def test_an_event_that_always_fails_becomes_a_dead_letter_and_the_others_are_handled(programme: Programme) -> None:
    def fail(batch: Sequence[str]) -> None:
        if "session-7" in batch:
            raise OutOfOrder("Ada Berg is in it")

    programme.before_commit = fail
    sent = sessions(SEVERAL)
    records = programme.send(*sent)
    async with programme.running():
        await programme.all_read()
        later = session(session_id="later")
        programme.send(later)
        await programme.all_read()
        [letter] = await programme.dead_letters(1)
    assert programme.took_effect([*(each for each in sent if each.session_id != "session-7"), later])
    assert original(letter) == records[7]
    said = headers_of(letter)
    assert said["__connect.errors.exception.class.name"].endswith(".OutOfOrder")
    assert said["__connect.errors.connector.name"] == SERVICE
    assert said["__connect.errors.topic"] == programme.kafka.topic(topics.SESSION_CHANGED)
    assert {"__connect.errors.partition", "__connect.errors.offset", "lanyard.letter"} <= said.keys()
    assert "Ada" not in str(said), "what an exception says may be personal"


async def test_a_database_that_is_locked_is_waited_for_and_buries_nothing(
    bootstrap: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.database.SQLITE_WAIT_SECONDS", 0.05)
    kafka = KafkaSettings(kafka_bootstrap_servers=bootstrap, topic_prefix=f"inbox-{next(_prefixes)}.", kafka_partitions=3)
    topics.create(kafka, kafka.stations)
    file = tmp_path / "programme.db"
    programme = Programme(kafka, Database(f"sqlite:///{file}", SERVICE))
    sent = sessions(SEVERAL)
    programme.send(*sent)
    other = sa.create_engine(f"sqlite:///{file}", connect_args={"isolation_level": None})
    with other.connect() as connection, capture_logs() as logs:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        async with programme.running() as inbox:
            await until(lambda: len([line for line in logs if line["event"] == "batch_waiting"]) > 2, "it tried again")
            assert inbox.retried_at
            assert programme.unread() == SEVERAL
            assert not programme.effects()
            connection.exec_driver_sql("COMMIT")
            await programme.all_read()
    other.dispose()
    assert programme.took_effect(sent)
    assert await programme.dead_letters(0) == []
    programme.close()


async def test_a_fault_that_passes_in_the_middle_of_a_batch_is_waited_for(programme: Programme) -> None:
    faults: list[Exception] = [
        sa.exc.OperationalError("select 1", None, Exception("server closed the connection")),
        ConnectionResetError("reset"),
    ]

    def fail_for_a_while(_batch: Sequence[str]) -> None:
        if faults:
            raise faults.pop()

    programme.before_commit = fail_for_a_while
    sent = sessions(SEVERAL)
    programme.send(*sent)
    async with programme.running():
        await programme.all_read()
    assert programme.took_effect(sent)
    assert await programme.dead_letters(0) == []


def without_headers(fact: SessionChanged) -> Record:
    return Record(fact.key.encode(), fact.model_dump_json().encode(), [])


def with_header(fact: SessionChanged, name: str, value: str) -> Record:
    record = encode(fact, "programme-desk", new_traceparent())
    headers: Headers = [(each, value.encode() if each == name else content) for each, content in record.headers]
    return record._replace(headers=headers)


async def test_what_cannot_be_read_becomes_a_dead_letter_that_says_why(programme: Programme) -> None:
    forged = [("lanyard.letter", b"a forged one"), ("__connect.errors.exception.class.name", b"another"), ("binary", b"\xff")]
    poison = Record(b"poison", b"\x00\xffnot JSON", [("ce_type", b"session-changed"), *forged])
    newer = with_header(session(session_id="newer"), "ce_dataschema", "urn:lanyard:event:session-changed:2")
    other_type = encode(registered(), "registration", new_traceparent())
    wrong_key = encode(session(session_id="right"), "programme-desk", new_traceparent())._replace(key=b"wrong")
    incomplete = Record(b"incomplete", b'{"session_id": "incomplete", "revision": 1}', [])
    bad = [poison, newer, other_type, wrong_key, incomplete]
    good = [*sessions(5), session(session_id="bare")]
    programme.send(good[0], *bad, *good[1:5], without_headers(good[5]))
    async with programme.running():
        await programme.all_read()
        letters = {letter.key: letter for letter in await programme.dead_letters(len(bad))}
    assert programme.took_effect(good)
    assert {key: original(letter) for key, letter in letters.items()} == {each.key: each for each in bad}
    reasons = {key.decode(): headers_of(letter)[dead_letters.ERROR_MESSAGE] for key, letter in letters.items()}
    assert "JSON" in reasons["poison"]
    assert "major version 2 of session-changed is not known; this reads 1" in reasons["newer"]
    assert DelegateRegistered.event_type in reasons[other_type.key.decode()]
    assert "record key" in reasons["wrong"]
    assert "title: Field required" in reasons["incomplete"]


async def test_a_header_without_a_value_stops_nothing(programme: Programme) -> None:
    poison = Record(b"poison", b"not JSON", [("empty", None)])
    async with AIOKafkaProducer(**programme.kafka.client_arguments()) as producer:
        topic = programme.kafka.topic(topics.SESSION_CHANGED)
        await producer.send_and_wait(topic, poison.value, poison.key, headers=poison.headers)
    async with programme.running():
        await programme.all_read()
        [letter] = await programme.dead_letters(1)
    assert original(letter) == poison


async def test_duplicates_and_what_is_older_change_nothing(programme: Programme) -> None:
    first, second = session(session_id="moved"), session(session_id="moved", revision=2, room={"en": "Harbour"})
    programme.send(first, first, second, first, second)
    async with programme.running():
        await programme.all_read()
        programme.send(first, second, first)
        await programme.all_read()
    effects = programme.effects()
    assert effects["moved", 2] == 1
    assert effects["moved", 1] <= 1
    assert await programme.dead_letters(0) == []


async def test_a_known_revision_with_other_content_becomes_a_dead_letter(programme: Programme) -> None:
    programme.send(session(session_id="moved"))
    async with programme.running():
        await programme.all_read()
        [other] = programme.send(session(session_id="moved", room={"en": "Harbour"}))
        await programme.all_read()
        [letter] = await programme.dead_letters(1)
    assert original(letter) == other
    assert programme.took_effect([session(session_id="moved")])


async def test_a_forgotten_key_is_forgotten_for_ever(programme: Programme) -> None:
    gone = [(each, Record(each.key.encode(), None, []), each.model_copy(update={"revision": 2})) for each in sessions(SEVERAL)]
    programme.send(*chain.from_iterable(gone))
    async with programme.running():
        await programme.all_read()
        assert max(map(len, programme.batches)) > 1
        programme.send(*sessions(SEVERAL, revision=3), session(session_id="kept"))
        await programme.all_read()
    assert {effect for effect in programme.effects() if effect[1] > 1} == set()
    assert programme.effects()["kept", 1] == 1
    assert await programme.dead_letters(0) == []


@pytest.mark.parametrize("commits", [True, False], ids=["that commits after all", "that is rolled back"])
async def test_a_batch_that_was_cancelled_is_given_again(programme: Programme, commits: bool) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def wait_in_the_middle(_batch: Sequence[str]) -> None:
        begun.set()
        go_on.wait()
        if not commits:
            raise OutOfOrder

    programme.before_commit = wait_in_the_middle
    sent = sessions(SEVERAL)
    programme.send(*sent)
    try:
        async with programme.running():
            await until(begun.is_set, "a batch is in the middle of its transaction")
        assert programme.unread() == SEVERAL, "nothing was acknowledged of what was cancelled"
    finally:
        programme.before_commit = lambda _: None
        go_on.set()
    if commits:
        await until(programme.effects, "the cancelled transaction commits")
    else:
        assert not programme.effects()
    cut_off = programme.batches.pop()
    programme.batches.clear()
    async with programme.running():
        await programme.all_read()
    assert set(cut_off) <= {each for batch in programme.batches for each in batch}, "it was given again"
    assert programme.took_effect(sent)


async def test_where_even_the_dead_letter_cannot_be_written_the_process_must_end_with_nothing_acknowledged(
    programme: Programme, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_batch: Sequence[str]) -> None:
        raise OutOfOrder

    programme.before_commit = fail
    programme.send(*sessions(SEVERAL))
    with monkeypatch.context() as broken:
        broken.setattr(programme.outbox, "publish_records", lambda *_: 1 / 0)
        async with programme.running() as inbox:
            await asyncio.wait_for(inbox.failed, 60)
            assert isinstance(inbox.failed.result(), ZeroDivisionError)
    assert programme.unread() == SEVERAL
    programme.before_commit = lambda _: None
    async with programme.running():
        await programme.all_read()
    assert programme.took_effect(sessions(SEVERAL))
