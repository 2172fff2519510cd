"""A broker that asks who is there: every service and printer works under a user of its own, and may do no more."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import aiokafka.errors
import httpx
import pytest
from aiokafka import AIOKafkaConsumer
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.admin import (
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePatternFilter,
    ResourceType,
)
from kafka.errors import GroupAuthorizationFailedError, KafkaError, TopicAuthorizationFailedError

from services.embedded import broker
from services.embedded.broker import Broker
from shared import flows, topics
from shared.settings import KafkaSettings
from tests.integration.deployment import Deployment
from tests.waiting import until

pytestmark = pytest.mark.thorough

PATIENCE_SECONDS = 120.0
PRINTER = "front-desk"
USERS = (*topics.SERVICES, flows.OPERATIONS, PRINTER)


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with broker.started(broker.prepare(tmp_path_factory.mktemp("kafka"), with_users=True)) as running:
        yield running


class SecuredDeployment(Deployment):
    """A deployment in which each has a user and a password of its own."""

    def __init__(self, folder: Path, kafka: Broker) -> None:
        super().__init__(folder, kafka.admin)
        ca_file = str(kafka.admin.kafka_ca_file)
        self.environment |= {"KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_CA_FILE": ca_file, "VAR": "nowhere"}
        self.environment |= {"SMTP_URL": "smtp://127.0.0.1:1", "REGISTRATION_PUBLIC_URL": "http://127.0.0.1:1"}
        for user in USERS:
            name = user.upper().replace("-", "_")
            self.environment |= {f"{name}_KAFKA_USERNAME": user, f"{name}_KAFKA_PASSWORD": f"secret of {user}"}

    def as_admin(self, *arguments: str) -> str:
        admin = self.kafka
        assert admin.kafka_password is not None
        own = {"KAFKA_USERNAME": str(admin.kafka_username), "KAFKA_PASSWORD": admin.kafka_password.get_secret_value()}
        whole = self.environment
        self.environment = whole | own
        try:
            ran = self.lanyard(*arguments)
        finally:
            self.environment = whole
        assert ran.exit_code == 0, ran.output
        return ran.stdout

    def settings_of(self, user: str) -> KafkaSettings:
        return self.kafka.model_copy(
            update={
                "kafka_username": user,
                "kafka_password": KafkaSettings.model_validate({"kafka_password": f"secret of {user}"}).kafka_password,
            }
        )


@pytest.fixture(scope="module")
def deployment(kafka: Broker, tmp_path_factory: pytest.TempPathFactory) -> SecuredDeployment:
    deployment = SecuredDeployment(tmp_path_factory.mktemp("deployment"), kafka)
    deployment.as_admin("principals", "--printer", PRINTER)
    return deployment


def write(kafka: KafkaSettings, topic: str, value: bytes | None = b"{}") -> None:
    with closing(KafkaProducer(**kafka.client_arguments(), max_block_ms=10_000)) as producer:
        producer.send(topic, value, b"key").get(timeout=60)


async def read(kafka: KafkaSettings, topic: str) -> bytes:
    """The first record of a topic. Raises what the broker says instead."""
    async with AIOKafkaConsumer(topic, **kafka.client_arguments(), auto_offset_reset="earliest") as consumer:
        async with asyncio.timeout(60):
            return (await consumer.getone()).value


async def test_a_printer_may_neither_write_nor_read_what_is_not_its_own(deployment: SecuredDeployment) -> None:
    printer = deployment.settings_of(PRINTER)
    for topic in ("delegate-registered", "session-changed", "badge-queue.main", "badging.retry", "badging.dead-letter"):
        with pytest.raises(TopicAuthorizationFailedError):
            write(printer, topic)
    write(deployment.kafka, "badge-queue.main")
    for topic in ("delegate-registered", "badge-status", "badging.dead-letter"):
        with pytest.raises(aiokafka.errors.TopicAuthorizationFailedError):
            await read(printer, topic)
    assert await read(printer, "badge-queue.main") == b"{}"
    write(printer, "badge-status", None)  # which says nothing, so that it makes no dead letter
    with (
        closing(KafkaConsumer("badge-queue.main", **printer.client_arguments(), group_id="badging")) as thief,
        pytest.raises(GroupAuthorizationFailedError),
    ):
        thief.poll(timeout_ms=10_000)


def test_a_wrong_password_or_none_opens_nothing(deployment: SecuredDeployment) -> None:
    wrong = deployment.settings_of(PRINTER).model_copy(update={"kafka_password": deployment.kafka.kafka_password})
    with pytest.raises(KafkaError):
        KafkaAdminClient(**wrong.client_arguments(), bootstrap_timeout_ms=3000).close()
    nobody = KafkaSettings(kafka_bootstrap_servers=deployment.kafka.kafka_bootstrap_servers)
    with pytest.raises(KafkaError):
        KafkaAdminClient(**nobody.client_arguments(), bootstrap_timeout_ms=3000).close()


@pytest.mark.parametrize("user", USERS)
def test_every_user_may_do_what_its_row_says_and_no_more(deployment: SecuredDeployment, user: str) -> None:
    role = flows.PRINTERS if user == PRINTER else user
    with closing(KafkaAdminClient(**deployment.settings_of(user).client_arguments())) as admin:
        names = [topic.name for topic in topics.all_topics(deployment.kafka.stations)]
        described: list[dict[str, Any]] = admin.describe_topics(names)
    may = {topic["name"]: set(topic["authorized_operations"] or ()) for topic in described}
    rows = {name: flow for flow in flows.FLOWS for name in flows.at_stations(flow.topic, deployment.kafka.stations)}
    for name, flow in rows.items():
        expected = {"WRITE"} if role in flow.written_by else set[str]()
        expected |= {"READ"} if role in flow.read_by else set[str]()
        expected |= {"DESCRIBE"} if expected or role == flows.OPERATIONS else set[str]()
        assert may[name] == expected, name


@contextmanager
def printing(deployment: SecuredDeployment, folder: Path) -> Iterator[None]:
    command = [sys.executable, "-m", "services", "printer", "--name", PRINTER, "--to", str(folder)]
    own = {name.replace("FRONT_DESK", "PRINTER"): value for name, value in deployment.environment.items()}
    with subprocess.Popen(command, env={**os.environ, **own}, stdout=subprocess.DEVNULL) as printer:
        try:
            yield
        finally:
            printer.terminate()


async def test_services_and_printer_do_their_work_as_themselves(deployment: SecuredDeployment, tmp_path: Path) -> None:
    form_key = deployment.key("create", "foreign ministry", "--category", "member")
    person = {"given_name": "Ada", "family_name": "Berg", "function": "Pilot", "email": "ada@port.example", "language": "en"}
    with ExitStack() as stack:
        urls = {name: stack.enter_context(deployment.running(name)) for name in topics.SERVICES}
        stack.enter_context(printing(deployment, tmp_path))
        form = stack.enter_context(httpx.Client(base_url=urls["registration"], headers={"Authorization": f"Bearer {form_key}"}))
        posted = await asyncio.to_thread(
            form.post, "/delegates", json={"category": "member", "delegation": "oslo", "person": person}
        )
        assert posted.status_code == 201, posted.text

        def counts(service: str) -> dict[str, Any]:
            return httpx.get(f"{urls[service]}/ready").json()["checks"]["counts"]

        await until(lambda: counts("badging")["printed"] == 1, "its badge is printed", within=PATIENCE_SECONDS)
        await until(lambda: counts("notifications")["waiting"] == 1, "its notice is written", within=PATIENCE_SECONDS)

        def seen() -> object:
            return form.get(f"/delegates/{posted.json()['delegate_id']}").json()

        await until(lambda: "printed" in str(seen()), "registration shows it printed", within=PATIENCE_SECONDS)
        own = {"KAFKA_USERNAME": flows.OPERATIONS, "KAFKA_PASSWORD": f"secret of {flows.OPERATIONS}"}
        deployment.environment |= own
        try:
            status = deployment.lanyard("status", "--json", *(f"--url={name}={url}" for name, url in urls.items()))
            letters = deployment.lanyard("dead-letters", "list")
        finally:
            for name in own:
                del deployment.environment[name]
        assert status.exit_code == 0, status.output
        assert letters.stdout == "No open dead letters.\n", letters.output


def test_a_service_without_a_right_says_which(deployment: SecuredDeployment) -> None:
    """Last: it takes a right away."""
    pattern = ResourcePatternFilter(ResourceType.TOPIC, "session-changed", ACLResourcePatternType.LITERAL)
    with closing(KafkaAdminClient(**deployment.kafka.client_arguments())) as admin:
        right = ACLFilter("User:badging", None, ACLOperation.READ, ACLPermissionType.ALLOW, pattern)
        admin.delete_acls([right])
    said = topics.wanting(deployment.settings_of("badging"), ["session-changed", "delegate-registered"], ["badge-queue.main"])
    assert said == ["no right to read session-changed (`lanyard principals` gives it)"]
    said = topics.wanting(deployment.settings_of("registration"), ["badge-queue.main"], ["no-such-topic"])
    assert "no right to read badge-queue.main (`lanyard principals` gives it)" in said
    said = topics.wanting(deployment.kafka, [], ["no-such-topic"])
    assert said == ["topic no-such-topic is missing (`lanyard topics` creates it)"]
