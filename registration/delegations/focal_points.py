"""Focal points: who nominates a delegation's people. Known by e-mail address, without an account.

One person may be focal point of several delegations. A delegation has one primary focal point and any number of backups,
who may do the same.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, NotRequired

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection, bindparam, select
from typing_extensions import TypedDict

from registration.model import Refused
from registration.store import delegates, focal_news, focal_points
from registration.views import DryRun
from shared.clock import utc_now
from shared.events import Email, Language, Line, Request, Slug, Status
from shared.said import FieldFault, say
from shared.spelling import name_faults

MAX_FOCAL_POINTS = 20
_EVER = datetime(1970, 1, 1, tzinfo=UTC)


class FocalRole(StrEnum):
    PRIMARY = "primary"
    BACKUP = "backup"


class FocalPoint(Request):
    """One focal point of one delegation."""

    name: Line
    email: Email
    role: FocalRole = FocalRole.BACKUP

    @property
    def address(self) -> str:
        """The e-mail address as they are known by it: in small letters."""
        return address_of(self.email)


class FocalPointsGiven(Request):
    """The body of `PUT /delegations/{code}/focal-points`: all of them, in place of those before."""

    focal_points: Annotated[list[FocalPoint], Field(max_length=MAX_FOCAL_POINTS)]


class FocalPointView(TypedDict):
    name: str
    email: Email
    role: FocalRole


class FocalPointsView(TypedDict):
    delegation: Slug
    focal_points: list[FocalPointView]
    dry_run: NotRequired[DryRun]


class SignedIn(BaseModel):
    """Who signed in: their e-mail address, their name, and the delegations that they are focal point of now."""

    model_config = ConfigDict(frozen=True)

    email: str
    name: str
    delegations: frozenset[str]


def address_of(email: str) -> str:
    return email.strip().lower()


def faults_among(given: Sequence[FocalPoint]) -> Iterator[FieldFault]:
    """What is wrong with the focal points of one delegation together."""
    addresses = Counter(each.address for each in given)
    for index, each in enumerate(given):
        yield from name_faults(each.name, f"/focal_points/{index}/name")
        if addresses[each.address] > 1:
            yield FieldFault(f"/focal_points/{index}/email", "repeated", say("This e-mail address is given twice."))
    if sum(each.role is FocalRole.PRIMARY for each in given) > 1:
        yield FieldFault(
            "/focal_points", "two-primary", say("A delegation has one primary focal point; name the others `backup`.")
        )


_F = focal_points.c
_ALL = select(_F.delegation, _F.name, _F.email, _F.role).order_by(_F.delegation, _F.role.desc(), _F.email)
_OF_ONE = _ALL.where(_F.delegation == bindparam("delegation"))


def focal_points_of(tx: Connection, delegation: str | None = None) -> list[tuple[str, FocalPoint]]:
    """The focal points with their delegation: of this one, or of all; the primary one first."""
    asked = tx.execute(_ALL) if delegation is None else tx.execute(_OF_ONE, {"delegation": delegation})
    return [(row.delegation, FocalPoint(name=row.name, email=row.email, role=FocalRole(row.role))) for row in asked]


def keep_focal_points(tx: Connection, delegation: str, given: Sequence[FocalPoint]) -> None:
    """Let these, and nobody else, be the focal points of `delegation`. Raises `Refused`.

    The first that a delegation has are told who waits for them already.
    """
    if faults := list(faults_among(given)):
        raise Refused(faults)
    f = focal_points.c
    known = tx.execute(select(f.email, f.language).where(f.delegation == delegation))
    before: dict[str, Language | None] = dict(map(tuple, known))
    tx.execute(focal_points.delete().where(f.delegation == delegation))
    rows = [
        {
            "delegation": delegation,
            "email": each.address,
            "name": each.name,
            "role": each.role.value,
            "language": before.get(each.address),
        }
        for each in given
    ]
    if rows:
        tx.execute(focal_points.insert(), rows)
    if rows and not before and _anybody_waits(tx, delegation):
        focal_news.note(tx, [(delegation, _EVER)], utc_now())


def _anybody_waits(tx: Connection, delegation: str) -> bool:
    d = delegates.c
    waits = (d.delegation == delegation) & (d.status == Status.SUBMITTED.value) & (d.endorsement == "waiting")
    return tx.execute(select(d.delegate_id).where(waits).limit(1)).first() is not None


def note_language(tx: Connection, email: str, language: Language) -> None:
    """Let this be the language in which the focal point is written to."""
    tx.execute(focal_points.update().where(focal_points.c.email == email).values(language=language))


def language_of(tx: Connection, delegation: str, email: str) -> tuple[bool, Language | None]:
    """Whether this is a focal point of the delegation still, and in which language they signed in last."""
    f = focal_points.c
    found = tx.execute(select(f.language).where(f.delegation == delegation, f.email == email)).first()
    return found is not None, None if found is None else found.language


def having_focal_point(tx: Connection, delegations: Collection[str]) -> set[str]:
    """Those of the delegations of which a focal point is known."""
    if not delegations:
        return set()
    f = focal_points.c
    return set(tx.execute(select(f.delegation).where(f.delegation.in_(delegations)).distinct()).scalars())


def focal_point_at(tx: Connection, email: str) -> SignedIn | None:
    """The focal point with this e-mail address; `None` where it is nobody's, or no longer."""
    f = focal_points.c
    found = tx.execute(select(f.delegation, f.name).where(f.email == email).order_by(f.delegation)).all()
    if not found:
        return None
    return SignedIn(email=email, name=found[0].name, delegations=frozenset(row.delegation for row in found))


def shown(delegation: str, listed: Sequence[tuple[str, FocalPoint]]) -> FocalPointsView:
    views: list[FocalPointView] = [{"name": each.name, "email": each.address, "role": each.role} for _, each in listed]
    return {"delegation": delegation, "focal_points": views}
