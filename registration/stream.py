"""Kafka in: what the badge printers report."""

import faust

from registration.queries import note_badge_reports
from shared import topics
from shared.events import BadgeStatus
from shared.inbox import Inbox, Reader
from shared.settings import KafkaSettings
from shared.streams import channel

TOPICS = (topics.BADGE_STATUS, topics.retry("registration"))


def agents(app: faust.App, inbox: Inbox, kafka: KafkaSettings) -> None:
    reports = Reader(BadgeStatus, note_badge_reports)

    @app.agent(channel(app, kafka, topics.BADGE_STATUS))
    async def badge_reports(stream: faust.StreamT[bytes]) -> None:
        await inbox.consume(stream, reports)

    @app.agent(channel(app, kafka, topics.retry("registration")))
    async def replayed(stream: faust.StreamT[bytes]) -> None:
        await inbox.consume(stream, reports)
