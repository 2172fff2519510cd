"""What all processes of a stack log, in time order, or one delegate's way through them."""

import time
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import orjson
import typer
from rich.console import Console
from rich.text import Text

from services.commands import log_files
from services.commands.log_files import EARLIEST, Line, ProcessLog
from services.commands.terminal import printable, stopped

LEVELS = ("debug", "info", "warning", "error")
LOOK_SECONDS = 0.2
KEPT_FOR_TRACES = 2000
"""How many of the last lines are kept in case one of their traces turns out to be the delegate's."""
_LEVEL_STYLE = {"debug": "dim", "warning": "yellow", "error": "bold red", "critical": "bold red"}
_SERVICE_COLOURS = ("cyan", "green", "magenta", "blue", "bright_cyan", "bright_green", "bright_magenta", "bright_blue")
_SHOWN_APART = {"timestamp", "service", "level", "event", "exception", "logger"}


class DelegateWay:
    """Chooses the lines about one delegate: those that name the delegate, and all others of the traces that these are on."""

    def __init__(self, delegate_id: str) -> None:
        self.is_known = False
        """Whether a line names the delegate, as far as `learn` has seen."""
        self._delegate_id = delegate_id
        self._traces: set[str] = set()
        self._passed: deque[Line] = deque(maxlen=KEPT_FOR_TRACES)

    def learn(self, lines: Iterable[Line]) -> None:
        """Find the delegate's traces beforehand, so that `choose` misses no line that stands before them."""
        for line in lines:
            if line.delegate_id == self._delegate_id:
                self.is_known = True
                self._traces |= {line.trace_id} - {""}

    def choose(self, line: Line) -> list[Line]:
        """`line` where it is about the delegate, after the passed lines of a trace that only it shows to be theirs."""
        if line.trace_id in self._traces:
            return [line]
        if line.delegate_id != self._delegate_id:
            self._passed.append(line)
            return []
        if not line.trace_id:
            return [line]
        self._traces.add(line.trace_id)
        return [*(each for each in self._passed if each.trace_id == line.trace_id), line]


def show_logs(
    folder: Path, *, delegate_id: str | None, services: Collection[str], level: str, follow: bool, as_json: bool
) -> None:
    """Show the lines of all processes that have a log in `folder`, or of `services`, until interrupted where it follows."""
    if not folder.is_dir():
        raise stopped(f"There is no folder {folder}. Start a stack with `make run`, or say where its logs lie with --dir.")
    show = _show_json if as_json else _Readable().show
    way = None if delegate_id is None else DelegateWay(delegate_id)
    if way is not None:
        way.learn(_history(folder))
        if not way.is_known:
            _say_unknown(folder, str(delegate_id), follow=follow)
    with suppress(KeyboardInterrupt):
        for line in _all_lines(folder, follow=follow):
            for chosen in [line] if way is None else way.choose(line):
                if _is_severe(chosen, level) and (not services or {chosen.service, chosen.process} & set(services)):
                    show(chosen)


def _say_unknown(folder: Path, delegate_id: str, *, follow: bool) -> None:
    unknown = f"No line in {folder} is of delegate {delegate_id}."
    if not follow:
        raise stopped(f"{unknown} Compare the id: `GET /delegates` of registration lists them.")
    typer.echo(f"{unknown} What is logged of them from now on is shown.", err=True)


def _is_severe(line: Line, least: str) -> bool:
    """Whether a line is at least so severe; one of a level that is not known is shown."""
    return line.level not in LEVELS or LEVELS.index(line.level) >= LEVELS.index(least)


def _history(folder: Path) -> Iterator[Line]:
    opened = [ProcessLog(folder, name) for name in log_files.processes(folder)]
    try:
        yield from log_files.merged(opened)
        yield from log_files.in_order(line for each in opened for line in each.rest())
    finally:
        for each in opened:
            each.close()


def _all_lines(folder: Path, *, follow: bool) -> Iterator[Line]:
    if not follow:
        yield from _history(folder)
        return
    opened = {name: ProcessLog(folder, name) for name in log_files.processes(folder)}
    yield from log_files.merged(opened.values())
    waiting: list[Line] = []
    while True:
        time.sleep(LOOK_SECONDS)  # files that grow wake nobody in a way that every system has
        for name in log_files.processes(folder):
            opened.setdefault(name, ProcessLog(folder, name))
        # What came since the last look waits for the next: a line of another process may be older and not written yet.
        latest = max((line.at for line in waiting), default=EARLIEST)
        waiting = log_files.in_order([*waiting, *(line for each in opened.values() for line in each)])
        yield from (line for line in waiting if line.at <= latest)
        waiting = [line for line in waiting if line.at > latest]


def _show_json(line: Line) -> None:
    plain = {"timestamp": line.at.isoformat(), "service": line.service, "event": "text_written", "text": line.text}
    typer.echo(line.text if line.event else orjson.dumps(plain))


class _Readable:
    """Time, process, event and ids of each line, coloured where standard output is a terminal."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, soft_wrap=True)
        self._colours: dict[str, str] = {}

    def show(self, line: Line) -> None:
        text = Text()
        text.append(f"{'' if line.at == EARLIEST else line.at.strftime('%H:%M:%S.%f')[:12]:<12} ", "dim")
        text.append(f"{printable(line.service):<13} ", self._colour(line.service))
        if not line.event:
            text.append(printable(line.text))
        else:
            text.append(printable(line.name), _LEVEL_STYLE.get(line.level, "bold"))
            for name, value in _fields(line):
                text.append(f" {printable(name)}=", "dim").append(printable(value))
        self._console.print(text)

    def _colour(self, service: str) -> str:
        return self._colours.setdefault(service, _SERVICE_COLOURS[len(self._colours) % len(_SERVICE_COLOURS)])


def _fields(line: Line) -> Iterator[tuple[str, str]]:
    for name, value in line.event.items():
        if name not in _SHOWN_APART:
            yield name, str(value)
    yield from _exception(line.event.get("exception"))


def _exception(logged: Any) -> Iterator[tuple[str, str]]:
    """What was raised and where. Its message stays out: a library's may hold what somebody sent."""
    with suppress(LookupError, TypeError):
        raised = cast(list[dict[str, Any]], logged)[0]
        last = raised["frames"][-1]
        yield "exception", str(raised["exc_type"])
        yield "at", f"{Path(last['filename']).name}:{last['lineno']}"
