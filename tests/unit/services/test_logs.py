"""Logs of several processes: merged in time order, followed across rotations, one delegate's way among them."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Queue
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from services.commands import log_files
from services.commands.log_files import ProcessLog
from services.commands.operations import add_to
from services.embedded.child_log import ChildLog

ANNE = "01890a5d-ac96-774b-bcce-b302099a8057"
BORIS = "01890a5d-ac96-774b-bcce-b302099a8058"

app = typer.Typer()
add_to(app)
Event = dict[str, Any]


def event(second: float, name: str, service: str = "registration", **fields: object) -> Event:
    return {"timestamp": f"2018-06-21T08:00:{second:09.6f}Z", "service": service, "level": "info", "event": name, **fields}


def write(file: Path, *lines: Event | str) -> None:
    with file.open("a", encoding="utf-8") as log:
        for line in lines:
            log.write(line if isinstance(line, str) else json.dumps(line) + "\n")


def shown(folder: Path, *options: str) -> str:
    ran = CliRunner().invoke(app, ["logs", "--dir", str(folder), "--no-follow", *options], env={"COLUMNS": "300"})
    assert ran.exit_code == 0, ran.output
    return ran.output


def events(folder: Path, *options: str) -> list[str]:
    return [json.loads(line)["event"] for line in shown(folder, "--json", *options).splitlines()]


def test_all_services_are_merged_in_time_order(tmp_path: Path) -> None:
    write(tmp_path / "registration.jsonl", event(1, "one"), event(3, "three"))
    write(tmp_path / "badging.jsonl", event(2, "two", "badging"), event(4, "four", "badging"))
    assert events(tmp_path) == ["one", "two", "three", "four"]


def test_lines_that_threads_wrote_out_of_order_are_put_in_order(tmp_path: Path) -> None:
    write(tmp_path / "registration.jsonl", event(2, "two"), event(1, "one"), event(3, "three"))
    assert events(tmp_path) == ["one", "two", "three"]


def test_rotated_files_are_read_first_and_in_order(tmp_path: Path) -> None:
    for number, name in (("", "newest"), (".1", "newer"), (".2", "older"), (".3", "oldest")):
        write(tmp_path / f"registration.jsonl{number}", event(1, name))
    assert events(tmp_path) == ["oldest", "older", "newer", "newest"]


def test_what_is_no_json_keeps_its_place_and_is_shown(tmp_path: Path) -> None:
    write(tmp_path / "registration.jsonl", event(1, "one"), "Segmentation fault\n", '["a", "list"]\n', event(3, "three"))
    write(tmp_path / "badging.jsonl", event(2, "two", "badging"))
    lines = shown(tmp_path).splitlines()
    assert [line.split()[-1] for line in lines] == ["one", "fault", '"list"]', "two", "three"]
    assert events(tmp_path) == ["one", "text_written", "text_written", "two", "three"]


def test_a_last_line_without_an_end_is_shown(tmp_path: Path) -> None:
    write(tmp_path / "registration.jsonl", event(1, "one"), "killed in mid-sen")
    assert "killed in mid-sen" in shown(tmp_path)


def test_a_line_without_an_end_in_a_rotated_file_is_a_line_of_its_own(tmp_path: Path) -> None:
    write(tmp_path / "registration.jsonl.1", "no end")
    write(tmp_path / "registration.jsonl", event(1, "one"))
    assert events(tmp_path) == ["text_written", "one"]


def test_a_line_is_readable(tmp_path: Path) -> None:
    write(tmp_path / "badging.jsonl", event(1.5, "badge_issued", "badging", serial="CT18-7", delegate_id=ANNE))
    assert shown(tmp_path) == f"08:00:01.500 badging       badge_issued serial=CT18-7 delegate_id={ANNE}\n"


def test_an_exception_is_named_with_its_place_and_without_its_message(tmp_path: Path) -> None:
    frames = [{"filename": "/x/desk.py", "lineno": 1}, {"filename": "/x/store.py", "lineno": 12}]
    raised = {"exc_type": "IntegrityError", "exc_value": "Key (email)=(anne@example.org)", "frames": frames}
    write(tmp_path / "badging.jsonl", event(1, "agent_died", exception=[raised]))
    assert shown(tmp_path).rstrip().endswith("agent_died exception=IntegrityError at=store.py:12")


def test_what_was_logged_cannot_steer_the_terminal(tmp_path: Path) -> None:
    write(tmp_path / "badging.jsonl", event(1, "badge_issued", serial="\x1b[2J\u202e[bold]x"), "\x1b[31mred\n")
    assert "serial=\\x1b[2J\\u202e[bold]x" in shown(tmp_path)
    assert "\x1b" not in shown(tmp_path)


def test_one_service_and_one_level_are_chosen(tmp_path: Path) -> None:
    write(tmp_path / "registration.jsonl", event(1, "one"), event(3, "three", level="error"))
    write(tmp_path / "printer-1.jsonl", event(2, "two", "printer", level="warning"))
    assert events(tmp_path, "--service", "registration") == ["one", "three"]
    assert events(tmp_path, "--service", "printer") == events(tmp_path, "--service", "printer-1") == ["two"]
    assert events(tmp_path, "--level", "warning") == ["two", "three"]


def test_a_delegates_way_is_every_line_of_theirs_and_of_their_traces(tmp_path: Path) -> None:
    write(
        tmp_path / "registration.jsonl",
        event(0.5, "another_posted", trace_id="b"),
        event(1, "group_committed", trace_id="a"),
        event(2, "delegate_registered", trace_id="a", delegate_id=ANNE),
        event(3, "delegate_registered", trace_id="b", delegate_id=BORIS),
    )
    write(tmp_path / "badging.jsonl", event(4, "badge_issued", "badging", trace_id="a", delegate_id=ANNE))
    write(tmp_path / "printer-1.jsonl", event(5, "sheet_printed", "printer", trace_id="a"))
    write(tmp_path / "notifications.jsonl", event(6, "delegate_wiped", "notifications", delegate_id=ANNE))
    way = ["group_committed", "delegate_registered", "badge_issued", "sheet_printed", "delegate_wiped"]
    assert events(tmp_path, "--delegate", ANNE) == way
    assert events(tmp_path, "--delegate", ANNE.upper()) == way


def test_a_line_is_of_a_delegates_way_however_long_before_their_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.commands.logs.KEPT_FOR_TRACES", 1)
    others = [event(2, "another_posted", trace_id=str(number)) for number in range(3)]
    write(tmp_path / "registration.jsonl", event(1, "group_committed", trace_id="a"), *others)
    write(tmp_path / "badging.jsonl", event(3, "badge_issued", "badging", trace_id="a", delegate_id=ANNE))
    assert events(tmp_path, "--delegate", ANNE) == ["group_committed", "badge_issued"]


def test_of_a_delegate_whom_no_line_names_it_is_said(tmp_path: Path) -> None:
    write(tmp_path / "badging.jsonl", event(1, "badge_issued", "badging", delegate_id=BORIS))
    ran = CliRunner().invoke(app, ["logs", "--dir", str(tmp_path), "--no-follow", "--delegate", ANNE])
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert "No line in" in ran.stderr


def test_a_missing_folder_says_what_to_do(tmp_path: Path) -> None:
    ran = CliRunner().invoke(app, ["logs", "--dir", str(tmp_path / "log")])
    assert ran.exit_code == 2
    assert "make run" in ran.output


class TestAProcessLog:
    @pytest.fixture
    def log(self, tmp_path: Path) -> Iterator[ProcessLog]:
        log = ProcessLog(tmp_path, "badging")
        yield log
        log.close()

    @pytest.fixture
    def say(self, tmp_path: Path) -> Callable[[str], None]:
        written = ChildLog(tmp_path / "badging.jsonl", max_bytes=300)
        return lambda text: written._write(text.encode())  # what comes out of the child's pipe

    def names(self, log: ProcessLog) -> list[str]:
        return [line.name or line.text for line in log]

    def test_goes_on_where_it_stopped(self, log: ProcessLog, say: Callable[[str], None]) -> None:
        say('{"event":"one"}\n')
        assert self.names(log) == ["one"]
        assert self.names(log) == []
        say('{"event":"two"}\n{"event":"th')
        assert self.names(log) == ["two"]
        say('ree"}\n')
        assert self.names(log) == ["three"]

    def test_passes_over_nothing_when_files_are_rotated(self, log: ProcessLog, say: Callable[[str], None]) -> None:
        seen: list[str] = []
        for number in range(200):
            say(f'{{"event":"{number}"}}\n')
            if number % 23 == 0:  # more than one rotation, fewer than are kept
                seen += self.names(log)
        assert [*seen, *self.names(log)] == [str(number) for number in range(200)]

    def test_goes_on_with_the_oldest_file_where_its_own_is_kept_no_more(
        self, log: ProcessLog, say: Callable[[str], None], tmp_path: Path
    ) -> None:
        say('{"event":"first"}\n')
        assert self.names(log) == ["first"]
        for number in range(200):
            say(f'{{"event":"{number}"}}\n')
        seen = [int(name) for name in self.names(log)]
        gap = next(index for index, number in enumerate(seen) if number != index)
        assert gap > 10  # the rest of its own file, which it held open
        assert seen[gap:] == list(range(seen[gap], 200))

    def test_waits_in_the_middle_of_a_rotation(self, log: ProcessLog, tmp_path: Path) -> None:
        newest, rotated = tmp_path / "badging.jsonl", tmp_path / "badging.jsonl.1"
        newest.write_text('{"event":"one"}\n')
        assert self.names(log) == ["one"]
        newest.rename(rotated)
        assert self.names(log) == []
        newest.write_text('{"event":"two"}\n')
        assert self.names(log) == ["two"]


def test_a_process_without_a_log_yet_is_no_fault(tmp_path: Path) -> None:
    assert list(ProcessLog(tmp_path, "badging")) == []
    assert log_files.processes(tmp_path) == []


def test_following_shows_what_is_logged_from_then_on(tmp_path: Path) -> None:
    write(tmp_path / "registration.jsonl", event(1, "delegate_registered", trace_id="a", delegate_id=ANNE))
    command = "import typer; from services.commands.operations import logs; typer.run(logs)"
    options = ["--dir", str(tmp_path), "--json", "--delegate", ANNE]
    with subprocess.Popen([sys.executable, "-c", command, *options], stdout=subprocess.PIPE, text=True) as following:
        try:
            lines: Queue[str] = Queue()
            threading.Thread(target=_read, args=(following.stdout, lines), daemon=True).start()
            assert json.loads(lines.get(timeout=60))["event"] == "delegate_registered"
            write(tmp_path / "badging.jsonl", event(3, "badge_issued", "badging", trace_id="a"))
            write(tmp_path / "registration.jsonl", event(2, "delegate_amended", delegate_id=ANNE), event(4, "other"))
            assert [json.loads(lines.get(timeout=60))["event"] for _ in range(2)] == ["delegate_amended", "badge_issued"]
            write(tmp_path / "registration.jsonl", event(5, "session_changed", trace_id="c"))
            write(tmp_path / "notifications.jsonl", event(6, "notice_sent", trace_id="c", delegate_id=ANNE))
            assert [json.loads(lines.get(timeout=60))["event"] for _ in range(2)] == ["session_changed", "notice_sent"]
        finally:
            following.terminate()


def _read(stream: Any, lines: "Queue[str]") -> None:
    for line in stream:
        lines.put(line)
