"""Badge printers as processes on a real broker: shared, killed, out of paper, out of a broker, stopped."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.errors import RetriableError
from kafka.structs import TopicPartition

from badging import print_queue
from badging import printer as printer_module
from badging.print_queue import PrintQueue
from badging.printer import BadgePrinter
from badging.tray import Sheet, Tray
from services.embedded import broker
from shared import topics
from shared.cloudevents import encode
from shared.events import BadgeJob, BadgeStatus, PrintState
from shared.received import RawRecord
from shared.settings import KafkaSettings
from shared.tracing import new_traceparent, trace_id
from tests import parts
from tests.badge_jobs import badge_job

PRINTER = """
import sys
from pathlib import Path
from badging import printer
from shared import logs
logs.configure("printer", log_format="json", level="info")
printer.run(printer.PrinterSettings.load(), sys.argv[1], Path(sys.argv[2]))
"""
_prefixes = parts.prefixes()


def _texts(headers: Sequence[tuple[str, bytes]]) -> dict[str, str]:
    return {name: value.decode() for name, value in headers}


@dataclass(frozen=True)
class Station:
    """The topics of one test and a folder to print into."""

    kafka: KafkaSettings
    folder: Path

    def queue(self, jobs: Sequence[BadgeJob | bytes], *, urgent: bool = False, traceparent: str | None = None) -> None:
        producer = KafkaProducer(**self.kafka.client_arguments())
        topic = self.kafka.topic(topics.badge_queue("main", urgent=urgent))
        for job in jobs:
            if isinstance(job, bytes):
                producer.send(topic, key=b"someone", value=job)
            else:
                record = encode(job, "badging", traceparent or new_traceparent())
                producer.send(topic, key=record.key, value=record.value, headers=record.headers)
        producer.flush(timeout=60)
        producer.close()

    def reports(self) -> list[tuple[BadgeStatus, dict[str, str]]]:
        """What became of jobs so far, each with its headers."""
        return [(status, headers) for status, headers in self.told() if status.state is not PrintState.ACCEPTED]

    def told(self) -> list[tuple[BadgeStatus, dict[str, str]]]:
        """All that printers reported so far, each with its headers."""
        topic = self.kafka.topic(topics.BADGE_STATUS)
        found: list[tuple[BadgeStatus, dict[str, str]]] = []
        with closing(cast(Any, KafkaConsumer(**self.kafka.client_arguments()))) as consumer:
            places = [TopicPartition(topic, each) for each in consumer.partitions_for_topic(topic)]
            consumer.assign(places)
            consumer.seek_to_beginning(*places)
            ends = consumer.end_offsets(places)
            while any(consumer.position(each) < ends[each] for each in places):
                for records in consumer.poll(timeout_ms=500).values():
                    found += [(BadgeStatus.model_validate_json(each.value), _texts(each.headers)) for each in records]
        return found

    def members(self) -> list[str]:
        """The printers that share the queue now, once they have agreed how."""
        admin = KafkaAdminClient(**self.kafka.client_arguments())
        try:
            [group] = admin.describe_groups([self.kafka.topic("badge-printers.main")]).values()
        except RetriableError:  # the group's first member makes the broker set up its bookkeeping
            return []
        finally:
            admin.close()
        return sorted(member["client_id"] for member in group["members"]) if group["group_state"] == "Stable" else []

    def sheets(self) -> list[str]:
        return sorted(sheet.name for sheet in self.folder.glob("[!.]*.pdf"))

    @contextmanager
    def printer(self, name: str = "printer-1") -> Iterator["Printer"]:
        settings = {"KAFKA_BOOTSTRAP_SERVERS": self.kafka.kafka_bootstrap_servers, "TOPIC_PREFIX": self.kafka.topic_prefix}
        log = self.folder.with_name(f"{name}.jsonl")
        command = [sys.executable, "-c", PRINTER, name, str(self.folder)]
        with log.open("w") as said:
            process = subprocess.Popen(command, env=os.environ | settings, stdout=said)
        try:
            yield Printer(process, log)
        finally:
            process.kill()
            process.wait()


@dataclass(frozen=True)
class Printer:
    process: "subprocess.Popen[bytes]"
    log: Path

    def said(self, event: str) -> list[dict[str, Any]]:
        """Its log lines of one event."""
        lines = [json.loads(line) for line in self.log.read_text().splitlines(keepends=True) if line.endswith("\n")]
        return [line for line in lines if line["event"] == event]

    def stop(self) -> None:
        """Stop it in order."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(60) == 0
        assert self.said("printer_stopped")


def station_on(bootstrap: str, folder: Path, *, partitions: int = 1) -> Station:
    kafka = KafkaSettings(kafka_bootstrap_servers=bootstrap, topic_prefix=f"t{next(_prefixes)}.", kafka_partitions=partitions)
    topics.create(kafka, ["main"])
    folder.mkdir(exist_ok=True)
    return Station(kafka, folder)


@pytest.fixture
def station(bootstrap: str, tmp_path: Path) -> Station:
    return station_on(bootstrap, tmp_path / "printed")


