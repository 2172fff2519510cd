"""A badge printer: takes one job, prints it, reports it, commits it, takes the next.

It uses nothing of badging but the queue and what a job carries, as anyone's printer may. A sheet may be printed twice
after a crash, never not at all: `accepted`, which it reports before it lays a sheet down, lets badging see that.
"""

import re
import signal
import threading
import time
from pathlib import Path
from traceback import extract_tb
from types import FrameType
from typing import Any, ClassVar, NamedTuple, cast
from uuid import UUID

import orjson
from kafka.errors import KafkaError, KafkaTimeoutError
from pydantic import ValidationError

from badging import render
from badging.print_queue import PrintQueue
from badging.tray import Tray
from shared.clock import utc_now
from shared.cloudevents import Envelope, decode
from shared.events import BadgeJob, BadgeStatus, PrintState
from shared.logs import get_log
from shared.received import RawRecord
from shared.settings import KafkaSettings, LogSettings
from shared.tracing import trace_id

log = get_log()

TAKE_WITHIN_MS = 200
TRY_AGAIN_SECONDS = 0.5
LEAVE_AFTER_SECONDS = 30.0
"""How long a printer without paper or power keeps its job from the others."""
LONGEST_CAUSE = 160


class PrinterSettings(KafkaSettings, LogSettings):
    """What a printer needs to know: the broker. What it prints is in the jobs."""

    service: ClassVar[str] = "printer"


def run(kafka: KafkaSettings, name: str, to: Path, station: str | None = None) -> None:
    """Print the jobs of `station`, by default the first, into the folder `to`; end within 2 s of SIGTERM or SIGINT.

    `name` stands in its reports and log lines. Waits for a broker or a folder that is away. Call it in the main thread,
    with logs configured.
    """
    stop = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    BadgePrinter(kafka, name, Tray(to), station or kafka.stations[0], stop).run()


class NeverPrintable(Exception):
    """No printer can print this job; the message says why, in ids and codes."""


class _Told(NamedTuple):
    """What was said of a job: if Kafka gives it again before it is committed, the same is said again, and counts once."""

    job: RawRecord
    status: BadgeStatus | None


