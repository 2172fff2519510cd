"""The places in sessions as somebody may take them, to be read: nothing is locked, what is asked for is decided anew."""

from sqlalchemy import Connection, select

from registration.delegate import Registration
from registration.register import Register
from registration.store import delegates, enrolments, session_of, session_places, sessions
from shared.events import EnrolmentState


def places_for(tx: Connection, registration: Registration) -> Register:
    """The programme, how many are enrolled by category, and whoever waits where `registration` does."""
    register = Register()
    found = [session_of(content) for content in tx.execute(select(sessions.c.content)).scalars()]
    register.sessions = {each.session_id: each for each in found}
    p, e = session_places.c, enrolments.c
    for session_id, category, enrolled in tx.execute(select(p.session_id, p.category, p.enrolled)):
        register.note_enrolled(session_id, category, enrolled)
    waited = [each.session_id for each in registration.enrolments if each.state is EnrolmentState.WAITING]
    if waited:
        waiting = select(e.delegate_id).where(e.session_id.in_(waited), e.state == EnrolmentState.WAITING.value)
        contents = tx.execute(select(delegates.c.content).where(delegates.c.delegate_id.in_(waiting))).scalars()
        listed = [Registration.model_validate_json(content) for content in contents]
        register.delegates = {each.delegate_id: each for each in listed}
    return register
