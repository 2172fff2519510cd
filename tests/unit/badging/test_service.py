import contextlib
from collections.abc import Sequence
from functools import partial
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError

from badging import store
from badging.model import BadgeState, Progress
from badging.service import BadgeDesk, UnprintableRegistration
from shared.database import Database
from shared.events import DelegateRegistered
from shared.faults import Overtaken
from shared.ids import new_id
from tests.badging_desk import Seen, at_once, converge, find, issue, look, names
from tests.badging_examples import queued, received, registered, session


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
