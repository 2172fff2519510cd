"""When people are told: the quiet window, its limit, and what does not wait."""

from datetime import timedelta
from typing import Any

import pytest

from notifications.pace import Pace, Urgency, urgency_of_registration, urgency_of_session
from tests.notification_examples import NOON, registered, session

PACE = Pace(quiet_window=timedelta(seconds=60), longest_wait=timedelta(minutes=5))


@pytest.mark.parametrize(("urgency", "seconds"), [(Urgency.CAN_REST, 300), (Urgency.STARTS_SOON, 2), (Urgency.AT_ONCE, 0)])
def test_the_latest_instant(urgency: Urgency, seconds: int) -> None:
    assert PACE.latest(NOON, urgency) == NOON + timedelta(seconds=seconds)


def test_the_quiet_window_ends_at_the_limit() -> None:
    latest = PACE.latest(NOON, Urgency.CAN_REST)
    assert PACE.due(NOON, latest) == NOON + timedelta(seconds=60)
    assert PACE.due(NOON + timedelta(seconds=280), latest) == latest


@pytest.mark.parametrize(
    ("starts_in", "urgency"),
    [
        (61, Urgency.CAN_REST),
        (60, Urgency.STARTS_SOON),
        (0, Urgency.STARTS_SOON),
        (-30, Urgency.STARTS_SOON),  # under way
        (-60, Urgency.CAN_REST),  # over
    ],
)
def test_a_session_that_starts_soon(starts_in: int, urgency: Urgency) -> None:
    starts_at = NOON + timedelta(minutes=starts_in)
    changed = session(starts_at=starts_at, ends_at=starts_at + timedelta(hours=1))
    assert urgency_of_session(None, changed, NOON) is urgency


def test_a_session_that_was_to_start_soon_and_was_put_off() -> None:
    put_off = session(starts_at=NOON + timedelta(days=1), ends_at=NOON + timedelta(days=1, hours=1))
    assert urgency_of_session(session(), put_off, NOON) is Urgency.STARTS_SOON


@pytest.mark.parametrize(
    ("changed", "urgency"),
    [
        ({"status": "refused"}, Urgency.AT_ONCE),
        ({"function": "Pilot"}, Urgency.CAN_REST),
        ({"enrolments": {"soon": "enrolled"}}, Urgency.STARTS_SOON),
        ({"enrolments": {"later": "enrolled"}}, Urgency.CAN_REST),
        ({"enrolments": {"unknown": "enrolled"}}, Urgency.CAN_REST),
    ],
)
def test_decisions_do_not_wait_and_a_place_that_starts_soon_hardly(changed: dict[str, Any], urgency: Urgency) -> None:
    later = session("later", starts_at=NOON + timedelta(days=1), ends_at=NOON + timedelta(days=2))
    sessions = {"soon": session("soon"), "later": later}
    assert urgency_of_registration(registered(), registered(**changed), sessions, NOON) is urgency


def test_a_confirmation_does_not_wait() -> None:
    assert urgency_of_registration(None, registered(), {}, NOON) is Urgency.AT_ONCE
