"""The Faust app of a service: how it is set so that nothing is lost and a worker that died is replaced in seconds."""

import asyncio
import tempfile
from collections.abc import AsyncGenerator, AsyncIterable
from typing import cast

import faust
from faust.types import EventT
from yarl import URL

from shared.settings import KafkaSettings

SESSION_TIMEOUT_SECONDS = 8.0
"""Faust's default of 60 s lets a killed worker's partitions stand still for a minute (measured: 56 s)."""


def faust_app(service: str, kafka: KafkaSettings) -> faust.App:
    """An app whose consumer group is the service's name; its agents run on the current event loop once it is started."""
    return faust.App(
        kafka.topic(service),
        broker=[URL(f"kafka://{server}") for server in kafka.kafka_bootstrap_servers.split(",")],
        broker_credentials=_credentials(kafka),
        broker_session_timeout=SESSION_TIMEOUT_SECONDS,
        broker_heartbeat_interval=2.0,
        broker_max_poll_interval=60.0,
        broker_request_timeout=20.0,
        broker_commit_interval=0.5,
        consumer_auto_offset_reset="earliest",
        key_serializer="raw",
        value_serializer="raw",
        processing_guarantee="at_least_once",
        topic_allow_declare=False,
        topic_disable_leader=True,
        store="memory://",
        datadir=tempfile.mkdtemp(prefix="lanyard-faust-"),  # it makes one, though there are no tables to keep
        stream_wait_empty=False,  # with Faust's Cython parts it can keep a rebalance from ending
        stream_recovery_delay=0.0,
        web_enabled=False,
        loop=asyncio.get_running_loop(),
    )


def channel(app: faust.App, kafka: KafkaSettings, topic: str) -> faust.TopicT:
    """The records of a topic as raw bytes: reading them is `shared.inbox`'s part."""
    return app.topic(kafka.topic(topic), key_type=bytes, value_type=bytes)


async def batches(stream: faust.StreamT[bytes], most: int) -> AsyncGenerator[list[EventT[bytes]]]:
    """Yield what waits in `stream`, at most `most` events at a time, and acknowledge nothing.

    A batch is what came while the one before it was handled, so batches grow with the load. Never use Faust's `take`,
    which acknowledges what was never handled; its `noack_take` has every batch wait for more, and wakes at that beat when
    nothing comes.
    """
    unacknowledged = cast(AsyncIterable[EventT[bytes]], cast(faust.Stream[bytes], stream).noack().events())
    waiting: list[EventT[bytes]] = []
    arrived, taken = asyncio.Event(), asyncio.Event()

    async def gather() -> None:
        try:
            async for event in unacknowledged:
                waiting.append(event)
                arrived.set()
                if len(waiting) == most:
                    taken.clear()
                    await taken.wait()
        finally:
            arrived.set()

    gathering = asyncio.create_task(gather())
    try:
        while True:
            await arrived.wait()
            if not waiting:  # the stream has ended
                await gathering
                return
            batch = waiting.copy()
            waiting.clear()
            taken.set()
            if not gathering.done():
                arrived.clear()
            yield batch
    finally:
        gathering.cancel()


def _credentials(kafka: KafkaSettings) -> faust.SASLCredentials | faust.SSLCredentials | None:
    context = kafka.ssl_context
    if kafka.kafka_security_protocol.startswith("SASL") and kafka.kafka_password is not None:
        return faust.SASLCredentials(
            mechanism=kafka.kafka_sasl_mechanism,
            username=kafka.kafka_username,
            password=kafka.kafka_password.get_secret_value(),
            ssl_context=context,
        )
    return faust.SSLCredentials(context=context) if context is not None else None
