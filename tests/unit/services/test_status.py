"""What is asked of each process, and what is said of those that do not answer."""

import json
import logging
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
import typer
from typer.testing import CliRunner, Result

from services import broker_admin, broker_positions
from services.broker_positions import Positions, Queue, Reading, Waiting
from services.commands import operations, status
from services.embedded.stack_file import Process, StackFile

app = typer.Typer()
operations.add_to(app)

READY = {
    "ready": True,
    "checks": {
        "agents": "running",
        "database": "ok",
        "outbox": {"rows": 12, "oldest_seconds": 3.25, "parked": 1},
        "dead_letters": 3,
        "counts": {"accredited": 1801, "refused": 7},
    },
}
POSITIONS = Positions(
    missing_topics=[],
    waiting=[Waiting(group="badging", topic="delegate-registered", records=42)],
    groups=[Reading(group="badging", members=["faust-0.15.3"])],
    queues=[
        Queue(station="main", urgent=1, normal=17, printers=["front-desk"]),
        Queue(station="north", urgent=0, normal=0, printers=[]),
    ],
)


class Service(BaseHTTPRequestHandler):
    answers: ClassVar[dict[str, tuple[int, Any]]] = {}

    def do_GET(self) -> None:
        code, body = self.answers.get(self.path, (404, {"title": "nothing here"}))
        self.send_response(code)
        self.end_headers()
        self.wfile.write(body if isinstance(body, bytes) else json.dumps(body).encode())

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture
def url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Service) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def nobody() -> str:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{held.getsockname()[1]}"


@pytest.fixture(autouse=True)
def broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "positions", lambda _: POSITIONS)


def ask(*options: str, columns: int = 200) -> Result:
    return CliRunner().invoke(app, ["status", *options], env={"COLUMNS": str(columns)})


def asked(*options: str) -> dict[str, Any]:
    return json.loads(ask("--json", *options).stdout)


def test_a_ready_service_tells_its_outbox_and_counts(url: str) -> None:
    Service.answers = {"/ready": (200, READY)}
    ran = ask("--url", f"registration={url}")
    assert ran.exit_code == 0, ran.output
    process, counts = (line.split() for line in ran.stdout.splitlines() if "registration" in line)
    assert process == ["registration", "ready", "12", "3.2", "s", "1", "3"]
    assert " ".join(counts) == "registration accredited 1801, refused 7"


def test_what_waits_is_shown(url: str) -> None:
    Service.answers = {"/ready": (200, READY)}
    said = " ".join(ask("--url", url).stdout.replace("│", " ").split())
    assert "badging 1 delegate-registered 42" in said
    assert "main 1 17 front-desk" in said
    assert "north 0 0 none" in said


def test_a_service_that_is_not_ready_says_why(url: str) -> None:
    checks = {"agents": "topics missing: badge-status; create them with `lanyard topics`", "database": "ok"}
    Service.answers = {"/ready": (503, {"ready": False, "checks": checks})}
    ran = ask("--url", url)
    assert ran.exit_code == 1
    assert "not ready: agents topics missing: badge-status" in ran.stdout


def test_a_service_without_a_broker_may_be_ready_and_says_so(url: str) -> None:
    checks = {**READY["checks"], "agents": "broker away (KafkaTimeoutError)"}
    Service.answers = {"/ready": (200, {"ready": True, "checks": checks})}
    [process] = asked("--url", url)["processes"]
    assert process["state"] == "ready"
    assert process["detail"] == "agents broker away (KafkaTimeoutError)"


def test_a_service_that_is_down_is_named_and_the_rest_are_told(url: str, nobody: str) -> None:
    Service.answers = {"/ready": (200, READY)}
    ran = ask("--url", f"registration={url}", "--url", f"badging=http://{nobody}")
    assert ran.exit_code == 1
    assert "down: no answer (ConnectError)" in ran.stdout
    assert "accredited 1801" in ran.stdout


@pytest.mark.parametrize("answer", [(200, b"<html>"), (200, {"ok": True}), (404, {"title": "x"}), (200, [1]), (200, b"\xff")])
def test_something_else_at_the_url_is_down(url: str, answer: tuple[int, Any]) -> None:
    Service.answers = {"/ready": answer}
    [process] = asked("--url", url)["processes"]
    assert process["state"] == "down"
    assert process["detail"] == f"no service of ours answers at {url}"


