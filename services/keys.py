"""Makes keys. Each is shown once, on standard output and nothing else there; only its SHA-256 is kept."""

import fcntl
import os
import tomllib
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import orjson
import typer
from sqlalchemy.exc import IntegrityError, OperationalError

from registration.callers import FormKey, keep_form_key
from registration.settings import RegistrationSettings
from services.terminal import load, printable, stopped
from shared.conference import Conference
from shared.conference_folder import ConferenceFault
from shared.conference_folder import load as load_conference
from shared.database import Database, WrongDatabase
from shared.keys import Role, key_hash, new_key

LONGEST_NAME = 64


def make_form_key(name: str, categories: list[str], delegations: list[str]) -> None:
    """Make the key of an external form and keep it in registration's database; no categories or delegations are all."""
    _check_name(name)
    settings = load(RegistrationSettings)
    try:
        _check_slugs(load_conference(settings.conference_folder), categories, delegations)
    except ConferenceFault as fault:
        raise stopped(str(fault)) from None
    key = new_key()
    _keep(settings, key, FormKey(name, frozenset(categories) or None, frozenset(delegations) or None))
    _tell(key, "Registration takes it from now on.")


def make_staff_key(name: str, role: str, file: Path) -> None:
    """Make a staff key and add its hash to the file that every service reads."""
    _check_name(name)
    key = new_key()
    add_staff_key(file, key_hash(key), name, Role(role))
    _tell(key, f"Every service that reads {file} takes it from now on.")


def add_staff_key(file: Path, hashed: str, name: str, role: Role) -> None:
    """Add a key's hash to the file, whole or not at all, mode 0600; ends the command where the file or name is not fit."""
    file = file.resolve()
    with _alone_in(file.parent):
        text = _keys_text(file)
        if any(entry.get("name") == name for entry in _entries(file, text)):
            raise stopped(
                f"{file} has a key of the name {printable(name)} already. Choose another, or take that one out first."
            )
        entry = f"[keys.{hashed}]\nname = {orjson.dumps(name).decode()}\nrole = {orjson.dumps(role.value).decode()}\n"
        _replace(file, f"{text.rstrip()}\n\n{entry}" if text.strip() else entry)


def _keys_text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise stopped(f"{file} cannot be read ({type(error).__name__}): nothing was added.") from None


def _entries(file: Path, text: str) -> list[dict[str, str]]:
    try:
        return list(tomllib.loads(text).get("keys", {}).values())
    except tomllib.TOMLDecodeError as error:
        raise stopped(f"{file} is not valid TOML ({error}): correct it first, nothing was added.") from None


def _replace(file: Path, text: str) -> None:
    unfinished = file.with_name(f".{file.name}.tmp")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as output:
        output.write(text)
        output.flush()
        os.fsync(descriptor)
    os.replace(unfinished, file)


@contextmanager
def _alone_in(folder: Path) -> Generator[None]:
    """Let one command at a time write in `folder`. The file itself cannot be locked: it is replaced."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise stopped(f"The folder {folder} cannot be opened: {error.strerror}. Create it, or correct KEYS_FILE.") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    except OSError as error:
        raise stopped(f"{folder} cannot be written: {error.strerror}. Nothing was added.") from None
    finally:
        os.close(descriptor)


def _keep(settings: RegistrationSettings, key: str, form: FormKey) -> None:
    database = Database(settings.database_url.get_secret_value(), "registration")
    try:
        database.migrate("registration:migrations")
        database.transaction(lambda tx: keep_form_key(tx, key_hash(key), form))
    except IntegrityError:
        raise stopped(f"There is a form key of the name {printable(form.name)} already. Choose another name.") from None
    except WrongDatabase as wrong:
        raise stopped(str(wrong)) from None
    except OperationalError as error:
        where = database.url.render_as_string(hide_password=True)
        raise stopped(f"Registration's database {where} cannot be used ({type(error.orig).__name__}).") from None
    finally:
        database.close()


def _check_name(name: str) -> None:
    if not (0 < len(name.strip()) == len(name) <= LONGEST_NAME and name.isprintable()):
        raise stopped(f"A name has 1 to {LONGEST_NAME} printable characters, without space around it: {printable(name)!r}")


def _check_slugs(conference: Conference, categories: list[str], delegations: list[str]) -> None:
    unknown = [f"category {each}" for each in categories if each not in conference.category]
    unknown += [f"delegation {each}" for each in delegations if each not in conference.delegation]
    if unknown:
        raise stopped(
            f"The conference {conference.slug} has no {printable(', no '.join(unknown))}. `GET /conference` lists them."
        )


def _tell(key: str, use: str) -> None:
    typer.echo(key)
    typer.echo(f"This is the key, shown this once: only its SHA-256 is kept. {use}", err=True)
