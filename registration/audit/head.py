"""The head of the audit trail, signed: how far it goes, to be kept where nobody who can write to the database can edit it.

It is signed with Ed25519, by the key that `AUDIT_KEY_FILE` names; where it names none, one is made at first use, mode
0600: beside a SQLite database, else beside `KEYS_FILE`. Blocks: it reads a file.
"""

import base64
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from tempfile import NamedTemporaryFile

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from pydantic import BaseModel

from registration.audit.entries import Head
from registration.settings import RegistrationSettings
from shared.database import Database

KEY_FILE = "audit-key.pem"


class NoKey(Exception):
    """There is no key to sign heads with; the message says what to do."""


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


class HeadSigner:
    """Signs heads by this deployment's key; `made` is told the file of one that was made, to have it backed up."""

    def __init__(self, settings: RegistrationSettings, database: Database, made: Callable[[Path], None]) -> None:
        self._settings, self._database, self._made = settings, database, made
        self._key: Ed25519PrivateKey | None = None

    @property
    def public_key(self) -> str:
        """Raw, base64. Raises `NoKey`."""
        return base64.b64encode(self._private_key().public_key().public_bytes_raw()).decode()

    def sign(self, head: Head, at: datetime) -> SignedHead:
        """The head as it stood at a time. Raises `NoKey`."""
        unsigned = SignedHead(seq=head.seq, hash=head.hash.hex(), at=at.isoformat(), public_key=self.public_key)
        signature = base64.b64encode(self._private_key().sign(unsigned.signed)).decode()
        return unsigned.model_copy(update={"signature": signature})

    def _private_key(self) -> Ed25519PrivateKey:
        if self._key is None:
            given = self._settings.audit_key
            self._key = self._kept() if given is None else _parsed(given.get_secret_value().encode(), "AUDIT_KEY_FILE")
        return self._key

    def _kept(self) -> Ed25519PrivateKey:
        file = self._folder() / KEY_FILE
        try:
            if not file.exists() and _make(file):
                self._made(file)
            return _parsed(file.read_bytes(), str(file))
        except OSError as error:
            raise NoKey(f"No key can be made or read at {file}: {error.strerror}. Name one by AUDIT_KEY_FILE.") from None

    def _folder(self) -> Path:
        if not self._database.is_postgresql and self._database.url.database:
            return Path(self._database.url.database).parent
        if self._settings.keys_file is not None:
            return self._settings.keys_file.parent
        raise NoKey("Name a key to sign heads with by AUDIT_KEY_FILE, or a folder to make one in by KEYS_FILE.")


def _make(file: Path) -> bool:
    """Make a key there, whole or not at all; where another thread or process was first, theirs stays, and the answer is no."""
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with NamedTemporaryFile(dir=file.parent, prefix=f".{file.name}.") as unfinished:  # which nobody else may read
        unfinished.write(pem)
        unfinished.flush()
        try:
            os.link(unfinished.name, file)
        except FileExistsError:
            return False
    return True


def _parsed(pem: bytes, where: str) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(pem, None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise NoKey(f"{where} holds no Ed25519 private key in PEM. Make one: openssl genpkey -algorithm ed25519.")
    return key
