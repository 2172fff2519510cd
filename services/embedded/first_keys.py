"""The keys of the embedded run: made at its first start and kept in plain text, for the person at this machine alone.

`var/keys.toml` (mode 0600) holds them; `var/staff-keys.toml` holds the hashes that services read; the form's key is
kept, as every form's, in registration's database.
"""

import os
import tomllib
from pathlib import Path

from sqlalchemy import Connection

from registration.callers.form_keys import FormKey, find_form_key, keep_form_key
from registration.staff.passwords import password_hash
from registration.store import accounts
from shared.database import Database
from shared.keys import Role, key_hash, new_key

FORM = "form"
DESK_ACCOUNT = "desk"
DESK_PASSWORD = "desk-password"
EXAMPLE_FORM = FormKey("example form", None, None)


def first_keys(var: Path) -> dict[str, str]:
    """The plain keys by kind: `form`, each staff role, and the desk's password. Made where there are none yet."""
    plain = var / "keys.toml"
    keys = tomllib.loads(plain.read_text(encoding="utf-8")) if plain.exists() else {}
    kinds = (FORM, *(role.value for role in Role), DESK_PASSWORD)
    if all(kind in keys for kind in kinds):
        return keys
    keys = {kind: keys.get(kind) or new_key() for kind in kinds}
    lines = [f'{kind} = "{key}"\n' for kind, key in keys.items()]
    note = "# Plain keys of this embedded run. Production keeps only hashes: see KEYS_FILE.\n"
    _write_privately(plain, note + "".join(lines))
    return keys


def keep_staff_hashes(var: Path, keys: dict[str, str]) -> Path:
    """Write the file that services read as `KEYS_FILE`; returns its path."""
    staff = var / "staff-keys.toml"
    entries = [f'[keys.{key_hash(keys[role.value])}]\nname = "{role.value}"\nrole = "{role.value}"\n' for role in Role]
    _write_privately(staff, "\n".join(entries))
    return staff


def keep_form_hash(database: Database, keys: dict[str, str]) -> None:
    """Have registration know the form's key; blocks. Idempotent."""
    hashed = key_hash(keys[FORM])

    def keep(tx: Connection) -> None:
        if find_form_key(tx, hashed) is None:
            keep_form_key(tx, hashed, EXAMPLE_FORM)

    database.transaction(keep)


def keep_desk_account(database: Database, keys: dict[str, str]) -> None:
    """Open the account that signs in to the accreditation desk; blocks. One that is there keeps the password it has."""

    def keep(tx: Connection) -> None:
        if not any(account.name == DESK_ACCOUNT for account, _ in accounts.listed(tx)):
            accounts.add(tx, DESK_ACCOUNT, Role.ACCREDITATION)
            accounts.set_password(tx, DESK_ACCOUNT, password_hash(keys[DESK_PASSWORD]))

    database.transaction(keep)


def _write_privately(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.fchmod(descriptor, 0o600)  # also where it was there already
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
