"""Named points in a service's work at which it can be killed, stopped or made to raise, from outside.

The test arms a point by a file; the process, run by `tests.faults.process`, looks for it whenever it passes one.
"""

import functools
import json
import os
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from signal import SIGKILL, SIGSTOP
from typing import Any


class Point(StrEnum):
    BEFORE_COMMIT = "before-commit"
    AFTER_COMMIT = "after-commit"
    BEFORE_INTAKE = "before-intake-commit"
    AFTER_INTAKE = "after-intake-commit"
    BEFORE_SEND = "before-send"
    AFTER_SEND = "after-send"
    BEFORE_OFFSETS = "before-offset-commit"
    AFTER_OFFSETS = "after-offset-commit"
    HANDLER = "handler"
    BEFORE_MAIL = "before-mail"
    AFTER_MAIL = "after-mail"
    BEFORE_SHEET = "before-sheet"
    AFTER_SHEET = "after-sheet"
    AFTER_REPORT = "after-report"


class Action(StrEnum):
    KILL = "kill"
    STOP = "stop"
    RAISE = "raise"


SERVICE_POINTS = (
    Point.BEFORE_COMMIT,
    Point.AFTER_COMMIT,
    Point.BEFORE_SEND,
    Point.AFTER_SEND,
    Point.BEFORE_OFFSETS,
    Point.AFTER_OFFSETS,
)
INTAKE_POINTS = (Point.BEFORE_INTAKE, Point.AFTER_INTAKE)
"""Passed as `Point.BEFORE_COMMIT` and `Point.AFTER_COMMIT` are, where requests are decided: most commits are the relay's."""
MAIL_POINTS = (Point.BEFORE_MAIL, Point.AFTER_MAIL)
PRINTER_POINTS = (Point.BEFORE_SHEET, Point.AFTER_SHEET, Point.AFTER_REPORT)


class HandlerFault(Exception):
    """What a handler raises once: no fault that passes by itself."""


@dataclass(frozen=True)
class Armed:
    """What happens at the `skip`-th next passing of a point."""

    point: Point
    action: Action
    skip: int


class Points:
    """The points of all processes of a stack, as the test sees them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def arm(self, process: str, armed: Armed) -> None:
        unfinished = self.folder / f"{process}.unfinished"
        unfinished.write_text(json.dumps(asdict(armed)))
        unfinished.rename(self._file(process))

    def disarm(self, process: str) -> bool:
        """Whether it had not struck."""
        file = self._file(process)
        waits = file.exists()
        file.unlink(missing_ok=True)
        return waits

    def armed(self, process: str) -> bool:
        return self._file(process).exists()

    def _file(self, process: str) -> Path:
        return self.folder / f"{process}.armed"


class Passing:
    """The points of this process."""

    def __init__(self, folder: Path, process: str) -> None:
        self._file = folder / f"{process}.armed"
        self._known: tuple[int, Armed] | None = None
        self._passed = 0

    def __call__(self, point: Point) -> None:
        try:
            stamp = self._file.stat().st_mtime_ns
            if self._known is None or self._known[0] != stamp:
                said = json.loads(self._file.read_text())
                self._known = stamp, Armed(Point(said["point"]), Action(said["action"]), said["skip"])
                self._passed = 0
        except FileNotFoundError:
            return
        armed = self._known[1]
        if armed.point is not point:
            return
        self._passed += 1
        if self._passed > armed.skip:
            self._strike(armed.action)

    def _strike(self, action: Action) -> None:
        self._file.unlink(missing_ok=True)
        self._known = None
        match action:
            case Action.KILL:
                os.kill(os.getpid(), SIGKILL)
            case Action.STOP:
                os.kill(os.getpid(), SIGSTOP)
            case Action.RAISE:
                raise HandlerFault


def install(passing: Passing) -> None:
    """Have this process's own code pass the points. To be called before a service is put together."""
    from aiosmtplib import SMTP
    from faust.transport.drivers.aiokafka import Consumer

    from badging.print_queue import PrintQueue
    from badging.printer import BadgePrinter
    from registration.intake.group_commit import Intake
    from shared.claims import Claims
    from shared.database import Database
    from shared.inbox import Inbox
    from shared.relay import Relay

    current = _Transaction()
    _intake_notes_itself(Intake, current)
    for owner, name in ((Database, "transaction"), (Database, "_quick_transaction"), (Claims, "_settle")):
        _commits(owner, name, passing, current)
    _around_async(Relay, "_send", passing, Point.BEFORE_SEND, Point.AFTER_SEND)
    _around_async(Consumer, "commit", passing, Point.BEFORE_OFFSETS, Point.AFTER_OFFSETS)
    _around_async(SMTP, "sendmail", passing, Point.BEFORE_MAIL, Point.AFTER_MAIL)
    _around(Inbox, "_handle_batch", passing, Point.HANDLER, None)
    _around(BadgePrinter, "_print", passing, Point.BEFORE_SHEET, Point.AFTER_SHEET)
    _around(PrintQueue, "report", passing, None, Point.AFTER_REPORT)
    _around(PrintQueue, "done", passing, Point.BEFORE_OFFSETS, Point.AFTER_OFFSETS)


class _Transaction(threading.local):
    """What is known of this thread's transaction."""

    of_intake = False
    """Requests were decided in it."""


def _intake_notes_itself(owner: Any, transaction: _Transaction) -> None:
    decide = owner._decide

    @functools.wraps(decide)
    def decided(*given: Any) -> Any:
        transaction.of_intake = True
        return decide(*given)

    owner._decide = decided


def _commits(owner: Any, name: str, passing: Passing, current: _Transaction) -> None:
    original = getattr(owner, name)

    @functools.wraps(original)
    def transaction(self: Any, work: Callable[[Any], Any]) -> Any:
        def to_the_commit(connection: Any) -> Any:
            current.of_intake = False
            result = work(connection)
            passing(Point.BEFORE_COMMIT)
            if current.of_intake:
                passing(Point.BEFORE_INTAKE)
            return result

        result = original(self, to_the_commit)
        passing(Point.AFTER_COMMIT)
        if current.of_intake:
            passing(Point.AFTER_INTAKE)
        return result

    setattr(owner, name, transaction)


def _around(owner: Any, name: str, passing: Passing, before: Point | None, after: Point | None) -> None:
    original = getattr(owner, name)

    @functools.wraps(original)
    def passed(*given: Any, **named: Any) -> Any:
        if before:
            passing(before)
        result = original(*given, **named)
        if after:
            passing(after)
        return result

    setattr(owner, name, passed)


def _around_async(owner: Any, name: str, passing: Passing, before: Point, after: Point) -> None:
    original = getattr(owner, name)

    @functools.wraps(original)
    async def passed(*given: Any, **named: Any) -> Any:
        passing(before)
        result = await original(*given, **named)
        passing(after)
        return result

    setattr(owner, name, passed)
