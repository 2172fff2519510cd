"""The places in sessions as somebody may take them, to be read: nothing is locked, what is asked for is decided anew."""

from sqlalchemy import Connection, select

from registration.delegate import Registration
from registration.register import Register
from registration.store import delegates, enrolments, session_of, session_places, sessions
from shared.events import EnrolmentState
from shared.rows import among

_PROGRAMME = select(sessions.c.content)
_PLACES = select(*(session_places.c[name] for name in ("session_id", "category", "enrolled")))
_WAITING = select(delegates.c.content).where(
    delegates.c.delegate_id.in_(
        select(enrolments.c.delegate_id).where(
            among(enrolments.c.session_id, "ids"), enrolments.c.state == EnrolmentState.WAITING.value
        )
    )
)


def places_for(tx: Connection, registration: Registration) -> Register:
    """The programme, how many are enrolled by category, and whoever waits where `registration` does."""
    register = Register()
    found = [session_of(content) for content in tx.execute(_PROGRAMME).scalars()]
    register.sessions = {each.session_id: each for each in found}
    for row in tx.execute(_PLACES):
        register.note_enrolled(row.session_id, row.category, row.enrolled)
    waited = [each.session_id for each in registration.enrolments if each.state is EnrolmentState.WAITING]
    if waited:
        listed = [Registration.model_validate_json(content) for content in tx.execute(_WAITING, {"ids": waited}).scalars()]
        register.delegates = {each.delegate_id: each for each in listed}
    return register
