"""Posts signed by the Standard Webhooks scheme: a secret proves who posts and what, and is itself never sent.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Mapping

from shared.problems import Problem
from shared.said import Said, say

TOLERANCE_SECONDS = 300
"""How far the sender's clock may be from ours, and so how long a signature may be on its way."""
MAX_ID_LENGTH = 256
PREFIX = "whsec_"
_VERSION = "v1"


def new_secret() -> str:
    """A new signing secret: 256 random bits."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def signed_id(headers: Mapping[str, str], body: bytes, secret: str, now: float) -> str:
    """The `webhook-id` of what `secret` signed, the same for every repeat of it; raises 401 where it did not.

    `now` is in seconds since 1970, by the true clock.
    """
    message_id, timestamp, signature = (headers.get(f"webhook-{each}", "") for each in ("id", "timestamp", "signature"))
    if not (message_id and timestamp and signature):
        detail = say("Send `webhook-id`, `webhook-timestamp` and `webhook-signature` as Standard Webhooks has them.")
        raise _refused("signature-needed", say("This key signs what it sends, and this is not signed."), detail)
    expected = _signature(secret, message_id, timestamp, body)
    if not any(hmac.compare_digest(each, expected) for each in _signatures(signature)) or len(message_id) > MAX_ID_LENGTH:
        detail = say("Sign `id.timestamp.body` with the secret of this key, the body byte for byte as it is sent.")
        raise _refused("signature-wrong", say("The signature does not fit."), detail)
    if not timestamp.isascii() or not timestamp.isdecimal() or abs(int(timestamp) - now) > TOLERANCE_SECONDS:
        detail = say("It may be {minutes} minutes old. Set the sender’s clock, and sign anew.", minutes=TOLERANCE_SECONDS // 60)
        raise _refused("signature-stale", say("The signature is not of this time."), detail)
    return message_id


def _signature(secret: str, message_id: str, timestamp: str, body: bytes) -> bytes:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    return hmac.digest(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256)


def _signatures(header: str) -> list[bytes]:
    """Those of our version: a sender that changes its secret sends one by each."""
    found: list[bytes] = []
    for each in header.split():
        version, _, encoded = each.partition(",")
        if version == _VERSION:
            try:
                found.append(base64.b64decode(encoded, validate=True))
            except (binascii.Error, ValueError):
                continue
    return found


def _refused(code: str, title: Said, detail: Said) -> Problem:
    return Problem(401, code, title, detail, headers={"WWW-Authenticate": "Bearer"})
