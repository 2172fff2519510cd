"""Converging: for people who are due, compare what they should know with what they were told, and write the difference.

A notice is one for all that is new. Its number counts the notices to this delegate from 1, and makes its Message-ID, so
a mail that is repeated after a crash is recognised by whoever receives it.
"""

import hashlib
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection

from notifications import store
from notifications.model import Notice, difference
from notifications.pace import Pace
from notifications.store import Due, NoticeState, Parked, Told
from notifications.views import View, not_yet_known, retold, view
from shared.clock import utc_now
from shared.events import DelegateRegistered, Person, SessionChanged
from shared.faults import PASSING
from shared.inbox import Journal
from shared.tracing import trace_id

CLAIMED_AT_ONCE = 200
TRIED_AGAIN_AFTER = timedelta(minutes=1)
LONGEST_BACKOFF = timedelta(minutes=15)
"""More than a notice ever waits for its next attempt, see `notifications.sender.Backoff`."""


class _Addressee(NamedTuple):
    due: Due
    registration: DelegateRegistered
    person: Person

    @property
    def id(self) -> str:
        return self.due.delegate_id


@dataclass(slots=True)
class _Group:
    """People who are converged together: what is known of them, and what was decided."""

    at: datetime
    sessions: Mapping[str, SessionChanged]
    told: Mapping[str, Told]
    parked: Mapping[str, Parked]
    settled: list[str] = field(default_factory=list[str])
    notices: list[dict[str, object]] = field(default_factory=list[dict[str, object]])
    now_told: dict[str, Told] = field(default_factory=dict[str, Told])
    overtaken: list[str] = field(default_factory=list[str])
    journal: Journal = field(default_factory=list[tuple[str, dict[str, Any]]])

    def log(self, event: str, to: _Addressee, **fields: object) -> None:
        ids = {"delegate_id": to.id, "revision": to.registration.revision, "trace_id": trace_id(to.due.traceparent)}
        self.journal.append((event, {**ids, **fields}))


class Convergence:
    """Writes what people must be told, each in their own language."""

    def __init__(self, pace: Pace, mail_domain: str) -> None:
        self._pace = pace
        self._mail_domain = mail_domain

    def converge(self, tx: Connection) -> Journal:
        """Settle up to `CLAIMED_AT_ONCE` people who are due: each is written one notice, or none."""
        at = utc_now()
        claimed = store.claim_due(tx, at, CLAIMED_AT_ONCE)
        ids = [each.delegate_id for each in claimed]
        registrations = store.delegates.get(tx, ids)
        sessions = store.sessions.get(tx, {e.session_id for each in registrations.values() for e in each.enrolments})
        group = _Group(at, sessions, store.last_told(tx, ids), store.undeliverable(tx, ids))
        for due in claimed:
            registration = registrations.get(due.delegate_id)
            if registration is None or registration.person is None:
                group.settled.append(due.delegate_id)
            else:
                self._converge_apart(tx, _Addressee(due, registration, registration.person), group)
        store.close_undeliverable(tx, group.overtaken)
        store.keep_told(tx, group.now_told)
        store.add_notices(tx, group.notices)
        store.settle_due(tx, group.settled)
        return group.journal

    def repair_clock(self, tx: Connection) -> int:
        """Have everybody told whom a clock that was wrong, and is right again, put off too far; return how many."""
        return store.hasten(tx, utc_now(), max(self._pace.longest_wait, LONGEST_BACKOFF))

    def _converge_apart(self, tx: Connection, to: _Addressee, group: _Group) -> None:
        """Converge one person: should that fail by a fault of ours, the others are told all the same."""
        try:
            self._converge_one(tx, to, group)
        except PASSING:
            raise
        except Exception as error:
            store.postpone(tx, to.id, group.at + TRIED_AGAIN_AFTER)
            group.log("convergence_failed", to, error=type(error).__name__, at=place_of(error))

    def _converge_one(self, tx: Connection, to: _Addressee, group: _Group) -> None:
        latest = to.due.first_change_at + self._pace.longest_wait
        if group.at < latest and not_yet_known(to.registration, group.sessions):
            store.postpone(tx, to.id, latest)
            return
        told, parked = group.told.get(to.id, Told(0, None)), group.parked.get(to.id)
        was, now = self._views(to, group.sessions, told.view)
        notice = difference(was, now)
        group.settled.append(to.id)
        if notice is not None and parked is not None and difference(parked.view, now) is None:
            self._try_again(tx, to, parked, group)
            return
        if parked is not None:
            group.overtaken.append(to.id)
        if notice is None:
            group.now_told[to.id] = Told(told.number, now)
            group.log("delegate_told_already", to)
            return
        # What they were told stays as it was until this notice is sent.
        group.now_told[to.id] = Told(told.number + 1, was)
        group.notices.append(self._row(to, notice, told.number + 1, group.at))
        group.log("notice_written", to, number=told.number + 1, kind=notice.kind)

    def _views(self, to: _Addressee, sessions: Mapping[str, SessionChanged], told: View | None) -> tuple[View | None, View]:
        """What they were told and what they see now, both in the language they now read."""
        now = view(to.registration, sessions, to.person.language)
        if told is None or told.language == now.language:
            return told, now
        return retold(told, view(to.registration, sessions, told.language), now), now

    def _try_again(self, tx: Connection, to: _Addressee, parked: Parked, group: _Group) -> None:
        """Nothing new is to be said: a notice that could not be delivered is tried again where the address is another."""
        if parked.refused_address != address_hash(to.person.email):
            store.try_again(tx, to.id, group.at)
            group.log("notice_tried_again", to, number=parked.number)

    def _row(self, to: _Addressee, notice: Notice, number: int, at: datetime) -> dict[str, object]:
        return {
            "delegate_id": to.id,
            "number": number,
            "message_id": message_id(to.id, number, self._mail_domain),
            "kind": notice.kind,
            "state": NoticeState.WAITING,
            "view": notice.now.model_dump_json(),
            "revision": to.registration.revision,
            "traceparent": to.due.traceparent,
            "attempts": 0,
            "next_attempt_at": at,
            "created_at": at,
        }


def message_id(delegate_id: str, number: int, mail_domain: str) -> str:
    return f"<{delegate_id}.{number}@{mail_domain}>"


def address_hash(address: str) -> bytes:
    """What is kept of an address that refused a notice: enough to see that it has changed."""
    return hashlib.sha256(address.encode()).digest()


def place_of(error: Exception) -> str:
    """Function and line that raised, for the log: its message and variables may hold what a person was to be told."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{last.name}:{last.lineno}"
