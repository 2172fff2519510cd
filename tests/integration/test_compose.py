"""The system as docker-compose.yml starts it, with three of badging and two of notifications. Runs with `CONTAINERS=1`."""

import json
import os
import secrets
import subprocess
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Self

import httpx
import pytest

from services.example import generator
from shared.conference_folder import load
from shared.flows import OPERATIONS
from shared.topics import SERVICES
from tests import parts
from tests.integration.deployment import free_port
from tests.waiting import until

pytestmark = pytest.mark.skipif(not parts.containers(), reason="CONTAINERS=1 asks for containers")

ROOT = Path(__file__).parents[2]
PASSWORDS = ("POSTGRES", *(f"{user.upper()}_KAFKA" for user in ("admin", *SERVICES, "printer", OPERATIONS)))
"""What `make .env` writes."""
SCALE = {"badging": 3, "notifications": 2}
DELEGATES = 40
UP_WITHIN_SECONDS = 240.0


class Compose:
    """One project of its own, on ports of its own, with passwords of its own."""

    def __init__(self, *files: str) -> None:
        self.registration, self.mailpit = free_port(), free_port()
        self._environment = {
            **os.environ,
            "COMPOSE_PROJECT_NAME": f"lanyard-test-{secrets.token_hex(3)}",
            "COMPOSE_FILE": ":".join(files or ("docker-compose.yml",)),
            **{f"{name}_PASSWORD": secrets.token_hex(16) for name in PASSWORDS},
            "REGISTRATION_PORT": str(self.registration),
            "MAILPIT_PORT": str(self.mailpit),
            "BADGING_PORTS": "0",
            "NOTIFICATIONS_PORTS": "0",
            "QUIET_WINDOW_SECONDS": "2",
            "LONGEST_WAIT_SECONDS": "10",
        }

    def __call__(self, *arguments: str, check: bool = True) -> str:
        command = ["docker", "compose", *arguments]
        ran = subprocess.run(command, cwd=ROOT, env=self._environment, capture_output=True, text=True, check=False)
        assert not check or ran.returncode == 0, f"{' '.join(command)}\n{ran.stdout}{ran.stderr}"
        return ran.stdout

    @contextmanager
    def up(self, *scale: str) -> Generator[Self]:
        """Build the image and start everything, for the length of a `with`."""
        self("build", "registration")
        try:
            self("up", "--detach", "--no-build", *scale)
            yield self
        finally:
            print(self("logs", "--tail", "30", check=False))  # noqa: T201  shown where the test fails
            self("down", "--volumes", "--timeout", "10", check=False)

    def healthy(self) -> Counter[str]:
        """How many healthy containers each service has."""
        found = [json.loads(line) for line in self("ps", "--format", "json").splitlines()]
        return Counter(each["Service"] for each in found if each["Health"] == "healthy")

    def shares(self, group: str, topic: str) -> Counter[str]:
        """How many partitions of `topic` each member of a consumer group has; "-" are nobody's."""
        ask = (
            "/opt/kafka/bin/kafka-consumer-groups.sh",
            "--bootstrap-server",
            "localhost:9092",
            "--describe",
            "--group",
            group,
        )
        rows = [line.split() for line in self("exec", "-T", "kafka", *ask, check=False).splitlines()]
        return Counter(row[6] for row in rows if row[1:2] == [topic])


@pytest.fixture(scope="module")
def compose() -> Iterator[Compose]:
    with Compose().up(*(word for name, number in SCALE.items() for word in ("--scale", f"{name}={number}"))) as compose:
        yield compose


async def test_the_main_job_is_done_by_replicas_that_share_the_partitions(compose: Compose) -> None:
    await until(
        lambda: compose.healthy() >= Counter({"registration": 1, "kafka": 1, "postgres": 1, **SCALE}),
        "every service is healthy",
        within=UP_WITHIN_SECONDS,
        look_every=1,
    )
    for group, members in SCALE.items():
        await until(
            lambda group=group, members=members: _shared_out(compose.shares(group, "delegate-registered"), members),
            f"the partitions are shared out among {members} of {group}",
            within=60,
            look_every=1,
        )
    key = compose("run", "--rm", "-T", "--no-deps", "registration", "keys", "create", "test form").split()[-1]
    accredited = await _registered(compose, key)
    assert accredited

    def printed() -> int:
        return compose("exec", "-T", "printer", "ls", "/printed").count(".pdf")

    await until(lambda: printed() == accredited, "a badge is printed for each who is accredited", within=90, look_every=1)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{compose.mailpit}") as mailpit:

        async def mailed() -> bool:
            return (await mailpit.get("/api/v1/messages", params={"limit": 1})).json()["total"] == DELEGATES

        await until(mailed, "each is mailed once", within=60, look_every=1)


def test_our_own_layers_are_small(compose: Compose) -> None:
    ask = ("docker", "image", "inspect", "--format", "{{.Size}}", "lanyard", "python:3.13-slim")
    whole, official = map(int, subprocess.check_output(ask, text=True).split())
    assert whole - official < 250_000_000


def _shared_out(shares: Counter[str], members: int) -> bool:
    return len(shares) == members and "-" not in shares and shares.total() == 6


async def _registered(compose: Compose, key: str) -> int:
    """Register people as a form does; returns how many were accredited at once."""
    conference = load(ROOT / "conferences" / "counter-terrorism-2018")
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{compose.registration}", timeout=30) as form:
        form.headers["Authorization"] = f"Bearer {key}"
        statuses: Counter[str] = Counter()
        for person in islice(generator.delegates(conference, DELEGATES), DELEGATES):
            answer = await form.post("/delegates", json=person.model_dump(mode="json", exclude_none=True))
            assert answer.status_code == 201, answer.text
            statuses[answer.json()["status"]] += 1
    return statuses["accredited"]
