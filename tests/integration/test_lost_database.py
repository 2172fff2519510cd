"""A database that was lost, beside a broker that remembers: nobody starts over by accident."""

import json
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from kafka import KafkaProducer

from shared import topics
from shared.cloudevents import encode
from shared.events import BadgeJob, BadgeStatus, DelegateRegistered, PrintState, Status
from shared.settings import KafkaSettings
from shared.tracing import new_traceparent
from tests.badging_examples import registered, session
from tests.integration.deployment import Deployment
from tests.integration.topic_reading import records_in
from tests.smtp_server import MailBox, smtp_server
from tests.waiting import until

pytestmark = [pytest.mark.thorough, pytest.mark.endurance]

PATIENCE_SECONDS = 120.0


@pytest.fixture
def deployment(bootstrap: str, tmp_path: Path) -> Deployment:
    kafka = KafkaSettings(kafka_bootstrap_servers=bootstrap, topic_prefix=f"lost-{abs(hash(tmp_path)) % 10**9}.")
    return Deployment(tmp_path, kafka)


def send(kafka: KafkaSettings, topic: str, *facts: Any) -> None:
    producer = KafkaProducer(**kafka.client_arguments())
    for fact in facts:
        key, value, headers = encode(fact, "registration", new_traceparent())
        producer.send(kafka.topic(topic), value, key, headers).get(timeout=60)
    producer.close()


def send_record(kafka: KafkaSettings, topic: str, key: bytes, value: bytes | None) -> None:
    with closing(KafkaProducer(**kafka.client_arguments())) as producer:
        producer.send(kafka.topic(topic), value, key).get(timeout=60)


def counts(url: str) -> dict[str, Any]:
    return httpx.get(f"{url}/ready").json()["checks"]["counts"]


def refused(deployment: Deployment, service: str) -> str:
    """Start a service that must not start, and return what it said."""
    command = [sys.executable, "-m", "services", service]
    environment = {**os.environ, **deployment.environment, "PORT": "0"}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 2, ran.stdout + ran.stderr
    return ran.stderr


def lose(deployment: Deployment, service: str) -> None:
    for file in deployment.folder.glob(f"{service}.db*"):
        file.unlink()


def jobs(deployment: Deployment) -> list[BadgeJob]:
    return [BadgeJob.model_validate_json(each.value or b"") for each in records_in(deployment.kafka, "badge-queue.main")]


async def test_badging_takes_its_badges_from_the_queue_where_it_is_told_to(deployment: Deployment) -> None:
    kafka = deployment.kafka
    ada, ben, gone = registered(), registered(name="Ben Vik"), registered(name="Cy Dahl")
    amended = ada.model_copy(update={"revision": 2, "person": registered(name="Ada Vik").person})
    send(kafka, topics.DELEGATE_REGISTERED, ada, ben, gone)
    with deployment.running("badging") as url:
        await until(lambda: counts(url)["valid"] == 3, "all have a badge", within=PATIENCE_SECONDS)
        send(kafka, topics.DELEGATE_REGISTERED, amended, gone.model_copy(update={"revision": 2, "status": Status.WITHDRAWN}))
        await until(lambda: len(jobs(deployment)) == 4, "one has another", within=PATIENCE_SECONDS)
        first = jobs(deployment)
        printed = next(job for job in first if job.delegate_id == ben.delegate_id)
        ids = {name: getattr(printed, name) for name in ("job_id", "badge_id", "delegate_id")}
        send(kafka, topics.BADGE_STATUS, BadgeStatus(**ids, printer="desk", state=PrintState.PRINTED, at=printed.requested_at))
        await until(lambda: counts(url)["printed"] == 1, "it is printed", within=PATIENCE_SECONDS)
        await until(lambda: counts(url)["valid"] == 2, "one is void", within=PATIENCE_SECONDS)
        send_record(kafka, topics.DELEGATE_REGISTERED, str(gone.delegate_id).encode(), None)
        before = counts(url)
    lose(deployment, "badging")
    said = refused(deployment, "badging")
    assert "--adopt" in said
    assert "--send" in said
    deployment.environment["BADGING_ADOPT"] = "1"
    with deployment.running("badging") as url:
        assert counts(url) == before
        changed = ben.model_copy(update={"revision": 2, "person": registered(name="Ben Berg").person})
        send(kafka, topics.DELEGATE_REGISTERED, changed)
        await until(lambda: len(jobs(deployment)) == 5, "it goes on with what changes", within=PATIENCE_SECONDS)
        last = next(job for job in jobs(deployment) if job.badge_id not in {each.badge_id for each in first})
        assert last.supersedes == printed.badge_id
    with deployment.running("badging") as url:
        assert counts(url)["valid"] == 2, "once it has a database, it starts as ever"


async def test_badging_issues_all_again_where_it_is_told_to(deployment: Deployment) -> None:
    send(deployment.kafka, topics.DELEGATE_REGISTERED, registered(), registered(name="Ben Vik"))
    with deployment.running("badging") as url:
        await until(lambda: counts(url)["valid"] == 2, "both have a badge", within=PATIENCE_SECONDS)
    lose(deployment, "badging")
    deployment.environment["BADGING_SEND"] = "1"
    with deployment.running("badging") as url:
        await until(lambda: len(jobs(deployment)) == 4, "both have another", within=PATIENCE_SECONDS)
        assert counts(url)["valid"] == 2


async def test_notifications_tells_nobody_again_what_they_were_told_and_everybody_what_changes(deployment: Deployment) -> None:
    box = MailBox()
    ada = registered(enrolments=[{"session_id": "opening", "state": "enrolled"}])
    ada = DelegateRegistered.model_validate(ada.model_dump())
    opening = session(session_id="opening")
    async with smtp_server(box):
        deployment.environment |= {
            "SMTP_URL": f"smtp://127.0.0.1:{box.port}",
            "REGISTRATION_PUBLIC_URL": "http://127.0.0.1:1",
            "QUIET_WINDOW_SECONDS": "0.2",
            "LONGEST_WAIT_SECONDS": "1",
        }
        send(deployment.kafka, topics.SESSION_CHANGED, opening)
        send(deployment.kafka, topics.DELEGATE_REGISTERED, ada)
        with deployment.running("notifications"):
            await box.arrived(1, within=PATIENCE_SECONDS)
        lose(deployment, "notifications")
        assert "--adopt" in refused(deployment, "notifications")
        deployment.environment["NOTIFICATIONS_ADOPT"] = "1"
        with deployment.running("notifications") as url:
            assert counts(url) == {"due": 0, "waiting": 0, "undeliverable": 0}
            send(deployment.kafka, topics.SESSION_CHANGED, opening.model_copy(update={"revision": 2, "room": {"en": "Quay"}}))
            await box.arrived(2, within=PATIENCE_SECONDS)
    ids = [mail["Message-ID"] for mail in box.mails]
    assert len(set(ids)) == 2, "no notice has the Message-ID of an earlier one"


async def test_registration_does_not_start_beside_facts_that_it_does_not_know(deployment: Deployment) -> None:
    send(deployment.kafka, topics.DELEGATE_REGISTERED, registered())
    deployment.environment["REGISTRATION_ADOPT"] = "1"
    said = refused(deployment, "registration")
    assert "backup" in said
    assert "birth dates" in said
    deployment.environment |= {"REGISTRATION_ADOPT": "0", "REGISTRATION_SEND": "1"}
    with deployment.running("registration"):
        pass
    lines = [json.loads(line)["event"] for line in deployment.log("registration").read_text().splitlines()]
    assert "log_started_over" in lines