@pytest.mark.parametrize("given", ["registration=localhost:8000", "http://[::1", "ftp://x"])
def test_a_wrong_url_is_down(given: str) -> None:
    assert asked("--url", given)["processes"][0]["state"] == "down"


def test_an_answer_cannot_steer_the_terminal(url: str) -> None:
    Service.answers = {"/ready": (200, {"ready": True, "checks": {"agents": "\x1b[2J", "counts": {"[red]x\x07": 1}}})}
    said = ask("--url", url).stdout
    assert "\x1b" not in said
    assert "[red]x\\x07 1" in said


def test_a_broker_that_forgets_idle_groups_too_early_is_told(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Service.answers = {"/ready": (200, READY)}
    for minutes, told in ((7 * 24 * 60, True), (90 * 24 * 60, False), (None, False)):
        found = POSITIONS.model_copy(update={"offsets_retention_minutes": minutes})
        monkeypatch.setattr(status, "positions", lambda _, found=found: found)
        said = " ".join(ask("--url", url).stdout.split())
        assert ("set its offsets.retention.minutes to 129600 or more" in said) is told
        assert asked("--url", url)["positions"]["offsets_retention_minutes"] == minutes


def test_a_broker_that_is_away_is_said_within_seconds(url: str, nobody: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "positions", broker_positions.positions)
    monkeypatch.setattr(broker_admin, "ANSWERS_WITHIN_MS", 300)
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", nobody)
    Service.answers = {"/ready": (200, READY)}
    ran = ask("--url", url)
    assert ran.exit_code == 1
    assert f"The broker {nobody} does not answer" in ran.stdout
    assert "accredited 1801" in ran.stdout
    found = asked("--url", url)
    assert (found["kafka"], found["kafka_state"], found["positions"]) == (nobody, "down", None)


def test_missing_topics_are_named(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = POSITIONS.model_copy(update={"missing_topics": ["badge-status"]})
    monkeypatch.setattr(status, "positions", lambda _: missing)
    Service.answers = {"/ready": (200, READY)}
    assert "Topics are missing: badge-status. Create them with `lanyard topics`." in ask("--url", url).stdout


@pytest.mark.parametrize(
    ("valid", "waits", "said"),
    [
        (1801, 42, None),
        (1799, 42, "Registration has 1801 accredited delegates and badging 1799 valid badges: 12 changes wait to be published"),
        (1799, 0, "nothing waits, so look at badging's dead letters"),
    ],
)
def test_it_is_said_where_registration_and_badging_count_differently(
    url: str, monkeypatch: pytest.MonkeyPatch, valid: int, waits: int, said: str | None
) -> None:
    waiting = [Waiting(group="badging", topic="delegate-registered", records=waits)]
    monkeypatch.setattr(status, "positions", lambda _: POSITIONS.model_copy(update={"waiting": waiting}))
    outbox = READY["checks"]["outbox"] | {"rows": 12 if waits else 0}
    of_registration = READY | {"checks": READY["checks"] | {"outbox": outbox}}
    of_badging = READY | {"checks": {"agents": "running", "database": "ok", "counts": {"valid": valid}}}
    Service.answers = {"/ready": (200, of_registration), "/badging/ready": (200, of_badging)}
    ran = ask("--url", f"registration={url}", "--url", f"badging={url}/badging")
    assert ("Registration has" in ran.stdout) == (said is not None)
    assert (said or "") in " ".join(ran.stdout.split())


def test_what_a_kafka_client_warns_of_is_no_part_of_the_answer(
    url: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def warns(_: Any) -> Positions:
        logging.getLogger("kafka.admin").warning("Unable to decode member_metadata")
        return POSITIONS

    kafka, root = logging.getLogger("kafka"), logging.getLogger()
    monkeypatch.setattr(kafka, "handlers", [])
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(status, "positions", warns)
    Service.answers = {"/ready": (200, READY)}
    assert "Unable" not in ask("--url", url).output + "".join(capfd.readouterr())


class TestOfAStack:
    def write(self, var: Path, *processes: Process) -> None:
        StackFile(processes=list(processes), kafka="127.0.0.1:19092").write(var)

    def test_its_processes_and_broker_are_asked(self, tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        asked_for: list[str] = []

        def look(kafka: Any) -> Positions:
            asked_for.append(kafka.kafka_bootstrap_servers)
            return POSITIONS

        monkeypatch.setattr(status, "positions", look)
        Service.answers = {"/ready": (200, READY)}
        own = Process(name="printer-1", pid=os.getpid(), log=tmp_path / "p.jsonl")
        self.write(tmp_path, Process(name="badging", pid=1, url=url, log=tmp_path / "b.jsonl"), own)
        found = asked("--var", str(tmp_path))
        assert [(each["name"], each["state"]) for each in found["processes"]] == [
            ("badging", "ready"),
            ("printer-1", "running"),
        ]
        assert asked_for == ["127.0.0.1:19092"]

    def test_one_that_was_stopped_is_said_to_be(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.write(tmp_path, Process(name="printer-1", pid=0, log=tmp_path / "p.jsonl"))
        ran = ask("--var", str(tmp_path))
        assert (ran.exit_code, ran.stderr) == (1, "")
        start = f"make run VAR={tmp_path}"
        assert ran.stdout == f"The stack in {tmp_path} is stopped. Start it again with `{start}`: it keeps what it has.\n"

    def test_one_that_was_stopped_is_started_again_where_it_was(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        for folder, port, start in (("var", 8000, "make run"), ("var2", 8100, "make run PORT=8100 VAR=var2")):
            Path(folder).mkdir()
            settings = {"REGISTRATION_PUBLIC_URL": f"http://127.0.0.1:{port}"}
            StackFile(processes=[], kafka="127.0.0.1:19092", settings=settings).write(Path(folder))
            assert f" is stopped. Start it again with `{start}`: " in ask("--var", folder).stdout

    def test_a_printer_that_is_down_does_not_read_the_queue_whatever_its_group_says(self, tmp_path: Path) -> None:
        alive = Process(name="printer-1", pid=os.getpid(), log=tmp_path / "1.jsonl")
        self.write(tmp_path, alive, Process(name="front-desk", pid=0, log=tmp_path / "2.jsonl"))
        assert asked("--var", str(tmp_path))["positions"]["queues"][0]["printers"] == []

    def test_a_dead_process_is_down(self, tmp_path: Path) -> None:
        dead = subprocess.Popen([sys.executable, "-c", ""])
        dead.wait()
        alive = Process(name="printer-2", pid=os.getpid(), log=tmp_path / "q.jsonl")
        self.write(tmp_path, Process(name="printer-1", pid=dead.pid, log=tmp_path / "p.jsonl"), alive)
        ran = ask("--var", str(tmp_path))
        assert ran.exit_code == 1
        assert "down" in ran.stdout

    def test_a_process_that_was_not_started_is_down(self, tmp_path: Path) -> None:
        self.write(tmp_path, Process(name="printer-1", pid=0, log=tmp_path / "p.jsonl"))
        assert asked("--var", str(tmp_path))["processes"][0]["state"] == "down"

    def test_no_stack_says_what_to_do(self, tmp_path: Path) -> None:
        ran = ask("--var", str(tmp_path))
        assert ran.exit_code == 2
        assert f"No stack was started in {tmp_path}. Start one with `make run VAR={tmp_path}`." in ran.stderr
        assert "`make run PORT=8100 VAR=var2`, is found by its name: lanyard status --var var2." in ran.stderr
        assert "--url" in ran.stderr

    def test_a_broken_file_says_what_to_do(self, tmp_path: Path) -> None:
        (tmp_path / "stack.json").write_text('{"processes": ')
        ran = ask("--var", str(tmp_path))
        assert ran.exit_code == 2
        assert "Start the stack again" in ran.stderr

    def test_what_is_written_is_read(self, tmp_path: Path) -> None:
        process = Process(name="badging", pid=7, url="http://127.0.0.1:8001", log=tmp_path / "badging.jsonl")
        self.write(tmp_path, process)
        assert StackFile.read(tmp_path) == StackFile(processes=[process], kafka="127.0.0.1:19092")
        assert [file.name for file in tmp_path.iterdir()] == ["stack.json"]


def test_eighty_columns_cut_no_name_and_no_fault(url: str) -> None:
    why = "topics missing: badge-status; create them with `lanyard topics`"
    Service.answers = {"/ready": (503, {"ready": False, "checks": {"agents": why, "database": "ok"}})}
    said = ask("--url", f"notifications={url}", columns=80).stdout
    assert "notifications   " in said
    assert why in said
    assert "…" not in said
