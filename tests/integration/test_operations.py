"""The commands of operations on a real broker, with real records and a service that really could not take one."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaConsumer, KafkaProducer

from services.broker_positions import Positions, positions
from services.commands.dead_letter_reading import LetterBox
from shared import flows, topics
from shared.cloudevents import Record, encode
from shared.events import DelegateRegistered
from shared.settings import KafkaSettings
from shared.tracing import new_traceparent, trace_id
from tests.badge_jobs import badge_job
from tests.integration.deployment import Deployment
from tests.waiting import until

EXAMPLES = Path(__file__).parents[1] / "contract" / "examples"
GOOD, BAD, LATER = (f"01890a5d-ac96-774b-bcce-b302099a80{number}" for number in (10, 11, 12))
TRACE = new_traceparent()
PATIENCE_SECONDS = 120.0
SECRET = "Unspeakable"


@pytest.fixture(scope="module")
def deployment(bootstrap: str, tmp_path_factory: pytest.TempPathFactory, new_url: Callable[[Path], str]) -> Deployment:
    kafka = KafkaSettings(kafka_bootstrap_servers=bootstrap, topic_prefix="operations.", badge_stations="main,north")
    return Deployment(tmp_path_factory.mktemp("operations"), kafka, new_url)


@pytest.fixture(scope="module")
def badging(deployment: Deployment) -> Iterator[str]:
    """Badging, after it took one registration and could not take another."""
    with deployment.running("badging") as url:
        send(deployment.kafka, topics.DELEGATE_REGISTERED, registered(GOOD), broken(registered(BAD)))
        taken = until(
            lambda: waiting(deployment.kafka, "badging") == 0 and letters(deployment.kafka) == 1,
            "one is taken and one is a dead letter",
            within=PATIENCE_SECONDS,
        )
        asyncio.run(taken)
        yield url


def registered(delegate_id: str) -> Record:
    example = json.loads((EXAMPLES / "delegate-registered.json").read_text(encoding="utf-8"))
    tiny = {
        "delegate_id": delegate_id,
        "conference": "harbour-days-2026",
        "category": "member",
        "pass_type": "day",
        "photo": None,
    }
    return encode(DelegateRegistered.model_validate(example | tiny), "registration", TRACE)


def broken(record: Record) -> Record:
    event = json.loads(record.value)
    event["person"] |= {"family_name": SECRET, "email": SECRET}
    return record._replace(value=json.dumps(event).encode())


def send(kafka: KafkaSettings, topic: str, *records: Record) -> None:
    with closing(KafkaProducer(**kafka.client_arguments())) as producer:
        for record in records:
            producer.send(kafka.topic(topic), record.value, record.key, record.headers).get(timeout=60)


def waiting(kafka: KafkaSettings, group: str) -> int:
    return sum(each.records for each in positions(kafka).waiting if each.group == kafka.topic(group))


def letters(kafka: KafkaSettings, service: str = "badging") -> int:
    with LetterBox(kafka, service) as box:
        first, ends = box.bounds()
        return sum(ends.values()) - sum(first.values())


def listed(deployment: Deployment, *options: str) -> list[dict[str, Any]]:
    return json.loads(deployment.lanyard("dead-letters", "list", "--json", *options).stdout)


class TestDeadLetters:
    def test_are_listed_with_ids_and_faults_alone(self, deployment: Deployment, badging: str) -> None:
        [letter] = listed(deployment)
        assert letter["service"] == "badging"
        assert letter["event_type"] == "delegate-registered"
        assert letter["key"] == BAD
        assert letter["error_type"] == "Unreadable"
        assert "person.email" in letter["error_message"]
        assert letter["origin"].startswith("operations.delegate-registered ")
        ran = deployment.lanyard("dead-letters", "list")
        assert f"badging {letter['place']}" in ran.stdout
        assert BAD in ran.stdout
        assert SECRET not in ran.stdout + ran.stderr + json.dumps(letter)

    def test_are_chosen_by_service_topic_and_number(self, deployment: Deployment, badging: str) -> None:
        assert len(listed(deployment, "--service", "badging", "--topic", "delegate-registered")) == 1
        assert listed(deployment, "--topic", "badge-status") == []
        assert listed(deployment, "--service", "registration") == []
        assert deployment.lanyard("dead-letters", "list", "--service", "registration").stdout == "No open dead letters.\n"

    def test_are_shown_without_their_value_unless_asked(self, deployment: Deployment, badging: str) -> None:
        [letter] = listed(deployment)
        shown = deployment.lanyard("dead-letters", "show", "badging", letter["place"]).stdout
        for line in (
            f"ce_subject: {BAD}",
            "__connect.errors.connector.name: badging",
            f"key: {BAD}",
            "ce_type: delegate-registered",
        ):
            assert line in shown.splitlines()
        assert SECRET not in shown
        assert SECRET not in deployment.lanyard("dead-letters", "show", "badging", letter["place"], "--json").stdout
        whole = deployment.lanyard("dead-letters", "show", "badging", letter["place"], "--value").stdout
        assert json.loads(whole.splitlines()[-1])["person"]["family_name"] == SECRET

    def test_that_are_not_there_are_said_to_be_missing(self, deployment: Deployment, badging: str) -> None:
        for place in ("0-4711", "99-0"):
            ran = deployment.lanyard("dead-letters", "show", "badging", place)
            assert ran.exit_code == 2
            assert f"no dead letter at {place}" in ran.stderr
        ran = deployment.lanyard("dead-letters", "show", "badging", "-1")
        assert ran.exit_code == 2
        deployment.environment["TOPIC_PREFIX"] = "other."
        try:
            ran = deployment.lanyard("dead-letters", "list")
        finally:
            deployment.environment["TOPIC_PREFIX"] = "operations."
        assert ran.exit_code == 2
        assert "no topic other.registration.dead-letter" in ran.stderr

    def test_reading_them_takes_nothing_away(self, deployment: Deployment, badging: str) -> None:
        assert listed(deployment) == listed(deployment)
        assert letters(deployment.kafka) == 1


class TestStatus:
    def test_tells_what_waits_and_who_reads(self, deployment: Deployment, badging: str) -> None:
        ran = deployment.lanyard("status", "--url", f"badging={badging}", "--json")
        assert ran.exit_code == 0, ran.stdout + ran.stderr
        found = json.loads(ran.stdout)
        [process] = found["processes"]
        assert (process["name"], process["state"], process["outbox"]["rows"]) == ("badging", "ready", 0)
        told = Positions.model_validate(found["positions"])
        assert told.missing_topics == []
        [members] = [each.members for each in told.groups if each.group == "operations.badging"]
        assert len(members) == 1
        behind = {(each.group, each.topic): each.records for each in told.waiting}
        assert behind["operations.badging", "operations.delegate-registered"] == 0
        assert behind["operations.notifications", "operations.delegate-registered"] == 2  # it never ran
        assert [queue.printers for queue in told.queues] == [[], []]
        assert SECRET not in ran.stdout

    def test_a_table_shows_the_same(self, deployment: Deployment, badging: str) -> None:
        said = deployment.lanyard("status", "--url", f"badging={badging}").stdout
        rows = [" ".join(line.replace("│", " ").split()) for line in said.splitlines()]
        assert "operations.notifications 0 operations.delegate-registered 2" in rows
        assert "badging ready 0 0.0 s 0 1" in rows

    def test_the_queue_of_a_station_is_what_its_printers_have_not_committed(self, deployment: Deployment) -> None:
        kafka = deployment.kafka
        for number in range(1, 4):
            send(kafka, topics.badge_queue("north"), encode(badge_job(number), "badging", TRACE))
        send(kafka, topics.badge_queue("north", urgent=True), encode(badge_job(4), "badging", TRACE))
        assert north(kafka) == (1, 3, [])
        with closing(
            KafkaConsumer(
                kafka.topic(topics.badge_queue("north")),
                **kafka.client_arguments(),
                client_id="front-desk",
                group_id=kafka.topic(f"{flows.PRINTERS}.north"),
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                max_poll_records=1,
            )
        ) as printer:
            next(printer)
            assert north(kafka) == (1, 3, ["front-desk"])
            printer.commit()
            assert north(kafka) == (1, 2, ["front-desk"])

    def test_missing_topics_are_told(self, deployment: Deployment) -> None:
        other = deployment.kafka.model_copy(update={"topic_prefix": "nobody."})
        told = positions(other)
        assert "nobody.badge-status" in told.missing_topics
        assert len(told.missing_topics) == len(topics.all_topics(other.stations))
        assert {each.records for each in told.waiting} == {0}


def north(kafka: KafkaSettings) -> tuple[int, int, list[str]]:
    [queue] = [each for each in positions(kafka).queues if each.station == "north"]
    return queue.urgent, queue.normal, queue.printers


def test_a_delegates_way_through_the_logs_is_shown(deployment: Deployment, badging: str) -> None:
    ran = deployment.lanyard(
        "logs", "--dir", str(deployment.log("badging").parent), "--no-follow", "--json", "--delegate", GOOD
    )
    lines = [json.loads(line) for line in ran.stdout.splitlines()]
    [issued] = [line for line in lines if line["event"] == "badge_issued"]
    assert issued["delegate_id"] == GOOD
    assert issued["trace_id"] == trace_id(TRACE)
    assert SECRET not in ran.stdout


def test_what_comes_while_a_service_is_down_waits_and_the_status_says_so(
    bootstrap: str, tmp_path: Path, new_url: Callable[[Path], str]
) -> None:
    kafka = KafkaSettings(kafka_bootstrap_servers=bootstrap, topic_prefix="operations-down.")
    deployment = Deployment(tmp_path, kafka, new_url)
    with deployment.running("badging") as url:
        pass
    send(kafka, topics.DELEGATE_REGISTERED, registered(LATER))
    ran = deployment.lanyard("status", "--url", f"badging={url}", "--json")
    assert ran.exit_code == 1
    found = json.loads(ran.stdout)
    assert found["processes"][0]["state"] == "down"
    behind = {
        each["topic"]: each["records"] for each in found["positions"]["waiting"] if each["group"] == "operations-down.badging"
    }
    assert behind["operations-down.delegate-registered"] == 1
