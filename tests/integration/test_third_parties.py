"""Others' software at our doors: the CloudEvents project's own SDK, and a badge printer of plain kafka-python."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from cloudevents.core.bindings import http, kafka
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from kafka import KafkaProducer

from services.broker_positions import positions
from shared import topics
from shared.cloudevents import encode
from shared.events import BadgeJob, BadgeStatus, PrintState
from shared.settings import KafkaSettings
from shared.tracing import new_traceparent, trace_id
from tests.badge_jobs import badge_job
from tests.integration.deployment import Deployment
from tests.integration.topic_reading import records_in
from tests.waiting import until

PRINTER = Path(__file__).parents[2] / "examples" / "ten_line_printer.py"
PATIENCE_SECONDS = 120.0
MODES: dict[str, Callable[[CloudEvent], http.HTTPMessage]] = {
    "structured": http.to_structured_event,
    "binary": http.to_binary_event,
}

every_mode = pytest.mark.parametrize(
    ("mode", "delegation"), [(MODES["structured"], "oslo"), (MODES["binary"], "marseille")], ids=MODES
)


@pytest.fixture(scope="module")
def deployment(bootstrap: str, tmp_path_factory: pytest.TempPathFactory, new_url: Callable[[Path], str]) -> Deployment:
    """A deployment whose topics have no prefix, as the ten lines expect."""
    return Deployment(tmp_path_factory.mktemp("deployment"), KafkaSettings(kafka_bootstrap_servers=bootstrap), new_url)


class Services:
    """Registration and badging, and the keys to them."""

    def __init__(self, deployment: Deployment, registration: str, badging: str) -> None:
        self.kafka = deployment.kafka
        self.registration, self.badging = registration, badging
        self.form_key = deployment.key("create", "foreign ministry", "--category", "member")
        self.desk_key = deployment.key("staff", "badge desk", "--role", "badging")

    def post(self, event: CloudEvent, mode: Callable[[CloudEvent], http.HTTPMessage]) -> httpx.Response:
        """Post an event as the SDK makes it: its body and its headers, and the key."""
        message = mode(event)
        headers = {**message.headers, "Authorization": f"Bearer {self.form_key}"}
        return httpx.post(f"{self.registration}/events", content=message.body, headers=headers)

    def badges(self, delegate_id: str) -> list[dict[str, Any]]:
        headers = {"Authorization": f"Bearer {self.desk_key}"}
        answer = httpx.get(f"{self.badging}/badges", params={"delegate": delegate_id}, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()["badges"]


@pytest.fixture(scope="module")
def services(deployment: Deployment) -> Iterator[Services]:
    with ExitStack() as stack:
        urls = [stack.enter_context(deployment.running(name)) for name in ("registration", "badging")]
        yield Services(deployment, *urls)


def submitted(family_name: str, delegation: str, **attributes: str) -> CloudEvent:
    person = {
        "given_name": "Noé",
        "family_name": family_name,
        "function": "Pilote",
        "email": "n@port.example",
        "language": "fr",
    }
    data = {"category": "member", "delegation": delegation, "person": person}
    return CloudEvent({"type": "registration-submitted", "source": "https://forms.port.example", **attributes}, data)


class TestTheCloudEventsSdk:
    @every_mode
    async def test_can_post_an_event_and_read_the_fact_made_of_it(self, services: Services, mode: Any, delegation: str) -> None:
        event = submitted(f"Sjø {delegation}", delegation, datacontenttype="application/json")
        answer = services.post(event, mode)
        assert answer.status_code in (200, 201), answer.text
        delegate_id = answer.json()["delegate_id"]

        await until(lambda: self.facts(services.kafka, delegate_id), "the fact is in its topic", within=PATIENCE_SECONDS)
        [fact] = self.facts(services.kafka, delegate_id)
        assert fact.get_type() == "delegate-registered"
        assert fact.get_source() == "registration"
        assert fact.get_subject() == fact.get_extension("partitionkey") == delegate_id
        assert fact.get_dataschema() == "urn:lanyard:event:delegate-registered:1"
        assert fact.get_datacontenttype() == "application/json"
        assert fact.get_time() > event.get_time()
        assert fact.get_data()["person"]["family_name"] == f"Sjø {delegation}"

    @every_mode
    def test_may_leave_out_what_the_specification_lets_it(self, services: Services, mode: Any, delegation: str) -> None:
        answer = services.post(submitted(f"Berg {delegation}", delegation), mode)
        assert answer.status_code in (200, 201), answer.text

    @every_mode
    def test_may_add_extensions_and_send_an_event_again(self, services: Services, mode: Any, delegation: str) -> None:
        event = submitted(
            f"Vik {delegation}", delegation, datacontenttype="application/json", partitionkey="7", myownextension="é %"
        )
        first, again = services.post(event, mode), services.post(event, mode)
        assert first.status_code in (200, 201), first.text
        assert first.json()["delegate_id"] == again.json()["delegate_id"]

    @every_mode
    def test_is_told_every_fault(self, services: Services, mode: Any, delegation: str) -> None:
        event = submitted("Nes", delegation, datacontenttype="application/json")
        event.get_data()["persn"] = event.get_data().pop("person")
        answer = services.post(event, mode)
        assert answer.status_code == 422
        assert {fault["pointer"].rpartition("/")[2] for fault in answer.json()["errors"]} == {"person", "persn"}

    def facts(self, settings: KafkaSettings, delegate_id: str) -> list[Any]:
        """What the topic holds of a delegate, as the SDK reads it."""
        found = [each for each in records_in(settings, topics.DELEGATE_REGISTERED) if each.key == delegate_id.encode()]
        headers = [{name: value.encode() for name, value in each.headers.items()} for each in found]
        messages = [kafka.KafkaMessage(names, each.key, each.value or b"") for names, each in zip(headers, found, strict=True)]
        return [kafka.from_kafka(message, JSONFormat()) for message in messages]


class TestAPrinterOfTenLines:
    @pytest.fixture(autouse=True)
    def printed(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    @contextmanager
    def running(self, deployment: Deployment) -> Iterator["subprocess.Popen[bytes]"]:
        command = [sys.executable, "-W", "ignore", str(PRINTER), deployment.kafka.kafka_bootstrap_servers, str(self.folder)]
        with subprocess.Popen(command) as printer:
            try:
                yield printer
                assert printer.poll() is None
            finally:
                printer.kill()

    def queue(self, deployment: Deployment, jobs: list[BadgeJob], traceparent: str, *, urgent: bool = False) -> None:
        producer = KafkaProducer(**deployment.kafka.client_arguments())
        for job in jobs:
            record = encode(job, "badging", traceparent)
            producer.send(topics.badge_queue("main", urgent=urgent), record.value, record.key, record.headers)
        producer.close()

    async def all_is_committed(self, deployment: Deployment) -> None:
        def waiting() -> int:
            [queue] = positions(deployment.kafka).queues
            return queue.normal + queue.urgent

        await until(lambda: waiting() == 0, "each job is committed", within=PATIENCE_SECONDS)

    def reports(self, deployment: Deployment, jobs: list[BadgeJob]) -> list[tuple[BadgeStatus, dict[str, str]]]:
        ids = {job.job_id for job in jobs}
        found = [
            (BadgeStatus.model_validate_json(each.value or b""), each)
            for each in records_in(deployment.kafka, topics.BADGE_STATUS)
        ]
        assert all(each.key.decode() == status.key for status, each in found)
        return [(status, each.headers) for status, each in found if status.job_id in ids]

    def test_has_ten_lines_and_nothing_of_ours(self) -> None:
        lines = [line for line in PRINTER.read_text(encoding="utf-8").splitlines()[1:] if line.strip()]
        imports = [line for line in lines if line.startswith(("import ", "from "))]
        assert len(lines) - len(imports) == 10
        assert {line.split()[1] for line in imports} == {"json", "sys", "datetime", "pathlib", "kafka"}

    async def test_prints_and_reports_each_job_once_across_a_kill(self, deployment: Deployment) -> None:
        jobs, trace = [badge_job(number, name=f"Делегат {number}") for number in range(1, 13)], new_traceparent()
        self.queue(deployment, jobs, trace)
        with self.running(deployment):
            await self.all_is_committed(deployment)
        urgent = [badge_job(13)]
        self.queue(deployment, urgent, trace, urgent=True)
        with self.running(deployment):
            await self.all_is_committed(deployment)

        reports = self.reports(deployment, jobs + urgent)
        assert sorted(status.job_id for status, _ in reports) == sorted(job.job_id for job in jobs + urgent)
        assert {status.state for status, _ in reports} == {PrintState.PRINTED}
        assert {trace_id(headers["traceparent"]) for _, headers in reports} == {trace_id(trace)}
        for job in jobs + urgent:
            sheet = (self.folder / f"{job.serial}.txt").read_text(encoding="utf-8")
            assert sheet == f"{job.content.name}\n{job.credential}\n"

    async def test_prints_badges_of_badging_which_takes_its_word(self, deployment: Deployment, services: Services) -> None:
        delegate_id = services.post(submitted("Haugen", "no"), http.to_structured_event).json()["delegate_id"]
        with self.running(deployment):
            await until(
                lambda: [each for each in services.badges(delegate_id) if each["sheets"]],
                "badging knows of a sheet",
                within=PATIENCE_SECONDS,
            )
        [badge] = services.badges(delegate_id)
        sheet = (self.folder / f"{badge['serial']}.txt").read_text(encoding="utf-8")
        assert sheet.splitlines()[0] == "Noé Haugen"
        letters = records_in(deployment.kafka, *(topics.dead_letter(name) for name in ("badging", "registration")))
        assert delegate_id not in {letter.key.decode() for letter in letters}
