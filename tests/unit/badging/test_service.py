import contextlib
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from typing import NamedTuple
from uuid import UUID

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError

from badging import store
from badging.model import Badge, BadgeState, Progress
from badging.service import BadgeDesk, UnknownBadge, UnprintableRegistration
from shared.database import Database
from shared.events import BadgeJob, DelegateRegistered, Fact, PrintState, Priority
from shared.faults import Overtaken
from shared.ids import new_id
from shared.inbox import Journal
from shared.problems import Problem
from shared.tracing import new_traceparent
from tests.badging_examples import queued, received, registered, reported, session


class Seen(NamedTuple):
    """Everything that badging holds of one delegate."""

    badges: list[Badge]
    jobs: list[BadgeJob]

    @property
    def valid(self) -> list[Badge]:
        return [badge for badge in self.badges if badge.state is BadgeState.VALID]


def converge(database: Database, desk: BadgeDesk, *facts: DelegateRegistered) -> Journal:
    return database.transaction(lambda tx: desk.converge(tx, [received(fact) for fact in facts]))


def record(database: Database, desk: BadgeDesk, *facts: Fact) -> Journal:
    return database.transaction(lambda tx: desk.record(tx, [received(fact) for fact in facts]))


def look(database: Database, delegate_id: UUID) -> Seen:
    with database.connect() as tx:
        badges = store.listed(tx, store.Wanted(delegate_id=delegate_id), limit=100, after=None)
        return Seen(badges, [job for _, job in queued(tx, delegate_id)])


def find(database: Database, badge_id: UUID) -> Badge:
    with database.connect() as tx:
        return store.find(tx, [badge_id])[badge_id]


def issue(database: Database, desk: BadgeDesk) -> BadgeJob:
    """A new delegate's first badge."""
    fact = registered()
    converge(database, desk, fact)
    [job] = look(database, fact.delegate_id).jobs
    return job


def names(journal: Journal) -> list[str]:
    return [name for name, _ in journal]


def test_the_migrations_make_the_tables_that_the_queries_expect(database: Database):
    with database.connect() as tx:
        differences = compare_metadata(MigrationContext.configure(tx), store.metadata)
    assert [each for each in differences if each[1].name != "lanyard_service"] == []


# --- convergence --------------------------------------------------------------------------------------------------


def test_an_accredited_delegate_gets_one_badge_and_its_job_is_what_was_stored(database: Database, desk: BadgeDesk):
    fact = registered()
    [(event, fields)] = converge(database, desk, fact)
    [badge], [job] = look(database, fact.delegate_id)
    assert event == "badge_issued"
    assert fields.keys() == {"delegate_id", "badge_id", "serial", "revision", "reason", "trace_id", "event_id"}
    assert badge.state is BadgeState.VALID
    assert badge.print_state is Progress.QUEUED
    assert badge.reason == "first"
    assert store.job_of(badge) == job
    with database.connect() as tx:
        assert [topic for topic, _ in queued(tx, fact.delegate_id)] == ["t.badge-queue.main"]


def test_the_database_itself_refuses_a_second_valid_badge(database: Database, desk: BadgeDesk):
    job = issue(database, desk)
    other = job.model_copy(update={"badge_id": new_id(), "serial": str(new_id().int)[:20]})
    with pytest.raises(IntegrityError):
        database.transaction(lambda tx: store.issue(tx, [store.row_of(other, "f", 1)]))


def test_what_changes_nothing_printed_changes_no_badge(database: Database, desk: BadgeDesk):
    fact = registered()
    converge(database, desk, fact)
    before = look(database, fact.delegate_id)
    enrolled = [{"session_id": "pilots", "state": "enrolled"}]
    assert converge(database, desk, registered(fact.delegate_id, revision=2, enrolments=enrolled)) == []
    assert converge(database, desk, fact) == []
    database.transaction(lambda tx: desk.keep_sessions(tx, [received(session(revision=new_id().int % 10**6))]))
    assert look(database, fact.delegate_id) == before


def test_a_change_voids_the_old_and_issues_the_next(database: Database, desk: BadgeDesk):
    fact = registered(name="Ada Berg")
    converge(database, desk, fact)
    journal = converge(database, desk, registered(fact.delegate_id, revision=2, name="Ada Dahl"))
    [old, new], [_, job] = look(database, fact.delegate_id)
    assert names(journal) == ["badge_voided", "badge_issued"]
    assert (old.state, old.void_reason) == (BadgeState.VOID, "changed")
    assert old.voided_at == new.issued_at
    assert (new.state, new.reason, new.supersedes) == (BadgeState.VALID, "changed", old.badge_id)
    assert job.content.name == "Ada Dahl"
    assert job.serial != old.serial


def test_one_batch_of_many_revisions_prints_the_last_alone(database: Database, desk: BadgeDesk):
    fact = registered(name="Ada Berg")
    later = [registered(fact.delegate_id, revision=revision, name=f"Ada {revision}") for revision in (3, 2)]
    converge(database, desk, fact, *later)
    assert [job.content.name for job in look(database, fact.delegate_id).jobs] == ["Ada 3"]


