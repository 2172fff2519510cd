"""Notices from the facts to a real mail server, which refuses, puts off, hangs and dies; and a sender that dies."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from notifications import mail, sender
from shared import database as shared_database
from shared.database import Database, Leadership
from tests.notification_examples import registered, session
from tests.notifications_running import Notifications, migrated_at, people, running
from tests.smtp_server import MailBox, smtp_server


@pytest.fixture
def with_tables_of() -> str:
    return "notifications"


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    with migrated_at(database_url) as database:
        yield database


async def test_everybody_is_mailed_once_over_a_few_connections(database: Database) -> None:
    box, crowd = MailBox(), people(100, enrolments={"pilots": "enrolled"})
    async with running(database, box) as notifications:
        await notifications.take(session(), *crowd)
        await notifications.settled()
        await notifications.stop()
    assert sorted(mail["Message-ID"] for mail in box.mails) == sorted(f"<{each.key}.1@port.example>" for each in crowd)
    assert sorted(box.to) == sorted(f"delegate-{number}@port.example" for number in range(100))
    assert box.most_at_once <= box.connections <= 4


async def test_a_moved_session_reaches_those_enrolled_and_nobody_else(database: Database) -> None:
    box = MailBox()
    here, elsewhere = people(2, enrolments={"pilots": "enrolled"}), registered(email="elsewhere@port.example")
    async with running(database, box) as notifications:
        await notifications.take(session(), *here, elsewhere)
        await notifications.settled()
        await notifications.take(session(revision=2, room={"en": "Room B"}))
        await notifications.take(session(revision=3, room={"en": "Room C"}))
        await notifications.settled()
    moved = [(to, mail) for to, mail in zip(box.to, box.mails, strict=True) if mail["Subject"].startswith("Moved")]
    assert sorted(to for to, _ in moved) == ["delegate-0@port.example", "delegate-1@port.example"]
    assert all("Room C" in str(mail) and "Room B" not in str(mail) for _, mail in moved)
    assert len(box.mails) == 5


async def test_a_refused_address_is_parked_and_the_others_are_mailed(database: Database) -> None:
    crowd = people(20)
    box = MailBox(refused={"delegate-7@port.example"})
    async with running(database, box) as notifications:
        await notifications.take(*crowd)
        standing = await notifications.settled()
        [record] = await notifications.records(crowd[7])
        assert (standing.undeliverable, record.state, record.reply_code) == (1, "undeliverable", 550)
        assert len(box.mails) == 19
        moved = registered(crowd[7].delegate_id, revision=2, email="new@port.example")
        await notifications.take(moved)
        await notifications.settled()
        [record] = await notifications.records(crowd[7])
    assert (record.state, record.attempts, box.to[-1]) == ("sent", 2, "new@port.example")
    assert box.mails[-1]["Message-ID"] == f"<{crowd[7].key}.1@port.example>"


async def test_what_is_put_off_is_tried_until_it_is_taken(database: Database) -> None:
    box, [delegate] = MailBox(), people(1)
    box.busy["delegate-0@port.example"] = 3
    async with running(database, box) as notifications:
        await notifications.take(delegate)
        await notifications.settled()
        [record] = await notifications.records(delegate)
    assert (record.state, record.attempts, len(box.mails)) == ("sent", 4, 1)


async def test_an_answer_that_is_lost_repeats_the_mail_to_the_byte(database: Database) -> None:
    box, crowd = MailBox(), people(5)
    box.dying["delegate-2@port.example"] = 2
    async with running(database, box) as notifications:
        await notifications.take(*crowd)
        await notifications.settled()
    copies = [raw for to, raw in zip(box.to, box.raw, strict=True) if to == "delegate-2@port.example"]
    assert len(box.raw) == 7
    assert len(copies) == 3
    assert len(set(copies)) == 1


async def test_a_mail_that_hangs_delays_only_itself(database: Database) -> None:
    box, crowd = MailBox(held={"delegate-0@port.example"}), people(10)
    async with running(database, box, connections=2, timeout=0.5) as notifications:
        await notifications.take(*crowd)
        await box.arrived(10)
        assert set(box.to) == {f"delegate-{number}@port.example" for number in range(10)}
        box.held.clear()
        box.answer.set()
        await notifications.settled()
        [record] = await notifications.records(crowd[0])
    assert record.state == "sent"
    assert len({raw for to, raw in zip(box.to, box.raw, strict=True) if to == "delegate-0@port.example"}) == 1


async def test_a_mail_server_that_is_away_is_waited_for(database: Database) -> None:
    box, crowd = MailBox(), people(10)
    async with smtp_server(box):
        pass
    notifications = Notifications(database, box.port)
    notifications.start()
    await notifications.take(*crowd)
    async with smtp_server(box):
        await notifications.settled()
    await notifications.stop()
    assert len(box.mails) == 10
    assert [(await notifications.records(each))[0].attempts for each in crowd] == [1] * 10


async def test_who_is_erased_while_the_mail_server_is_away_is_told_nothing(database: Database) -> None:
    box, [erased, other] = MailBox(), people(2)
    async with smtp_server(box):
        pass
    notifications = Notifications(database, box.port)
    notifications.start()
    await notifications.take(erased, other)
    await notifications.until(lambda standing: standing.waiting == 2)
    await notifications.take(registered(erased.delegate_id, revision=2, status="erased"))
    async with smtp_server(box):
        await notifications.settled()
    await notifications.stop()
    assert box.to == ["delegate-1@port.example"]


async def test_a_sender_killed_between_mail_and_commit_repeats_it_under_the_same_message_id(database: Database) -> None:
    box, [delegate] = MailBox(held={"delegate-0@port.example"}), people(1)
    async with running(database, box) as notifications:
        await notifications.take(delegate)
        await box.arrived(1)
        await notifications.kill()
        box.answer.set()
        again = Notifications(database, box.port)
        again.start()
        await again.settled()
        await again.stop()
        [record] = await again.records(delegate)
    assert (record.number, record.state) == (1, "sent")
    assert len(box.raw) == 2
    assert box.raw[0] == box.raw[1]


async def test_stopping_finishes_the_mail_in_hand_and_writes_it_down(database: Database) -> None:
    box, [delegate] = MailBox(held={"delegate-0@port.example"}), people(1)
    async with running(database, box) as notifications:
        await notifications.take(delegate)
        await box.arrived(1)
        stopping = asyncio.create_task(notifications.stop())
        box.answer.set()
        await stopping
        [record] = await notifications.records(delegate)
    assert (record.state, len(box.raw)) == ("sent", 1)


async def test_a_notice_that_we_cannot_write_keeps_no_other_waiting(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    box, crowd = MailBox(), people(5)
    write, broken = mail.MailWriter.write, crowd[2].key

    def write_or_fail(self: mail.MailWriter, letter: Any) -> bytes:
        if letter.key.delegate_id == broken and letter.attempts < 2:
            raise RuntimeError("a template fails")
        return write(self, letter)

    monkeypatch.setattr(mail.MailWriter, "write", write_or_fail)
    async with running(database, box) as notifications:
        await notifications.take(*crowd)
        await notifications.settled()
        [record] = await notifications.records(crowd[2])
    assert (record.state, record.attempts, len(box.mails)) == ("sent", 3, 5)


async def test_two_replicas_mail_each_notice_once(postgresql_url: str) -> None:
    box, crowd = MailBox(), people(100)
    databases = [Database(postgresql_url, "notifications") for _ in range(2)]
    databases[0].migrate("notifications:migrations")
    async with smtp_server(box):
        replicas = [Notifications(database, box.port) for database in databases]
        for replica in replicas:
            replica.start()
        await replicas[0].take(*crowd[:50])
        await replicas[1].take(*crowd[50:])
        await box.arrived(100)
        for replica in replicas:
            await replica.stop()
    for database in databases:
        await asyncio.to_thread(database.close)
    assert sorted(box.to) == sorted(f"delegate-{number}@port.example" for number in range(100))


async def test_another_replica_mails_for_one_that_stands_still(postgresql_url: str, monkeypatch) -> None:
    monkeypatch.setattr(shared_database, "LEAD_SECONDS", 0.5)
    with migrated_at(postgresql_url) as still, migrated_at(postgresql_url) as other:
        leadership = Leadership(still, "sender")
        assert leadership.read(lambda _: ["led"]) == ["led"]
        box = MailBox()
        async with running(other, box) as notifications:
            await notifications.take(*people(3))
            await notifications.settled()
            assert len(box.mails) == 3
        with pytest.raises(OperationalError, match="idle-session timeout"):
            leadership.read(lambda tx: [tx.exec_driver_sql("select 1")])


async def test_a_sender_with_much_in_hand_keeps_the_lead(postgresql_url: str, monkeypatch) -> None:
    """A mail server that is slow: the other replica must not take for dead who waits for it."""
    monkeypatch.setattr(shared_database, "LEAD_SECONDS", 0.6)
    monkeypatch.setattr(sender, "POLL_SECONDS", 0.1)
    crowd = people(sender.READ_AT_ONCE)
    box = MailBox(held={"delegate-0@port.example"})
    with migrated_at(postgresql_url) as one, migrated_at(postgresql_url) as other:
        async with running(one, box, connections=1) as slow:
            await slow.take(*crowd)
            await box.arrived(1)
            slow_to_answer = asyncio.create_task(asyncio.sleep(1.5))  # more than twice what loses the lead
            rival = Notifications(other, box.port)
            rival.start()
            await slow_to_answer
            assert len(box.mails) == 1
            box.answer.set()
            await box.arrived(len(crowd))
            await slow.settled()
            await rival.stop()
    assert len(box.mails) == len(set(box.to)) == len(crowd)
