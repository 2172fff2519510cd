"""Passwords of staff: argon2id, off the event loop, few at a time, and as long for an account that is not there."""

import asyncio

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST, LONGEST = 12, 200
AT_ONCE = 2
"""Each takes 64 MiB while it is hashed."""

_HASHER = PasswordHasher()
_NOBODYS = f"$argon2id$v=19$m={_HASHER.memory_cost},t={_HASHER.time_cost},p={_HASHER.parallelism}${'A' * 22}${'A' * 43}"
"""A hash that no password has, which takes as long as any to find out."""


class Passwords:
    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def hashed(self, password: str) -> str:
        async with self._turns:
            return await asyncio.to_thread(password_hash, password)

    async def fits(self, password: str, kept: str | None) -> bool:
        """Whether it is the password that `kept` is the hash of; takes as long where nothing is kept."""
        async with self._turns:
            return await asyncio.to_thread(_fits, password, kept or _NOBODYS) and kept is not None


def password_hash(password: str) -> str:
    """Blocks, for as long as it takes to make guessing slow."""
    return _HASHER.hash(password)


def is_weak(kept: str) -> bool:
    """Whether it was hashed with less effort than today's."""
    return _HASHER.check_needs_rehash(kept)


def _fits(password: str, kept: str) -> bool:
    try:
        return _HASHER.verify(kept, password)
    except (VerificationError, InvalidHashError):
        return False
