"""No log line of a notice names anybody."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog.testing import LogCapture

from notifications import converger as converger_module
from notifications import sender as sender_module
from shared.database import Database
from tests.notification_examples import registered, session
from tests.notifications_running import migrated, running
from tests.smtp_server import MailBox

CANARIES = ("Zyx", "canary", "Keeper", "Aviary", "Perch")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with migrated(tmp_path / "notifications.db") as database:
        yield database


async def test_no_log_line_names_a_person_an_address_or_what_was_said(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    capture = LogCapture()
    log = structlog.wrap_logger(None, processors=[capture], wrapper_class=structlog.make_filtering_bound_logger(0))
    for module in (sender_module, converger_module):
        monkeypatch.setattr(module, "log", log)
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.CRITICAL, "mail.log")  # the server's own
    named: dict[str, Any] = {"printed_name": "Zyx Canary", "function": "Keeper", "enrolments": {"aviary": "enrolled"}}
    addresses = [f"canary-{number}@port.example" for number in range(4)]
    crowd = [registered(email=address, **named) for address in addresses]
    box = MailBox(refused={addresses[1]})
    box.busy[addresses[2]] = box.dying[addresses[3]] = 1
    async with running(database, box) as notifications:
        aviary = session("aviary", title={"en": "Aviary"}, room={"en": "Perch"})
        journal = await notifications.take(aviary, *crowd)
        await notifications.settled()
        journal += await notifications.take(session("aviary", revision=2, title={"en": "Aviary II"}))
        await notifications.settled()
    events = {entry["event"] for entry in capture.entries}
    assert {"notice_written", "notice_sent", "notice_deferred", "notice_undeliverable"} <= events
    lines = f"{capture.entries} {journal} {caplog.text}"
    assert [canary for canary in CANARIES if canary in lines.replace("aviary", "")] == []
    sent = next(entry for entry in capture.entries if entry["event"] == "notice_sent")
    assert {"delegate_id", "number", "revision", "trace_id"} <= sent.keys()
