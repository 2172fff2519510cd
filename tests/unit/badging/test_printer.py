"""What a badge printer does with a job, on a queue that is given to it."""

import json
import re
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from kafka.errors import KafkaConnectionError, KafkaTimeoutError

from badging import printer
from badging.printer import BadgePrinter, NeverPrintable, in_a_line, read_job
from badging.tray import Tray
from shared.cloudevents import decode, encode
from shared.events import BadgeJob, BadgeStatus, PrintState
from shared.received import RawRecord
from shared.settings import KafkaSettings
from shared.tracing import new_traceparent
from tests.badge_jobs import badge_job


def record_of(job: BadgeJob, **headers: bytes) -> RawRecord:
    encoded = encode(job, "badging", new_traceparent())
    changed = {**dict(encoded.headers), **headers}
    return RawRecord("badge-queue.main", 0, 5, encoded.key, encoded.value, list(changed.items()))


class GivenQueue:
    """Gives one job until it is committed, then stops the printer; each report and commit may fail as told."""

    def __init__(self, job: RawRecord, stop: Event, *faults: Exception) -> None:
        self.job = job
        self.stop = stop
        self.faults = list(faults)
        self.reports: list[BadgeStatus] = []
        self.left = 0

    def take(self, within_ms: int) -> RawRecord | None:
        return self.job

    def report(self, status: BadgeStatus, traceparent: str) -> None:
        self._fail_as_told()
        self.reports.append(status)

    def done(self, job: RawRecord) -> None:
        self._fail_as_told()
        self.stop.set()

    def leave(self) -> None:
        self.left += 1

    def _fail_as_told(self) -> None:
        if self.faults and (fault := self.faults.pop(0)) is not NO_FAULT:
            raise fault


NO_FAULT = Exception("none")


def printed(
    job: RawRecord,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    *faults: Exception,
    kind: type[GivenQueue] = GivenQueue,
) -> GivenQueue:
    stop = Event()
    queue = kind(job, stop, *faults)
    monkeypatch.setattr(printer, "PrintQueue", lambda *_: queue)
    monkeypatch.setattr(printer, "TRY_AGAIN_SECONDS", 0)
    BadgePrinter(KafkaSettings(), "printer-1", Tray(folder), "main", stop).run()
    return queue


def test_a_job_is_printed_reported_and_committed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = badge_job(1)
    queue = printed(record_of(job), tmp_path, monkeypatch)
    assert [file.name for file in tmp_path.iterdir()] == ["CT18-000001.pdf"]
    assert [(report.job_id, report.state) for report in queue.reports] == [
        (job.job_id, PrintState.ACCEPTED),
        (job.job_id, PrintState.PRINTED),
    ]
    assert queue.left == 1


def test_no_sheet_lies_there_before_kafka_has_it_that_one_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Watched(GivenQueue):
        def report(self, status: BadgeStatus, traceparent: str) -> None:
            lay_there.append((status.state, [file.name for file in tmp_path.glob("*.pdf")]))
            super().report(status, traceparent)

    lay_there: list[tuple[PrintState, list[str]]] = []
    printed(record_of(badge_job(1)), tmp_path, monkeypatch, KafkaTimeoutError(), kind=Watched)
    assert lay_there == [
        (PrintState.ACCEPTED, []),
        (PrintState.ACCEPTED, []),
        (PrintState.PRINTED, ["CT18-000001.pdf"]),
    ]


@pytest.mark.parametrize(
    "faults",
    [
        (KafkaTimeoutError(), KafkaTimeoutError()),
        (KafkaConnectionError(), KafkaConnectionError()),
        (NO_FAULT, NO_FAULT, KafkaConnectionError(), NO_FAULT, KafkaTimeoutError()),
        (NO_FAULT, KafkaConnectionError(), KafkaTimeoutError(), KafkaConnectionError()),
    ],
)
def test_a_sheet_whose_report_or_commit_fails_is_not_printed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, faults: tuple[Exception, ...]
) -> None:
    queue = printed(record_of(badge_job(1)), tmp_path, monkeypatch, *faults)
    assert [file.name for file in tmp_path.iterdir()] == ["CT18-000001.pdf"]
    said = {report.model_dump_json() for report in queue.reports}
    assert len(said) == 2, "each time the same acceptance and the same report, which badging counts once"


def test_a_fault_of_the_printer_itself_does_not_stop_the_queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def faulty(jobs: Any) -> bytes:
        raise RuntimeError(f"could not set {jobs[0].content.name}")

    monkeypatch.setattr(printer.render, "pdf", faulty)
    [report] = printed(record_of(badge_job(1)), tmp_path, monkeypatch).reports
    assert report.state is PrintState.FAILED
    assert re.fullmatch(r"fault in the printer: RuntimeError at test_printer\.py:\d+", report.cause or "")


@pytest.mark.parametrize(
    ("headers", "value", "cause"),
    [
        ({"ce_type": b"session-changed"}, None, "not a badge-queue event but 'session-changed'"),
        ({"ce_dataschema": b"urn:lanyard:event:badge-queue:2"}, None, "version 2 of badge-queue is not known here, only 1"),
        ({}, b"", "job: Invalid JSON"),
        ({}, b"[]", "job: Input should be an object"),
    ],
)
def test_what_is_no_job_says_why(headers: dict[str, bytes], value: bytes | None, cause: str) -> None:
    record = record_of(badge_job(), **headers)
    if value is not None:
        record = RawRecord(record.topic, record.partition, record.offset, record.key, value, record.headers)
    with pytest.raises(NeverPrintable) as raised:
        read_job(record, decode(record.headers, default_type=BadgeJob.event_type, default_id=""))
    assert str(raised.value).startswith(cause)


def test_a_fault_is_named_by_its_field_and_never_by_its_content() -> None:
    broken = json.loads(badge_job(name="Amina").model_dump_json())
    broken["content"]["language"] = "Amina"
    record = record_of(badge_job())
    record = RawRecord(record.topic, record.partition, record.offset, record.key, json.dumps(broken).encode(), record.headers)
    with pytest.raises(NeverPrintable, match=r"^content\.language: ") as raised:
        read_job(record, decode(record.headers, default_type=BadgeJob.event_type, default_id=""))
    assert "Amina" not in str(raised.value)


def test_a_job_without_headers_is_a_job() -> None:
    job = badge_job()
    bare = RawRecord("badge-queue.main", 0, 0, b"", job.model_dump_json().encode(), [])
    assert read_job(bare, decode([], default_type=BadgeJob.event_type, default_id="")) == job


def test_a_cause_fits_its_report() -> None:
    assert in_a_line("two\nlines\t" + "x" * 300) == "two lines " + "x" * 150
