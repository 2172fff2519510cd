"""The embedded Apache Kafka: one real broker (KRaft, broker and controller in one process) on 127.0.0.1.

`prepare` makes a folder ready, `Broker.command` runs it under any supervision, `running` is the whole for tests. Small
and quick to start rather than fast: a production broker is given by `KAFKA_BOOTSTRAP_SERVERS` instead.
"""

import asyncio
import random
import socket
import subprocess
import time
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree

from services.embedded import jars, java
from services.embedded.secured import Secured, secure
from services.embedded.tether import tied
from services.faults import CannotStart
from shared.settings import KafkaSettings

HOST = "127.0.0.1"
FREE_PORTS = range(20_000, 32_000)
"""Below the ports that systems give to clients: one that calls a dead broker could be given the broker's port."""
READY_WITHIN = 60.0
"""Seconds until a broker that does not answer is given up; on two busy cores it takes about three."""
STOP_WITHIN = 10.0
"""Seconds until a broker that does not stop is killed; it takes about two."""

SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    "auto.create.topics.enable": "false",
    "message.max.bytes": str(300 * 1024),
    "group.initial.rebalance.delay.ms": "0",
    # At least the badge queue's retention: Kafka forgets an idle group after 7 days, and its printer would start over.
    "offsets.retention.minutes": str(90 * 24 * 60),
    "offsets.topic.num.partitions": "4",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.num.partitions": "2",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "2",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    # After a kill -9 the controller refuses the new broker for as long as it keeps the dead one's session (9 s by default).
    "broker.session.timeout.ms": "2000",
    "broker.heartbeat.interval.ms": "400",
    # By default the log cleaner alone takes 128 MiB of heap.
    "log.cleaner.dedupe.buffer.size": str(8 * 1024 * 1024),
    "num.network.threads": "2",
    "num.io.threads": "4",
    "background.threads": "2",
}

LOGGING = """\
rootLogger.level = WARN
rootLogger.appenderRef.out.ref = out
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = {"timestamp":"%d{yyyy-MM-dd'T'HH:mm:ss.SSSSSS'Z'}{UTC}",\
"level":"%level{WARN=warning,lowerCase=true}","service":"kafka","event":"broker_logged","logger":"%c{1}",\
"detail":"%enc{%m%throwable}{JSON}"}%n
"""


