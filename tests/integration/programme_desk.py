"""A service of the tests' own: it keeps session-changed, as all of them do, and can be made to fail."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import faust
import sqlalchemy as sa
from kafka import KafkaProducer

from shared import topics
from shared.cloudevents import Record, encode
from shared.database import Database
from shared.dead_letters import DeadLetters
from shared.events import SessionChanged
from shared.inbox import Inbox, Journal, Reader
from shared.outbox import Outbox
from shared.received import Received
from shared.relay import Relay
from shared.revisions import KnownFacts
from shared.settings import KafkaSettings
from shared.streams import channel, faust_app
from shared.tracing import new_traceparent
from tests.integration.topic_reading import Positions, raw_records_in
from tests.waiting import until

SERVICE = "badging"


class Programme:
    """A service that keeps session-changed, as all of them do, and notes each event that takes effect."""

    def __init__(self, kafka: KafkaSettings, database: Database) -> None:
        self.kafka, self.database = kafka, database
        metadata = sa.MetaData()
        self.outbox = Outbox(metadata, SERVICE)
        self.letters = DeadLetters(metadata, self.outbox)
        self._sessions = KnownFacts(metadata, "sessions", SessionChanged)
        self._effects = sa.Table("effects", metadata, sa.Column("session_id", sa.String), sa.Column("revision", sa.Integer))
        database.transaction(metadata.create_all)
        self._positions = Positions(kafka)
        self.app: faust.App | None = None
        """The agents' app, while they run."""
        self.batches: list[list[str]] = []
        """Every batch that was begun: the session ids in it."""
        self.before_commit: Callable[[Sequence[str]], None] = lambda _: None
        """What a test has go wrong, when all else of the transaction is done."""
        self.forgotten: list[str] = []
        self.fail_to_forget = False

    def handle(self, tx: sa.Connection, batch: Sequence[Received[SessionChanged]]) -> Journal:
        ids = [each.fact.session_id for each in batch]
        self.batches.append(ids)
        facts = [each.received.fact for each in self._sessions.keep_newest(tx, batch)]
        for fact in facts:
            tx.execute(self._effects.insert().values(session_id=fact.session_id, revision=fact.revision))
        self.before_commit(ids)
        return [("session_kept", {"session_id": fact.session_id}) for fact in facts]

    def _forget(self, tx: sa.Connection, keys: Sequence[str]) -> None:
        if self.fail_to_forget:
            raise ArithmeticError
        self._sessions.forget(tx, keys)
        self.forgotten += keys

    def effects(self) -> Counter[tuple[str, int]]:
        """How often each session's revision took effect."""
        with self.database.connect() as connection:
            return Counter((row.session_id, row.revision) for row in connection.execute(self._effects.select()))

    def took_effect(self, sessions: Sequence[SessionChanged]) -> bool:
        return self.effects() == Counter((each.session_id, each.revision) for each in sessions)

    def close(self) -> None:
        self._positions.close()
        self.database.close()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Inbox]:
        """Its agent and relay, started and stopped in the order in which a process does."""
        dead_letters = self.kafka.topic(topics.dead_letter(SERVICE))
        inbox = Inbox(self.database, self.letters, dead_letter_topic=dead_letters)
        app = faust_app(SERVICE, self.kafka)
        sessions = Reader(SessionChanged, self.handle, forget=self._forget)

        @app.agent(channel(app, self.kafka, topics.SESSION_CHANGED))
        async def keep_sessions(stream: faust.StreamT[bytes]) -> None:
            await inbox.consume(stream, sessions)

        @app.agent(channel(app, self.kafka, topics.retry(SERVICE)))
        async def take_again(stream: faust.StreamT[bytes]) -> None:
            await inbox.consume(stream, sessions)

        app.finalize()
        self.app = app
        relaying = asyncio.create_task(Relay(self.database, self.outbox, self.kafka).run())
        await app.start()
        try:
            yield inbox
        finally:
            inbox.stopping = True
            await app.stop()
            relaying.cancel()
            await asyncio.gather(relaying, return_exceptions=True)

    def send(self, *records: Record | SessionChanged, topic: str = topics.SESSION_CHANGED) -> list[Record]:
        """Put records into `topic`, in order."""
        sent = [
            encode(each, "programme-desk", new_traceparent()) if isinstance(each, SessionChanged) else each for each in records
        ]
        producer = KafkaProducer(**self.kafka.client_arguments())
        for key, value, headers in sent:
            producer.send(self.kafka.topic(topic), key=key, value=value, headers=headers)
        producer.flush(timeout=60)
        producer.close()
        return sent

    def unread(self) -> int:
        """How many records of its topics the broker would give again after a crash."""
        return self._positions.unread(SERVICE, topics.SESSION_CHANGED, topics.retry(SERVICE))

    def start_over(self) -> None:
        """Have every record given again."""
        self._positions.start_over(SERVICE, topics.SESSION_CHANGED)

    async def all_read(self) -> None:
        await until(lambda: self.unread() == 0, "every record is acknowledged")

    async def dead_letters(self, expected: int) -> list[Record]:
        """All that lie in the dead-letter topic, once `expected` do: the relay may be about to send them."""
        topic, found = topics.dead_letter(SERVICE), list[Record]()

        async def all_there() -> bool:
            found[:] = await asyncio.to_thread(raw_records_in, self.kafka, topic)
            return len(found) >= expected

        await until(all_there, f"{expected} dead letters are written")
        return found
