"""Notices that could not be delivered, were put off, or failed by a fault of ours: what becomes of them, and of the others."""

from datetime import datetime, timedelta

import pytest

from notifications import convergence
from notifications.convergence import address_hash
from notifications.model import Kind, Turn
from notifications.outgoing import Deferred, Letter, Refused
from shared.events import DelegateRegistered
from tests.notification_examples import session
from tests.unit.notifications.conftest import Clock, Tables
from tests.unit.notifications.facts_in_letters_out import PILOTS, Service, enrolled, next_of, to


@pytest.fixture
def service(tables: Tables, clock: Clock) -> Service:
    return Service(tables, clock)


def refused(letter: Letter, at: datetime) -> Refused:
    return Refused(letter.key, 550, address_hash(letter.address))


def test_an_undeliverable_notice_is_tried_again_under_its_number_when_the_address_changes(service: Service) -> None:
    delegate = enrolled()
    service.take(PILOTS, delegate)
    service.converge()
    service.tables.post(refused)
    assert service.states(delegate) == [(1, "undeliverable")]
    service.take(next_of(delegate, revision=2, time_zone="Asia/Tokyo"))
    assert service.after(60) == []
    service.take(next_of(delegate, revision=3, email="new@port.example"))
    [letter] = service.after(60)
    assert (letter.key.number, letter.address, letter.notice.kind) == (1, "new@port.example", Kind.CONFIRMATION)
    assert service.states(delegate) == [(1, "sent")]


def test_what_was_undeliverable_is_told_by_the_next_notice(service: Service) -> None:
    delegate = enrolled()
    service.take(PILOTS, delegate)
    service.after(0)
    service.take(session("pilots", revision=2, room={"en": "Room B"}))
    service.clock.pass_by(60)
    service.converge()
    service.tables.post(refused)
    service.take(next_of(delegate, function="Pilot"))
    [letter] = service.after(60)
    assert letter.key.number == 3
    assert [change.field for change in letter.notice.details] == ["function"]
    assert [change.turn for change in letter.notice.sessions] == [Turn.MOVED]
    assert service.states(delegate) == [(1, "sent"), (2, "overtaken"), (3, "sent")]


def test_what_was_undeliverable_and_was_taken_back_needs_telling_no_more(service: Service) -> None:
    delegate = enrolled()
    service.take(PILOTS, delegate)
    service.after(0)
    service.take(session("pilots", revision=2, room={"en": "Room B"}))
    service.clock.pass_by(60)
    service.converge()
    service.tables.post(refused)
    service.take(session("pilots", revision=3))
    assert service.after(60) == []
    assert service.states(delegate) == [(1, "sent"), (2, "overtaken")]


def test_a_deferred_notice_is_tried_again_later_the_same(service: Service) -> None:
    service.take(PILOTS, enrolled())
    service.converge()
    [first] = service.tables.post(lambda letter, at: Deferred(letter.key, at + timedelta(seconds=5)))
    assert service.after(4) == []
    [again] = service.after(1)
    assert (again.key, again.notice, again.created_at) == (first.key, first.notice, first.created_at)
    assert (first.attempts, again.attempts) == (0, 1)


def test_a_person_whom_we_fail_to_tell_keeps_nobody_else_waiting(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    unlucky, others = enrolled(), [enrolled() for _ in range(3)]
    whole_view = convergence.view

    def view_or_fail(registration: DelegateRegistered, *others: object) -> object:
        if registration.delegate_id == unlucky.delegate_id:
            raise KeyError("Ada Berg")
        return whole_view(registration, *others)  # pyright: ignore[reportArgumentType] (as they came)

    service.take(PILOTS, unlucky, *others)
    with monkeypatch.context() as patched:
        patched.setattr(convergence, "view", view_or_fail)
        journal = service.converge()
        assert "convergence_failed" in [event for event, _ in journal]
        assert "Ada" not in str(journal)
        assert to(service.tables.post()) == sorted(each.key for each in others)
    assert to(service.after(60)) == [unlucky.key]