@dataclass(frozen=True)
class Broker:
    """A broker that can be started: `directory` is formatted and its settings are written."""

    directory: Path
    port: int
    command: list[str]
    """Runs the broker in the foreground; it says warnings on standard output, as JSON lines."""
    secured: Secured | None = None

    @property
    def admin(self) -> KafkaSettings:
        """How one who may do all reaches it."""
        if self.secured is not None:
            return self.secured.admin(self.bootstrap)
        return KafkaSettings(kafka_bootstrap_servers=self.bootstrap)

    @property
    def bootstrap(self) -> str:
        return f"{HOST}:{self.port}"

    @property
    def log(self) -> Path:
        """Where `start` appends what the broker says; a supervisor chooses for itself."""
        return self.directory / "broker.jsonl"

    def answers(self) -> bool:
        """Ask the broker over its protocol whether it takes requests. Blocks for some seconds at most."""
        from kafka import KafkaAdminClient
        from kafka.errors import KafkaError

        try:
            socket.create_connection((HOST, self.port), timeout=1).close()
            with closing(KafkaAdminClient(**self.admin.client_arguments(), request_timeout_ms=5000)) as admin:
                return any(not broker["is_fenced"] for broker in admin.describe_cluster()["brokers"])
        except (OSError, KafkaError):
            return False

    async def ready(self) -> None:
        """Return when the broker takes requests; wait for ever if it never does."""
        while not await asyncio.to_thread(self.answers):  # noqa: ASYNC110  the broker has no event to wait for
            await asyncio.sleep(0.05)

    def start(self) -> subprocess.Popen[bytes]:
        """Start the broker and return when it takes requests. It dies with this process; `stop` stops it before.

        Safe after any end of an earlier one, `kill -9` included, whose session then has to run out first: some 4 s.
        """
        with self.log.open("ab") as log:
            process = subprocess.Popen(tied(self.command), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        give_up = time.monotonic() + READY_WITHIN
        while not self.answers() or process.poll() is not None:
            if process.poll() is not None or time.monotonic() > give_up:
                stop(process)
                raise CannotStart(f"The embedded Kafka did not start. Its last words, in {self.log}:\n{_tail(self.log)}")
            time.sleep(0.05)  # it says nothing when it listens: it is asked again
        return process


def stop(process: "subprocess.Popen[bytes]") -> None:
    """Stop a broker in order, or kill it after `STOP_WITHIN`. Does nothing to one that has ended."""
    process.terminate()
    try:
        process.wait(STOP_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def running(directory: Path, port: int = 0) -> Generator[str]:
    """Run a broker in `directory` for the length of a `with`, and give its bootstrap address."""
    with started(prepare(directory, port)) as broker:
        yield broker.bootstrap


@contextmanager
def started(broker: Broker) -> Generator[Broker]:
    """Run `broker` for the length of a `with`."""
    process = broker.start()
    try:
        yield broker
    finally:
        stop(process)


def prepare(directory: Path, port: int = 0, progress: jars.Progress = jars.unseen, *, with_users: bool = False) -> Broker:
    """Fetch what is missing, format `directory` unless it is, and write the settings for this start.

    Port 0 is a free one. What a broker stored in `directory` before is kept, its cluster id included, also when the
    port is another. `with_users`, it asks everybody for a user and password, over TLS: see `services.embedded.secured`. Raises
    `CannotStart` where the port is taken, or Java, the network or the disk is wanting.
    """
    directory = directory.absolute()
    port, controller_port = _ports(port)
    found = java.find()
    classpath = ":".join(map(str, jars.fetch(progress)))
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "log4j2.properties").write_text(LOGGING, encoding="utf-8")
    run = [*_java_options(found, directory), "-cp", classpath]
    data = directory / "data"
    secured = secure(directory / "secrets", found) if with_users else None
    if not data.exists():
        _format(data, run, secured)
    settings = directory / "server.properties"
    _write(settings, _settings(data, port, controller_port, secured))
    return Broker(directory, port, [*run, "kafka.Kafka", str(settings)], secured)


def _format(data: Path, run: list[str], secured: Secured | None) -> None:
    """Lay out `data` with a new cluster id, all or nothing. The ports are of no account to it."""
    unfinished = data.with_name("formatting")
    rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    file = data.with_name("format.properties")
    _write(file, _settings(unfinished, 1, 2, secured))
    cluster_id = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    # '=' binds the value: an id may begin with a dash
    command = [*run, "kafka.tools.StorageTool", "format", f"--cluster-id={cluster_id}", f"--config={file}"]
    command += [] if secured is None else secured.format_options
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    if said.returncode:
        raise CannotStart(f"Kafka could not format {data}: {said.stderr or said.stdout}")
    unfinished.rename(data)


def _settings(data: Path, port: int, controller_port: int, secured: Secured | None) -> dict[str, str]:
    listener = "PLAINTEXT" if secured is None else "SASL_SSL"
    return (
        SETTINGS
        | ({} if secured is None else secured.settings)
        | {
            "log.dirs": str(data / "topics"),
            # Apart from the topics Kafka locks it before it reads it; among them, a second broker damages it first.
            "metadata.log.dir": str(data / "metadata"),
            "listeners": f"{listener}://{HOST}:{port},CONTROLLER://{HOST}:{controller_port}",
            "advertised.listeners": f"{listener}://{HOST}:{port}",
            "controller.quorum.voters": f"1@{HOST}:{controller_port}",
        }
    )


def _write(file: Path, settings: dict[str, str]) -> None:
    file.touch(mode=0o600)
    file.write_text("".join(f"{name}={value}\n" for name, value in settings.items()), encoding="utf-8")


def _java_options(found: java.Java, directory: Path) -> list[str]:
    silent = ["--sun-misc-unsafe-memory-access=allow", "--enable-native-access=ALL-UNNAMED"]
    return [
        str(found.executable),
        *("-Xms32m", "-Xmx320m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:+ExitOnOutOfMemoryError"),
        # A third of the start goes into verifying the code of jars, each of which was verified by its hash.
        *("-XX:+UnlockDiagnosticVMOptions", "-XX:-BytecodeVerificationRemote"),
        f"-XX:ErrorFile={directory}/java-crash-%p.log",
        f"-Dlog4j2.configurationFile={directory / 'log4j2.properties'}",
        *(silent if found.major >= 24 else []),
    ]


def _ports(port: int) -> tuple[int, int]:
    """Return `port`, or a free one for 0, and another free one for the controller."""
    with _hold(port) as for_clients, _hold(0) as for_controller:
        return for_clients.getsockname()[1], for_controller.getsockname()[1]


def _hold(wanted: int) -> socket.socket:
    fault = ""
    for port in [wanted] if wanted else random.sample(FREE_PORTS, 50):
        held = socket.socket()
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            held.bind((HOST, port))
        except OSError as error:
            held.close()
            fault = error.strerror
        else:
            return held
    raise CannotStart(f"Kafka cannot have port {wanted} of {HOST} ({fault}): choose another.")


def _tail(log: Path, characters: int = 2000) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-characters:] or "(none)"