def until(condition: Callable[[], bool], *, seconds: float = 60) -> None:
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, "it did not come to that"
        time.sleep(0.05)


def jobs_of(count: int) -> list[BadgeJob]:
    return [badge_job(number) for number in range(1, count + 1)]


def test_a_job_becomes_a_sheet_a_report_and_a_log_line_of_one_trace(station: Station) -> None:
    job, traceparent = badge_job(7), new_traceparent()
    with station.printer() as printer:
        station.queue([job], traceparent=traceparent)
        until(lambda: len(station.reports()) == 1)
        printer.stop()
    [(report, headers)] = station.reports()
    assert station.sheets() == ["CT18-000007.pdf"]
    assert (station.folder / "CT18-000007.pdf").read_bytes().startswith(b"%PDF-")
    assert (report.job_id, report.badge_id, report.delegate_id) == (job.job_id, job.badge_id, job.delegate_id)
    assert (report.state, report.printer, report.cause) == (PrintState.PRINTED, "printer-1", None)
    assert headers["ce_type"] == "badge-status"
    assert headers["ce_source"] == "badge-printers/printer-1"
    assert trace_id(headers["traceparent"]) == trace_id(traceparent)
    [line] = printer.said("badge_printed")
    assert line["trace_id"] == trace_id(traceparent)
    assert [line["printer"], line["serial"]] == ["printer-1", job.serial]
    assert [UUID(line["job_id"]), UUID(line["badge_id"]), UUID(line["delegate_id"])] == [
        job.job_id,
        job.badge_id,
        job.delegate_id,
    ]
    assert "Amina" not in printer.log.read_text()


def test_two_printers_share_the_queue_and_one_prints_the_jobs_of_one_that_was_killed(bootstrap: str, tmp_path: Path) -> None:
    station = station_on(bootstrap, tmp_path / "printed", partitions=4)
    jobs = jobs_of(150)

    with station.printer("first") as first, station.printer("second") as second:
        until(lambda: station.members() == ["first", "second"])
        station.queue(jobs)
        until(lambda: len(station.sheets()) > 20)
        first.process.kill()
        assert len(station.sheets()) < 150, "it was killed in the middle"
        until(lambda: {report.job_id for report, _ in station.reports()} == {job.job_id for job in jobs})
        second.stop()
    printers = [report.printer for report, _ in station.reports()]
    assert printers.count("first") > 2
    assert printers.count("second") > printers.count("first")
    first_sheets = [sheet for sheet in station.sheets() if sheet.count("-") == 1]
    assert first_sheets == [f"{job.serial}.pdf" for job in jobs]
    second_sheets = {sheet.removesuffix("-2.pdf") for sheet in station.sheets() if sheet.endswith("-2.pdf")}
    assert len(second_sheets) <= 1, "at most the sheet in the killed printer's hands lies there twice"
    assert second_sheets <= accepted_twice(station, jobs)


def accepted_twice(station: Station, jobs: Sequence[BadgeJob]) -> set[str]:
    """The serials of which badging knows that there may be two sheets."""
    accepted = {(status.job_id, status.at) for status, _ in station.told() if status.state is PrintState.ACCEPTED}
    times = Counter(job_id for job_id, _ in accepted)
    return {job.serial for job in jobs if times[job.job_id] > 1}


def test_what_can_never_be_printed_is_reported_and_the_queue_goes_on(station: Station) -> None:
    unknown_layout, no_font, good = badge_job(1, layout="gala"), badge_job(2, name="ᏣᎳᎩ"), badge_job(3)
    broken = json.loads(badge_job(4).model_dump_json())
    broken["content"]["colour"] = "blue\n"
    station.queue([unknown_layout, no_font, json.dumps(broken).encode(), b"{", b"", good])
    with station.printer() as printer:
        until(lambda: station.sheets() == ["CT18-000003.pdf"])
        until(lambda: len(station.reports()) == 4)
        printer.stop()
    reported = {report.job_id: (report.state, report.cause or "") for report, _ in station.reports()}
    assert reported[unknown_layout.job_id] == (PrintState.FAILED, "no layout 'gala'; there are: standard, vip")
    assert reported[no_font.job_id] == (PrintState.FAILED, "no font here has U+13E3")
    assert reported[UUID(broken["job_id"])][0] is PrintState.FAILED
    assert reported[UUID(broken["job_id"])][1].startswith("content.colour: ")
    assert reported[good.job_id][0] is PrintState.PRINTED
    assert len(printer.said("badge_failed")) == 5
    assert waiting_for(station) is None, "every record was committed"


def waiting_for(station: Station) -> RawRecord | None:
    """What the next printer of the group would get."""
    queue = PrintQueue(station.kafka, "main", "looks")
    try:
        return queue.take(3000)
    finally:
        queue.leave()


def test_urgent_jobs_overtake_those_that_wait_and_those_lose_nothing(station: Station) -> None:
    waiting, urgent = jobs_of(6), [badge_job(101), badge_job(102)]
    station.queue(waiting)
    queue = PrintQueue(station.kafka, "main", "printer-1")

    def take() -> str:
        job = queue.take(20_000)
        assert job is not None
        queue.done(job)
        return BadgeJob.model_validate_json(job.value or b"").serial

    try:
        taken = [take(), take()]
        station.queue(urgent, urgent=True)
        taken += [take() for _ in range(6)]
    finally:
        queue.leave()
    assert taken == [job.serial for job in waiting[:2] + urgent + waiting[2:]]
    assert waiting_for(station) is None


