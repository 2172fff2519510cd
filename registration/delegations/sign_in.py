"""How a focal point signs in: by a link that is mailed to the address they give, good once and for 20 minutes.

To ask for a link writes one row, whatever the address is; only the task that mails it looks whether anybody is known by
it. So neither the answer nor its time tells. The link itself is stored nowhere: it is the row's id, signed anew when it is
mailed. Opening it ends the row and begins a session, of which the SHA-256 of its token is kept.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, and_, select

from registration.delegations.focal_points import SignedIn, address_of, focal_point_at, note_language
from registration.mail_queue import MailQueue
from registration.store import focal_point_sessions, focal_points, sign_in_links
from shared.events import Language
from shared.ids import new_id
from shared.keys import key_hash, new_key

LINK_LIFE = timedelta(minutes=20)
SESSION_LIFE = timedelta(hours=8)
queue = MailQueue(sign_in_links, "link_id", keeps_mailed=True)
"""Links that are to be mailed; one that was mailed stays there until it is used or too old."""


@dataclass(frozen=True, slots=True)
class Link:
    """A link to be mailed; `attempts` counts this one."""

    link_id: UUID
    email: str
    language: Language
    asked_at: datetime
    attempts: int

    @property
    def mail_id(self) -> UUID:
        return self.link_id


def ask_for_link(tx: Connection, email: str, language: Language, now: datetime) -> None:
    """Note that a link is asked for: it is mailed if somebody is known by the address. `now` is the true time."""
    row = {"link_id": new_id(), "email": address_of(email), "language": language, "asked_at": now, "attempts": 0}
    tx.execute(sign_in_links.insert(), [{**row, "next_attempt_at": now}])


def claim_links(tx: Connection, now: datetime) -> list[Link]:
    """Claim links that are to be mailed now, and forget those that are nobody's or too old, and sessions that ended.

    Replicas may claim at once: each link is one's.
    """
    k = sign_in_links.c
    nobody = k.email.not_in(select(focal_points.c.email))
    tx.execute(sign_in_links.delete().where((k.asked_at <= now - LINK_LIFE) | nobody))
    tx.execute(focal_point_sessions.delete().where(focal_point_sessions.c.ends_at <= now))
    return [Link(each.link_id, each.email, each.language, each.asked_at, each.attempts) for each in queue.claim(tx, now)]


def use_link(tx: Connection, link_id: UUID, now: datetime) -> tuple[str, SignedIn] | None:
    """End a link and begin a session: its token, and whose it is. `None` where the link was used, is too old or nobody's.

    The language in which the link was asked for is the one in which they are written to from now on.
    """
    k = sign_in_links.c
    good = and_(k.link_id == link_id, k.asked_at > now - LINK_LIFE)
    used = tx.execute(sign_in_links.delete().where(good).returning(k.email, k.language)).first()
    signed_in = None if used is None else focal_point_at(tx, used.email)
    if used is None or signed_in is None:
        return None
    note_language(tx, used.email, used.language)
    token = new_key()
    session = {"token_hash": key_hash(token), "email": signed_in.email, "ends_at": now + SESSION_LIFE}
    tx.execute(focal_point_sessions.insert(), [session])
    return token, signed_in


def find_session(tx: Connection, token: str, now: datetime) -> SignedIn | None:
    """Who signed in with this session, as they are known now: who is no focal point any more is signed out."""
    s = focal_point_sessions.c
    email = tx.execute(select(s.email).where(s.token_hash == key_hash(token), s.ends_at > now)).scalar()
    return None if email is None else focal_point_at(tx, email)


def end_session(tx: Connection, token: str) -> None:
    tx.execute(focal_point_sessions.delete().where(focal_point_sessions.c.token_hash == key_hash(token)))
