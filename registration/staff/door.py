"""Lets staff in: by account and password, slowly for who guesses, and without a hint which of the two was wrong."""

from fastapi import Request
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from registration import store
from registration.kept import Kept
from registration.staff.accounts import SEEN_EVERY, StaffAccount, StaffSession
from registration.staff.passwords import Passwords, is_weak
from shared.clock import utc_now
from shared.database import Database
from shared.logs import get_log
from shared.problems import Problem
from shared.said import say

log = get_log()

COOKIE = "lanyard-staff"
QUARTER = 15
PER_ACCOUNT_AND_ADDRESS = RateLimitItemPerMinute(5, QUARTER)
PER_ACCOUNT = RateLimitItemPerMinute(50, QUARTER)
"""More: who knows the name of an account must not keep its owner out."""
PER_ADDRESS = RateLimitItemPerMinute(50, QUARTER)


class Door:
    """Counts attempts by the memory of this process."""

    def __init__(self, database: Database) -> None:
        self.passwords = Passwords()
        self._database = database
        self._sessions = Kept[StaffSession | None](database)
        self._attempts = MovingWindowRateLimiter(MemoryStorage())

    async def sign_in(self, name: str, password: str, address: str) -> str | None:
        """The token of a new session; `None` where account and password do not fit. Raises 429 for who tries too often."""
        self._count(name, address)
        found = await self._database.read(lambda tx: store.accounts.find(tx, name))
        kept = found[1] if found else None
        if not await self.passwords.fits(password, kept) or kept is None:
            log.warning("staff_sign_in_refused", address=address)
            return None
        if is_weak(kept):
            hashed, before = await self.passwords.hashed(password), kept
            await self._database.write(lambda tx: store.accounts.rehashed(tx, name, before, hashed), announce=False)
            kept = hashed
        now = utc_now()
        token = await self._database.write(lambda tx: store.accounts.begin_session(tx, name, kept, now), announce=False)
        self._attempts.clear(PER_ACCOUNT_AND_ADDRESS, name, address)
        log.info("staff_signed_in", account=name)
        return token

    async def confirms(self, name: str, password: str, address: str) -> bool:
        """Whether it is their password still, of somebody who is signed in; counts as an attempt to sign in."""
        self._count(name, address)
        found = await self._database.read(lambda tx: store.accounts.find(tx, name))
        return await self.passwords.fits(password, found[1] if found else None)

    async def signed_in(self, request: Request) -> tuple[StaffAccount, str] | None:
        """Who sent the request, and their session's token."""
        token = request.cookies.get(COOKIE, "")
        if not token:
            return None
        now = utc_now()
        session = await self._sessions.thing(token, lambda: self._session(token))
        if session is None:
            return None
        if now - session.seen_at >= SEEN_EVERY:
            await self._database.write(lambda tx: store.accounts.seen(tx, token, now), announce=False, durable=False)
        return session.account, token

    async def _session(self, token: str) -> StaffSession | None:
        return await self._database.read(lambda tx: store.accounts.session(tx, token, utc_now()))

    async def sign_out(self, token: str) -> None:
        await self._database.write(lambda tx: store.accounts.end_session(tx, token), announce=False)

    def _count(self, name: str, address: str) -> None:
        allowed = [
            self._attempts.hit(PER_ACCOUNT_AND_ADDRESS, name, address),
            self._attempts.hit(PER_ACCOUNT, name),
            self._attempts.hit(PER_ADDRESS, address),
        ]
        if not all(allowed):
            log.warning("staff_sign_in_slowed", address=address)
            title, detail = say("Somebody tried to sign in too often."), say("Wait a quarter of an hour, then try again.")
            raise Problem(429, "too-many", title, detail, headers={"Retry-After": str(QUARTER * 60)})
