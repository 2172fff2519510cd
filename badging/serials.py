"""What names one badge to people and to gates: its serial and its credential.

A serial is `CT18-7K3M9-QXZ2E`: the conference's initials and year, then nine characters that carry 45 random bits, then
a check character. The alphabet is Crockford's base 32 (https://www.crockford.com/base32.html), without I, L, O and U.
The check character finds every single mistyped character and every two that were swapped.

A credential, the text of the QR code, is `LY1.<serial>.<token>`: the version of the form, the serial, and a token of
128 random bits that nobody can guess. It holds only capitals, digits, dots and dashes, which a QR code packs tightest.
"""

import re
from collections.abc import Iterable

from shared.said import Said, say

SERIAL_BITS = 45
TOKEN_BYTES = 16
VERSION = "LY1"

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LOOK_ALIKES = str.maketrans("ILO", "110")
_BODY = 10
_PREFIX_MAX = 8
_SHIFTS = range(SERIAL_BITS - 5, -1, -5)

# Multiplication by x in GF(32), with x⁵ + x² + 1: the powers of x are 31 different weights.
_TIMES_X = [(value << 1) ^ (0b100101 if value & 16 else 0) for value in range(32)]


class NoSerial(ValueError):
    """The text is no serial; `reason` says why, for whoever typed it."""

    def __init__(self, reason: Said) -> None:
        super().__init__(reason)
        self.reason = reason


def serial_prefix(conference: str) -> str:
    """The first part of each serial: the initials of the conference's slug, and the last two digits of its year."""
    words = conference.upper().split("-")
    return "".join(word[-2:] if word.isdecimal() else word[0] for word in words)[:_PREFIX_MAX]


def serial(prefix: str, number: int) -> str:
    """The serial of `number`, which has at most `SERIAL_BITS` bits."""
    symbols = [number >> shift & 31 for shift in _SHIFTS]
    symbols.append(_TIMES_X[_remainder(symbols)])
    body = "".join([_ALPHABET[symbol] for symbol in symbols])
    return f"{prefix}-{body[:5]}-{body[5:]}"


def read_serial(typed: str) -> str:
    """The serial that somebody typed: in any case, with or without dashes, with O for 0, I or L for 1.

    Raises `NoSerial`, also where the check character does not match.
    """
    plain = re.sub(r"[\s-]", "", typed).upper()
    prefix, body = plain[:-_BODY], plain[-_BODY:].translate(_LOOK_ALIKES)
    if not prefix or not prefix.isalnum() or not prefix.isascii() or any(symbol not in _ALPHABET for symbol in body):
        raise NoSerial(
            say("This is not a serial. One looks like {example} and is printed below the code.", example="CT18-7K3M9-QXZ2E")
        )
    if _remainder(_ALPHABET.index(symbol) for symbol in body):
        raise NoSerial(
            say("A character of this serial is mistyped: its last character does not match. Compare it with the badge.")
        )
    return f"{prefix}-{body[:5]}-{body[5:]}"


def credential(serial: str, token: bytes) -> str:
    return f"{VERSION}.{serial}.{token.hex().upper()}"


def serial_of(credential: str) -> str | None:
    """The serial that a credential claims, or `None` where the text is no credential of this version."""
    version, _, rest = credential.partition(".")
    claimed, _, token = rest.partition(".")
    return claimed if version == VERSION and claimed and token else None


def _remainder(symbols: Iterable[int]) -> int:
    total = 0
    for symbol in symbols:
        total = _TIMES_X[total] ^ symbol
    return total
