"""Whether every process is up, and what waits where: counts and names of processes, never a person."""

import logging
import os
import shlex
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import typer
from kafka.errors import KafkaError
from pydantic import BaseModel

from services.broker_positions import Positions, positions
from services.commands.terminal import load, stopped
from services.embedded.stack_file import Process, StackFile, StackFileFault
from shared.settings import KafkaSettings

ANSWERS_WITHIN_SECONDS = 5.0
USUAL_PORT, USUAL_VAR = 8000, Path("var")
"""Of `make run`, where nothing is said."""


class State(StrEnum):
    READY = "ready"
    NOT_READY = "not ready"
    RUNNING = "running"
    """It serves no HTTP: that it lives is all that is known."""
    DOWN = "down"


class Outbox(BaseModel):
    rows: int
    oldest_seconds: float
    parked: int
    """Rows that the broker refused for ever."""


class ProcessStatus(BaseModel):
    name: str
    state: State
    detail: str = ""
    outbox: Outbox | None = None
    dead_letters: int | None = None
    """Those that are open."""
    counts: dict[str, Any] = {}


class Status(BaseModel):
    processes: list[ProcessStatus]
    kafka: str
    kafka_state: State
    positions: Positions | None
    """`None` where the broker is away."""

    @property
    def disagreement(self) -> str | None:
        """Where registration and badging count differently, which they do only while badging has something to read."""
        counts = {name: count for process in self.processes for name, count in process.counts.items()}
        accredited, valid = counts.get("accredited"), counts.get("valid")
        if accredited is None or valid is None or accredited == valid:
            return None
        return f"Registration has {accredited} accredited delegates and badging {valid} valid badges"

    @property
    def all_up(self) -> bool:
        states = [self.kafka_state, *(process.state for process in self.processes)]
        return all(state in (State.READY, State.RUNNING) for state in states)


def report_status(var: Path, urls: list[str], *, as_json: bool) -> bool:
    """Show the state of the stack in `var`, or of the services at `urls` (URL or NAME=URL); returns whether all are up."""
    from services.commands.status_tables import show

    # kafka-python warns, on standard error, of each member that is only just joining a group.
    logging.getLogger("kafka").addHandler(logging.NullHandler())
    kafka = load(KafkaSettings)
    processes = [_named(each) for each in urls]
    if not processes:
        stack = _stack(var)
        if not as_json and not any(_lives(each.pid) for each in stack.processes):
            typer.echo(f"The stack in {var} is stopped. Start it again with `{_make_run(var, stack)}`: it keeps what it has.")
            return False
        processes, kafka = stack.processes, kafka.model_copy(update={"kafka_bootstrap_servers": stack.kafka})
    found = look(processes, kafka)
    if as_json:
        typer.echo(found.model_dump_json(indent=1))
    else:
        show(found)
    return found.all_up


def look(processes: list[Process], kafka: KafkaSettings) -> Status:
    """Ask all processes and the broker at once; blocks for seconds at most, whatever is down."""
    with ThreadPoolExecutor(len(processes) + 1) as pool:
        of_broker = pool.submit(_positions, kafka)
        of_processes = list(pool.map(_ask, processes))
    known = _without_the_dead(of_broker.result(), of_processes)
    state = State.DOWN if known is None else State.READY
    return Status(processes=of_processes, kafka=kafka.kafka_bootstrap_servers, kafka_state=state, positions=known)


def _without_the_dead(known: Positions | None, processes: list[ProcessStatus]) -> Positions | None:
    """A printer that was killed stays a member of its group until the broker misses it."""
    if known is None:
        return None
    down = {each.name for each in processes if each.state is State.DOWN}
    queues = [each.model_copy(update={"printers": sorted(set(each.printers) - down)}) for each in known.queues]
    return known.model_copy(update={"queues": queues})


def _named(given: str) -> Process:
    name, is_named, url = given.rpartition("=")
    return Process(name=name if is_named else url.partition("://")[2] or url, pid=0, url=url.rstrip("/"), log=Path())


def _stack(var: Path) -> StackFile:
    try:
        stack = StackFile.read(var)
    except StackFileFault as fault:
        raise stopped(str(fault)) from None
    if stack is None:
        raise stopped(
            f"No stack was started in {var}. Start one with `{_make_run(var)}`. One that was started in another folder, "
            "such as by `make run PORT=8100 VAR=var2`, is found by its name: lanyard status --var var2. "
            "Or name the services of another deployment: "
            "lanyard status --url registration=http://HOST:PORT --url badging=..."
        )
    return stack


def _make_run(var: Path, stack: StackFile | None = None) -> str:
    """What is typed to start the stack in `var`, on the port that it had."""
    address = stack.settings.get("REGISTRATION_PUBLIC_URL", "") if stack else ""
    port = urlsplit(address).port
    given = [f"PORT={port}"] if port not in (None, USUAL_PORT) else []
    given += [f"VAR={shlex.quote(str(var))}"] if var != USUAL_VAR else []
    return " ".join(["make run", *given])


def _positions(kafka: KafkaSettings) -> Positions | None:
    try:
        return positions(kafka)
    except (KafkaError, OSError):
        return None


def _ask(process: Process) -> ProcessStatus:
    if process.url is None:
        return ProcessStatus(name=process.name, state=State.RUNNING if _lives(process.pid) else State.DOWN)
    try:
        answer = httpx.get(f"{process.url}/ready", timeout=ANSWERS_WITHIN_SECONDS)
        ready: dict[str, Any] = answer.json()
        return _told(process.name, ready["ready"], dict(ready["checks"]))
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return ProcessStatus(name=process.name, state=State.DOWN, detail=f"no answer ({type(error).__name__})")
    except (ValueError, LookupError, TypeError):
        return ProcessStatus(name=process.name, state=State.DOWN, detail=f"no service of ours answers at {process.url}")


def _told(name: str, ready: bool, checks: dict[str, Any]) -> ProcessStatus:
    outbox, dead_letters, counts = checks.pop("outbox", None), checks.pop("dead_letters", None), checks.pop("counts", {})
    remarks = [f"{part} {said}" for part, said in checks.items() if said not in ("ok", "running")]
    return ProcessStatus(
        name=name,
        state=State.READY if ready else State.NOT_READY,
        detail="; ".join(remarks),
        outbox=None if outbox is None else Outbox.model_validate(outbox),
        dead_letters=dead_letters,
        counts=counts,
    )


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # another's, but it lives
    return pid > 0
