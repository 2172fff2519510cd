"""A broker that forgets idle consumer groups before it forgets their jobs."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.broker_positions import positions
from services.embedded import broker
from services.offsets_retention import NEEDED_MINUTES, offsets_retention
from shared.settings import KafkaSettings
from tests.integration.deployment import Deployment
from tests.waiting import until

pytestmark = pytest.mark.thorough

A_WEEK = 7 * 24 * 60
"""Kafka's default, in minutes."""


@pytest.fixture
def forgetful(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KafkaSettings]:
    monkeypatch.setitem(broker.SETTINGS, "offsets.retention.minutes", str(A_WEEK))
    with broker.running(tmp_path / "kafka") as bootstrap:
        yield KafkaSettings(kafka_bootstrap_servers=bootstrap)


async def test_a_service_warns_of_it(forgetful: KafkaSettings, tmp_path: Path) -> None:
    deployment = Deployment(tmp_path, forgetful)

    def warnings() -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in deployment.log("badging").read_text().splitlines()]
        return [line for line in lines if line["event"] == "offsets_retention_found_short"]

    with deployment.running("badging"):
        await until(warnings, "the service asks the broker once its agents run")
    [warning] = warnings()
    assert (warning["level"], warning["minutes"], warning["needed_minutes"]) == ("warning", A_WEEK, NEEDED_MINUTES)
    assert positions(forgetful).offsets_retention_minutes == A_WEEK


def test_our_own_broker_remembers_long_enough(bootstrap: str) -> None:
    assert offsets_retention(KafkaSettings(kafka_bootstrap_servers=bootstrap)) == NEEDED_MINUTES
