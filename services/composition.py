"""The composition root: where settings, rules and real parts of each service meet. Nothing else reads the environment."""

from dataclasses import asdict
from typing import Any

import faust
from sqlalchemy import Connection, func, select

import badging.api
import badging.stream
import notifications.api
import notifications.stream
import registration.stream
from badging import store as badging_store
from badging.door import Door
from badging.service import BadgeDesk
from badging.settings import BadgingSettings
from notifications import store as notifications_store
from notifications.convergence import Convergence
from notifications.converger import Converger
from notifications.languages import languages_in
from notifications.ledger import standing
from notifications.mail import MailWriter
from notifications.sender import Sender
from notifications.service import NoticeDesk
from notifications.settings import NotificationsSettings
from registration import store as registration_store
from registration.api import Registration, router
from registration.callers import Callers
from registration.intake import Intake
from registration.seeding import seed_sessions
from registration.service import Desk
from registration.settings import RegistrationSettings
from services.process import Composition, Parts, Service
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


def _notifications(settings: NotificationsSettings, parts: Parts) -> Composition:
    languages = languages_in()
    mail_from = settings.mail_from or parts.conference.contact
    writer = MailWriter(parts.conference, languages, mail_from, settings.registration_public_url)
    desk = NoticeDesk(settings.pace, parts.clock)
    converger = Converger(parts.database, Convergence(list(languages), settings.pace, writer.domain))
    sender = Sender(parts.database, settings.mail_server, writer, connections=settings.smtp_connections)

    def agents(app: faust.App, inbox: Inbox) -> None:
        notifications.stream.agents(app, inbox, settings, desk)

    def counts(tx: Connection) -> dict[str, Any]:
        return asdict(standing(tx))

    def close() -> None:
        converger.close()
        sender.close()

    routes = notifications.api.router(parts.database, parts.staff_keys)
    return Composition(routes, agents, counts, tasks=[converger.run, sender.run], close=close)


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
    reads=badging.stream.TOPICS,
    compose=_badging,
)

NOTIFICATIONS = Service(
    name="notifications",
    outbox=notifications_store.outbox,
    reads=notifications.stream.READ_TOPICS,
    compose=_notifications,
)

SERVICES = {
    "notifications": (NOTIFICATIONS, NotificationsSettings),
    "badging": (BADGING, BadgingSettings),
    "registration": (REGISTRATION, RegistrationSettings),
}
