"""Every service's migrations: they make its tables, once, however many start together, in a database of its own."""

import threading
from importlib import import_module
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import MetaData, inspect

from shared.database import Database, WrongDatabase

SERVICES = ("registration", "badging", "notifications")


@pytest.fixture
def with_tables_of() -> None:
    return None


@pytest.fixture
def url(database_url: str) -> str:
    return database_url.replace("/service.db", "/folder/service.db")  # a folder that is not there yet


def migrated(url: str, service: str) -> Database:
    database = Database(url, service)
    database.migrate(f"{service}:migrations")
    return database


INDEXES_OF = {"outbox_by_key": "postgresql", "delegates_by_status": "postgresql", "delegates_sought": "sqlite"}
"""Those that only one kind of database has."""


def tables_of(database: Database) -> set[str]:
    with database.connect() as tx:
        return set(inspect(tx).get_table_names())


def differences(database: Database, metadata: MetaData) -> list[Any]:
    def of_the_service(name: str | None, kind: str, _: Any) -> bool:
        return kind != "table" or name not in ("alembic_version", "lanyard_service")

    def of_the_dialect(_: Any, name: str | None, *__: Any) -> bool:
        return INDEXES_OF.get(name or "") in (None, "postgresql" if database.is_postgresql else "sqlite")

    with database.connect() as tx:
        options = {
            "include_name": of_the_service,
            "include_object": of_the_dialect,
            "compare_type": True,
            "compare_server_default": True,
        }
        return compare_metadata(MigrationContext.configure(tx, opts=options), metadata)


@pytest.mark.parametrize("service", SERVICES)
def test_the_migrations_make_the_tables_that_the_service_uses(url: str, service: str):
    database = migrated(url, service)
    try:
        assert differences(database, import_module(f"{service}.store").metadata) == []
    finally:
        database.close()


@pytest.mark.parametrize("service", SERVICES)
def test_migrating_again_changes_nothing(url: str, service: str):
    for _ in range(2):
        database = migrated(url, service)
        tables = tables_of(database)
        database.close()
    assert tables == {*import_module(f"{service}.store").metadata.tables, "alembic_version", "lanyard_service"}


def test_a_database_of_another_service_is_refused_and_left_as_it_is(url: str):
    migrated(url, "registration").close()
    other = Database(url, "badging")
    before = tables_of(other)
    with pytest.raises(WrongDatabase, match=r"belongs to registration\. Give badging one of its own in BADGING_DATABASE_URL"):
        other.migrate("badging:migrations")
    assert tables_of(other) == before
    other.close()


def test_two_replicas_that_start_together_migrate_once(postgresql_url: str):
    databases = [Database(postgresql_url, "registration") for _ in range(3)]
    together = threading.Barrier(len(databases))
    failed: list[BaseException] = []

    def start(database: Database) -> None:
        together.wait(30)
        try:
            database.migrate("registration:migrations")
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=start, args=(database,)) for database in databases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failed == []
    assert differences(databases[0], import_module("registration.store").metadata) == []
    for database in databases:
        database.close()
