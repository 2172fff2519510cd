"""From facts to notices on both databases: who is told, when, once, and in which order."""

from datetime import timedelta
from uuid import UUID

import pytest

from notifications import store
from notifications.model import Kind, Turn
from notifications.store import Told
from notifications.views import view
from shared.events import DelegateRegistered, Language
from tests import notification_examples as examples
from tests.notification_examples import registered, session
from tests.unit.notifications.conftest import Clock, Tables
from tests.unit.notifications.facts_in_letters_out import PACE, PILOTS, Service, enrolled, next_of, to


@pytest.fixture
def service(tables: Tables, clock: Clock) -> Service:
    return Service(tables, clock)


def test_a_confirmation_goes_out_at_once_with_its_number_and_message_id(service: Service) -> None:
    delegate = enrolled()
    service.take(PILOTS, delegate)
    [letter] = service.after(0)
    assert letter.notice.kind is Kind.CONFIRMATION
    assert letter.message_id == f"<{delegate.key}.1@port.example>"
    assert service.after(600) == []


def test_a_moved_session_is_told_to_exactly_those_enrolled_or_waiting_once_all_is_quiet(service: Service) -> None:
    here, waiting, left, elsewhere = (
        enrolled(),
        registered(enrolments={"pilots": "waiting"}),
        registered(enrolments={"pilots": "released"}),
        enrolled("tugs"),
    )
    service.take(PILOTS, session("tugs"), here, waiting, left, elsewhere)
    service.after(0)
    service.take(session("pilots", revision=2, room={"en": "Room B"}))
    assert service.after(59) == []
    assert to(service.after(1)) == sorted([here.key, waiting.key])


def test_two_moves_in_one_window_are_one_notice_and_later_ones_another(service: Service) -> None:
    service.take(PILOTS, enrolled())
    service.after(0)
    service.take(session("pilots", revision=2, room={"en": "Room B"}))
    assert service.after(40) == []
    service.take(session("pilots", revision=3, room={"en": "Room C"}))
    assert service.after(40) == []
    [letter] = service.after(20)
    [change] = letter.notice.sessions
    assert change.former_place is not None
    assert (change.former_place.room, change.now.room) == ("Room A", "Room C")
    service.take(session("pilots", revision=4, room={"en": "Room D"}))
    [later] = service.after(60)
    assert (later.key.number, later.notice.programme[0].room) == (3, "Room D")


def test_changes_without_end_are_told_after_the_longest_wait(service: Service) -> None:
    service.take(PILOTS, enrolled())
    service.after(0)
    told: list[float] = []
    for step in range(1, 13):
        service.take(session("pilots", revision=step + 1, room={"en": f"Room {step}"}))
        if service.after(30):
            told.append(step * 30)
    assert told == [300]


def test_a_to_b_to_a_in_one_window_tells_nobody(service: Service) -> None:
    service.take(PILOTS, enrolled())
    service.after(0)
    service.take(session("pilots", revision=2, room={"en": "Room B"}), session("pilots", revision=3))
    assert service.after(300) == []
    assert service.due_in() == {}


def test_a_session_resized_marks_nobody(service: Service) -> None:
    service.take(PILOTS, enrolled())
    service.after(0)
    [(_, fields)] = service.take(session("pilots", revision=2, capacity=3))
    assert fields["people"] == 0
    assert service.due_in() == {}


def test_facts_that_come_again_or_late_tell_nothing_again(service: Service) -> None:
    first, second = PILOTS, session("pilots", revision=2, room={"en": "Room B"})
    delegate = enrolled()
    service.take(second, delegate)
    [letter] = service.after(0)
    service.take(first, second, delegate)
    assert service.after(600) == []
    assert letter.notice.programme[0].room == "Room B"


def test_a_session_that_starts_soon_is_told_within_two_seconds(service: Service) -> None:
    service.desk = examples.desk(PACE, conference_time=examples.NOON - timedelta(minutes=50))
    delegate = enrolled()
    service.take(PILOTS, delegate)
    service.after(0)
    service.take(session("pilots", revision=2, room={"en": "Room B"}))
    assert service.due_in() == {delegate.key: 2.0}
    service.clock.pass_by(1)
    service.take(session("pilots", revision=3, room={"en": "Room C"}))
    assert len(service.after(1)) == 1


