"""The use cases: each says what it touches, decides with the rules, and leaves the next revisions in the register.

They are run by `registration.intake`, which loads what they touch, stores what they decided with its events in one
transaction, and answers after the commit.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol
from uuid import UUID

from registration import model, programme
from registration.callers import Caller
from registration.delegate import Registration, person_keys
from registration.reach import Touched
from registration.register import Register
from registration.views import delegate_decided, delegate_erased, session_view
from shared.clock import ConferenceClock, utc_now
from shared.conference import Conference
from shared.events import Line, RegistrationSubmitted, Request, SessionChange
from shared.ids import new_id


class NotFound(Exception):
    """There is no such delegate or session, or none that this caller may know of."""


class Erased(Exception):
    """The delegate is erased; nothing can be read or changed any more."""


class NotYours(Exception):
    """The caller's key does not cover this category and delegation."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a use case answers with, and keeps for a repeat under the same idempotency key."""

    status: int
    body: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Desk:
    """What every use case decides with."""

    conference: Conference
    clock: ConferenceClock


class UseCase(Protocol):
    def touches(self) -> Touched:
        """What must be loaded before `decide`."""
        ...

    def decide(self, desk: Desk, register: Register) -> Answer:
        """Decide and apply; raises `Refused`, `NotNow`, `NotFound`, `Erased` or `NotYours` before anything is applied."""
        ...


@dataclass(frozen=True, slots=True)
class RegisterDelegate:
    """Register one person."""

    request: RegistrationSubmitted
    caller: Caller

    def touches(self) -> Touched:
        known_by = person_keys(self.request.person, self.request.delegation)
        return Touched(delegations=[self.request.delegation], sessions=self.request.sessions, people=known_by)

    def decide(self, desk: Desk, register: Register) -> Answer:
        if not self.caller.may_register(self.request.category, self.request.delegation):
            raise NotYours
        registered = model.register(self.request, desk.conference, register, new_id(), desk.clock.now(), utc_now())
        register.apply(registered)
        return Answer(201, delegate_decided(registered))


@dataclass(frozen=True, slots=True)
class Amend:
    delegate_id: UUID
    change: model.Amendment
    caller: Caller

    def touches(self) -> Touched:
        person = self.change.person
        return Touched(delegates=[self.delegate_id], amended=[] if person is None else [(self.delegate_id, person)])

    def decide(self, desk: Desk, register: Register) -> Answer:
        current = _delegate(register, self.delegate_id, self.caller)
        return _applied(register, current, model.amend(current, self.change, desk.conference, register, utc_now()))


class Decision(Request):
    """The body of `POST /delegates/{id}/decision`. A refusal is told with its reason."""

    decision: Literal["accredit", "refuse"]
    reason: Line | None = None


@dataclass(frozen=True, slots=True)
class Decide:
    """Accredit, or refuse with a reason."""

    delegate_id: UUID
    decision: Decision

    def touches(self) -> Touched:
        return Touched(delegates=[self.delegate_id])

    def decide(self, desk: Desk, register: Register) -> Answer:
        current = _delegate(register, self.delegate_id, None)
        if self.decision.decision == "accredit":
            return _applied(register, current, model.accredit(current, desk.conference, register, utc_now()))
        return _applied(register, current, model.refuse(current, self.decision.reason, utc_now()))


@dataclass(frozen=True, slots=True)
class Withdraw:
    delegate_id: UUID
    caller: Caller

    def touches(self) -> Touched:
        return Touched(delegates=[self.delegate_id])

    def decide(self, desk: Desk, register: Register) -> Answer:
        current = _delegate(register, self.delegate_id, self.caller)
        return _applied(register, current, model.withdraw(current, utc_now()))


@dataclass(frozen=True, slots=True)
class Erase:
    """Leave nothing personal of a delegate. A repeat, however late, is answered the same."""

    delegate_id: UUID

    def touches(self) -> Touched:
        return Touched(delegates=[self.delegate_id])

    def decide(self, desk: Desk, register: Register) -> Answer:
        if self.delegate_id not in register.erased:
            register.apply(model.erase(_delegate(register, self.delegate_id, None), utc_now()))
        return Answer(200, delegate_erased(self.delegate_id))


@dataclass(frozen=True, slots=True)
class Enrol:
    delegate_id: UUID
    session_id: str
    caller: Caller

    def touches(self) -> Touched:
        return Touched(delegates=[self.delegate_id], sessions=[self.session_id])

    def decide(self, desk: Desk, register: Register) -> Answer:
        current = _delegate(register, self.delegate_id, self.caller)
        if register.session(self.session_id) is None:
            raise NotFound
        return _applied(register, current, model.enrol(current, self.session_id, register, desk.clock.now(), utc_now()))


@dataclass(frozen=True, slots=True)
class Leave:
    delegate_id: UUID
    session_id: str
    caller: Caller

    def touches(self) -> Touched:
        return Touched(delegates=[self.delegate_id], sessions=[self.session_id])

    def decide(self, desk: Desk, register: Register) -> Answer:
        current = _delegate(register, self.delegate_id, self.caller)
        if current.enrolment(self.session_id) is None:
            raise NotFound
        left = model.release(current, self.session_id, model.RELEASED_BY_DELEGATE, utc_now())
        return _applied(register, current, left)


@dataclass(frozen=True, slots=True)
class ChangeSession:
    """Change a session's entry; those who no longer belong to its audience lose their place in the same transaction."""

    session_id: str
    change: SessionChange

    def touches(self) -> Touched:
        return Touched(sessions=[self.session_id], crowds=[] if self.change.audience is None else [self.session_id])

    def decide(self, desk: Desk, register: Register) -> Answer:
        current = register.session(self.session_id)
        if current is None:
            raise NotFound
        at = utc_now()
        changed = programme.change(current, self.change, desk.conference, register, at)
        if changed is not current:
            losing = programme.losing_their_place(changed, register)
            released = [model.release(each, self.session_id, programme.RELEASED_BY_AUDIENCE, at) for each in losing]
            register.apply_session(changed)
            for each in released:
                register.apply(each)
        return Answer(200, session_view(changed, register.enrolled(self.session_id)))


def _delegate(register: Register, delegate_id: UUID, caller: Caller | None) -> Registration:
    if delegate_id in register.erased:
        raise Erased
    found = register.delegate(delegate_id)
    if found is None or (caller is not None and not caller.may_register(found.category, found.delegation)):
        raise NotFound
    return found


def _applied(register: Register, current: Registration, decided: Registration) -> Answer:
    if decided is not current:
        register.apply(decided)
    return Answer(200, delegate_decided(decided))