class BadgePrinter:
    """One printer, until `stop` is set."""

    def __init__(
        self,
        kafka: KafkaSettings,
        name: str,
        tray: Tray,
        station: str,
        stop: threading.Event,
        leave_after_seconds: float = LEAVE_AFTER_SECONDS,
    ) -> None:
        self._kafka = kafka
        self._name = name
        self._tray = tray
        self._station = station
        self._stop = stop
        self._leave_after_seconds = leave_after_seconds
        self._log = log.bind(printer=name)
        self._accepted: _Told | None = None
        self._handled: _Told | None = None
        self._waits_for: str | None = None

    def run(self) -> None:
        """Print until told to stop. What is wanting, paper or broker, is waited for."""
        self._log.info("printer_started", station=self._station)
        while not self._stop.is_set():
            try:
                self._tray.check()
                self._tray.tidy()
                self._print_jobs()
            except KafkaError as error:
                self._wait_for("broker", error)
            except OSError as error:
                self._wait_for("paper", error)
        self._log.info("printer_stopped")

    def _print_jobs(self) -> None:
        """Take part in the group until told to stop. Raises `OSError` where there was no paper for too long."""
        queue = PrintQueue(self._kafka, self._station, self._name)
        try:
            while not self._stop.is_set():
                if job := queue.take(TAKE_WITHIN_MS):
                    self._handle(queue, job)
        finally:
            queue.leave()

    def _handle(self, queue: PrintQueue, job: RawRecord) -> None:
        envelope = decode(job.headers, default_type=BadgeJob.event_type, default_id="")
        if self._handled is None or self._handled.job != job:
            try:
                self._handled = self._print(queue, job, envelope)
            except OSError as error:
                queue.put_back(job)
                self._log_waiting("paper", error, **ids_in(job.value), trace_id=trace_id(envelope.traceparent))
                self._await_paper(queue)
                return
        if self._handled and self._reported(queue, self._handled, envelope):
            queue.done(job)
            self._waits_for = None

    def _await_paper(self, queue: PrintQueue) -> None:
        """Keep the place in the group while that makes sense; then raise what the tray says."""
        give_up = time.monotonic() + self._leave_after_seconds
        while not self._stop.is_set():
            queue.hold(TAKE_WITHIN_MS)
            self._stop.wait(TRY_AGAIN_SECONDS)
            try:
                self._tray.check()
            except OSError:
                if time.monotonic() > give_up:
                    raise
            else:
                return

    def _reported(self, queue: PrintQueue, told: _Told, envelope: Envelope) -> bool:
        """Whether Kafka has the report, if there is one; it has, unless the printer is told to stop before."""
        if told.status is None:
            return True
        while not self._stop.is_set():
            try:
                queue.report(told.status, envelope.traceparent)
            except KafkaTimeoutError as error:
                self._log_waiting("broker", error, **ids_in(told.job.value), trace_id=trace_id(envelope.traceparent))
            else:
                return True
        return False

    def _print(self, queue: PrintQueue, record: RawRecord, envelope: Envelope) -> _Told | None:
        """Print it, or find that it can never be printed; `None` where the printer is told to stop before.

        Raises `OSError` or `KafkaError` where it can be printed, but not now.
        """
        try:
            job = read_job(record, envelope)
            sheet = self._laid(queue, record, job, envelope)
        except (NeverPrintable, render.CannotRender) as error:
            return _Told(record, self._failed(record, envelope, str(error)))
        except (OSError, KafkaError):
            raise
        except Exception as error:  # a fault of ours must not stop the jobs behind it
            cause = f"fault in the printer: {type(error).__name__} at {_place_of(error)}"
            return _Told(record, self._failed(record, envelope, cause))
        if sheet is None:
            return None
        ids = ids_in(record.value)
        self._log.info("badge_printed", **ids, sheet=sheet.name, trace_id=trace_id(envelope.traceparent))
        return _Told(record, self._status(PrintState.PRINTED, ids))

    def _laid(self, queue: PrintQueue, record: RawRecord, job: BadgeJob, envelope: Envelope) -> Path | None:
        """Lay the sheet down once Kafka has it that one will lie there: badging counts also that of a printer which died."""
        with self._tray.holding(render.pdf([job])) as sheet:
            if self._accepted is None or self._accepted.job != record:
                self._accepted = _Told(record, self._status(PrintState.ACCEPTED, ids_in(record.value)))
            return sheet.lay(job.serial) if self._reported(queue, self._accepted, envelope) else None

    def _failed(self, record: RawRecord, envelope: Envelope, cause: str) -> BadgeStatus | None:
        ids = ids_in(record.value)
        place = f"{record.topic}-{record.partition}-{record.offset}"
        self._log.error("badge_failed", **ids, cause=cause, record=place, trace_id=trace_id(envelope.traceparent))
        return self._status(PrintState.FAILED, ids, in_a_line(cause)) if ids.keys() >= _STATUS_IDS else None

    def _status(self, state: PrintState, ids: dict[str, str], cause: str | None = None) -> BadgeStatus:
        found = {name: UUID(ids[name]) for name in _STATUS_IDS}
        return BadgeStatus(**found, printer=self._name, state=state, cause=cause, at=utc_now())

    def _wait_for(self, what: str, error: Exception) -> None:
        self._log_waiting(what, error)
        self._stop.wait(TRY_AGAIN_SECONDS)

    def _log_waiting(self, what: str, error: Exception, **fields: Any) -> None:
        """Once for each time that it has to wait."""
        if self._waits_for != what:
            self._waits_for = what
            self._log.warning("printer_waiting", waits_for=what, cause=f"{type(error).__name__}: {error}", **fields)


_STATUS_IDS = {"job_id", "badge_id", "delegate_id"}
_SERIAL = re.compile(r"[0-9A-Z-]{4,32}")


def read_job(record: RawRecord, envelope: Envelope) -> BadgeJob:
    """The job in a record of the queue; raises `NeverPrintable`, naming the fields that are wrong and not their content."""
    if envelope.type != BadgeJob.event_type:
        raise NeverPrintable(f"not a {BadgeJob.event_type} event but {envelope.type!r}")
    if envelope.major != BadgeJob.major:
        raise NeverPrintable(f"version {envelope.major} of {BadgeJob.event_type} is not known here, only {BadgeJob.major}")
    try:
        return BadgeJob.model_validate_json(record.value or b"")
    except ValidationError as error:
        faults = error.errors(include_input=False, include_url=False, include_context=False)
        raise NeverPrintable(
            "; ".join(f"{'.'.join(map(str, each['loc'])) or 'job'}: {each['msg']}" for each in faults)
        ) from None


def ids_in(value: bytes | None) -> dict[str, str]:
    """Those ids of a job, and its serial, that can be read, however broken the rest of it is."""
    try:
        found: Any = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return {}
    if not isinstance(found, dict):
        return {}
    said = {name: text for name, text in cast(dict[str, Any], found).items() if isinstance(text, str)}
    ids = {name: said[name] for name in sorted(_STATUS_IDS & said.keys()) if _is_id(said[name])}
    return ids | ({"serial": said["serial"]} if _SERIAL.fullmatch(said.get("serial", "")) else {})


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _place_of(error: Exception) -> str:
    """Where it was raised. Its message stays out: it may say what was to be printed."""
    raised = extract_tb(error.__traceback__)[-1]
    return f"{Path(raised.filename).name}:{raised.lineno}"


def in_a_line(cause: str) -> str:
    """As a `BadgeStatus` can carry it."""
    printable = "".join(letter if letter.isprintable() else " " for letter in cause)
    return " ".join(printable.split())[:LONGEST_CAUSE].strip()
