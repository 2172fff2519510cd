"""The use cases of a delegation's letter of credentials: it is given once for all of its people, replaced, removed."""

from collections.abc import Iterator
from dataclasses import dataclass

from registration.callers.caller import Caller
from registration.delegate import Registration
from registration.intake.reach import Touched
from registration.letters.letter import LetterChange, LetterFile
from registration.letters.views import letter_view
from registration.needs import status_at_first
from registration.register import Register
from registration.service import Answer, Desk, NotFound
from shared.clock import utc_now
from shared.events import Status


@dataclass(frozen=True, slots=True)
class GiveLetter:
    """Let this be the delegation's letter, in place of any before. Who waited for nothing else is accredited."""

    delegation: str
    file: LetterFile
    caller: Caller

    def touches(self) -> Touched:
        return Touched(delegations=[self.delegation], letters=[self.delegation])

    def decide(self, desk: Desk, register: Register) -> Answer:
        _known(self.delegation, self.caller, desk)
        held, at, accredited = register.letters.get(self.delegation), utc_now(), 0
        if held is None or held.sha256 != self.file.sha256:
            register.apply_letter(LetterChange(self.delegation, self.file, self.caller.actor, at))
            for each in list(_waiting(register, self.delegation)):
                changed = each.revised(at, status=status_at_first(each, desk.conference, register.letters))
                if changed is not each:
                    register.apply(changed)
                    accredited += 1
        return Answer(200, {**letter_view(register.letters[self.delegation]), "accredited": accredited})


@dataclass(frozen=True, slots=True)
class RemoveLetter:
    """Keep the delegation's letter no longer. Whoever is accredited stays so; others wait for another. Idempotent."""

    delegation: str
    caller: Caller

    def touches(self) -> Touched:
        return Touched(delegations=[self.delegation])

    def decide(self, desk: Desk, register: Register) -> Answer:
        _known(self.delegation, self.caller, desk)
        if self.delegation in register.letters:
            register.apply_letter(LetterChange(self.delegation, None, self.caller.actor, utc_now()))
        return Answer(200, {"delegation": self.delegation})


def _known(delegation: str, caller: Caller, desk: Desk) -> None:
    if delegation not in desk.conference.delegation or not caller.may_give_letter(delegation):
        raise NotFound


def _waiting(register: Register, delegation: str) -> Iterator[Registration]:
    """Those of the delegation who wait for a decision, who registered first first."""
    waiting = (each for each in register.delegates.values() if each.status is Status.SUBMITTED)
    return iter(sorted((each for each in waiting if each.delegation == delegation), key=lambda each: each.delegate_id))
