"""The commands of the audit trail: is it whole, what does it say, and its head, signed, to be kept where nobody can edit it."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import typer
from pydantic import ValidationError
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from registration import store
from registration.audit.entries import Head, broken
from registration.audit.head import HeadSigner, NoKey, SignedHead
from registration.settings import RegistrationSettings
from services.commands.terminal import load_beside_stack, stopped
from shared.clock import utc_now
from shared.database import Database, WrongDatabase

T = TypeVar("T")


def show_head() -> None:
    """Write the head, signed, as one line of JSON."""
    settings = load_beside_stack(RegistrationSettings)
    signer = _signer(settings)
    head = _read(settings, store.trail.head)
    try:
        typer.echo(signer.sign(head, utc_now()).model_dump_json())
    except NoKey as error:
        raise stopped(str(error)) from None


def export() -> None:
    """Write every entry as a line of JSON, with its hash."""

    def write(tx: Connection) -> None:
        for entry in store.trail.entries(tx):
            typer.echo(f'{{"entry":{entry.content},"hash":"{entry.hash.hex()}"}}')

    _read(load_beside_stack(RegistrationSettings), write)


def verify(kept: Path | None, public_key: str | None) -> bool:
    """Walk the chain and say whether it is whole; also against a head that was kept. `False` where it is broken."""
    settings = load_beside_stack(RegistrationSettings)
    head_kept = None if kept is None else _kept(kept, public_key or _own_public_key(settings))

    def walk(tx: Connection) -> tuple[str | None, Head]:
        head = store.trail.head(tx)
        return broken(store.trail.entries(tx), head, head_kept), head

    wrong, head = _read(settings, walk)
    if wrong is not None:
        typer.echo(f"The audit trail is broken. {wrong}", err=True)
        return False
    against = "" if head_kept is None else f" It goes on from the head that was kept at entry {head_kept.seq}."
    typer.echo(f"The audit trail is whole: {head.seq} entries, the last with hash {head.hash.hex()}.{against}")
    return True


def _kept(file: Path, public_key: str) -> Head:
    try:
        signed = SignedHead.model_validate_json(file.read_text(encoding="utf-8"))
        head = Head(signed.seq, bytes.fromhex(signed.hash))
    except OSError as error:
        raise stopped(f"{file} cannot be read: {error.strerror}.") from None
    except (ValidationError, ValueError):
        raise stopped(f"{file} is no head: keep what `lanyard audit head` writes, as it is.") from None
    if not signed.is_signed_by(public_key):
        raise stopped(f"{file} was not signed by the key {public_key}, or was changed since.")
    return head


def _own_public_key(settings: RegistrationSettings) -> str:
    try:
        return _signer(settings).public_key
    except NoKey as error:
        raise stopped(str(error)) from None


def _signer(settings: RegistrationSettings) -> HeadSigner:
    database = Database(settings.database_url.get_secret_value(), "registration")
    database.close()  # of which only its place is looked at
    return HeadSigner(settings, database, _tell_made)


def _tell_made(file: Path) -> None:
    typer.echo(f"A key to sign heads with was made: {file}. Back it up, away from the database.", err=True)


def _read(settings: RegistrationSettings, work: Callable[[Connection], T]) -> T:
    """What one snapshot of the database says: entries that are added meanwhile are not seen."""
    database = Database(settings.database_url.get_secret_value(), "registration")
    try:
        with database.connect() as connection:
            if database.is_postgresql:
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                return work(connection)
    except WrongDatabase as wrong:
        raise stopped(str(wrong)) from None
    except OperationalError as error:
        where = database.url.render_as_string(hide_password=True)
        raise stopped(f"Registration's database {where} cannot be used ({type(error.orig).__name__}).") from None
    finally:
        database.close()
