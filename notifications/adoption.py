"""Taking the log for told, after the database was lost: nobody is told what the log says now, only what changes later."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

from sqlalchemy import Connection

from notifications import store
from notifications.service import NoticeDesk
from notifications.store import Told
from notifications.views import view
from shared.events import DelegateRegistered, Fact, SessionChanged
from shared.inbox import Journal
from shared.topics import DELEGATE_REGISTERED, SESSION_CHANGED
from shared.whole_log import WholeLog

AT_A_TIME = 500
T = TypeVar("T")


def sources() -> dict[str, type[Fact]]:
    """The topics to read, and what is in them."""
    return {DELEGATE_REGISTERED: DelegateRegistered, SESSION_CHANGED: SessionChanged}


def adopt(tx: Connection, whole: WholeLog, desk: NoticeDesk) -> Journal:
    """Fill an empty database: all facts are known, all people told, nobody due."""
    desk.take_sessions(tx, whole.facts(SessionChanged))
    if erased := whole.forgotten(DelegateRegistered):
        desk.forget(tx, erased)
    registrations = whole.facts(DelegateRegistered)
    for batch in _batches(registrations):
        desk.take_delegates(tx, batch)
    sessions = {each.fact.session_id: each.fact for each in whole.facts(SessionChanged)}
    told = {
        each.fact.key: Told(_highest_number(each.fact, sessions), view(each.fact, sessions, person.language))
        for each in registrations
        if (person := each.fact.person) is not None
    }
    store.keep_told(tx, told)
    store.settle_all(tx)
    return [("delegates_adopted", {"delegates": len(registrations), "told": len(told), "sessions": len(sessions)})]


def _highest_number(registration: DelegateRegistered, sessions: dict[str, SessionChanged]) -> int:
    """No notice to this delegate can have had a higher number, so none to come has the Message-ID of an earlier one.

    Each notice told at least one revision of the registration, or of a session that it names.
    """
    named = {each.session_id for each in registration.enrolments} & sessions.keys()
    return registration.revision + sum(sessions[each].revision for each in named)


def _batches(given: Sequence[T]) -> Iterator[Sequence[T]]:
    return (given[start : start + AT_A_TIME] for start in range(0, len(given), AT_A_TIME))
