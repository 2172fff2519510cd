"""What is news to a delegate, and what is not."""

from datetime import timedelta
from typing import Any

import pytest

from notifications.model import Kind, Notice, Turn, difference
from notifications.views import View, looks_different, not_yet_known, retold, view
from shared.events import DelegateRegistered, Language, SessionChanged
from tests.notification_examples import NOON, registered, session

PILOTS = session("pilots")
TUGS = session("tugs", title={"en": "Tugs"}, starts_at=NOON + timedelta(hours=2), ends_at=NOON + timedelta(hours=3))
ENROLLED = registered(enrolments={"pilots": "enrolled"})


def seen(registration: DelegateRegistered, *sessions: SessionChanged, language: Language = "en") -> View:
    return view(registration, {each.key: each for each in sessions}, language)


def news(was: View | None, now: View) -> Notice:
    notice = difference(was, now)
    assert notice is not None
    return notice


def turn(was: View, now: View) -> Turn:
    [change] = news(was, now).sessions
    return change.turn


def amended(registration: DelegateRegistered = ENROLLED, **changed: Any) -> DelegateRegistered:
    return registered(registration.delegate_id, revision=registration.revision + 1, **changed)


def test_the_first_notice_confirms_and_shows_the_programme() -> None:
    notice = news(None, seen(registered(enrolments={"tugs": "enrolled", "pilots": "waiting"}), TUGS, PILOTS))
    assert notice.kind is Kind.CONFIRMATION
    assert [each.session_id for each in notice.programme] == ["pilots", "tugs"]
    assert notice.sessions == []


def test_who_was_refused_before_anything_was_told_gets_the_decision() -> None:
    assert news(None, seen(registered(status="refused", status_reason="Quota"))).kind is Kind.DECISION


def test_a_reason_that_is_read_in_another_language_is_no_news() -> None:
    coded = {"status_reason": "Too late.", "reason_code": "late", "reason_texts": {"en": "Too late.", "fr": "Trop tard."}}
    refused = registered(status="refused", **coded)
    english, french = seen(refused), seen(refused, language="fr")
    assert (english.reason, french.reason) == ("Too late.", "Trop tard.")
    assert difference(retold(english, seen(refused), french), french) is None
    other = seen(registered(status="refused", **{**coded, "reason_texts": {"en": "Late.", "fr": "En retard."}}), language="fr")
    assert difference(retold(english, seen(refused, language="en"), french), other) is not None


