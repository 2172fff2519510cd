"""How notifications is put together."""

from dataclasses import asdict
from typing import Any

import faust
from sqlalchemy import Connection

from notifications import store, stream
from notifications.adoption import adopt, sources
from notifications.api import router
from notifications.convergence import Convergence
from notifications.converger import Converger
from notifications.languages import notice_languages
from notifications.mail import MailWriter
from notifications.records import standing
from notifications.sender import Sender
from notifications.service import NoticeDesk
from notifications.settings import NotificationsSettings
from services.first_start import FirstStart
from services.process import Composition, Parts, Service
from shared.inbox import Inbox


def compose(settings: NotificationsSettings, parts: Parts) -> Composition:
    mail_from = settings.mail_from or parts.conference.contact
    writer = MailWriter(parts.conference, notice_languages(), mail_from, settings.registration_public_url)
    desk = NoticeDesk(settings.pace, parts.clock)
    converger = Converger(parts.database, Convergence(settings.pace, writer.domain))
    sender = Sender(parts.database, settings.mail_server, writer, connections=settings.smtp_connections)

    def agents(app: faust.App, inbox: Inbox) -> None:
        stream.agents(app, inbox, settings, desk)

    def counts(tx: Connection) -> dict[str, Any]:
        return asdict(standing(tx))

    def close() -> None:
        converger.close()
        sender.close()

    first = FirstStart(
        tables=[store.delegates.table, store.sessions.table, store.dead_letters.table],
        reads=stream.READ_TOPICS,
        adopt=lambda tx, whole: adopt(tx, whole, desk),
        adopts_from=sources,
    )
    routes = router(parts.database, parts.staff_keys)
    return Composition(routes, agents, counts, tasks=[converger.run, sender.run], close=close, first_start=first)


SERVICE = Service(
    name="notifications",
    settings=NotificationsSettings,
    outbox=store.outbox,
    dead_letters=store.dead_letters,
    reads=stream.READ_TOPICS,
    compose=compose,
)
