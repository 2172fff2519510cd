"""How registration is put together."""

from typing import Any

import faust
from sqlalchemy import Connection, func, select

from registration import store, stream
from registration.api import Registration, router
from registration.callers import Callers
from registration.erasure import KeyEnder
from registration.intake import Intake
from registration.newest import newest
from registration.seeding import seed_sessions
from registration.service import Desk
from registration.settings import RegistrationSettings
from services.first_start import FirstStart
from services.process import Composition, Parts, Service
from shared import topics
from shared.inbox import Inbox
from shared.logs import get_log

log = get_log()


def compose(settings: RegistrationSettings, parts: Parts) -> Composition:
    desk = Desk(parts.conference, parts.clock)
    intake = Intake(parts.database, desk, settings, outbox_limit=settings.outbox_limit)
    key_ender = KeyEnder(parts.database, settings)
    callers = Callers(parts.database, parts.staff_keys)

    async def seed() -> None:
        journal = await parts.database.write(lambda tx: seed_sessions(tx, parts.conference, settings))
        for name, fields in journal:
            log.info(name, **fields)

    def counts(tx: Connection) -> dict[str, Any]:
        status = store.delegates.c.status
        return dict(tx.execute(select(status, func.count()).group_by(status)).all())

    def close() -> None:
        intake.close()
        key_ender.close()

    def agents(app: faust.App, inbox: Inbox) -> None:
        stream.agents(app, inbox, settings)

    return Composition(
        routes=router(Registration(intake, callers, parts.database, parts.conference)),
        agents=agents,
        counts=counts,
        tasks=[intake.run, key_ender.run],
        close=close,
        newest=lambda tx, keys: newest(tx, keys, parts.conference, settings),
        start=seed,
        first_start=FirstStart(
            tables=[store.delegates, store.sessions],
            reads=stream.TOPICS,
            writes=[topics.DELEGATE_REGISTERED, topics.SESSION_CHANGED],
        ),
    )


SERVICE = Service(
    name="registration",
    settings=RegistrationSettings,
    outbox=store.outbox,
    dead_letters=store.dead_letters,
    reads=stream.TOPICS,
    compose=compose,
    ready_without_broker=True,
)
