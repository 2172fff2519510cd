"""The use cases: each says what it touches, decides with the rules, and leaves the next revisions in the register.

They are run by `registration.intake.group_commit`, which loads what they touch, stores what they decided with its events in one
transaction, and answers after the commit.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from registration import model
from registration.amendment import Amendment
from registration.callers.caller import Caller
from registration.decisions import correcting
from registration.delegate import Registration, person_keys
from registration.intake.reach import Touched
from registration.letters.letter import LetterChange
from registration.needs import Need, needs_of
from registration.photos.portraits import Portrait
from registration.programme import waiting
from registration.register import Register
from registration.views import delegate_decided, delegate_erased
from shared.clock import ConferenceClock, utc_now
from shared.conference import Conference
from shared.events import RegistrationSubmitted
from shared.ids import new_id
from shared.said import FieldFault, say

_STAYS_PROTECTED = say("Only the accreditation desk and the delegation’s focal points may lift the protection of an identity.")


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
    @property
    def caller(self) -> Caller:
        """Who asks, for the audit trail."""
        ...

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
    portrait: Portrait | None = None
    """Made of the request's photo."""

    def touches(self) -> Touched:
        known_by = person_keys(self.request.person, self.request.delegation)
        return Touched(delegations=[self.request.delegation], sessions=self.request.sessions, people=known_by)

    def decide(self, desk: Desk, register: Register) -> Answer:
        if not self.caller.may_register(self.request.category, self.request.delegation):
            raise NotYours
        photo, now, at = self.portrait and self.portrait.sha256, desk.clock.now(), utc_now()
        themselves = self.caller.form is not None
        registered = model.register(self.request, desk.conference, register, new_id(), now, at, photo, themselves=themselves)
        _keep(self.portrait, register)
        register.apply(registered)
        needs = needs_of(registered, desk.conference, register.letters)
        return Answer(201, delegate_decided(registered, waiting.clashes(registered, register), needs=needs))


@dataclass(frozen=True, slots=True)
class Amend:
    """Amend what a registration says; of the accredited, what was decided on waits for a decision as a correction."""

    delegate_id: UUID
    change: Amendment
    caller: Caller

    def touches(self) -> Touched:
        person = self.change.person
        amended = [] if person is None else [(self.delegate_id, person)]
        return Touched(delegates=[self.delegate_id], amended=amended, frees=self.change.category is not None)

    def decide(self, desk: Desk, register: Register) -> Answer:
        current = delegate_of(register, self.delegate_id, self.caller)
        if current.protected and self.change.protected is False and not self.caller.may_read_protected_names:
            raise model.Refused([FieldFault("/protected", "stays-protected", _STAYS_PROTECTED)])
        if self.change.category is not None and not self.caller.may_register(self.change.category, current.delegation):
            raise NotYours
        corrected = correcting.correct(
            current,
            self.change,
            self.caller.actor,
            desk.conference,
            register,
            utc_now(),
            decides=self.caller.staff is not None,
        )
        return applied_correction(register, current, corrected)


@dataclass(frozen=True, slots=True)
class Withdraw:
    delegate_id: UUID
    caller: Caller

    def touches(self) -> Touched:
        return Touched(delegates=[self.delegate_id], frees=True)

    def decide(self, desk: Desk, register: Register) -> Answer:
        current = delegate_of(register, self.delegate_id, self.caller)
        return applied(register, current, model.withdraw(current, utc_now()))


@dataclass(frozen=True, slots=True)
class Erase:
    """Leave nothing personal of a delegate, nor their delegation's letter. A repeat, however late, is answered the same."""

    delegate_id: UUID
    caller: Caller

    def touches(self) -> Touched:
        return Touched(delegates=[self.delegate_id], frees=True)

    def decide(self, desk: Desk, register: Register) -> Answer:
        if self.delegate_id not in register.erased:
            current, at = delegate_of(register, self.delegate_id, None), utc_now()
            register.apply(model.erase(current, at))
            fill_free_places(register)
            if current.delegation in register.letters:  # it may name them
                register.apply_letter(LetterChange(current.delegation, None, self.caller.actor, at))
        return Answer(200, delegate_erased(self.delegate_id))


@dataclass(frozen=True, slots=True)
class Enrol:
    delegate_id: UUID
    session_id: str
    caller: Caller

    def touches(self) -> Touched:
        return Touched(delegates=[self.delegate_id], sessions=[self.session_id])

    def decide(self, desk: Desk, register: Register) -> Answer:
        current = delegate_of(register, self.delegate_id, self.caller)
        if register.session(self.session_id) is None:
            raise NotFound
        return applied(register, current, model.enrol(current, self.session_id, register, desk.clock.now(), utc_now()))


@dataclass(frozen=True, slots=True)
class Leave:
    delegate_id: UUID
    session_id: str
    caller: Caller

    def touches(self) -> Touched:
        return Touched(delegates=[self.delegate_id], sessions=[self.session_id], frees=True)

    def decide(self, desk: Desk, register: Register) -> Answer:
        current = delegate_of(register, self.delegate_id, self.caller)
        if current.enrolment(self.session_id) is None:
            raise NotFound
        left = model.release(current, self.session_id, model.RELEASED_BY_DELEGATE, utc_now())
        return applied(register, current, left)


def delegate_of(register: Register, delegate_id: UUID, caller: Caller | None) -> Registration:
    """The delegate, if `caller` may know of them; raises `Erased` and `NotFound`."""
    if delegate_id in register.erased:
        raise Erased
    found = register.delegate(delegate_id)
    if found is None or (caller is not None and not caller.may_register(found.category, found.delegation)):
        raise NotFound
    return found


def changed_meanwhile() -> model.NotNow:
    return model.NotNow("changed-meanwhile", say("It was changed meanwhile: look at it as it is now, and decide again."))


def applied_correction(register: Register, current: Registration, corrected: correcting.Corrected) -> Answer:
    held = register.corrections.get(current.delegate_id)
    if corrected.registration is not current:
        register.apply(corrected.registration)
    if corrected.correction is not None and corrected.correction is not held:
        register.apply_correction(corrected.correction)
    fill_free_places(register)
    return _answered(register, corrected.registration)


def _keep(portrait: Portrait | None, register: Register) -> None:
    if portrait is not None:
        register.portraits[portrait.sha256] = portrait.jpeg


def applied(register: Register, current: Registration, decided: Registration, needs: Iterable[Need] = ()) -> Answer:
    """Take the next revision, if it is one, with what it frees, and answer."""
    if decided is not current:
        register.apply(decided)
        fill_free_places(register)
    return _answered(register, register.delegates.get(decided.delegate_id, decided), needs)


def _answered(register: Register, decided: Registration, needs: Iterable[Need] = ()) -> Answer:
    clashes, correction = waiting.clashes(decided, register), register.corrections.get(decided.delegate_id)
    return Answer(200, delegate_decided(decided, clashes, correction, needs))


def fill_free_places(register: Register) -> None:
    """Give every place that became free to who waited for it first."""
    while (promoted := waiting.next_in(register, utc_now())) is not None:
        register.apply(promoted)
    register.freed.clear()
