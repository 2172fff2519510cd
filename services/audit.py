"""The commands of the audit trail: is it whole, what does it say, and its head, signed, to be kept where nobody can edit it.

A head is signed with Ed25519, by the key that `AUDIT_KEY_FILE` names; where it names none, one is made at first use,
mode 0600: beside a SQLite database, else beside `KEYS_FILE`.
"""

import base64
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import orjson
import typer
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from pydantic import BaseModel, SecretStr, ValidationError
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from registration import store
from registration.audit import Head, broken
from registration.settings import RegistrationSettings
from services.terminal import load, stopped
from shared.clock import utc_now
from shared.database import Database, WrongDatabase

T = TypeVar("T")
KEY_FILE = "audit-key.pem"


class AuditSettings(RegistrationSettings):
    audit_key: SecretStr | None = None
    """An Ed25519 private key in PEM (PKCS 8), by which heads are signed."""


class SignedHead(BaseModel):
    """How far the trail went at a time. The signature is of the other fields, as JSON with sorted names and no spaces."""

    seq: int
    hash: str
    at: str
    public_key: str
    """Raw Ed25519 key, base64."""
    signature: str = ""

    @property
    def signed(self) -> bytes:
        return orjson.dumps(self.model_dump(exclude={"signature"}), option=orjson.OPT_SORT_KEYS)

    def is_signed_by(self, public_key: str) -> bool:
        try:
            key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key))
            key.verify(base64.b64decode(self.signature), self.signed)
        except (InvalidSignature, ValueError):
            return False
        return True


def show_head() -> None:
    """Write the head, signed, as one line of JSON."""
    settings = load(AuditSettings)
    key = _key(settings)
    head = _read(settings, store.trail.head)
    public = base64.b64encode(key.public_key().public_bytes_raw()).decode()
    unsigned = SignedHead(seq=head.seq, hash=head.hash.hex(), at=utc_now().isoformat(), public_key=public)
    signature = base64.b64encode(key.sign(unsigned.signed)).decode()
    typer.echo(unsigned.model_copy(update={"signature": signature}).model_dump_json())


def export() -> None:
    """Write every entry as a line of JSON, with its hash."""

    def write(tx: Connection) -> None:
        for entry in store.trail.entries(tx):
            typer.echo(f'{{"entry":{entry.content},"hash":"{entry.hash.hex()}"}}')

    _read(load(AuditSettings), write)


def verify(kept: Path | None, public_key: str | None) -> bool:
    """Walk the chain and say whether it is whole; also against a head that was kept. `False` where it is broken."""
    settings = load(AuditSettings)
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


def _own_public_key(settings: AuditSettings) -> str:
    return base64.b64encode(_key(settings).public_key().public_bytes_raw()).decode()


def _key(settings: AuditSettings) -> Ed25519PrivateKey:
    if settings.audit_key is not None:
        return _parsed(settings.audit_key.get_secret_value().encode(), "AUDIT_KEY_FILE")
    file = _place(settings) / KEY_FILE
    if not file.exists():
        pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        try:
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise stopped(f"No key can be made at {file}: {error.strerror}. Name one by AUDIT_KEY_FILE.") from None
        with os.fdopen(descriptor, "wb") as output:
            output.write(pem)
        typer.echo(f"A key to sign heads with was made: {file}. Back it up, away from the database.", err=True)
    return _parsed(file.read_bytes(), str(file))


def _place(settings: AuditSettings) -> Path:
    database = Database(settings.database_url.get_secret_value(), "registration")
    database.close()
    if not database.is_postgresql and database.url.database:
        return Path(database.url.database).parent
    if settings.keys_file is not None:
        return settings.keys_file.parent
    raise stopped("Name a key to sign heads with by AUDIT_KEY_FILE, or a folder to make one in by KEYS_FILE.")


def _parsed(pem: bytes, where: str) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(pem, None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise stopped(f"{where} holds no Ed25519 private key in PEM. Make one: openssl genpkey -algorithm ed25519.")
    return key


def _read(settings: AuditSettings, work: Callable[[Connection], T]) -> T:
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
