"""Kafka in: what notifications reads, and who handles it."""

import faust

from notifications.service import NoticeDesk
from shared import topics
from shared.events import DelegateRegistered, SessionChanged
from shared.inbox import Inbox, Reader
from shared.settings import KafkaSettings
from shared.streams import channel

READ_TOPICS = (topics.DELEGATE_REGISTERED, topics.SESSION_CHANGED, topics.retry("notifications"))
"""What must exist before the agents start."""


def agents(app: faust.App, inbox: Inbox, kafka: KafkaSettings, desk: NoticeDesk) -> None:
    """Add the agents of notifications to `app`."""
    delegates = Reader(DelegateRegistered, desk.take_delegates, forget=desk.forget)
    sessions = Reader(SessionChanged, desk.take_sessions)

    @app.agent(channel(app, kafka, topics.DELEGATE_REGISTERED))
    async def notify_delegates(stream: faust.StreamT[bytes]) -> None:
        await inbox.consume(stream, delegates)

    @app.agent(channel(app, kafka, topics.SESSION_CHANGED))
    async def notify_sessions(stream: faust.StreamT[bytes]) -> None:
        await inbox.consume(stream, sessions)

    @app.agent(channel(app, kafka, topics.retry("notifications")))
    async def notify_replayed(stream: faust.StreamT[bytes]) -> None:
        await inbox.consume(stream, delegates, sessions)
