"""Who reads pages that one must sign in to: sessions opened in registration's database, as the pages open them."""

from sqlalchemy import Connection, select

from registration import store
from registration.delegations.focal_points import FocalPoint, FocalRole, keep_focal_points
from registration.delegations.sign_in import ask_for_link, use_link
from registration.pages.focal_point import SESSION_COOKIE
from registration.staff.door import COOKIE
from registration.staff.passwords import password_hash
from shared.clock import utc_now
from shared.keys import Role, new_key

FOCAL_POINT = FocalPoint(name="Reader", email="focal-point@example.org", role=FocalRole.PRIMARY)


def staff(tx: Connection, role: Role) -> tuple[str, str]:
    """The cookie, its name and value, of a new account of this role."""
    name, hashed = f"{role.value}-reader", password_hash(new_key())
    store.accounts.add(tx, name, role)
    store.accounts.set_password(tx, name, hashed)
    token = store.accounts.begin_session(tx, name, hashed, utc_now())
    assert token is not None
    return COOKIE, token


def focal_point(tx: Connection, delegation: str) -> tuple[str, str]:
    """The cookie, its name and value, of a focal point in place of those that the delegation has."""
    keep_focal_points(tx, delegation, [FOCAL_POINT])
    ask_for_link(tx, FOCAL_POINT.email, "en", utc_now())
    used = use_link(tx, tx.execute(select(store.sign_in_links.c.link_id)).scalar_one(), utc_now())
    assert used is not None
    return SESSION_COOKIE, used[0]
