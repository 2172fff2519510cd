"""Two replicas on one PostgreSQL: a session and an enrolment in it, committed at once, do not miss each other."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, text

from notifications.pace import Pace
from shared.database import Database
from tests import notification_examples as examples
from tests.notification_examples import received, registered, session
from tests.unit.notifications.conftest import Clock, Tables, emptied

AT_ONCE = Pace(quiet_window=timedelta(0), longest_wait=timedelta(0))
MOVED = session("pilots", revision=2, room={"en": "Room B"})


@pytest.fixture
def replicas(postgresql: Database, clock: Clock) -> Tables:
    tables = emptied(postgresql, clock)
    tables.write(lambda tx: examples.desk(AT_ONCE).take_sessions(tx, [received(session("pilots"))]))
    return tables


def blocked(database: Database) -> bool:
    """Whether a transaction waits for another's lock."""
    with database.connect() as connection:
        waiting = connection.execute(text("select count(*) from pg_stat_activity where wait_event_type = 'Lock'"))
        return waiting.scalar_one() > 0


def in_between(tables: Tables, first: Callable[[Connection], Any], second: Callable[[Connection], Any]) -> None:
    """Let `second` run while `first` has not committed yet, and commit `first` once `second` waits for it."""
    with tables.database.connect() as connection:
        first(connection)
        other = threading.Thread(target=lambda: tables.write(second))
        other.start()
        while other.is_alive() and not blocked(tables.database):
            other.join(0.01)
        assert other.is_alive(), "the second transaction did not wait for the first"
        connection.commit()
    other.join(10)


@pytest.mark.parametrize("enrolled_first", [True, False])
def test_a_move_and_an_enrolment_at_the_same_time(replicas: Tables, enrolled_first: bool) -> None:
    desk, delegate = examples.desk(AT_ONCE), registered(enrolments={"pilots": "enrolled"})

    def enrol(tx: Connection) -> None:
        desk.take_delegates(tx, [received(delegate)])

    def move(tx: Connection) -> None:
        desk.take_sessions(tx, [received(MOVED)])

    in_between(replicas, *((enrol, move) if enrolled_first else (move, enrol)))
    replicas.write(examples.convergence(AT_ONCE).converge)
    [letter] = replicas.post()
    assert letter.notice.programme[0].room == "Room B"


def test_a_change_that_comes_while_a_person_is_converged_makes_them_due_again(replicas: Tables) -> None:
    desk, delegate = examples.desk(AT_ONCE), registered(enrolments={"pilots": "enrolled"})
    replicas.write(lambda tx: desk.take_delegates(tx, [received(delegate)]))
    in_between(replicas, examples.convergence(AT_ONCE).converge, lambda tx: desk.take_sessions(tx, [received(MOVED)]))
    assert [letter.notice.programme[0].room for letter in replicas.post()] == ["Room A"]
    replicas.write(examples.convergence(AT_ONCE).converge)
    assert [letter.notice.programme[0].room for letter in replicas.post()] == ["Room B"]


def test_two_replicas_that_converge_at_once_tell_each_person_once(replicas: Tables) -> None:
    desk, converge = examples.desk(AT_ONCE), examples.convergence(AT_ONCE).converge
    crowd = [registered() for _ in range(300)]
    replicas.write(lambda tx: desk.take_delegates(tx, examples.all_received(crowd)))
    with replicas.database.connect() as first:
        assert len(converge(first)) == 200
        assert len(replicas.write(converge)) == 100
        first.commit()
    assert sorted(letter.key.delegate_id for letter in replicas.post()) == sorted(each.key for each in crowd)
