"""Many rows and keys in one statement, on both databases."""

from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy import Column, Integer, LargeBinary, MetaData, String, Table, Uuid, bindparam, select, text

from shared.database import Database, UtcDateTime
from shared.rows import among, execute_many, upsert

METADATA = MetaData()
PLACES = Table(
    "places",
    METADATA,
    Column("number", Integer, primary_key=True),
    Column("name", String(40), primary_key=True),
    Column("id", Uuid, nullable=False),
    Column("at", UtcDateTime(), nullable=False),
    Column("content", LargeBinary),
)
NOON = datetime(2026, 5, 12, 12, tzinfo=UTC)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url, "rows")
    database.transaction(METADATA.create_all)
    yield database
    database.transaction(METADATA.drop_all)
    database.close()


def row(number: int, name: str = "a", **changed: object) -> dict[str, object]:
    return {"number": number, "name": name, "id": UUID(int=number), "at": NOON, "content": bytes([number])} | changed


def found(database: Database) -> list[tuple[object, ...]]:
    with database.connect() as tx:
        return [tuple(each) for each in tx.execute(select(PLACES).order_by(PLACES.c.number, PLACES.c.name))]


def test_rows_are_inserted_with_their_types(database):
    rows = [row(1), row(2, "100%"), row(3, ":x", content=None)]
    database.transaction(lambda tx: execute_many(tx, PLACES.insert(), rows))
    assert found(database) == [tuple(each.values()) for each in rows]


def test_columns_that_are_left_out_are_left_out(database):
    rows = [{name: value for name, value in row(number).items() if name != "content"} for number in (1, 2)]
    database.transaction(lambda tx: execute_many(tx, PLACES.insert(), rows))
    assert [each[-1] for each in found(database)] == [None, None]


def test_an_upsert_changes_what_it_is_given_and_no_more(database):
    database.transaction(lambda tx: upsert(tx, PLACES, [row(1), row(2)]))
    changed = [
        {"number": 1, "name": "a", "id": UUID(int=9), "at": NOON},
        {"number": 1, "name": "b", "id": UUID(int=8), "at": NOON},
    ]
    database.transaction(lambda tx: upsert(tx, PLACES, changed))
    assert [(each[0], each[1], each[2].int, each[4]) for each in found(database)] == [
        (1, "a", 9, b"\x01"),
        (1, "b", 8, None),
        (2, "a", 2, b"\x02"),
    ]


def test_rows_are_deleted_by_parameters(database):
    database.transaction(lambda tx: upsert(tx, PLACES, [row(1), row(1, "b"), row(2)]))
    gone = PLACES.delete().where(PLACES.c.number == bindparam("which"), PLACES.c.id == bindparam("owner"))
    given = [{"which": 1, "owner": UUID(int=1)}, {"which": 2, "owner": UUID(int=7)}]
    database.transaction(lambda tx: execute_many(tx, gone, given))
    assert [each[0] for each in found(database)] == [2]


@pytest.mark.parametrize("count", [0, 1, 3, 2000])
def test_keys_are_one_parameter_whatever_their_number(database, count):
    database.transaction(lambda tx: upsert(tx, PLACES, [row(number % 256, str(number)) for number in range(1000)]))
    by_name = select(PLACES.c.name).where(among(PLACES.c.name, "names"), PLACES.c.number < 256)
    by_id = select(PLACES.c.name).where(among(PLACES.c.id, "ids"))
    with database.connect() as tx:
        assert len(tx.execute(by_name, {"names": [str(number) for number in range(count)]}).all()) == min(count, 1000)
        ids = [UUID(int=number) for number in range(min(count, 4))]
        assert {int(name) % 256 for name in tx.execute(by_id, {"ids": ids}).scalars()} == set(range(min(count, 4)))


def test_keys_are_found_by_the_index(tmp_path):
    database = Database(f"sqlite:///{tmp_path / 'rows.db'}", "rows")
    database.transaction(METADATA.create_all)
    by_number = select(PLACES.c.name).where(among(PLACES.c.number, "numbers"))
    with database.connect() as tx:
        sql = str(by_number.compile(dialect=tx.dialect))
        plan = [each[-1] for each in tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", ("[]",))]
    database.close()
    assert plan[0].startswith("SEARCH places")


async def test_a_write_that_is_not_durable_leaves_the_next_one_durable(database):
    await database.write(lambda tx: upsert(tx, PLACES, [row(1)]), durable=False)
    assert len(found(database)) == 1
    asked = text("show synchronous_commit" if database.is_postgresql else "PRAGMA synchronous")
    full = ("on",) if database.is_postgresql else (2,)
    assert await database.write(lambda tx: tuple(tx.execute(asked).one())) == full
    with pytest.raises(ZeroDivisionError):
        await database.write(lambda tx: (upsert(tx, PLACES, [row(2)]), 1 / 0), durable=False)
    assert len(found(database)) == 1
    assert await database.write(lambda tx: tuple(tx.execute(asked).one())) == full
