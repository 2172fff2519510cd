"""The use case of photos: a delegate's portrait is given, or proposed."""

from dataclasses import dataclass
from uuid import UUID

from registration.callers.caller import Caller
from registration.decisions import correcting
from registration.intake.reach import Touched
from registration.photos.portraits import Portrait
from registration.register import Register
from registration.service import Answer, Desk, applied_correction, delegate_of
from shared.clock import utc_now


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
        register.portraits[sha256] = self.portrait.jpeg
        return applied_correction(register, current, given)
