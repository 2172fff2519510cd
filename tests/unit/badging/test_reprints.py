import pytest

from badging.model import BadgeState
from badging.service import BadgeDesk
from shared.database import Database
from shared.events import Priority
from shared.ids import new_id
from shared.problems import Problem
from tests.badging_desk import at_once, converge, issue, look, names, reprint
from tests.badging_examples import queued, registered


def test_a_reprint_is_a_new_badge_and_the_old_is_void(database: Database, desk: BadgeDesk):
    job = issue(database, desk)
    new, journal = reprint(database, desk, job.badge_id)
    assert names(journal) == ["badge_voided", "badge_issued"]
    [old, stored], [_, job_of_new] = look(database, job.delegate_id)
    assert stored == new
    assert (old.state, old.void_reason) == (BadgeState.VOID, "lost")
    assert (new.state, new.reason, new.supersedes) == (BadgeState.VALID, "lost", old.badge_id)
    assert len({old.serial, new.serial}) == len({old.credential, new.credential}) == 2
    assert job_of_new.content == job.content
    assert converge(database, desk, registered(job.delegate_id, revision=2)) == []


def test_a_reprint_may_go_to_another_station_ahead_of_others(database: Database, desk: BadgeDesk):
    job = issue(database, desk)
    new, _ = reprint(database, desk, job.badge_id, station="gate-2", priority=Priority.URGENT)
    reprint(database, desk, new.badge_id)
    with database.connect() as tx:
        topics = [topic for topic, _ in queued(tx, job.delegate_id)]
    assert topics == ["t.badge-queue.main", "t.badge-queue.gate-2.urgent", "t.badge-queue.gate-2"]


def test_a_badge_that_is_not_valid_is_not_reprinted(database: Database, desk: BadgeDesk):
    job = issue(database, desk)
    new, _ = reprint(database, desk, job.badge_id)
    with pytest.raises(Problem) as superseded:
        reprint(database, desk, job.badge_id)
    assert (superseded.value.status, superseded.value.code) == (409, "badge-not-valid")
    assert str(new.badge_id) in superseded.value.detail
    converge(database, desk, registered(job.delegate_id, revision=2, status="refused"))
    with pytest.raises(Problem) as refused:
        reprint(database, desk, new.badge_id)
    assert "accreditation desk" in refused.value.detail
    assert len(look(database, job.delegate_id).jobs) == 2


def test_two_desks_that_reprint_one_badge_at_once_make_one(postgresql: Database, desk: BadgeDesk):
    job = issue(postgresql, desk)
    refused: list[Problem] = []

    def press_the_button() -> None:
        try:
            reprint(postgresql, desk, job.badge_id)
        except Problem as problem:
            refused.append(problem)

    at_once(press_the_button, press_the_button)
    [problem] = refused
    assert problem.code == "badge-not-valid"
    assert "reprint that one" in problem.detail
    assert len(look(postgresql, job.delegate_id).jobs) == 2


def test_a_reprint_that_cannot_be_is_told_why(database: Database, desk: BadgeDesk):
    with pytest.raises(Problem) as unknown:
        reprint(database, desk, new_id())
    assert unknown.value.status == 404
    with pytest.raises(Problem) as nowhere:
        reprint(database, desk, issue(database, desk).badge_id, station="moon")
    assert nowhere.value.faults[0].pointer == "/station"
    assert "main, gate-2" in nowhere.value.faults[0].detail
