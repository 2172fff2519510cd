"""A broker that forgets idle consumer groups before it forgets their jobs."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from services import broker
from services.broker_positions import positions
from services.offsets_retention import NEEDED_MINUTES, offsets_retention
from shared.settings import KafkaSettings
from tests.integration.deployment import Deployment

pytestmark = pytest.mark.thorough

A_WEEK = 7 * 24 * 60
"""Kafka's default, in minutes."""


@pytest.fixture
def forgetful(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KafkaSettings]:
    monkeypatch.setitem(broker.SETTINGS, "offsets.retention.minutes", str(A_WEEK))
    with broker.running(tmp_path / "kafka") as bootstrap:
        yield KafkaSettings(kafka_bootstrap_servers=bootstrap)


def test_a_service_warns_of_it(forgetful: KafkaSettings, tmp_path: Path) -> None:
    deployment = Deployment(tmp_path, forgetful)
    with deployment.running("badging"):
        pass
    lines = [json.loads(line) for line in deployment.log("badging").read_text().splitlines()]
    [warning] = [line for line in lines if line["event"] == "offsets_retention_found_short"]
    assert (warning["level"], warning["minutes"], warning["needed_minutes"]) == ("warning", A_WEEK, NEEDED_MINUTES)
    assert positions(forgetful).offsets_retention_minutes == A_WEEK


def test_our_own_broker_remembers_long_enough(bootstrap: str) -> None:
    assert offsets_retention(KafkaSettings(kafka_bootstrap_servers=bootstrap)) == NEEDED_MINUTES
