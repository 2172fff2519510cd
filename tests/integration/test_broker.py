"""The embedded Kafka, for real: fetched, formatted, started, used, killed, started again."""

import socket
from itertools import islice
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.admin import NewTopic

from services.embedded import broker
from services.embedded.broker import Broker
from services.faults import CannotStart

TOPIC = "session-changed"


def send(bootstrap: str, value: bytes) -> None:
    producer = KafkaProducer(bootstrap_servers=bootstrap)
    producer.send(TOPIC, value, key=b"opening").get(timeout=60)
    producer.close()


def stored(bootstrap: str, count: int) -> list[bytes]:
    consumer = KafkaConsumer(TOPIC, bootstrap_servers=bootstrap, auto_offset_reset="earliest", consumer_timeout_ms=20_000)
    values = [record.value for record in islice(consumer, count)]
    consumer.close()
    return values


def make_topic(bootstrap: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.create_topics([NewTopic(TOPIC, 1, 1)])
    admin.close()


def cluster_id(kafka: Broker) -> str:
    lines = (kafka.directory / "data" / "metadata" / "meta.properties").read_text().splitlines()
    return next(line for line in lines if line.startswith("cluster.id="))


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "a folder with spaces"


@pytest.mark.thorough
def test_what_was_acknowledged_survives_a_kill_and_another_port(directory: Path) -> None:
    first = broker.prepare(directory)
    process = first.start()
    try:
        make_topic(first.bootstrap)
        send(first.bootstrap, b"room 4")
        process.kill()
        process.wait()
        process = first.start()
        assert stored(first.bootstrap, 1) == [b"room 4"]
    finally:
        broker.stop(process)

    again = broker.prepare(directory)
    assert again.port != first.port
    assert cluster_id(again) == cluster_id(first)
    with broker.running(directory) as bootstrap:
        send(bootstrap, b"room 5")
        assert stored(bootstrap, 2) == [b"room 4", b"room 5"]


def test_a_formatting_that_was_killed_is_done_anew(directory: Path) -> None:
    unfinished = directory / "formatting"
    unfinished.mkdir(parents=True)
    (unfinished / "half").write_text("half")
    kafka = broker.prepare(directory)
    assert cluster_id(kafka)
    assert not unfinished.exists()


def test_a_taken_port_is_said_before_anything_is_started(directory: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(CannotStart, match=f"port {port} .*: choose another"):
            broker.prepare(directory, port)
    assert not directory.exists()


def test_a_broker_that_dies_at_its_start_is_said_with_its_last_words(directory: Path) -> None:
    kafka = broker.prepare(directory)
    (directory / "data" / "metadata" / "meta.properties").write_text("cluster.id=other\nnode.id=7\nversion=1\n")
    with pytest.raises(CannotStart, match=r"(?s)did not start.*broker\.jsonl.*node"):
        kafka.start()


@pytest.mark.thorough
def test_a_second_broker_in_the_same_folder_does_not_start_nor_harm_the_first(directory: Path) -> None:
    with broker.running(directory) as bootstrap:
        make_topic(bootstrap)
        with pytest.raises(CannotStart, match=r"(?s)did not start.*lock on file \.lock in .*/data/metadata"):
            broker.prepare(directory).start()
        send(bootstrap, b"room 4")
        assert stored(bootstrap, 1) == [b"room 4"]
