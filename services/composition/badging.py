"""How badging is put together."""

from typing import Any

import faust
from sqlalchemy import Connection

from badging import render, store, stream
from badging.adoption import adopt, sources
from badging.api import router
from badging.door import Door
from badging.service import BadgeDesk
from badging.settings import BadgingSettings
from services.first_start import FirstStart
from services.process import Composition, Parts, Service
from shared.inbox import Inbox


def compose(settings: BadgingSettings, parts: Parts) -> Composition:
    desk = BadgeDesk(parts.conference, settings)
    door = Door(parts.conference, parts.clock)

    def counts(tx: Connection) -> dict[str, Any]:
        return store.count(tx)._asdict()

    def agents(app: faust.App, inbox: Inbox) -> None:
        stream.agents(app, inbox, settings, desk)

    first = FirstStart(
        tables=[store.delegates.table, store.sessions.table, store.badges, store.dead_letters.table],
        reads=stream.TOPICS,
        adopt=lambda tx, whole: adopt(tx, whole, desk),
        adopts_from=lambda: sources(settings),
    )
    return Composition(router(parts.database, parts.staff_keys, desk, door), agents, counts, first_start=first)


SERVICE = Service(
    name="badging",
    settings=BadgingSettings,
    outbox=store.outbox,
    dead_letters=store.dead_letters,
    reads=stream.TOPICS,
    compose=compose,
    layouts=render.layouts(),
)