@pytest.mark.parametrize(
    "unseen",
    [
        {"capacity": 3},
        {"audience": ["member", "guest"]},
        {"revision": 7},
        {"title": {"en": "Pilots at night", "fr": "Pilotes de nuit"}},
        {"room": {"en": "Room A", "fr": "Salle des pilotes"}},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_what_a_reader_of_english_does_not_see_is_no_news(unseen: dict[str, Any]) -> None:
    assert difference(seen(ENROLLED, PILOTS), seen(ENROLLED, session("pilots", **unseen))) is None


def test_a_corrected_french_title_is_news_to_a_reader_of_french() -> None:
    corrected = session("pilots", title={"en": "Pilots at night", "fr": "Pilotes de nuit"})
    assert turn(seen(ENROLLED, PILOTS, language="fr"), seen(ENROLLED, corrected, language="fr")) is Turn.RETITLED


def test_a_moved_session_says_where_it_was() -> None:
    moved = session("pilots", room={"en": "Room B"}, starts_at=NOON + timedelta(minutes=30))
    notice = news(seen(ENROLLED, PILOTS), seen(ENROLLED, moved))
    [change] = notice.sessions
    assert notice.kind is Kind.CHANGE
    assert change.turn is Turn.MOVED
    assert change.former_place is not None
    assert (change.former_place.room, change.now.room) == ("Room A", "Room B")


def test_a_session_cancelled_and_held_after_all() -> None:
    scheduled, cancelled = seen(ENROLLED, PILOTS), seen(ENROLLED, session("pilots", status="cancelled"))
    assert turn(scheduled, cancelled) is Turn.CANCELLED
    assert turn(cancelled, scheduled) is Turn.RESTORED


def test_a_cancelled_session_that_moves_is_no_news() -> None:
    cancelled = session("pilots", status="cancelled")
    moved = session("pilots", status="cancelled", room={"en": "Room B"}, title={"en": "Pilots by day"})
    assert difference(seen(ENROLLED, cancelled), seen(ENROLLED, moved)) is None


def test_a_released_place_is_told_once_and_its_session_never_again() -> None:
    released = seen(amended(enrolments={"pilots": "released"}), PILOTS)
    assert turn(seen(ENROLLED, PILOTS), released) is Turn.RELEASED
    moved_later = seen(amended(enrolments={"pilots": "released"}), session("pilots", room={"en": "Room B"}))
    assert difference(released, moved_later) is None


def test_a_place_that_came_and_went_unseen_is_no_news() -> None:
    before = seen(registered(), PILOTS)
    assert difference(before, seen(amended(enrolments={"pilots": "released"}), PILOTS)) is None


@pytest.mark.parametrize(
    ("was", "now", "expected"),
    [("waiting", "enrolled", Turn.ADMITTED), ("enrolled", "waiting", Turn.WAITING), ("released", "enrolled", Turn.ENROLLED)],
)
def test_the_waiting_list(was: str, now: str, expected: Turn) -> None:
    before = seen(amended(enrolments={"pilots": was}), PILOTS)
    assert turn(before, seen(amended(enrolments={"pilots": now}), PILOTS)) is expected


def test_a_refusal_and_all_it_releases_are_one_notice() -> None:
    before = seen(registered(enrolments={"pilots": "enrolled", "tugs": "waiting"}), PILOTS, TUGS)
    refused = amended(status="refused", status_reason="Quota", enrolments={"pilots": "released", "tugs": "released"})
    notice = news(before, seen(refused, PILOTS, TUGS))
    assert notice.kind is Kind.DECISION
    assert notice.now.reason == "Quota"
    assert [change.turn for change in notice.sessions] == [Turn.RELEASED, Turn.RELEASED]


def test_a_new_function_is_told_and_a_new_address_is_not() -> None:
    notice = news(seen(ENROLLED), seen(amended(function="Pilot", enrolments={"pilots": "enrolled"})))
    assert [(change.field, change.was, change.now) for change in notice.details] == [("function", "Harbour master", "Pilot")]
    assert difference(seen(ENROLLED), seen(amended(email="new@port.example", time_zone="Asia/Tokyo"))) is None


def test_who_becomes_protected_is_never_told_by_their_former_name() -> None:
    now = seen(amended(protected=True, printed_name="Harbour master", enrolments={"pilots": "enrolled"}))
    assert now.name == "Harbour master"
    assert difference(seen(ENROLLED), now) is None
    promoted = seen(amended(protected=True, printed_name="Pilot", function="Pilot"))
    assert [change.field for change in news(seen(ENROLLED), promoted).details] == ["function"]


def test_a_change_of_language_is_no_news_but_a_move_in_it_is_told_alone() -> None:
    both = registered(enrolments={"pilots": "enrolled", "tugs": "enrolled"})
    moved = session("pilots", room={"en": "Room B", "fr": "Salle B"})
    told = seen(both, PILOTS, TUGS)

    unmoved = retold(told, seen(both, PILOTS, TUGS), seen(both, PILOTS, TUGS, language="fr"))
    assert difference(unmoved, seen(both, PILOTS, TUGS, language="fr")) is None

    as_told, now = seen(both, moved, TUGS), seen(both, moved, TUGS, language="fr")
    [change] = news(retold(told, as_told, now), now).sessions
    assert (change.now.session_id, change.turn, change.now.room) == ("pilots", Turn.MOVED, "Salle B")


def test_sessions_not_known_are_left_out_and_waited_for_where_a_place_is_held() -> None:
    registration = registered(enrolments={"pilots": "enrolled", "tugs": "released", "fog": "waiting"})
    assert [each.session_id for each in seen(registration, PILOTS).sessions] == ["pilots"]
    assert not_yet_known(registration, {"pilots": PILOTS}) == {"fog"}


def test_only_what_somebody_could_see_makes_a_session_look_different() -> None:
    assert looks_different(None, PILOTS)
    assert looks_different(PILOTS, session("pilots", room={"en": "Room A", "fr": "Salle B"}))
    assert not looks_different(PILOTS, session("pilots", revision=2, capacity=5, audience=[]))


def test_an_erased_person_has_no_view() -> None:
    with pytest.raises(ValueError, match="nobody to be told"):
        seen(registered(status="erased"))
