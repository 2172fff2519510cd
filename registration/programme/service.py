"""The use case of the programme: a session's entry is changed, for all who have or wait for a place in it."""

from dataclasses import dataclass

from registration.callers.caller import Caller
from registration.intake.reach import Touched
from registration.model import NotNow, release
from registration.programme import changes
from registration.register import Register
from registration.service import Answer, Desk, NotFound, fill_free_places
from registration.views import session_view
from shared.clock import utc_now
from shared.events import SessionChange
from shared.said import say


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
            raise NotNow("changed-meanwhile", detail)
        at = utc_now()
        changed = changes.revised(current, self.change, desk.conference, register, at)
        told = changes.told_of(current, changed, register)
        if changed is not current:
            losing = changes.losing_their_place(changed, register)
            released = [release(each, self.session_id, changes.RELEASED_BY_AUDIENCE, at) for each in losing]
            register.apply_session(changed)
            for each in released:
                register.apply(each)
            fill_free_places(register)
        return Answer(200, {**session_view(changed, register.enrolled(self.session_id)), "told": told})