def test_a_job_that_was_taken_and_not_committed_is_the_next_printers(station: Station) -> None:
    job = badge_job(1)
    station.queue([job])
    first = waiting_for(station)
    again = waiting_for(station)
    assert first is not None
    assert again is not None
    assert BadgeJob.model_validate_json(again.value or b"") == job


def test_without_paper_a_printer_waits_and_then_prints(station: Station) -> None:
    station.queue(jobs_of(3))
    station.folder.rmdir()
    with station.printer() as printer:
        until(lambda: printer.said("printer_waiting") != [])
        assert station.reports() == []
        station.folder.mkdir()
        until(lambda: len(station.reports()) == 3)
        printer.stop()
    assert station.sheets() == ["CT18-000001.pdf", "CT18-000002.pdf", "CT18-000003.pdf"]
    assert [line["waits_for"] for line in printer.said("printer_waiting")] == ["paper"]


class OutOfPaper(Tray):
    """A tray that is full for sheets, and for a look too once it was tried."""

    tried = 0
    looked = 0
    full = True

    @contextmanager
    def holding(self, pdf: bytes) -> Iterator[Sheet]:
        if self.full:
            self.tried += 1
            raise OSError(28, "No space left on device")
        with super().holding(pdf) as sheet:
            yield sheet

    def check(self) -> None:
        if self.full and self.tried:
            self.looked += 1
            raise OSError(28, "No space left on device")


@contextmanager
def in_a_thread(station: Station, tray: Tray, *, leave_after_seconds: float) -> Iterator[None]:
    stop = threading.Event()
    printer = BadgePrinter(station.kafka, "without-paper", tray, "main", stop, leave_after_seconds)
    thread = threading.Thread(target=printer.run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(5)
        assert not thread.is_alive()


def test_a_printer_that_runs_out_of_paper_keeps_its_job_a_while_and_prints_it(station: Station) -> None:
    tray = OutOfPaper(station.folder)
    with in_a_thread(station, tray, leave_after_seconds=60):
        station.queue(jobs_of(3))
        until(lambda: tray.looked >= 3)
        assert tray.tried == 1
        assert station.reports() == []
        tray.full = False
        until(lambda: len(station.reports()) == 3)
    assert station.sheets() == ["CT18-000001.pdf", "CT18-000002.pdf", "CT18-000003.pdf"]


def test_then_it_leaves_its_job_to_others_and_comes_back_when_it_can_print(station: Station) -> None:
    tray = OutOfPaper(station.folder)
    with in_a_thread(station, tray, leave_after_seconds=1):
        station.queue(jobs_of(3))
        until(lambda: tray.tried == 1)
        with station.printer("other") as other:
            until(lambda: len(station.reports()) == 3)
            other.stop()
        assert {report.printer for report, _ in station.reports()} == {"other"}
        tray.full = False
        station.queue([badge_job(4)])
        until(lambda: len(station.reports()) == 4)
    assert station.reports()[-1][0].printer == "without-paper"


def test_a_printer_that_kafka_forgets_while_the_queue_grows_joins_again(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So short that the library gives up in the middle of joining for the new partition, and forgets it.
    monkeypatch.setattr(printer_module, "TAKE_WITHIN_MS", 1)
    monkeypatch.setattr(print_queue, "JOINS_WITHIN_SECONDS", 3.0)
    queue = station.kafka.topic(topics.badge_queue("main"))
    with in_a_thread(station, Tray(station.folder), leave_after_seconds=60):
        station.queue([badge_job(1)])
        until(lambda: len(station.reports()) == 1)
        with closing(KafkaAdminClient(**station.kafka.client_arguments())) as admin:
            admin.create_partitions({queue: 2})
        jobs = [badge_job(number) for number in range(2, 12)]
        station.queue(jobs)
        until(lambda: len(station.reports()) == 11)
    assert len(station.sheets()) == 11


@pytest.mark.thorough
def test_without_a_broker_a_printer_waits_prints_on_and_stops_in_time(tmp_path: Path) -> None:
    kafka = broker.prepare(tmp_path / "kafka")
    process = kafka.start()
    try:
        station = station_on(kafka.bootstrap, tmp_path / "printed")
        with station.printer() as printer:
            station.queue([badge_job(1)])
            until(lambda: station.sheets() == ["CT18-000001.pdf"])
            process.kill()
            process.wait()
            process = kafka.start()
            station.queue([badge_job(2)])
            until(lambda: station.sheets() == ["CT18-000001.pdf", "CT18-000002.pdf"])
            until(lambda: len({report.job_id for report, _ in station.reports()}) == 2)
            process.kill()
            process.wait()
            printer.stop()
        with station.printer() as printer:
            until(lambda: [line["waits_for"] for line in printer.said("printer_waiting")] == ["broker"])
            printer.stop()
    finally:
        broker.stop(process)
