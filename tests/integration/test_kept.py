"""What pages are made of is kept while the database stands as it did, and no longer, whoever writes."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import Connection, func, select

from registration import kept
from registration.kept import Kept
from registration.store import page_secrets
from shared.database import Database
from shared.faults import DATABASE_AWAY
from tests.waiting import until


@pytest_asyncio.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database(database_url, "registration")
    yield opened
    opened.close()


def write(name: str):
    def work(tx: Connection) -> None:
        tx.execute(page_secrets.insert().values(name=name, secret=b""))

    return work


def counted(tx: Connection) -> int:
    return tx.execute(select(func.count()).select_from(page_secrets)).scalar_one()


async def test_the_state_changes_with_every_commit_of_whomever(database: Database, database_url: str):
    states = [await database.state()]
    assert await database.state() == states[0]
    await database.read(counted)
    assert await database.state() == states[0], "reading changes nothing"
    await database.write(write("own"))
    states.append(await database.state())
    database.transaction(write("own, blocking"))
    states.append(await database.state())
    other = Database(database_url, "registration")
    try:
        await other.write(write("another process"))
        states.append(await database.state())
    finally:
        other.close()
    assert len(set(states)) == len(states)
    with pytest.raises(ZeroDivisionError):
        await database.write(lambda tx: 1 / 0)


async def test_a_file_that_cannot_be_opened_is_a_database_that_is_away(tmp_path: Path):
    database = Database(f"sqlite:///{tmp_path}/not-mounted/service.db", "registration")
    with pytest.raises(DATABASE_AWAY):
        await database.state()
    database.close()


async def test_who_asks_while_somebody_looks_gets_a_look_that_begins_later(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
):
    database = Database(postgresql_url, "registration")
    looks, read, may_end = list[str](), database._reading, threading.Event()

    def slow_look(work: Callable[[Connection], str]) -> str:
        looks.append(read(work))
        may_end.wait()
        return looks[-1]

    with monkeypatch.context() as patch:
        patch.setattr(database, "_reading", slow_look)
        first = asyncio.create_task(database.state())
        await until(lambda: looks, "the first looks")
        await database.write(write("meanwhile"))
        others = [asyncio.create_task(database.state()) for _ in range(5)]
        may_end.set()
        later = await asyncio.gather(*others)
        assert set(later) == {looks[1]} != {await first}
        assert len(looks) == 2, "the five share one"
    database.close()


async def test_a_thing_is_made_once_until_something_is_written(database: Database):
    shelf, made = Kept[int](database), list[int]()

    async def make() -> int:
        made.append(await database.read(counted))
        return made[-1]

    assert [await shelf.thing("a", make) for _ in range(3)] == [0, 0, 0]
    assert await shelf.thing("b", make) == 0, "another name is another thing"
    assert len(made) == 2
    await database.write(write("one"))
    assert [await shelf.thing(name, make) for name in ("a", "b", "a")] == [1, 1, 1]
    assert len(made) == 4


async def test_what_is_written_while_a_thing_is_made_is_not_missed(database: Database):
    shelf = Kept[int](database)

    async def make_slowly() -> int:
        seen = await database.read(counted)
        await database.write(write("meanwhile"))
        return seen

    async def make() -> int:
        return await database.read(counted)

    assert await shelf.thing("a", make_slowly) == 0
    assert await shelf.thing("a", make) == 1


async def test_nothing_is_kept_for_long_nor_without_end(database: Database, monkeypatch: pytest.MonkeyPatch):
    shelf, made = Kept[int](database), list[int]()

    async def make() -> int:
        made.append(1)
        return len(made)

    monkeypatch.setattr(kept, "MOST", 3)
    for number in range(4):
        await shelf.thing(number, make)
    await shelf.thing(0, make)
    assert len(made) == 5, "the fourth name emptied the shelf"
    monkeypatch.setattr(kept, "KEPT_SECONDS", 0.0)
    await shelf.thing(0, make)
    assert len(made) == 6


async def test_who_asks_while_a_thing_is_made_waits_for_it(database: Database):
    shelf, made, may_end = Kept[int](database), list[int](), asyncio.Event()

    async def make() -> int:
        made.append(1)
        await may_end.wait()
        return 7

    asking = [asyncio.create_task(shelf.thing("a", make)) for _ in range(5)]
    await until(lambda: made, "somebody makes it")
    asking[0].cancel()
    may_end.set()
    assert await asyncio.gather(*asking[1:]) == [7] * 4
    assert made == [1]


async def test_a_thing_that_could_not_be_made_is_made_anew(database: Database):
    shelf = Kept[int](database)

    async def fail() -> int:
        raise LookupError

    async def make() -> int:
        return 7

    with pytest.raises(LookupError):
        await shelf.thing("a", fail)
    assert await shelf.thing("a", make) == 7


async def test_a_thing_that_could_not_be_made_for_who_went_away_is_made_anew(sqlite_url: str):
    database = Database(sqlite_url, "registration")
    shelf, begun, may_fail = Kept[int](database), asyncio.Event(), asyncio.Event()

    async def fail() -> int:
        begun.set()
        await may_fail.wait()
        raise LookupError

    async def make() -> int:
        return 7

    asking = asyncio.create_task(shelf.thing("a", fail))
    await begun.wait()
    asking.cancel()
    await asyncio.wait([asking])
    may_fail.set()
    await asyncio.sleep(0.01)
    assert await shelf.thing("a", make) == 7
    database.close()
