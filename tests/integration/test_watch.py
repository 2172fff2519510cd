"""The watch over the agents, on a real broker: what is a standstill, and what only looks like one."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from services.watch import StandStill, Watch
from shared import topics
from shared.database import Database
from shared.settings import KafkaSettings
from tests import parts
from tests.badging_examples import session
from tests.integration.programme_desk import SERVICE, Programme
from tests.waiting import until

PATIENCE_SECONDS = 1.5
_prefixes = parts.prefixes()


@pytest.fixture
def programme(
    bootstrap: str, tmp_path: Path, new_url: Callable[[Path], str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Programme]:
    monkeypatch.setattr("services.watch.LOOK_SECONDS", 0.1)
    monkeypatch.setattr("services.watch.STANDSTILL_SECONDS", PATIENCE_SECONDS)
    monkeypatch.setattr("shared.inbox.LONGEST_WAIT_SECONDS", PATIENCE_SECONDS / 5)
    kafka = KafkaSettings(kafka_bootstrap_servers=bootstrap, topic_prefix=f"watch-{next(_prefixes)}.", kafka_partitions=3)
    topics.create(kafka, kafka.stations)
    with closing(Programme(kafka, Database(new_url(tmp_path / "programme.db"), SERVICE))) as programme:
        yield programme


async def test_a_batch_that_never_ends_is_a_standstill_though_nothing_was_ever_acknowledged(programme: Programme) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def hang(_: object) -> None:
        begun.set()
        go_on.wait()

    programme.before_commit = hang
    programme.send(session(session_id="stuck"))
    try:
        async with programme.running() as inbox:
            await until(begun.is_set, "the batch is in the middle")
            with pytest.raises(StandStill):
                await asyncio.wait_for(Watch(programme.app, inbox, programme.kafka).run(), 60)
    finally:
        go_on.set()


async def test_nothing_to_do_is_no_standstill_whoever_did_it(programme: Programme) -> None:
    programme.send(*(session(session_id=f"session-{each}") for each in range(20)))
    async with programme.running():
        await programme.all_read()
    async with programme.running() as inbox:
        await until(lambda: programme.app.consumer.assignment(), "it has its partitions")
        await _quiet(programme, Watch(programme.app, inbox, programme.kafka))
    assert programme.unread() == 0


async def test_a_fault_that_is_retried_is_no_standstill(programme: Programme) -> None:
    away = [True]

    def fail(_: object) -> None:
        if away:
            raise ConnectionResetError

    programme.before_commit = fail
    programme.send(session(session_id="late"))
    async with programme.running() as inbox:
        await until(lambda: inbox.retried_at, "it waits for the fault to pass")
        watching = asyncio.create_task(Watch(programme.app, inbox, programme.kafka).run())
        first = inbox.retried_at
        await until(lambda: inbox.retried_at > first + PATIENCE_SECONDS, "it was tried for longer than a standstill")
        assert not watching.done()
        away.clear()
        await programme.all_read()
        watching.cancel()


async def _quiet(programme: Programme, watch: Watch) -> None:
    """It watches for longer than a standstill takes, and says nothing."""
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(watch.run(), 2 * PATIENCE_SECONDS)
    assert time.monotonic() - began > PATIENCE_SECONDS
