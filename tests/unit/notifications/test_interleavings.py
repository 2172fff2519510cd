"""Two topics in any order, with repeats, and mail that fails in between: the last word is the truth, told once."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notifications import convergence, records, service, store
from notifications.convergence import address_hash
from notifications.model import difference
from notifications.outgoing import Deferred, Letter, Outcome, Refused, Sent
from notifications.pace import Pace
from notifications.store import NoticeState
from notifications.views import View, view
from shared.events import DelegateRegistered, SessionChanged
from shared.ids import new_id
from tests import notification_examples as examples
from tests.unit.notifications.conftest import Clock, Tables, migrated

PACE = Pace(quiet_window=timedelta(seconds=60), longest_wait=timedelta(minutes=5))
SESSIONS = ("pilots", "tugs")

places = st.dictionaries(st.sampled_from(SESSIONS), st.sampled_from(["enrolled", "waiting", "released"]))
registrations = st.fixed_dictionaries(
    {
        "status": st.sampled_from(["under-review", "accredited", "refused", "withdrawn"]),
        "function": st.sampled_from(["Harbour master", "Pilot"]),
        "language": st.sampled_from(["en", "fr", "ru"]),
        "email": st.sampled_from(["ada@port.example", "berg@port.example"]),
        "enrolments": places,
    }
)
changes_of_session = st.fixed_dictionaries(
    {
        "status": st.sampled_from(["scheduled", "scheduled", "cancelled"]),
        "room": st.sampled_from([{"en": "Room A", "fr": "Salle A"}, {"en": "Room B", "fr": "Salle B"}]),
        "title": st.sampled_from([{"en": "Pilots"}, {"en": "Pilots", "fr": "Pilotes"}]),
        "capacity": st.sampled_from([None, 5]),
    }
)


@dataclass(frozen=True)
class Deliver:
    """The n-th of all facts comes, in whatever order these are drawn, and perhaps again."""

    index: int


@dataclass(frozen=True)
class Wait:
    seconds: int


@dataclass(frozen=True)
class Post:
    outcome: str


steps = st.lists(
    st.one_of(
        st.builds(Deliver, st.integers(0, 11)),
        st.builds(Wait, st.sampled_from([0, 30, 60, 300])),
        st.builds(Post, st.sampled_from(["sent", "lost", "deferred", "refused"])),
    ),
    max_size=20,
)


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tables]:
    clock = Clock()
    with pytest.MonkeyPatch.context() as patched:
        for module in (service, convergence):
            patched.setattr(module, "utc_now", clock)
        for database in migrated(f"sqlite:///{tmp_path_factory.mktemp('interleavings') / 'notifications.db'}"):
            yield Tables(database, clock)


class Run:
    """One delegate whose mail meets with this and that, and a bystander who has no place anywhere."""

    def __init__(self, tables: Tables, delegate: str, facts: Sequence[DelegateRegistered | SessionChanged]) -> None:
        self.tables, self.delegate, self.facts = tables, delegate, facts
        self.desk = examples.desk(PACE)
        self.sent_elsewhere: list[Letter] = []
        self.reached_server: list[Letter] = []
        self.sent: list[Letter] = []

    def step(self, step: Deliver | Wait | Post) -> None:
        if isinstance(step, Deliver):
            self.deliver(self.facts[step.index % len(self.facts)])
        elif isinstance(step, Wait):
            self.tables.clock.pass_by(step.seconds)
            while self.tables.write(examples.convergence(PACE).converge):
                pass
        else:
            meet = OUTCOMES[step.outcome]
            letters = self.tables.post(
                lambda letter, at: (meet if letter.key.delegate_id == self.delegate else taken)(letter, at)
            )
            mine = [letter for letter in letters if letter.key.delegate_id == self.delegate]
            self.sent_elsewhere += [letter for letter in letters if letter.key.delegate_id != self.delegate]
            self.sent += mine if step.outcome == "sent" else []
            self.reached_server += mine if step.outcome in ("sent", "lost") else []

    def deliver(self, fact: DelegateRegistered | SessionChanged) -> None:
        take: Any = self.desk.take_delegates if isinstance(fact, DelegateRegistered) else self.desk.take_sessions
        self.tables.write(lambda tx: take(tx, [examples.received(fact)]))

    def come_to_rest(self, last: DelegateRegistered) -> None:
        for fact in (*self.facts, last):
            self.deliver(fact)
        for _ in range(3):
            self.step(Wait(300))
            self.step(Post("sent"))


def taken(letter: Letter, at: datetime) -> Outcome:
    return Sent(letter.key, at)


OUTCOMES: dict[str, Callable[[Letter, datetime], Outcome | None]] = {
    "sent": taken,
    "lost": lambda letter, at: None,  # the server took it, and we died before that was written down
    "deferred": lambda letter, at: Deferred(letter.key, at + timedelta(seconds=1)),
    "refused": lambda letter, at: Refused(letter.key, 550, address_hash(letter.address)),
}


def truth(registration: DelegateRegistered, sessions: Sequence[SessionChanged]) -> View:
    newest = {session.key: session for session in sorted(sessions, key=lambda each: each.revision)}
    assert registration.person is not None
    return view(registration, newest, registration.person.language)


def history_of(people: list[dict[str, Any]], own: dict[str, str]) -> list[DelegateRegistered]:
    """Revisions of one registration.

    The last, which comes last, has a new address: what was undeliverable to those before is told after all.
    """
    delegate_id = new_id()
    named = [each | {"enrolments": {own[name]: state for name, state in each["enrolments"].items()}} for each in people]
    history = [examples.registered(delegate_id, revision=number, **each) for number, each in enumerate(named, 1)]
    last = named[-1] | {"email": "last@port.example"}
    return [*history, examples.registered(delegate_id, revision=len(people) + 1, **last)]


@settings(max_examples=60, deadline=None)
@given(
    people=st.lists(registrations, min_size=1, max_size=4),
    programme=st.lists(st.tuples(st.sampled_from(SESSIONS), changes_of_session), max_size=6),
    steps=steps,
)
def test_whatever_comes_first_the_last_word_is_the_truth_and_nothing_is_said_twice(
    tables: Tables, people: list[dict[str, Any]], programme: list[tuple[str, dict[str, Any]]], steps: list[Any]
) -> None:
    own = {name: f"{name}-{new_id().hex}" for name in SESSIONS}
    changes: list[tuple[str, dict[str, Any]]] = [*((name, {}) for name in SESSIONS), *programme]
    sessions = [examples.session(own[name], revision=number, **changed) for number, (name, changed) in enumerate(changes, 1)]
    bystander, (*history, last) = examples.registered(), history_of(people, own)
    run = Run(tables, last.key, [bystander, *history, *sessions])
    for step in steps:
        run.step(step)
    run.come_to_rest(last)

    told = tables.write(lambda tx: store.last_told(tx, [last.key]))[last.key].view
    assert told is not None
    assert difference(told, truth(last, sessions)) is None
    kept = tables.write(lambda tx: records.of_delegate(tx, last.key))
    assert [record.number for record in kept] == list(range(1, len(kept) + 1))
    assert {record.state for record in kept} <= {NoticeState.SENT, NoticeState.OVERTAKEN}
    for earlier, later in pairwise(run.sent):
        assert later.key.number > earlier.key.number
        same_language = later.notice.now.language == earlier.notice.now.language
        assert not same_language or difference(earlier.notice.now, later.notice.now) is not None
    assert [(letter.key.delegate_id, letter.key.number) for letter in run.sent_elsewhere] == [(bystander.key, 1)]
    first_copy = {letter.key: letter for letter in reversed(run.reached_server)}
    for letter in run.reached_server:
        assert (letter.message_id, letter.notice) == (first_copy[letter.key].message_id, first_copy[letter.key].notice)
