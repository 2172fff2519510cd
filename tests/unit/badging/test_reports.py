from functools import partial

import pytest

from badging import store
from badging.model import BadgeState, Progress
from badging.service import BadgeDesk, UnknownBadge
from shared.database import Database
from shared.events import PrintState
from shared.ids import new_id
from tests.badging_desk import at_once, converge, find, issue, names, record
from tests.badging_examples import registered, reported


def test_reports_are_kept_once(database: Database, desk: BadgeDesk):
    job = issue(database, desk)
    accepted = reported(job, PrintState.ACCEPTED)
    printed = reported(job, PrintState.PRINTED, minute=1)
    assert names(record(database, desk, accepted, printed, printed)) == ["badge_printed"]
    assert record(database, desk, printed, accepted) == []
    badge = find(database, job.badge_id)
    assert (badge.print_state, badge.printer, badge.printed_at, badge.sheets) == (Progress.PRINTED, "p1", printed.at, 1)
    assert not badge.possible_second_sheet
    assert not badge.to_destroy


def test_a_second_sheet_is_flagged(database: Database, desk: BadgeDesk):
    job = issue(database, desk)
    record(database, desk, reported(job, PrintState.PRINTED))
    record(database, desk, reported(job, PrintState.PRINTED, printer="p2", minute=1))
    badge = find(database, job.badge_id)
    assert (badge.sheets, badge.possible_second_sheet, badge.state) == (2, True, BadgeState.VALID)


def test_a_sheet_of_a_printer_that_died_before_it_could_report_is_flagged(database: Database, desk: BadgeDesk):
    job = issue(database, desk)
    record(database, desk, reported(job, PrintState.ACCEPTED))
    assert not find(database, job.badge_id).possible_second_sheet
    again = [reported(job, state, printer="p2", minute=1) for state in (PrintState.ACCEPTED, PrintState.PRINTED)]
    record(database, desk, *again)
    badge = find(database, job.badge_id)
    assert (badge.sheets, badge.possible_second_sheet, badge.state) == (1, True, BadgeState.VALID)


def test_reports_that_come_at_once_are_all_counted(postgresql: Database, desk: BadgeDesk):
    jobs = [issue(postgresql, desk) for _ in range(20)]

    def replica(printer: str) -> None:
        for job in jobs:
            record(postgresql, desk, reported(job, PrintState.PRINTED, printer=printer))

    at_once(*(partial(replica, printer) for printer in ("p1", "p2", "p3")))
    assert [find(postgresql, job.badge_id).sheets for job in jobs] == [3] * len(jobs)


def test_a_failure_is_listed_with_its_cause_which_no_log_line_holds(database: Database, desk: BadgeDesk):
    job = issue(database, desk)
    [(event, fields)] = record(database, desk, reported(job, PrintState.FAILED, cause="no font for Ada"))
    assert event == "badge_print_failed"
    assert "Ada" not in str(fields)
    badge = find(database, job.badge_id)
    assert (badge.print_state, badge.print_cause) == (Progress.FAILED, "no font for Ada")
    with database.connect() as tx:
        failed = store.listed(tx, store.Wanted(print_state=Progress.FAILED), limit=100, after=None)
    assert job.badge_id in {badge.badge_id for badge in failed}


@pytest.mark.parametrize("printed_first", [True, False])
def test_every_sheet_of_a_void_badge_is_one_to_destroy(database: Database, desk: BadgeDesk, printed_first: bool):
    job = issue(database, desk)
    steps = [
        lambda: record(database, desk, reported(job, PrintState.PRINTED)),
        lambda: converge(database, desk, registered(job.delegate_id, revision=2, name="Ada Dahl")),
    ]
    journal = [line for step in (steps if printed_first else reversed(steps)) for line in step()]
    assert [fields["badge_id"] for name, fields in journal if name == "badge_sheet_to_destroy"] == [str(job.badge_id)]
    with database.connect() as tx:
        wanted = store.Wanted(to_destroy=True, delegate_id=job.delegate_id)
        assert [badge.badge_id for badge in store.listed(tx, wanted, limit=9, after=None)] == [job.badge_id]
        kept = store.Wanted(to_destroy=False, delegate_id=job.delegate_id)
        assert [badge.content.name for badge in store.listed(tx, kept, limit=9, after=None)] == ["Ada Dahl"]


def test_a_report_on_no_badge_of_ours_is_refused_with_what_to_do(database: Database, desk: BadgeDesk):
    job = issue(database, desk)
    with pytest.raises(UnknownBadge, match="was not issued here"):
        record(database, desk, reported(job, PrintState.PRINTED, badge_id=new_id()))
    with pytest.raises(UnknownBadge, match=str(job.job_id)):
        record(database, desk, reported(job, PrintState.PRINTED, job_id=new_id()))
    assert find(database, job.badge_id).sheets == 0
