"""What `make run` says of its processes, and the summary it shows."""

import signal
import socket
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from services.embedded import running
from services.embedded.demonstration import Row, Summary
from services.embedded.running import command, in_words
from services.embedded.stack import Stack, StackSettings
from services.embedded.supervisor import Change, State
from services.faults import CannotStart
from shared.settings import KafkaSettings


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            Change("badging", State.DIED, 7, exit_code=-signal.SIGKILL, again_in=0.5),
            "badging was killed by SIGKILL; it is started again in 0.5 s",
        ),
        (
            Change("badging", State.DIED, 7, exit_code=3, again_in=1.0),
            "badging ended with exit code 3; it is started again in 1.0 s",
        ),
        (Change("badging", State.DIED, 7, exit_code=-40), "badging was killed by signal 40"),
        (Change("badging", State.READY, 8, away_for=3.21), "badging is ready again after 3.2 s"),
        (Change("badging", State.READY, 8), ""),
        (Change("badging", State.STARTING, 8), ""),
        (Change("badging", State.KILLED, 8), "badging did not stop in time and was killed"),
    ],
)
def test_a_change_in_words(change: Change, words: str) -> None:
    assert in_words(change) == words


def test_the_summary_counts_refused_and_withdrawn_and_says_why_more_are_printed_than_accredited(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    counts = {"registered": 40, "accredited": 31, "refused": 4, "withdrawn": 5, "printed": 36, "noticed": 39}
    rows = [Row(category=name, **counts) for name in ("delegate", "observer")]
    summary = Summary(rows=rows, changed_sessions=["a", "b", "c"], sheets=72, notices=80, wrong=[], example_delegate="0190")
    stack = SimpleNamespace(kafka=KafkaSettings())
    running._show(Console(width=80), StackSettings(var=tmp_path), stack, summary)  # type: ignore[arg-type]  of a stack it asks this
    said = " ".join(capsys.readouterr().out.split())
    assert "Regis- Accre- Re- With- Prin- Median p99 Category tered dited fused drawn ted Told ms ms" in said
    assert "All 80 62 8 10 72 78" in said
    assert "also those who were refused or withdrew after that" in said


def test_how_a_stack_is_run_again(tmp_path: Path) -> None:
    assert command(StackSettings()) == "make run"
    assert command(StackSettings(port=8100, var=Path("var2"))) == "make run PORT=8100 VAR=var2"


async def test_taken_ports_name_the_folder_too_that_a_second_stack_needs(tmp_path: Path) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        settings = StackSettings(port=held.getsockname()[1], var=tmp_path)
        with pytest.raises(CannotStart, match=r"Ports are taken: \d+ \(registration\)\..* make run VAR=var2 PORT=8100"):
            await Stack(settings, lambda _: None, lambda _: None).start_services(lambda _done, _total: None)
