"""What is given out to be brought back: a form's token, against requests forged by other sites; the receipt; sign-in links."""

import hashlib
import secrets
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from itsdangerous import BadData, URLSafeSerializer, URLSafeTimedSerializer
from sqlalchemy import Connection, select

from registration.store import page_secrets
from shared.database import Database, insert

FORM_SECONDS = 4 * 3600
"""How long a form may stay open before it is sent."""
RECEIPT_SECONDS = 24 * 3600
PROVIDER_SECONDS = 600
PHOTO_SECONDS = 30 * 24 * 3600
COOKIE = "lanyard-form"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the page after a registration tells of it."""

    delegate_id: str
    status: str


class Tokens:
    """Signs with one secret for all replicas, kept in the database."""

    def __init__(self, secret: bytes) -> None:
        self._forms = URLSafeTimedSerializer(secret, salt="form")
        self._receipts = URLSafeTimedSerializer(secret, salt="receipt")
        self._at_provider = URLSafeTimedSerializer(secret, salt="at the provider")
        self._photos = URLSafeTimedSerializer(secret, salt="photo")
        self._links = URLSafeSerializer(secret, salt="sign-in link")

    @classmethod
    async def of(cls, database: Database) -> "Tokens":
        return cls(await database.write(_secret))

    def form(self, cookie: str) -> str:
        """A form's token: good with this cookie alone. Each names its form, so that one sent twice registers once."""
        return self._forms.dumps([secrets.token_urlsafe(12), _hash(cookie)])

    def form_name(self, token: str, cookie: str) -> str | None:
        """The name of the form whose token this is; `None` where it is not good, or not with this cookie, or too old."""
        try:
            name, hashed = self._forms.loads(token, max_age=FORM_SECONDS)
        except (BadData, ValueError, TypeError):
            return None
        return str(name) if cookie and secrets.compare_digest(str(hashed), _hash(cookie)) else None

    def receipt(self, receipt: Receipt) -> str:
        return self._receipts.dumps([receipt.delegate_id, receipt.status])

    def read_receipt(self, token: str) -> Receipt | None:
        try:
            return Receipt(*self._receipts.loads(token, max_age=RECEIPT_SECONDS))
        except (BadData, ValueError, TypeError):
            return None

    def at_provider(self, left: dict[str, Any]) -> str:
        """What somebody leaves with for an OpenID provider, to be brought back."""
        return str(self._at_provider.dumps(left))

    def read_at_provider(self, token: str) -> dict[str, Any] | None:
        try:
            return dict(self._at_provider.loads(token, max_age=PROVIDER_SECONDS))
        except (BadData, ValueError, TypeError):
            return None

    def photo_link(self, delegate_id: UUID) -> str:
        """By which whoever registered themselves gives their photo, within `PHOTO_SECONDS`."""
        return str(self._photos.dumps(delegate_id.hex))

    def read_photo_link(self, token: str) -> UUID | None:
        try:
            return UUID(self._photos.loads(token, max_age=PHOTO_SECONDS))
        except (BadData, ValueError, TypeError, AttributeError):
            return None

    def link(self, link_id: UUID) -> str:
        """A sign-in link's token, the same whenever it is made. How long it is good is the link's own row's affair."""
        return str(self._links.dumps(link_id.hex))

    def read_link(self, token: str) -> UUID | None:
        try:
            return UUID(self._links.loads(token))
        except (BadData, ValueError, TypeError, AttributeError):
            return None


def _hash(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()[:32]


def _secret(tx: Connection) -> bytes:
    """The secret, made by whichever replica comes first."""
    made = {"name": "pages", "secret": secrets.token_bytes(32)}
    tx.execute(insert(tx, page_secrets).on_conflict_do_nothing(), [made])
    return tx.execute(select(page_secrets.c.secret).where(page_secrets.c.name == "pages")).scalar_one()