def test_a_decision_does_not_wait_and_takes_what_was_waiting_with_it(service: Service) -> None:
    delegate = enrolled()
    service.take(PILOTS, delegate)
    service.after(0)
    service.take(session("pilots", revision=2, room={"en": "Room B"}))
    service.take(next_of(delegate, status="withdrawn", enrolments={"pilots": "released"}))
    [letter] = service.after(0)
    assert letter.notice.kind is Kind.DECISION
    assert [change.turn for change in letter.notice.sessions] == [Turn.RELEASED]
    assert service.after(600) == []


def test_a_confirmation_waits_for_a_session_not_yet_known_and_is_then_one_mail(service: Service) -> None:
    service.take(enrolled("pilots", "tugs"), PILOTS)
    assert service.after(10) == []
    service.take(session("tugs"))
    [letter] = service.after(0)
    assert [each.session_id for each in letter.notice.programme] == ["pilots", "tugs"]


def test_it_waits_no_longer_than_the_longest_wait_and_the_session_is_told_when_it_comes(service: Service) -> None:
    service.take(enrolled("pilots", "tugs"), PILOTS)
    service.after(0)
    assert service.after(299) == []
    [letter] = service.after(1)
    assert [each.session_id for each in letter.notice.programme] == ["pilots"]
    service.take(session("tugs"))
    [later] = service.after(60)
    assert [(change.turn, change.now.session_id) for change in later.notice.sessions] == [(Turn.ENROLLED, "tugs")]


def test_an_erased_person_is_wiped_and_told_nothing(service: Service) -> None:
    delegate = enrolled()
    service.take(PILOTS, delegate)
    service.converge()
    service.take(next_of(delegate, function="Pilot"))
    service.take(next_of(delegate, revision=3, status="erased", enrolments=[]))
    assert service.after(600) == []
    left = service.tables.write(lambda tx: [tx.execute(table.select()).all() for table in (store.due, store.notices)])
    assert left == [[], []]
    [told] = service.tables.write(lambda tx: tx.execute(store.told.select()).all())
    assert (told.number, told.view) == (1, None)
    service.tables.write(lambda tx: service.desk.forget(tx, [delegate.key]))
    service.take(next_of(delegate, revision=9))
    assert service.after(600) == []
    assert service.tables.write(lambda tx: tx.execute(store.told.select()).all()) == []


def test_the_next_notice_waits_for_the_one_on_its_way_and_then_tells_the_truth(service: Service) -> None:
    delegate = enrolled()
    service.take(PILOTS, delegate)
    service.converge()
    service.take(session("pilots", revision=2, room={"en": "Room B"}))
    service.clock.pass_by(60)
    assert service.converge() == []
    service.take(session("pilots", revision=3, room={"en": "Room C"}))
    service.clock.pass_by(60)
    [first] = service.tables.post()
    assert first.notice.programme[0].room == "Room A"
    [second] = service.after(0)
    assert (second.key.number, second.notice.programme[0].room) == (2, "Room C")


def test_who_changes_language_is_told_nothing_and_the_next_change_alone_in_the_new_one(service: Service) -> None:
    delegate = enrolled("pilots", "tugs")
    service.take(PILOTS, session("tugs"), delegate)
    service.after(0)
    service.take(next_of(delegate, language="fr"))
    assert service.after(60) == []
    service.take(session("pilots", revision=2, room={"en": "Room B", "fr": "Salle B"}))
    [letter] = service.after(60)
    [change] = letter.notice.sessions
    assert change.former_place is not None
    assert (change.now.title, change.former_place.room, change.now.room) == ("Les pilotes la nuit", "Salle A", "Salle B")


