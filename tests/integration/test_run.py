"""`lanyard run`, which `make run` calls, as somebody types it: once, again, beside itself, with a death, until Ctrl-C.

Also `lanyard simulate` against it, and `make clean` after it.
"""

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from sqlalchemy import func, select

from registration.store import delegates
from services.embedded.stack import SERVICES, StackSettings
from services.embedded.stack_file import StackFile
from shared.database import Database
from tests.integration.live_stack import free_ports

pytestmark = [pytest.mark.thorough]

ROOT = Path(__file__).parents[2]
DELEGATES, SIMULATED = 40, 5
CANNOT_START = 2
UP_WITHIN_SECONDS = 120.0


@dataclass
class Run:
    """A run in its terminal."""

    process: Process
    said: str = ""

    async def until(self, words: str) -> None:
        """Read what it says until it says `words`; fails where it ends before."""
        async with asyncio.timeout(UP_WITHIN_SECONDS):
            while words not in self.said:
                assert self.process.stdout is not None
                line = await self.process.stdout.readline()
                assert line, f"it ended and never said {words!r}: {self.said}"
                self.said += line.decode()

    async def ended(self) -> int:
        async with asyncio.timeout(UP_WITHIN_SECONDS):
            rest, _ = await self.process.communicate()
            self.said += rest.decode()
            return self.process.returncode or 0


@asynccontextmanager
async def run(settings: StackSettings, *, once: bool = False) -> AsyncGenerator[Run]:
    own = {
        "VAR": str(settings.var),
        "PORT": str(settings.port),
        "DELEGATES": str(settings.delegates),
        "ONCE": str(int(once)),
        "CONFERENCE_FOLDER": str(settings.conference_folder),
        "COLUMNS": "100",
        "PYTHONUNBUFFERED": "1",
    }
    environment = {name: value for name, value in os.environ.items() if name != "KAFKA_BOOTSTRAP_SERVERS"} | own
    command = [sys.executable, "-m", "services", "run"]
    process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=PIPE, stderr=STDOUT)
    try:
        yield Run(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def told(*command: str) -> tuple[int, str]:
    """The exit code of a command, and what it says."""
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=PIPE, stderr=STDOUT)
    async with asyncio.timeout(UP_WITHIN_SECONDS):
        said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()


def counted(settings: StackSettings) -> int:
    database = Database(settings.database("registration"), "registration")
    try:
        with database.connect() as tx:
            return tx.execute(select(func.count()).select_from(delegates)).scalar_one()
    finally:
        database.close()


def pids(settings: StackSettings) -> dict[str, int]:
    found = StackFile.read(settings.var)
    assert found
    return {each.name: each.pid for each in found.processes}


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


async def test_the_main_job_is_done_once_and_everything_stays_up_until_ctrl_c(tmp_path: Path):
    settings = StackSettings(var=tmp_path / "var", port=free_ports(), delegates=DELEGATES)
    async with run(settings, once=True) as first:
        assert await first.ended() == 0, first.said
    assert "Wrong" not in first.said
    assert counted(settings) == DELEGATES
    sheets, mails = (list(folder.iterdir()) for folder in (settings.printed_folder, settings.mail_folder))
    assert len(sheets) > DELEGATES / 2
    assert len(mails) > DELEGATES / 2
    for words in ("Registering delegates", "Printing badges", "Median", "front door", "Try next"):
        assert words in first.said

    async with run(settings) as second:
        await second.until("Everything stays up until Ctrl-C")
        assert "nobody was registered again" in second.said
        assert counted(settings) == DELEGATES
        async with httpx.AsyncClient() as http:
            answers = [await http.get(f"{settings.url(each)}/health") for each in SERVICES]
        assert {each.status_code for each in answers} == {200}

        async with run(settings) as same_folder:
            assert await same_folder.ended() == CANNOT_START
        assert "Another stack runs in" in same_folder.said
        elsewhere = settings.model_copy(update={"var": tmp_path / "other"})
        async with run(elsewhere) as same_ports:
            assert await same_ports.ended() == CANNOT_START
        assert "Ports are taken" in same_ports.said

        os.kill(pids(settings)["printer-1"], signal.SIGKILL)
        await second.until("printer-1 was killed by SIGKILL")
        await second.until("printer-1 is ready again")

        assert len(list(settings.printed_folder.iterdir())) == len(sheets)
        assert len(list(settings.mail_folder.iterdir())) == len(mails)
        asked = ("--delegates", str(SIMULATED), "--rate", "20", "--seed", "7", "--keys", str(settings.var / "keys.toml"))
        where = ("--url", settings.url("registration"))
        code, said = await told(sys.executable, "-m", "services", "simulate", *asked, *where)
        assert (code, f"Registered {SIMULATED} delegates" in said) == (0, True), said
        assert counted(settings) == DELEGATES + SIMULATED
        code, said = await told("make", "clean", f"VAR={settings.var}")
        assert (code != 0, "stop it first" in said) == (True, True), said

        children = pids(settings)
        second.process.send_signal(signal.SIGINT)
        assert await second.ended() == 0
    assert "Stopping every process" in second.said
    assert "did not stop in time" not in second.said
    assert all(is_gone(pid) for pid in children.values()), children
    for port in range(settings.port, settings.port + 5):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
    assert counted(settings) == DELEGATES + SIMULATED
    assert (await told("make", "clean", f"VAR={settings.var}"))[0] == 0
    assert not settings.var.exists()


async def test_another_conference_is_another_folder(tmp_path: Path):
    """Also a small one: of what there is too little of, less is done."""
    settings = StackSettings(
        var=tmp_path / "var", port=free_ports(), delegates=8, conference_folder=ROOT / "tests" / "conferences" / "tiny"
    )
    async with run(settings, once=True) as only:
        assert await only.ended() == 0, only.said
    assert "moved: " in only.said
    assert "front door" in only.said
    assert counted(settings) == settings.delegates
