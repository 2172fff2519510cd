"""The programme's first revisions: sessions of the conference's folder, only where the database has none of that id."""

from sqlalchemy import Connection

from registration import store
from registration.intake.group import publish
from registration.intake.locks import hold
from registration.programme import changes
from registration.register import Register
from shared.clock import utc_now
from shared.conference import Conference
from shared.inbox import Journal
from shared.settings import KafkaSettings
from shared.tracing import new_traceparent


def seed_sessions(tx: Connection, conference: Conference, kafka: KafkaSettings) -> Journal:
    """Store and publish the sessions that are absent. Idempotent; what changed since is left as it is."""
    hold(tx, ["programme"])
    absent = store.absent_sessions(tx, [session.session_id for session in conference.sessions])
    register = Register()
    for session in conference.sessions:
        if session.session_id in absent:
            register.apply_session(changes.planned(session, conference, utc_now()))
    store.store(tx, register)
    return publish(tx, register.changes, [new_traceparent()] * len(register.changes), conference, kafka)
