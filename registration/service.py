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
from registration.decisions import correcting, deciding
from registration.decisions.reasons import Reason
from registration.delegate import Registration, person_keys
from registration.intake.reach import Touched
from registration.letters.letter import LetterChange
from registration.needs import Need, needs_of
from registration.photos.portraits import Portrait
from registration.programme import changes as programme
from registration.programme import waiting
from registration.register import Register
from registration.views import delegate_decided, delegate_erased, session_view
from shared.clock import ConferenceClock, utc_now
from shared.conference import Conference
from shared.events import Line, RegistrationSubmitted, Request, SessionChange, Slug
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
        return _corrected(register, current, corrected)


@dataclass(frozen=True, slots=True)
class GivePhoto:
    """Let a portrait be a delegate's, in place of any before; or propose it, where one was decided on."""

    delegate_id: UUID
    portrait: Portrait
    caller: Caller

    def touches(self) -> Touched:
        return Touched(delegates=[self.delegate_id])

    def decide(self, desk: Desk, register: Register) -> Answer:
        current = delegate_of(register, self.delegate_id, self.caller)
        by, decides = self.caller.actor, self.caller.staff is not None
        sha256, at = self.portrait.sha256, utc_now()
        given = correcting.give_photo(current, sha256, by, desk.conference, register, at, decides=decides)
        _keep(self.portrait, register)
        return _corrected(register, current, given)


class Decision(Request):
    """The body of `POST /delegates/{id}/decision`. A refusal is told with its reason."""

    decision: deciding.Verdict
    """`review` says that the decision is being prepared."""
    reason: Line | None = None
    """In words that the person is told as they are, beside those of `reason_code` or in their place."""
    reason_code: Slug | None = None
    """One of the conference's `refusal_reasons`, which the person is told in their language."""
    note: Line | None = None
    """For the file: nobody but the accreditation desk is told."""
    revision: int | None = None
    """Decide only on the registration as it was at this revision."""

    @property
    def given(self) -> Reason:
        return Reason(self.reason, self.reason_code, self.note)


@dataclass(frozen=True, slots=True)
class Decide:
    """Accredit, refuse with a reason, or take under review; or propose it, where two must decide."""

    delegate_id: UUID
    decision: Decision
    caller: Caller

    def touches(self) -> Touched:
        return Touched(delegates=[self.delegate_id], frees=True, decides=True)

    def decide(self, desk: Desk, register: Register) -> Answer:
        current, asked = delegate_of(register, self.delegate_id, None), self.decision
        if asked.revision is not None and asked.revision != current.revision:
            raise changed_meanwhile()
        by = self.caller.actor
        decided = deciding.decide(current, asked.decision, asked.given, by, desk.conference, register, utc_now())
        return applied(register, current, decided)


class CorrectionDecision(Request):
    """The body of `POST /delegates/{id}/correction/decision`. A refusal is told with its reason."""

    decision: correcting.Verdict
    reason: Line | None = None
    number: int | None = None
    """Decide only on the correction of this number."""


@dataclass(frozen=True, slots=True)
class DecideCorrection:
    """Accept what is proposed to be corrected, or decline it; or say so, where two must decide."""

    delegate_id: UUID
    decision: CorrectionDecision
    caller: Caller

    def touches(self) -> Touched:
        return Touched(delegates=[self.delegate_id], frees=True)

    def decide(self, desk: Desk, register: Register) -> Answer:
        current, asked = delegate_of(register, self.delegate_id, None), self.decision
        correction = register.corrections.get(self.delegate_id)
        if asked.number is not None and (correction is None or asked.number != correction.number):
            raise changed_meanwhile()
        by, at = self.caller.actor, utc_now()
        corrected = correcting.decide(current, correction, asked.decision, asked.reason, by, desk.conference, register, at)
        return _corrected(register, current, corrected)


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
            _fill(register)
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


@dataclass(frozen=True, slots=True)
class ChangeSession:
    """Change a session's entry; those who no longer belong to its audience lose their place in the same transaction."""

    session_id: str
    change: SessionChange
    caller: Caller

    def touches(self) -> Touched:
        crowds = [] if self.change.audience is None else [self.session_id]
        return Touched(sessions=[self.session_id], crowds=crowds, announced=[self.session_id], frees=True)

    def decide(self, desk: Desk, register: Register) -> Answer:
        current = register.session(self.session_id)
        if current is None:
            raise NotFound
        if self.change.revision is not None and self.change.revision != current.revision:
            now = {"revision": current.revision}
            detail = say("It is at revision {revision} now: look at what was changed, and change it again.", **now)
            raise model.NotNow("changed-meanwhile", detail)
        at = utc_now()
        changed = programme.change(current, self.change, desk.conference, register, at)
        told = programme.told_of(current, changed, register)
        if changed is not current:
            losing = programme.losing_their_place(changed, register)
            released = [model.release(each, self.session_id, programme.RELEASED_BY_AUDIENCE, at) for each in losing]
            register.apply_session(changed)
            for each in released:
                register.apply(each)
            _fill(register)
        return Answer(200, {**session_view(changed, register.enrolled(self.session_id)), "told": told})


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


def _corrected(register: Register, current: Registration, corrected: correcting.Corrected) -> Answer:
    held = register.corrections.get(current.delegate_id)
    if corrected.registration is not current:
        register.apply(corrected.registration)
    if corrected.correction is not None and corrected.correction is not held:
        register.apply_correction(corrected.correction)
    _fill(register)
    return _answered(register, corrected.registration)


def _keep(portrait: Portrait | None, register: Register) -> None:
    if portrait is not None:
        register.portraits[portrait.sha256] = portrait.jpeg


def applied(register: Register, current: Registration, decided: Registration, needs: Iterable[Need] = ()) -> Answer:
    """Take the next revision, if it is one, with what it frees, and answer."""
    if decided is not current:
        register.apply(decided)
        _fill(register)
    return _answered(register, register.delegates.get(decided.delegate_id, decided), needs)


def _answered(register: Register, decided: Registration, needs: Iterable[Need] = ()) -> Answer:
    clashes, correction = waiting.clashes(decided, register), register.corrections.get(decided.delegate_id)
    return Answer(200, delegate_decided(decided, clashes, correction, needs))


def _fill(register: Register) -> None:
    """Give every place that became free to who waited for it first."""
    while (promoted := waiting.next_in(register, utc_now())) is not None:
        register.apply(promoted)
    register.freed.clear()
