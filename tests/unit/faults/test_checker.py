"""What the checker of faults takes for a change that somebody must have asked for."""

from datetime import timedelta

import pytest

from shared.events import DelegateRegistered, Enrolment, EnrolmentState
from tests.badging_examples import registered
from tests.faults.checker import NOT_INVENTED, verdict
from tests.faults.history import Asked, History, Kind, Told
from tests.integration.evidence import Evidence
from tests.registration_examples import TINY


def enrolled(state: EnrolmentState, revision: int, before: DelegateRegistered, **also: object) -> DelegateRegistered:
    places = [Enrolment(session_id="welcome", state=state)]
    changed_at = before.changed_at + timedelta(seconds=1)
    return before.model_copy(update={"revision": revision, "enrolments": places, "changed_at": changed_at, **also})


@pytest.mark.parametrize(("also", "invented"), [({}, False), ({"protected": True}, True)])
def test_who_comes_off_a_waiting_list_asked_for_nothing_more(also: dict[str, object], invented: bool):
    first = registered()
    assert first.person is not None
    waits = enrolled(EnrolmentState.WAITING, 2, first)
    moved_up = enrolled(EnrolmentState.ENROLLED, 3, waits, **also)
    history = History()
    for number, (kind, mark) in enumerate([(Kind.REGISTER, first.person.email), (Kind.ENROL, "welcome")]):
        asked = Asked(number, "client", kind, first.key, mark, 0.0, 1, Told.ACCEPTED, 200, number + 1, first.key)
        history.asked.append(asked)
    found = Evidence(TINY, [first, waits, moved_up], [], [], [], [], [], [], [])
    broken = verdict(history, found, {}, {}).broken[NOT_INVENTED]
    assert bool(broken) is invented
