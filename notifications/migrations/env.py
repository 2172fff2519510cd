"""Alembic's entry: run by `Database.migrate`."""

from shared.migrating import upgrade

upgrade()
