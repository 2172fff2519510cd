"""Kafka in: which topics badging reads, and which use case takes each."""

import faust

from badging.service import BadgeDesk
from shared import topics
from shared.events import BadgeStatus, DelegateRegistered, SessionChanged
from shared.inbox import Inbox, Reader
from shared.settings import KafkaSettings
from shared.streams import channel

TOPICS = (topics.DELEGATE_REGISTERED, topics.SESSION_CHANGED, topics.BADGE_STATUS, topics.retry("badging"))
"""What badging reads, without prefix."""


def agents(app: faust.App, inbox: Inbox, kafka: KafkaSettings, desk: BadgeDesk) -> None:
    """Add badging's agents to `app`."""
    delegates = Reader(DelegateRegistered, desk.converge, forget=desk.forget)
    sessions = Reader(SessionChanged, desk.keep_sessions)
    printers = Reader(BadgeStatus, desk.record)

    @app.agent(channel(app, kafka, topics.DELEGATE_REGISTERED))
    async def badge_delegates(stream: faust.StreamT[bytes]) -> None:
        await inbox.consume(stream, delegates)

    @app.agent(channel(app, kafka, topics.SESSION_CHANGED))
    async def keep_sessions(stream: faust.StreamT[bytes]) -> None:
        await inbox.consume(stream, sessions)

    @app.agent(channel(app, kafka, topics.BADGE_STATUS))
    async def follow_printers(stream: faust.StreamT[bytes]) -> None:
        await inbox.consume(stream, printers)

    @app.agent(channel(app, kafka, topics.retry("badging")))
    async def take_again(stream: faust.StreamT[bytes]) -> None:
        await inbox.consume(stream, delegates, sessions, printers)
