"""The children are real processes, and each test waits for what it is about."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from services.embedded import supervisor
from services.embedded.child_log import LOG_FILES, ChildLog
from services.embedded.supervisor import Change, Child, State, Supervisor
from services.faults import CannotStart

LIVES = "import os, time; print('up', os.getpid(), flush=True); time.sleep(600)"
DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {LIVES}"
PARENT = f"""
import subprocess, sys
print("child", subprocess.Popen([sys.executable, "-c", {LIVES!r}]).pid, flush=True)
{LIVES}
"""

changes: list[Change] = []


@pytest.fixture
async def kept(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Supervisor]:
    monkeypatch.setattr(supervisor, "FIRST_PAUSE", 0.02)
    changes.clear()
    async with Supervisor(changes.append) as keeper:
        yield keeper


@pytest.fixture
def child(tmp_path: Path) -> Callable[..., Child]:
    def make(name: str, code: str = LIVES, said: str = "up", **options: object) -> Child:
        log = tmp_path / f"{name}.jsonl"

        async def ready() -> None:
            await until(lambda: log.read_text().count(said) >= states(name).count(State.STARTING))

        return Child(name, [sys.executable, "-c", code], log, ready, **options)  # type: ignore[arg-type]  a test's shorthand

    return make


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110  a process outside has no event
            await asyncio.sleep(0.005)


def lives(pid: int) -> bool:
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def states(name: str) -> list[State]:
    return [change.state for change in changes if change.child == name]


async def test_a_started_child_is_ready_and_what_it_says_is_logged(kept: Supervisor, child: Callable[..., Child]) -> None:
    one = child("one", "import os; print(os.environ['WHO'], flush=True);" + LIVES, env={"WHO": "delegate"})
    await kept.start(one)
    assert states("one") == [State.STARTING, State.READY]
    assert one.log_path.read_text().splitlines() == ["delegate", f"up {kept.pids()['one']}"]


async def test_a_dead_child_is_started_again_and_the_others_go_on(kept: Supervisor, child: Callable[..., Child]) -> None:
    await kept.start(child("one"), child("two"))
    before = kept.pids()
    await kept.kill("one")
    await kept.ready("one")
    assert kept.pids()["two"] == before["two"]
    assert kept.pids()["one"] != before["one"]
    assert states("one") == [State.STARTING, State.READY, State.DIED, State.STARTING, State.READY]
    died = next(change for change in changes if change.state is State.DIED)
    assert (died.exit_code, died.again_in) == (-signal.SIGKILL, 0.02)
    [first, again] = [change for change in changes if change.child == "one" and change.state is State.READY]
    assert first.away_for is None
    assert again.away_for is not None
    assert again.away_for > 0.02


async def test_pauses_double_while_a_child_keeps_dying(kept: Supervisor, child: Callable[..., Child]) -> None:
    await kept.start(child("one", "import time; print('up', flush=True); time.sleep(0.1); raise SystemExit(3)"))
    await until(lambda: states("one").count(State.DIED) == 3)
    deaths = [change for change in changes if change.state is State.DIED]
    assert [change.again_in for change in deaths] == [0.02, 0.04, 0.08]
    assert {change.exit_code for change in deaths} == {3}


async def test_a_child_that_ends_at_its_first_start_is_said_with_its_last_words(
    kept: Supervisor, child: Callable[..., Child]
) -> None:
    with pytest.raises(CannotStart, match=r"(?s)one ended with code 1\..*port 9092 is taken"):
        await kept.start(child("one", "raise SystemExit('port 9092 is taken')"))


async def test_a_child_that_is_not_ready_in_time_is_said_and_stopped(kept: Supervisor, child: Callable[..., Child]) -> None:
    with pytest.raises(CannotStart, match=r"one was not ready after 0\.2 s"):
        await kept.start(child("one", said="never", ready_within=0.2))
    pid = kept.pids()["one"]
    await kept.stop()
    assert not lives(pid)


async def test_a_command_that_does_not_exist_is_said(kept: Supervisor, tmp_path: Path) -> None:
    missing = Child("one", ["/no/such/command"], tmp_path / "one.jsonl", asyncio.Event().wait)  # type: ignore[arg-type]  never ready
    with pytest.raises(CannotStart, match="cannot run /no/such/command"):
        await kept.start(missing)


async def test_waves_stop_in_reverse_order(kept: Supervisor, child: Callable[..., Child]) -> None:
    await kept.start(child("broker"))
    await kept.start(child("registration"), child("badging"))
    pids = kept.pids()
    await kept.stop()
    stopped = [change.child for change in changes if change.state is State.STOPPED]
    assert set(stopped[:2]) == {"registration", "badging"}
    assert stopped[2:] == ["broker"]
    assert State.DIED not in {change.state for change in changes}
    assert not any(map(lives, pids.values()))
    assert kept.pids() == {}


async def test_a_deaf_child_is_killed_in_time_and_the_rest_stop_in_order(
    kept: Supervisor, child: Callable[..., Child], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "STOP_WITHIN", 1.0)
    await kept.start(child("broker"))
    await kept.start(child("deaf", DEAF))
    began = time.monotonic()
    await kept.stop()
    assert time.monotonic() - began > 0.4, "it was given time"
    assert states("deaf")[-1] is State.KILLED
    assert states("broker")[-1] is State.STOPPED


async def test_a_child_waiting_for_its_restart_is_not_started_by_a_stop(
    kept: Supervisor, child: Callable[..., Child], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "FIRST_PAUSE", 600)
    await kept.start(child("one"))
    await kept.kill("one")
    await until(lambda: State.DIED in states("one"))
    async with asyncio.timeout(60):
        await kept.stop()
    assert states("one") == [State.STARTING, State.READY, State.DIED, State.STOPPED]


async def test_a_death_is_noticed_though_a_grandchild_holds_the_output_open_and_takes_it_along(
    kept: Supervisor, child: Callable[..., Child]
) -> None:
    one = child("one", PARENT)
    await kept.start(one)
    grandchild = int(one.log_path.read_text().split()[1])
    await until(lambda: lives(grandchild))
    os.kill(kept.pids()["one"], signal.SIGKILL)
    async with asyncio.timeout(60):
        await until(lambda: states("one").count(State.READY) == 2)
    await until(lambda: not lives(grandchild))


async def test_children_die_with_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    script = f"""
import asyncio, sys
from pathlib import Path
from services.embedded.supervisor import Child, Supervisor
async def main():
    keeper = Supervisor()
    log = Path({str(tmp_path / "one.jsonl")!r})
    async def ready():
        while not log.read_text(): await asyncio.sleep(0.01)
    await keeper.start(Child("one", [sys.executable, "-c", {LIVES!r}], log, ready))
    print(keeper.pids()["one"], flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    pid = int(await parent.stdout.readline())
    assert lives(pid)
    parent.kill()
    await until(lambda: not lives(pid))
    await parent.wait()


async def test_a_log_is_rotated_between_lines_and_bounded(tmp_path: Path) -> None:
    log = ChildLog(tmp_path / "one.jsonl", max_bytes=100_000)
    output, its_end = os.pipe()
    listening = asyncio.create_task(log.listen(output))
    line = b'{"event":"badge_issued"}\n'
    with os.fdopen(its_end, "wb") as pipe:
        await asyncio.to_thread(pipe.write, line * 40_000)
    await listening
    log.close()
    files = await asyncio.to_thread(lambda: list(tmp_path.iterdir()))
    assert len(files) == 1 + LOG_FILES
    for file in files:
        assert 0 < file.stat().st_size <= 100_000
        assert set(file.read_bytes().splitlines(keepends=True)) == {line}
