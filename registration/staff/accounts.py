"""Staff accounts, the links to set their passwords with, and their sessions: tables, and what is done with them.

Passwords are kept as argon2id, links and sessions as SHA-256. A session ends half an hour after it was last used, twelve
hours after it began, with signing out, with a new password and with the account.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Boolean, Column, Connection, Index, MetaData, String, Table, and_, select

from shared.database import UtcDateTime, insert
from shared.keys import Role, key_hash, new_key

LINK_LIFE = timedelta(hours=24)
IDLE = timedelta(minutes=30)
LONGEST = timedelta(hours=12)
SEEN_EVERY = timedelta(minutes=1)
"""How exact it is kept when a session was last used."""


@dataclass(frozen=True, slots=True)
class StaffAccount:
    """Who is signed in, or may be."""

    name: str
    role: Role
    issuer: str | None = None
    """The provider that vouches for it; `None` where it has a password here."""
    email: str | None = field(default=None, repr=False)
    """Whose it is, in small letters: a person may have one account here and another at the provider."""


@dataclass(frozen=True, slots=True)
class StaffSession:
    account: StaffAccount
    seen_at: datetime


class StaffAccounts:
    def __init__(self, metadata: MetaData) -> None:
        self._accounts = Table(
            "staff_accounts",
            metadata,
            Column("name", String(64), primary_key=True),
            Column("role", String(16), nullable=False),
            Column("password_hash", String(200), comment="argon2id; null until one is set"),
            Column("link_hash", String(64), comment="SHA-256 of the link to set a password with"),
            Column("link_ends_at", UtcDateTime()),
            Column("closed", Boolean, nullable=False),
            Column("issuer", String(255), comment="OpenID provider; null where it has a password here"),
            Column("email", String(254), comment="in small letters; by it two accounts are known to be one person's"),
        )
        self._sessions = Table(
            "staff_sessions",
            metadata,
            Column("session_hash", String(64), primary_key=True),
            Column("account", String(64), nullable=False),
            Column("started_at", UtcDateTime(), nullable=False),
            Column("seen_at", UtcDateTime(), nullable=False),
            Index("staff_sessions_by_account", "account"),
        )

    def add(self, tx: Connection, name: str, role: Role, email: str | None = None) -> None:
        """Open an account that has no password yet. Raises `IntegrityError` where the name is taken."""
        tx.execute(self._accounts.insert().values(name=name, role=role.value, closed=False, email=email and email.lower()))

    def set_email(self, tx: Connection, name: str, email: str) -> bool:
        """Say whose the account is; `False` where there is none of the name that has a password here."""
        a = self._accounts.c
        own = and_(a.name == name, a.issuer.is_(None))
        return bool(tx.execute(self._accounts.update().where(own).values(email=email.lower())).rowcount)

    def listed(self, tx: Connection) -> list[tuple[StaffAccount, str]]:
        """Every account by name, and how it stands: closed, without password, or open."""
        a = self._accounts.c
        rows = tx.execute(select(a.name, a.role, a.issuer, a.password_hash, a.closed).order_by(a.name))
        return [
            (StaffAccount(name, Role(role), issuer), "closed" if closed else "open" if hashed or issuer else "without password")
            for name, role, issuer, hashed, closed in rows
        ]

    def new_link(self, tx: Connection, name: str, now: datetime) -> str | None:
        """The token of a new link to set a password with, in place of any before; `None` where no such account has one."""
        token = new_key()
        a = self._accounts.c
        link = {"link_hash": key_hash(token), "link_ends_at": now + LINK_LIFE}
        own = and_(a.name == name, a.closed.is_(False), a.issuer.is_(None))
        done = tx.execute(self._accounts.update().where(own).values(link))
        return token if done.rowcount else None

    def of_link(self, tx: Connection, token: str, now: datetime) -> StaffAccount | None:
        """Whose link it is; `None` where it was used, is too old or nobody's."""
        a = self._accounts.c
        good = and_(a.link_hash == key_hash(token), a.link_ends_at > now, a.closed.is_(False))
        row = tx.execute(select(a.name, a.role).where(good)).first()
        return None if row is None else StaffAccount(row.name, Role(row.role))

    def use_link(self, tx: Connection, token: str, password_hash: str, now: datetime) -> StaffAccount | None:
        """Set the password of the account whose link it is, once; ends its sessions."""
        found = self.of_link(tx, token, now)
        if found is None:
            return None
        a = self._accounts.c
        mine = and_(a.name == found.name, a.link_hash == key_hash(token))
        values = {"password_hash": password_hash, "link_hash": None, "link_ends_at": None}
        if not tx.execute(self._accounts.update().where(mine).values(values)).rowcount:
            return None  # used by somebody else just now
        self.end_sessions(tx, found.name)
        return found

    def set_password(self, tx: Connection, name: str, password_hash: str) -> None:
        """Also ends a link that is open, and every session."""
        values = {"password_hash": password_hash, "link_hash": None, "link_ends_at": None}
        tx.execute(self._accounts.update().where(self._accounts.c.name == name).values(values))
        self.end_sessions(tx, name)

    def rehashed(self, tx: Connection, name: str, before: str, after: str) -> None:
        """Keep the same password by a stronger hash, unless it was changed meanwhile."""
        a = self._accounts.c
        tx.execute(self._accounts.update().where(a.name == name, a.password_hash == before).values(password_hash=after))

    def close(self, tx: Connection, name: str) -> bool:
        """Let nobody sign in to it any more; its sessions end. `False` where there is no such account."""
        done = tx.execute(self._accounts.update().where(self._accounts.c.name == name).values(closed=True, link_hash=None))
        self.end_sessions(tx, name)
        return bool(done.rowcount)

    def find(self, tx: Connection, name: str) -> tuple[StaffAccount, str | None] | None:
        """An account that is not closed, and its password's hash."""
        a = self._accounts.c
        asked = select(a.name, a.role, a.issuer, a.email, a.password_hash).where(a.name == name, a.closed.is_(False))
        row = tx.execute(asked).first()
        return None if row is None else (_account(row), row.password_hash)

    def begin_session(self, tx: Connection, name: str, password_hash: str, now: datetime) -> str | None:
        """The token of a new session; `None` where the password was changed, or the account closed, since it was checked.

        Sessions that have ended are forgotten here.
        """
        found = self.find(tx, name)
        if found is None or found[1] != password_hash:
            return None
        return self._begun(tx, name, now)

    def begin_vouched(self, tx: Connection, vouched: StaffAccount, now: datetime) -> str | None:
        """The token of a new session of an account that its issuer vouches for, with the role and address it has there today.

        It is opened where it is new; `None` where it is closed, or is not that issuer's.
        """
        a = self._accounts.c
        row = {"name": vouched.name, "role": vouched.role.value, "closed": False, "issuer": vouched.issuer}
        today = {"role": vouched.role.value, "email": vouched.email}
        tx.execute(insert(tx, self._accounts).on_conflict_do_nothing(), [row])
        its_own = and_(a.name == vouched.name, a.issuer == vouched.issuer, a.closed.is_(False))
        if not tx.execute(self._accounts.update().where(its_own).values(today)).rowcount:
            return None
        return self._begun(tx, vouched.name, now)

    def _begun(self, tx: Connection, name: str, now: datetime) -> str:
        s = self._sessions.c
        tx.execute(self._sessions.delete().where((s.seen_at <= now - IDLE) | (s.started_at <= now - LONGEST)))
        token = new_key()
        row = {"session_hash": key_hash(token), "account": name, "started_at": now, "seen_at": now}
        tx.execute(self._sessions.insert().values(row))
        return token

    def session(self, tx: Connection, token: str, now: datetime) -> StaffSession | None:
        """Who is signed in with this session, by the role they have now."""
        s, a = self._sessions.c, self._accounts.c
        good = and_(
            s.session_hash == key_hash(token), s.seen_at > now - IDLE, s.started_at > now - LONGEST, a.closed.is_(False)
        )
        joined = self._sessions.join(self._accounts, a.name == s.account)
        row = tx.execute(select(a.name, a.role, a.issuer, a.email, s.seen_at).select_from(joined).where(good)).first()
        return None if row is None else StaffSession(_account(row), row.seen_at)

    def seen(self, tx: Connection, token: str, now: datetime) -> None:
        tx.execute(self._sessions.update().where(self._sessions.c.session_hash == key_hash(token)).values(seen_at=now))

    def end_session(self, tx: Connection, token: str) -> None:
        tx.execute(self._sessions.delete().where(self._sessions.c.session_hash == key_hash(token)))

    def end_sessions(self, tx: Connection, name: str) -> None:
        tx.execute(self._sessions.delete().where(self._sessions.c.account == name))


def _account(row: Any) -> StaffAccount:
    return StaffAccount(row.name, Role(row.role), row.issuer, row.email)
