"""The places in sessions as somebody may take them, to be read: nothing is locked, what is asked for is decided anew."""

from sqlalchemy import Connection, select

from registration.delegate import Registration
from registration.intake.reach import WAITING
from registration.register import Register
from registration.store import session_of, session_places, sessions
from shared.events import EnrolmentState

_PROGRAMME = select(sessions.c.content)
_PLACES = select(*(session_places.c[name] for name in ("session_id", "category", "enrolled")))


def places_for(tx: Connection, registration: Registration) -> Register:
    """The programme, how many are enrolled by category, and whoever waits where `registration` does."""
    register = Register()
    found = [session_of(content) for content in tx.execute(_PROGRAMME).scalars()]
    register.sessions = {each.session_id: each for each in found}
    for row in tx.execute(_PLACES):
        register.note_enrolled(row.session_id, row.category, row.enrolled)
    waited = [each.session_id for each in registration.enrolments if each.state is EnrolmentState.WAITING]
    if waited:
        listed = [Registration.model_validate_json(content) for content in tx.execute(WAITING, {"ids": waited}).scalars()]
        register.delegates = {each.delegate_id: each for each in listed}
    return register