def test_withdrawn_voids_and_accredited_again_reinstates(database: Database, desk: BadgeDesk):
    fact = registered()
    converge(database, desk, fact)
    converge(database, desk, registered(fact.delegate_id, revision=2, status="withdrawn"))
    [badge] = look(database, fact.delegate_id).badges
    assert (badge.state, badge.void_reason) == (BadgeState.VOID, "withdrawn")
    converge(database, desk, registered(fact.delegate_id, revision=3))
    assert [badge.reason for badge in look(database, fact.delegate_id).badges] == ["first", "reinstated"]


def test_a_registration_that_cannot_be_printed_is_refused_whole(database: Database, desk: BadgeDesk):
    good, bad = registered(), registered(category="pirate")
    with pytest.raises(UnprintableRegistration, match="'pirate'"):
        converge(database, desk, good, bad)
    assert look(database, good.delegate_id) == ([], [])
    with database.connect() as tx:
        assert store.delegates.get(tx, [bad.key, good.key]) == {}


def test_erased_leaves_a_void_serial_and_nothing_personal(database: Database, desk: BadgeDesk):
    fact = registered(name="Ada Erased")
    converge(database, desk, fact)
    converge(database, desk, registered(fact.delegate_id, revision=2, status="erased"))
    [badge] = look(database, fact.delegate_id).badges
    assert (badge.state, badge.void_reason) == (BadgeState.VOID, "erased")
    assert badge.content is badge.credential is store.job_of(badge) is None
    database.transaction(lambda tx: desk.forget(tx, [fact.key]))
    assert look(database, fact.delegate_id).badges == []
    assert find(database, badge.badge_id).serial == badge.serial
    converge(database, desk, registered(fact.delegate_id, revision=9))
    assert look(database, fact.delegate_id).badges == []


def test_a_tombstone_alone_voids_too(database: Database, desk: BadgeDesk):
    job = issue(database, desk)
    database.transaction(lambda tx: desk.forget(tx, [str(job.delegate_id)]))
    badge = find(database, job.badge_id)
    assert (badge.state, badge.void_reason, badge.content, badge.delegate_id) == (BadgeState.VOID, "erased", None, None)
    converge(database, desk, registered(job.delegate_id, revision=2))
    assert look(database, job.delegate_id).badges == []


revisions = st.lists(
    st.tuples(st.sampled_from(["accredited", "accredited", "refused", "withdrawn", "under-review"]), st.sampled_from("ABC")),
    min_size=1,
    max_size=5,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(people=st.lists(revisions, min_size=1, max_size=3), data=st.data())
def test_any_order_repetition_and_batching_ends_the_same(
    people: list[list[tuple[str, str]]], data: st.DataObject, database: Database, desk: BadgeDesk
):
    histories = [
        [registered(delegate_id, revision=at, status=status, name=name) for at, (status, name) in enumerate(history, start=1)]
        for history in people
        if (delegate_id := new_id())
    ]
    every = [fact for history in histories for fact in history]
    repeated = data.draw(st.lists(st.sampled_from(every), max_size=5))
    for batch in in_batches(data.draw(st.permutations(every + repeated)), data):
        converge(database, desk, *batch)
    for history in histories:
        assert_true_of(look(database, history[-1].delegate_id), newest=history[-1])


def in_batches(facts: Sequence[DelegateRegistered], data: st.DataObject) -> list[Sequence[DelegateRegistered]]:
    cuts = sorted(data.draw(st.sets(st.integers(1, len(facts)))) | {0, len(facts)})
    return [facts[start:end] for start, end in pairwise(cuts)]


def assert_true_of(seen: Seen, *, newest: DelegateRegistered) -> None:
    assert [badge.content.name for badge in seen.valid] == (
        [newest.person.printed_name] if newest.status == "accredited" else []
    )
    assert [job.badge_id for job in seen.jobs] == [badge.badge_id for badge in seen.badges]
    assert [job.serial for job in seen.jobs] == [badge.serial for badge in seen.badges]
    assert len({badge.serial for badge in seen.badges}) == len(seen.badges)


def at_once(*calls: Callable[[], object]) -> None:
    """Start all calls together, each in a thread of its own, and wait for their ends."""
    start = threading.Barrier(len(calls))

    def run(call: Callable[[], object]) -> None:
        start.wait()
        call()

    with ThreadPoolExecutor(len(calls)) as threads:
        for ended in [threads.submit(run, call) for call in calls]:
            ended.result()


def test_replicas_that_take_the_same_delegates_at_once_end_at_the_newest_revision(postgresql: Database, desk: BadgeDesk):
    delegates = [new_id() for _ in range(20)]

    def replica(revision: int) -> None:
        for delegate_id in delegates:
            for _ in range(5):
                with contextlib.suppress(Overtaken):
                    converge(postgresql, desk, registered(delegate_id, revision=revision, name=f"Ada {revision}"))
                    break

    at_once(*(partial(replica, revision) for revision in (1, 2, 3)))
    for delegate_id in delegates:
        assert [badge.content.name for badge in look(postgresql, delegate_id).valid] == ["Ada 3"]


# --- printers -----------------------------------------------------------------------------------------------------


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


# --- the desk -----------------------------------------------------------------------------------------------------


def reprint(database: Database, desk: BadgeDesk, badge_id: UUID, **asked: object) -> tuple[Badge, Journal]:
    arguments = {"reason": "lost", "traceparent": new_traceparent()} | asked
    return database.transaction(lambda tx: desk.reprint(tx, badge_id, **arguments))


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
