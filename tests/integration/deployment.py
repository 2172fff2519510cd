"""Services as real processes on a real broker: each with a database of its own, all with the tiny conference."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from typer.testing import CliRunner, Result

from services import cli
from shared import topics
from shared.settings import KafkaSettings

TINY = Path(__file__).parents[1] / "conferences" / "tiny"
READY_WITHIN_SECONDS = 120.0


class Deployment:
    """The settings of one deployment and the folder it lives in. Its topics are created with it."""

    def __init__(self, folder: Path, kafka: KafkaSettings, new_url: Callable[[Path], str] = "sqlite:///{}".format) -> None:
        self.folder = folder
        self.kafka = kafka
        self.environment = {
            "KAFKA_BOOTSTRAP_SERVERS": kafka.kafka_bootstrap_servers,
            "TOPIC_PREFIX": kafka.topic_prefix,
            "BADGE_STATIONS": kafka.badge_stations,
            "CONFERENCE_FOLDER": str(TINY),
            "KEYS_FILE": str(folder / "keys.toml"),
            **{f"{name.upper()}_DATABASE_URL": new_url(folder / f"{name}.db") for name in topics.SERVICES},
        }
        topics.create(kafka, kafka.stations)

    def lanyard(self, *arguments: str) -> Result:
        """Do what a command of ours does, in this process."""
        return CliRunner().invoke(cli.app, arguments, env={"COLUMNS": "250", **self.environment})

    def key(self, *arguments: str) -> str:
        """Make a key as operations would."""
        made = self.lanyard("keys", *arguments)
        assert made.exit_code == 0, made.stderr
        return made.stdout.strip()

    @contextmanager
    def running(self, service: str) -> Iterator[str]:
        """Run a service as a process; yields its URL once it is ready."""
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        log = self.log(service)
        log.parent.mkdir(exist_ok=True)
        everything = {**os.environ, **self.environment, "PORT": str(port)}
        command = [sys.executable, "-m", "services", service]
        with log.open("ab") as said, subprocess.Popen(command, env=everything, stdout=said, stderr=said) as process:
            try:
                _await_ready(process, url, log)
                yield url
            finally:
                process.terminate()

    def log(self, service: str) -> Path:
        return self.folder / "log" / f"{service}.jsonl"


def _await_ready(process: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    give_up = time.monotonic() + READY_WITHIN_SECONDS
    while True:
        try:
            if httpx.get(f"{url}/ready").json()["checks"]["agents"] == "running":
                return
        except httpx.TransportError:
            pass  # not listening yet
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < give_up, log.read_text()
        time.sleep(0.05)  # a process says to nobody but its callers that it is ready


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
