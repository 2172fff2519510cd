"""The code broken on purpose, one way at a time: the checker must catch each, or it proves nothing.

A mutation is installed in the processes that `tests.faults.process` runs; production code knows nothing of it.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

from tests.integration.invariants import BADGES, BURIED, DONE, LOST, NOT_INVENTED, ONE_ID, ORDER, SHEETS, TRUTH

Install = Callable[[], None]


@dataclass(frozen=True)
class Mutation:
    """What is broken, by which `faults` that shows, and which invariant (`tests.faults.checker`) must catch it."""

    broken: str
    install: Install
    faults: Sequence[str]
    caught_by: Sequence[str]


def _rows_removed_before_sent() -> None:
    from shared.outbox import Outbox
    from shared.relay import Relay

    send, remove = Relay._send, Outbox.remove

    async def removed_first(self: Any, producer: Any, rows: Any) -> Any:
        await self._claims.settle(lambda tx: remove(self._outbox, tx, [row.seq for row in rows]))
        return await send(self, producer, rows)

    Relay._send, Outbox.remove = removed_first, lambda *_: set()


def _outbox_apart() -> None:
    from shared.database import Database
    from shared.outbox import Outbox

    publish, transaction = Outbox.publish_records, Database.transaction

    def later(self: Any, tx: Any, records: Any) -> None:
        tx.info.setdefault("apart", []).append((self, records))

    def twice(self: Any, work: Any) -> Any:
        apart: list[Any] = []

        def collecting(tx: Any) -> Any:
            tx.info.pop("apart", None)
            result = work(tx)
            apart.extend(tx.info.pop("apart", []))
            return result

        result = transaction(self, collecting)
        for outbox, records in apart:
            self.transaction(lambda tx, outbox=outbox, records=records: publish(outbox, tx, records))
        return result

    Outbox.publish_records, Database.transaction = later, twice


def _sent_out_of_order() -> None:
    from shared.relay import Relay

    send = Relay._send

    async def backwards(self: Any, producer: Any, rows: Any) -> Any:
        return await send(self, producer, list(reversed(rows)))

    Relay._send = backwards


def _revisions_unchecked() -> None:
    from shared.revisions import KnownFacts, News

    def keep_all(self: Any, tx: Any, batch: Any) -> Any:
        known = self.get(tx, [each.fact.key for each in batch], lock=True)
        last = {each.fact.key: each for each in batch}
        tx.execute(self.table.delete().where(self.table.c.key.in_(list(last))))
        rows = [
            {"key": key, "revision": each.fact.revision, "content": each.fact.model_dump_json()} for key, each in last.items()
        ]
        tx.execute(self.table.insert(), rows)
        return [News(each, known.get(key)) for key, each in last.items()]

    KnownFacts.keep_newest = keep_all


def _acknowledged_before_commit() -> None:
    from shared.inbox import Inbox

    handle, running = Inbox._handle, set[Any]()

    async def in_the_background(self: Any, *given: Any) -> None:
        async def soon() -> None:
            await asyncio.sleep(0.7)  # longer than Faust takes to commit offsets
            await handle(self, *given)

        task = asyncio.create_task(soon())
        running.add(task)
        task.add_done_callback(running.discard)

    Inbox._handle = in_the_background


def _answered_before_commit() -> None:
    from registration.intake.group_commit import Intake

    decide = Intake._decide

    async def early(self: Any, group: Any) -> None:
        loop = asyncio.get_running_loop()

        def answer(outcomes: Any) -> None:
            for waiting, outcome in zip(group, outcomes, strict=True):
                if isinstance(outcome, Exception):
                    waiting.answered.set_exception(outcome)
                else:
                    waiting.answered.set_result(outcome)

        def decided(tx: Any) -> None:
            outcomes, _ = decide(self, tx, [waiting.submission for waiting in group])
            loop.call_soon_threadsafe(answer, outcomes)
            time.sleep(0.05)  # as a slow disk would

        await self._database.write(decided)

    Intake._commit = early


def _repeats_forgotten() -> None:
    from registration.intake.answers import KeptAnswers

    KeptAnswers.find = lambda self, repeat: None
    KeptAnswers.store = lambda self, tx: None


def _job_committed_before_print() -> None:
    from badging.print_queue import PrintQueue

    take = PrintQueue.take

    def take_for_good(self: Any, within_ms: int) -> Any:
        job = take(self, within_ms)
        if job is not None:
            self.done(job)
        return job

    PrintQueue.take = take_for_good


def _badges_not_voided() -> None:
    from badging.ledger import Ledger

    Ledger.void = lambda self, badge, reason, occasion: None


def _message_id_anew() -> None:
    from notifications import outgoing

    letter = outgoing.letter

    def renamed(tx: Any, key: Any) -> Any:
        found = letter(tx, key)
        if found is None:
            return None
        name, _, domain = found.message_id.rpartition("@")
        return replace(found, message_id=f"{name}@{uuid4().hex[:6]}.{domain}")

    outgoing.letter = renamed


def _sessions_tell_nobody() -> None:
    from notifications import store

    store.mark_enrolled = lambda tx, session_id, mark: 0


def _one_fault_buries() -> None:
    from shared.inbox import Inbox
    from tests.faults.points import HandlerFault

    async def bury(self: Any, given: Any, own: Any, by_type: Any) -> None:
        await self._bury(given, HandlerFault())

    Inbox._handle_alone = bury


def _poison_stops_the_stream() -> None:
    from shared.inbox import Inbox

    async def fail(self: Any, record: Any, error: Exception) -> None:
        raise error

    Inbox._bury = fail


MUTATIONS: dict[str, Mutation] = {
    "rows-removed-before-sent": Mutation(
        "the relay removes outbox rows before the broker has them",
        _rows_removed_before_sent,
        ["die-at-before-send-registration", "die-at-before-send-badging", "broker-killed"],
        [LOST, ORDER, SHEETS, BADGES],
    ),
    "outbox-apart": Mutation(
        "a change and its event are committed apart",
        _outbox_apart,
        # The point lies between the two commits.
        ["die-at-after-intake-commit-registration", "die-at-after-commit-badging", "die-at-after-intake-commit-registration"],
        [LOST, ORDER, BADGES],
    ),
    "sent-out-of-order": Mutation(
        "the relay sends what waits backwards", _sent_out_of_order, ["broker-unreachable"], [ORDER, LOST, NOT_INVENTED]
    ),
    "revisions-unchecked": Mutation(
        "readers take whatever comes for news",
        _revisions_unchecked,
        ["stale-records", "replayed-from-zero-badging"],
        [BADGES, TRUTH, BURIED],
    ),
    "acknowledged-before-commit": Mutation(
        "a batch is acknowledged before it is committed",
        _acknowledged_before_commit,
        ["die-at-after-offset-commit-badging", "die-at-after-offset-commit-notifications"],
        [BADGES, TRUTH],
    ),
    "answered-before-commit": Mutation(
        "intake answers before its commit",
        _answered_before_commit,
        ["die-at-before-intake-commit-registration"] * 2,
        [LOST],
    ),
    "repeats-forgotten": Mutation(
        "a request that is repeated is decided once more",
        _repeats_forgotten,
        ["die-at-after-intake-commit-registration"] * 3,
        [NOT_INVENTED, LOST],
    ),
    "job-committed-before-print": Mutation(
        "a printer commits a job and then prints it", _job_committed_before_print, ["die-at-before-sheet-printer"], [SHEETS]
    ),
    "badges-not-voided": Mutation("a badge that is replaced stays valid", _badges_not_voided, ["quiet"], [BADGES, BURIED]),
    "message-id-anew": Mutation(
        "a mail that is sent again gets a Message-ID of its own",
        _message_id_anew,
        ["die-at-after-mail-notifications"],
        [ONE_ID],
    ),
    "sessions-tell-nobody": Mutation(
        "a changed session marks nobody as to be told", _sessions_tell_nobody, ["quiet"] * 4, [TRUTH]
    ),
    "one-fault-buries": Mutation(
        "an event that failed once is a dead letter",
        _one_fault_buries,
        ["raise-once-badging", "raise-once-notifications"],
        [BURIED, BADGES, TRUTH],
    ),
    "poison-stops-the-stream": Mutation(
        "an event that cannot be read is no dead letter", _poison_stops_the_stream, ["poison"], [DONE, BURIED]
    ),
}