def test_what_a_sent_notice_said_is_kept_once_and_its_words_nowhere_else(service: Service) -> None:
    service.take(PILOTS, enrolled())
    service.after(0)
    [notice] = service.tables.write(lambda tx: tx.execute(store.notices.select()).all())
    [told] = service.tables.write(lambda tx: tx.execute(store.told.select()).all())
    assert notice.view is None
    assert "Pilots at night" in told.view
    assert "ada@port.example" not in told.view


def test_the_mail_follows_the_trace_of_the_first_change_not_told(service: Service) -> None:
    service.take(PILOTS, enrolled())
    service.after(0)
    traces = [f"00-{number * 32}-{'1' * 16}-01" for number in "ab"]
    service.take(session("pilots", revision=2, room={"en": "Room B"}), traceparent=traces[0])
    service.take(session("pilots", revision=3, room={"en": "Room C"}), traceparent=traces[1])
    [letter] = service.after(60)
    assert letter.traceparent == traces[0]


def test_photos_are_not_kept(service: Service) -> None:
    photo = {"sha256": "0" * 64, "jpeg": b"\xff\xd8"}
    delegate = DelegateRegistered.model_validate(registered().model_dump() | {"photo": photo})
    service.take(delegate)
    [row] = service.tables.write(lambda tx: tx.execute(store.delegates.table.select()).all())
    assert "jpeg" not in row.content


def test_a_crowd_of_500_is_marked_by_one_change_and_converged_in_groups(service: Service) -> None:
    crowd = [enrolled() for _ in range(500)]
    service.take(PILOTS)
    service.tables.write(lambda tx: service.desk.take_delegates(tx, examples.all_received(crowd)))
    assert len(service.after(0)) == 500
    [(_, fields)] = service.take(session("pilots", revision=2, room={"en": "Room B"}))
    assert fields["people"] == 500
    assert to(service.after(60)) == sorted(each.key for each in crowd)


def test_every_notice_names_a_delegate_by_id_in_the_journal(service: Service) -> None:
    delegate = enrolled()
    service.take(PILOTS, delegate)
    [(event, fields)] = service.converge()
    assert event == "notice_written"
    assert UUID(fields["delegate_id"]) == delegate.delegate_id
    assert {"number", "revision", "trace_id"} <= fields.keys()


def test_whom_a_clock_that_was_an_hour_fast_put_off_is_told_once_it_is_right_again(service: Service, clock: Clock) -> None:
    service.take(PILOTS, delegate := enrolled())
    service.after(0)
    clock.pass_by(3600)
    service.take(session("pilots", revision=2, room={"en": "Room B"}))
    clock.pass_by(-3600)
    assert service.after(600) == []
    service.repair_clock()
    assert to(service.after(0)) == [delegate.key]


def test_nobody_who_waits_as_long_as_they_may_is_hastened(service: Service) -> None:
    service.take(PILOTS, enrolled())
    service.after(0)
    service.take(session("pilots", revision=2, room={"en": "Room B"}))
    service.repair_clock()
    assert service.after(0) == []


@pytest.mark.parametrize("code", ["ar", "zh", "ru", "es"])
def test_who_was_told_in_english_before_their_language_was_spoken_is_told_only_what_changes(
    service: Service, code: Language
) -> None:
    titles = {"en": "Pilots at night", "fr": "Les pilotes la nuit", code: "Title in their own language"}
    rooms = {"en": "Room A", code: "Room in their own language"}
    pilots, tugs = (session(each, title=titles, room=rooms) for each in ("pilots", "tugs"))
    delegate = registered(language=code, enrolments={"pilots": "enrolled", "tugs": "enrolled"})
    service.take(pilots, tugs, delegate)
    service.after(0)
    in_english = view(delegate, {"pilots": pilots, "tugs": tugs}, "en")
    service.tables.write(lambda tx: store.keep_told(tx, {delegate.key: Told(1, in_english)}))

    service.take(next_of(delegate, language=code))
    assert service.after(60) == []
    service.take(next_of(next_of(delegate), language=code), session("tugs", revision=2, title=titles, room={"en": "Room B"}))
    [letter] = service.after(60)
    [change] = letter.notice.sessions
    assert (change.now.session_id, change.part, letter.notice.details) == ("tugs", "room", [])
