"""Tells a first start from a lost database: an empty one beside a broker that remembers the service is no first start.

Whoever started it must say which: `--adopt`, what the log says is taken as already issued and told; or `--send`, all of
it is done again. Both are looked at only where the database is empty.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata
from sqlalchemy import Connection, Table, func, select

from services.broker_admin import EARLIEST, LATEST, Admin, connected, offsets, partitions_of
from shared.database import Database
from shared.inbox import Journal
from shared.logs import get_log, log_all
from shared.settings import ServiceSettings
from shared.whole_log import WholeLog, read_whole

log = get_log()

BROKER_RETRY_SECONDS = 1.0


class LostDatabase(Exception):
    """The database is empty and the broker remembers the service; the message says what can be done."""


@dataclass(frozen=True, slots=True)
class FirstStart:
    """How one service begins: which of its tables are empty then, and how it can take the log for done."""

    tables: Sequence[Table]
    reads: Sequence[str] = ()
    """Topics of its consumer group, without prefix; a service that reads none begins with those that it `writes`."""
    writes: Sequence[str] = ()
    adopt: Callable[[Connection, WholeLog], Journal] | None = None
    adopts_from: Callable[[], dict[str, Any]] = dict
    """The topics that it reads for this, and the type of event in each."""


async def settle(name: str, first: FirstStart, settings: ServiceSettings, database: Database) -> None:
    """Return when the service may start; raises `LostDatabase`. With an empty database it waits for the broker."""
    if not await database.read(lambda tx: _is_empty(tx, first.tables)):
        return
    while True:
        try:
            await asyncio.to_thread(_settle, name, first, settings, database)
        except (KafkaError, OSError) as error:
            log.warning("first_start_waiting", error=type(error).__name__)
            await asyncio.sleep(BROKER_RETRY_SECONDS)
        else:
            return


def _settle(name: str, first: FirstStart, settings: ServiceSettings, database: Database) -> None:
    with closing(connected(settings)) as admin:
        if not _remembered(admin, name, first, settings):
            return
        if settings.adopt and first.adopt is not None:
            whole = read_whole(settings, first.adopts_from())
            log_all(log, database.transaction(lambda tx: _adopted(tx, first, whole)))
            log.info("log_adopted")
        elif settings.send:
            _start_over(admin, name, first, settings)
            log.warning("log_started_over")
        else:
            raise LostDatabase(_told(name, first, settings))


def _adopted(tx: Connection, first: FirstStart, whole: WholeLog) -> Journal:
    """Another replica may have been first."""
    assert first.adopt is not None
    if tx.dialect.name == "postgresql":
        tx.execute(select(func.pg_advisory_xact_lock(func.hashtext("lanyard first start"))))
    return first.adopt(tx, whole) if _is_empty(tx, first.tables) else []


def _is_empty(tx: Connection, tables: Sequence[Table]) -> bool:
    return all(tx.execute(select(table).limit(1)).first() is None for table in tables)


def _remembered(admin: Admin, name: str, first: FirstStart, settings: ServiceSettings) -> bool:
    if first.writes:
        places = partitions_of(admin, [settings.topic(topic) for topic in first.writes])
        begin, end = offsets(admin, places, EARLIEST), offsets(admin, places, LATEST)
        return any(end[each] > begin[each] for each in places)
    group = settings.topic(name)
    return any(each.offset > 0 for each in admin.list_group_offsets([group])[group].values())


def _start_over(admin: Admin, name: str, first: FirstStart, settings: ServiceSettings) -> None:
    group = settings.topic(name)
    places = partitions_of(admin, [settings.topic(topic) for topic in first.reads])
    if places:
        begin = offsets(admin, places, EARLIEST)
        admin.alter_group_offsets(group, {each: OffsetAndMetadata(offset, "", -1) for each, offset in begin.items()})


def _told(name: str, first: FirstStart, settings: ServiceSettings) -> str:
    database = f"The database of {name} is empty, and the broker remembers {name}"
    if first.writes:
        return (
            f"{database}: {', '.join(settings.topic(topic) for topic in first.writes)} hold what it has published. Restore its "
            "database from a backup: birth dates, document numbers, protected names, form keys and answers are in no topic, so "
            "it cannot adopt the log. `--send` starts with an empty register all the same, and what the log says of people "
            "registered before stays with those who read it; a new TOPIC_PREFIX is a new conference."
        )
    return (
        f"{database}: the consumer group {settings.topic(name)} has committed what it read. Restore its database from a "
        "backup, or say what to do: `--adopt` takes what the log says as already issued and told; `--send` reads the log from "
        "its beginning, and issues and sends all of it again."
    )
