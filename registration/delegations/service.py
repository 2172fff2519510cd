"""What a delegation does with its places: endorse whoever registered themselves, replace one person by another."""

from dataclasses import dataclass, replace
from typing import Literal
from uuid import UUID

from registration.callers.caller import Caller
from registration.decisions.reasons import Reason
from registration.delegations import endorsing
from registration.intake.reach import Touched
from registration.model import NotNow
from registration.needs import needs_of
from registration.photos.portraits import Portrait
from registration.register import Register
from registration.service import (
    Answer,
    Desk,
    Erased,
    NotFound,
    RegisterDelegate,
    Withdraw,
    applied,
    changed_meanwhile,
    delegate_of,
)
from shared.clock import utc_now
from shared.events import Line, RegistrationSubmitted, Request, Slug
from shared.said import say


class EndorsementDecision(Request):
    """The body of `POST /delegates/{id}/endorsement`. Whoever is declined is told the reason."""

    decision: Literal["endorse", "decline"]
    reason: Line | None = None
    reason_code: Slug | None = None
    """One of the conference's `refusal_reasons`, which they are told in their language."""
    revision: int | None = None
    """Decide only on the registration as it was at this revision."""


@dataclass(frozen=True, slots=True)
class Endorse:
    """Say, as or for a focal point, whether somebody who registered themselves comes for the delegation."""

    delegate_id: UUID
    decision: EndorsementDecision
    caller: Caller

    def touches(self) -> Touched:
        return Touched(delegates=[self.delegate_id], frees=self.decision.decision == "decline")

    def decide(self, desk: Desk, register: Register) -> Answer:
        current, asked, at = delegate_of(register, self.delegate_id, self.caller), self.decision, utc_now()
        if asked.revision is not None and asked.revision != current.revision:
            raise changed_meanwhile()
        if asked.decision == "endorse":
            decided = endorsing.endorse(current, desk.conference, register, at)
        else:
            decided = endorsing.decline(current, Reason(asked.reason, asked.reason_code), desk.conference, at)
        return applied(register, current, decided, needs_of(decided, desk.conference, register.letters))


@dataclass(frozen=True, slots=True)
class Replace:
    """Withdraw somebody and register another of the same delegation in their place: both or neither, however full the quota."""

    delegate_id: UUID
    request: RegistrationSubmitted
    caller: Caller
    portrait: Portrait | None = None
    """Of whoever comes."""

    def touches(self) -> Touched:
        leaving, coming = self._withdraw.touches(), self._register.touches()
        return replace(leaving, delegations=coming.delegations, sessions=coming.sessions, people=coming.people)

    def decide(self, desk: Desk, register: Register) -> Answer:
        if self.delegate_id in register.erased:
            raise Erased
        current = register.delegate(self.delegate_id)
        if current is None or current.delegation != self.request.delegation:
            raise NotFound
        trial = register.fork()
        withdrawn = self._withdraw.decide(desk, trial)
        if not current.holds_place:
            raise NotNow("no-place-held", say("This registration holds no place that another person could take."))
        registered = self._register.decide(desk, trial)
        register.adopt(trial)
        return Answer(201, {"withdrawn": withdrawn.body, "registered": registered.body})

    @property
    def _withdraw(self) -> Withdraw:
        return Withdraw(self.delegate_id, self.caller)

    @property
    def _register(self) -> RegisterDelegate:
        return RegisterDelegate(self.request, self.caller, self.portrait)
