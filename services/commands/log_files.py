"""The logs of a stack's processes, `NAME.jsonl` with their rotated forerunners, as one sequence of lines in time order."""

import heapq
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, cast

import orjson

from services.embedded.child_log import LOG_FILES

SUFFIX = ".jsonl"
EARLIEST = datetime.min.replace(tzinfo=UTC)
"""The time of what was said before anything that told its time."""
WINDOW = 200
"""How far apart two lines of one process may stand in the wrong order: its threads stamp a line before they write it."""

_Identity = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Line:
    """One line that a process said. What is no structlog event has only its text, and the time of the line before it."""

    at: datetime
    process: str
    text: str
    event: dict[str, Any]

    @property
    def service(self) -> str:
        return str(self.event.get("service") or self.process)

    @property
    def name(self) -> str:
        return str(self.event.get("event", ""))

    @property
    def level(self) -> str:
        return str(self.event.get("level", "info"))

    @property
    def trace_id(self) -> str:
        return str(self.event.get("trace_id") or "")

    @property
    def delegate_id(self) -> str:
        return str(self.event.get("delegate_id") or "")


def processes(folder: Path) -> list[str]:
    """Names of the processes that have a log in `folder`."""
    return sorted(file.name.removesuffix(SUFFIX) for file in folder.glob(f"*{SUFFIX}"))


class ProcessLog:
    """The log of one process from its oldest kept line on, across rotations. `close` it."""

    def __init__(self, folder: Path, name: str) -> None:
        self._newest = folder / f"{name}{SUFFIX}"
        self._name = name
        self._file: BinaryIO | None = None
        self._unfinished = b""
        self._at = EARLIEST

    def __iter__(self) -> Iterator[Line]:
        """All whole lines up to the present end; iterate again for what came since."""
        while self._file is not None or self._open_next():
            assert self._file is not None
            # Asked before the end is read: what was written before a rotation must not be passed over.
            is_newest = self._is_newest(self._file)
            for raw in self._file:
                self._unfinished += raw
                if raw.endswith(b"\n"):
                    yield self._take()
            if is_newest:
                return
            yield from self.rest()
            if not self._open_next():
                return

    def rest(self) -> Iterator[Line]:
        """A last line without its end, as a process leaves it that was killed while it spoke."""
        if self._unfinished:
            yield self._take()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _open_next(self) -> bool:
        """Go on to the file after the present one, if there is one: to the oldest where the present is kept no more."""
        while later := self._later():
            path, identity = later[0]
            try:
                file = path.open("rb")
            except FileNotFoundError:
                continue
            if _identity(os.fstat(file.fileno())) == identity:
                self.close()
                self._file = file
                return True
            file.close()  # rotated since it was looked at
        return False

    def _later(self) -> list[tuple[Path, _Identity]]:
        """The kept files after the present one, oldest first."""
        # Newest first, for so they move: looked at the other way, one could be passed over.
        found: dict[_Identity, Path] = {}
        for path in (self._newest, *(self._newest.with_name(f"{self._newest.name}.{n + 1}") for n in range(LOG_FILES))):
            with suppress(FileNotFoundError):
                found.setdefault(_identity(path.stat()), path)
        kept = [(path, identity) for identity, path in reversed(found.items())]
        present = None if self._file is None else _identity(os.fstat(self._file.fileno()))
        place = next((index for index, (_, identity) in enumerate(kept) if identity == present), -1)
        return kept[place + 1 :]

    def _is_newest(self, file: BinaryIO) -> bool:
        try:
            return _identity(self._newest.stat()) == _identity(os.fstat(file.fileno()))
        except FileNotFoundError:
            return True  # between the two steps of a rotation: look again next time

    def _take(self) -> Line:
        raw, self._unfinished = self._unfinished, b""
        text = raw.decode("utf-8", "replace").rstrip("\r\n")
        event = _event(raw)
        self._at = _time(event.get("timestamp")) or self._at
        return Line(self._at, self._name, text, event)


def merged(logs: Iterable[ProcessLog]) -> Iterator[Line]:
    """Lines of several logs up to their ends, in the order of their times."""
    return heapq.merge(*(_in_order(log) for log in logs), key=_by_time)


def in_order(lines: Iterable[Line]) -> list[Line]:
    return sorted(lines, key=_by_time)


def _in_order(lines: Iterable[Line]) -> Iterator[Line]:
    waiting: list[tuple[datetime, int, Line]] = []
    for number, line in enumerate(lines):
        heapq.heappush(waiting, (line.at, number, line))
        if len(waiting) > WINDOW:
            yield heapq.heappop(waiting)[2]
    while waiting:
        yield heapq.heappop(waiting)[2]


def _by_time(line: Line) -> datetime:
    return line.at


def _identity(status: os.stat_result) -> _Identity:
    return status.st_dev, status.st_ino


def _event(raw: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return {}
    return cast(dict[str, Any], found) if isinstance(found, dict) else {}


def _time(stamp: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(stamp)
    except (TypeError, ValueError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
