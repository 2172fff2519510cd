"""Who calls: staff keys with a role, from one file of hashes that every service reads. Form keys are registration's own.

A key is 256 random bits; only its SHA-256 is kept. The file is read again when it changes:

    [keys.0f3a...]            # SHA-256 of the key, hex
    name = "accreditation desk"
    role = "accreditation"
    email = "anna@conference.example"   # whose it is, where that is said
"""

import hashlib
import secrets
import tomllib
from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from shared.logs import get_log
from shared.problems import Problem
from shared.said import Said, say

log = get_log()


class Role(StrEnum):
    ACCREDITATION = "accreditation"
    PROGRAMME = "programme"
    BADGING = "badging"
    OPERATIONS = "operations"
    READ_ONLY = "read-only"


@dataclass(frozen=True, slots=True)
class StaffKey:
    name: str
    role: Role
    email: str | None = field(default=None, repr=False)
    """Whose it is, in small letters, where that is known: who holds a key and an account is one person."""


def new_key() -> str:
    """A new key: 256 random bits, URL-safe."""
    return secrets.token_urlsafe(32)


def key_hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def bearer(authorization: str | None) -> str:
    """The key of an `Authorization: Bearer KEY` header; raises 401 where there is none."""
    scheme, _, key = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise key_missing()
    return key.strip()


def key_missing() -> Problem:
    detail = say("Send one as `Authorization: Bearer KEY`. Keys are given out by the conference's operations staff.")
    return _unauthorized("missing", "key-needed", say("A key is needed, and none was sent."), detail)


def key_unknown() -> Problem:
    detail = say("It is mistyped, or was taken back. Compare it, or ask the conference's operations staff for another.")
    return _unauthorized("unknown", "key-unknown", say("A key was sent, and it is not known here."), detail)


def _unauthorized(reason: str, code: str, title: Said, detail: Said) -> Problem:
    log.warning("key_refused", reason=reason)
    return Problem(401, code, title, detail, headers={"WWW-Authenticate": "Bearer"})


def forbidden(name: str, needed: str) -> Problem:
    log.warning("key_refused", reason="wrong-kind", key_name=name, needed=needed)
    detail = say("It needs a key of the kind: {kinds}.", kinds=needed)
    return Problem(403, "key-of-wrong-kind", say("This key may not do that."), detail)


class StaffKeys:
    """The staff keys of `KEYS_FILE`."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._read_at: int | None = None
        self._keys: dict[str, StaffKey] = {}

    def find(self, key: str) -> StaffKey | None:
        return self.find_by_hash(key_hash(key))

    def find_by_hash(self, hashed: str) -> StaffKey | None:
        self._read_again_when_changed()
        return self._keys.get(hashed)

    def require(self, authorization: str | None, roles: Collection[Role]) -> StaffKey:
        """The caller's staff key; raises 401 where it is not known and 403 where its role is not among `roles`."""
        found = self.find(bearer(authorization))
        if found is None:
            raise key_unknown()
        if found.role not in roles:
            raise forbidden(found.name, ", ".join(sorted(roles)))
        return found

    def _read_again_when_changed(self) -> None:
        if self._path is None:
            return
        try:
            changed_at = self._path.stat().st_mtime_ns
            if changed_at == self._read_at:
                return
            self._keys = _parse(tomllib.loads(self._path.read_text(encoding="utf-8")))
            self._read_at = changed_at
        except (OSError, ValueError, KeyError) as error:
            # The keys that were valid stay valid: half a file must not lock the desk out.
            log.error("keys_file_unreadable", path=str(self._path), error=type(error).__name__)


def _parse(document: dict[str, Any]) -> dict[str, StaffKey]:
    return {
        digest: StaffKey(entry["name"], Role(entry["role"]), entry.get("email", "").lower() or None)
        for digest, entry in document.get("keys", {}).items()
    }
