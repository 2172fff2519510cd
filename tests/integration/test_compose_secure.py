"""The system as services/secure/docker-compose.yml starts it, with a Kafka that asks who is there. Runs with `CONTAINERS=1`."""

from collections import Counter
from collections.abc import Iterator

import httpx
import pytest

from services.example import generator
from shared.conference_folder import load
from tests import parts
from tests.integration.test_compose import ROOT, UP_WITHIN_SECONDS, Compose
from tests.waiting import until

pytestmark = pytest.mark.skipif(not parts.containers(), reason="CONTAINERS=1 asks for containers")

TRY = """
import asyncio, sys

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError

from shared.settings import KafkaSettings


async def do(does, topic, arguments):
    if does == "write":
        async with AIOKafkaProducer(**arguments) as producer:
            await producer.send_and_wait(topic, b"{}", b"key")
    else:
        async with AIOKafkaConsumer(topic, **arguments, auto_offset_reset="earliest") as consumer:
            await consumer.getone()


try:
    does, topic = sys.argv[1:]
    asyncio.run(asyncio.wait_for(do(does, topic, KafkaSettings.load().client_arguments()), 30))
    print("done")
except (KafkaError, TimeoutError) as refusal:
    print(type(refusal).__name__)
"""
"""Reads or writes a topic as the container does in which it runs, and says what the broker had to say."""

WITHOUT_CREDENTIALS = (
    ("-e", "KAFKA_SECURITY_PROTOCOL=SSL"),
    ("-e", "KAFKA_SECURITY_PROTOCOL=PLAINTEXT"),
    ("-e", "KAFKA_USERNAME=badging"),
    ("-e", "KAFKA_PASSWORD=guessed"),
)


class SecuredCompose(Compose):
    """A project whose broker knows everybody by a password of this test alone."""

    def __init__(self) -> None:
        super().__init__("docker-compose.yml", "services/secure/docker-compose.yml")

    def tried(self, service: str, does: str, topic: str, *options: str) -> str:
        """What came of writing or reading `topic` in the container of `service`, with its credentials."""
        return self("exec", "-T", *options, service, "python3", "-c", TRY, does, topic).strip()


@pytest.fixture(scope="module")
def compose() -> Iterator[SecuredCompose]:
    with SecuredCompose().up() as compose:
        yield compose


async def test_the_main_job_is_done_and_nobody_may_do_more_than_its_row_says(compose: SecuredCompose) -> None:
    everybody = Counter(("registration", "badging", "notifications", "kafka", "postgres"))
    await until(lambda: compose.healthy() >= everybody, "every service is healthy", within=UP_WITHIN_SECONDS, look_every=1)
    await _a_person_is_registered_printed_and_mailed(compose)
    assert "No open dead letters" in compose("run", "--rm", "-T", "--no-deps", "operations", "dead-letters", "list")
    assert compose.tried("printer", "read", "badge-queue.main") == "done"
    assert compose.tried("printer", "write", "badge-status") == "done"
    for service, does, topic in (
        ("printer", "write", "delegate-registered"),
        ("printer", "read", "delegate-registered"),
        ("printer", "write", "badge-queue.main"),
        ("badging", "write", "delegate-registered"),
        ("notifications", "read", "badge-queue.main"),
    ):
        assert compose.tried(service, does, topic) == "TopicAuthorizationFailedError", (service, does, topic)
    for options in WITHOUT_CREDENTIALS:
        assert compose.tried("printer", "read", "badge-queue.main", *options) != "done", options


async def _a_person_is_registered_printed_and_mailed(compose: SecuredCompose) -> None:
    key = compose("run", "--rm", "-T", "--no-deps", "registration", "keys", "create", "test form").split()[-1]
    conference = load(ROOT / "conferences" / "counter-terrorism-2018")
    person = next(
        each for each in generator.delegates(conference, 40) if conference.category[each.category].accreditation == "automatic"
    )
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{compose.registration}", timeout=30) as form:
        answer = await form.post(
            "/delegates", json=person.model_dump(mode="json", exclude_none=True), headers={"Authorization": f"Bearer {key}"}
        )
    assert (answer.status_code, answer.json().get("status")) == (201, "accredited"), answer.text
    await until(
        lambda: ".pdf" in compose("exec", "-T", "printer", "ls", "/printed"), "a badge is printed", within=90, look_every=1
    )
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{compose.mailpit}") as mailpit:

        async def mailed() -> bool:
            return (await mailpit.get("/api/v1/messages", params={"limit": 1})).json()["total"] == 1

        await until(mailed, "a mail is sent", within=60, look_every=1)
