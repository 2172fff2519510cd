"""The composition root: where settings, rules and real parts of each service meet. Nothing else reads the environment."""

from typing import Any

import faust
from sqlalchemy import Connection, func, select

import badging.api
import badging.stream
import registration.stream
from badging import store as badging_store
from badging.door import Door
from badging.service import BadgeDesk
from badging.settings import BadgingSettings
from registration import store as registration_store
from registration.api import Registration, router
from registration.callers import Callers
from registration.intake import Intake
from registration.seeding import seed_sessions
from registration.service import Desk
from registration.settings import RegistrationSettings
from services.process import Composition, Parts, Service
from shared import topics
from shared.inbox import Inbox
from shared.logs import get_log

log = get_log()


def _registration(settings: RegistrationSettings, parts: Parts) -> Composition:
    desk = Desk(parts.conference, parts.clock)
    intake = Intake(parts.database, desk, settings, outbox_limit=settings.outbox_limit)
    callers = Callers(parts.database, parts.staff_keys)

    async def seed() -> None:
        journal = await parts.database.write(lambda tx: seed_sessions(tx, parts.conference, settings))
        for name, fields in journal:
            log.info(name, **fields)

    def counts(tx: Connection) -> dict[str, Any]:
        status = registration_store.delegates.c.status
        return dict(tx.execute(select(status, func.count()).group_by(status)).tuples().all())

    def agents(app: faust.App, inbox: Inbox) -> None:
        registration.stream.agents(app, inbox, settings)

    return Composition(
        routes=router(Registration(intake, callers, parts.database, parts.conference)),
        agents=agents,
        counts=counts,
        tasks=[intake.run],
        close=intake.close,
        start=seed,
    )


def _badging(settings: BadgingSettings, parts: Parts) -> Composition:
    desk = BadgeDesk(parts.conference, settings)
    door = Door(parts.conference, parts.clock)

    def counts(tx: Connection) -> dict[str, Any]:
        return badging_store.count(tx)._asdict()

    def agents(app: faust.App, inbox: Inbox) -> None:
        badging.stream.agents(app, inbox, settings, desk)

    return Composition(badging.api.router(parts.database, parts.staff_keys, desk, door), agents, counts)


REGISTRATION = Service(
    name="registration",
    outbox=registration_store.outbox,
    reads=registration.stream.TOPICS,
    compose=_registration,
    ready_without_broker=True,
)

BADGING = Service(
    name="badging",
    outbox=badging_store.outbox,
    reads=(topics.DELEGATE_REGISTERED, topics.SESSION_CHANGED, topics.BADGE_STATUS, topics.retry("badging")),
    compose=_badging,
)

SERVICES = {
    "badging": (BADGING, BadgingSettings),
    "registration": (REGISTRATION, RegistrationSettings),
}
