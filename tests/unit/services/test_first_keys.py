"""The keys of the embedded run are made once, and its desk can be signed in to."""

from pathlib import Path

import pytest
from argon2 import PasswordHasher

from registration.store import accounts
from services.embedded.first_keys import DESK_ACCOUNT, DESK_PASSWORD, first_keys, keep_desk_account
from shared.database import Database
from shared.keys import Role


@pytest.fixture
def database(tmp_path: Path) -> Database:
    database = Database(f"sqlite:///{tmp_path / 'registration.db'}", "registration")
    database.migrate("registration:migrations")
    return database


def test_keys_are_made_once_and_those_of_an_older_run_are_kept(tmp_path: Path) -> None:
    (tmp_path / "keys.toml").write_text('form = "kept"\n')
    made = first_keys(tmp_path)
    assert made["form"] == "kept"
    assert {role.value for role in Role} | {DESK_PASSWORD} < set(made)
    assert first_keys(tmp_path) == made
    assert (tmp_path / "keys.toml").stat().st_mode & 0o777 == 0o600


def test_the_desks_account_has_the_password_that_was_made_until_it_is_changed(tmp_path: Path, database: Database) -> None:
    keys = first_keys(tmp_path)
    keep_desk_account(database, keys)
    with database.connect() as tx:
        found = accounts.find(tx, DESK_ACCOUNT)
    assert found
    account, kept = found
    assert account.role is Role.ACCREDITATION
    assert kept
    assert PasswordHasher().verify(kept, keys[DESK_PASSWORD])
    keep_desk_account(database, {**keys, DESK_PASSWORD: "another"})
    with database.connect() as tx:
        assert accounts.find(tx, DESK_ACCOUNT) == found
    database.close()
