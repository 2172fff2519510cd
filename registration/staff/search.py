"""Finding people at the desk: by status, category, delegation, and by what is typed of a name, function or address."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    CompoundSelect,
    Connection,
    and_,
    bindparam,
    false,
    func,
    not_,
    or_,
    select,
    union_all,
)

from registration.delegate import Registration
from registration.store import corrections, delegates, focal_points, letters, photos
from shared.conference import Conference
from shared.database import NUL
from shared.events import Status
from shared.folding import searched

PAGE = 50
Lacking = Literal["letter", "photo"]
AWAITING = (Status.SUBMITTED, Status.UNDER_REVIEW)


@dataclass(frozen=True, slots=True)
class Sought:
    """Who is looked for; what is empty does not matter."""

    statuses: Collection[Status] = AWAITING
    category: str = ""
    delegation: str = ""
    text: str = ""
    after: UUID | None = None
    corrected: bool = False
    """Only those of whom a correction waits, whatever their status."""
    lacking: Lacking | None = None
    """Only those who cannot be accredited before their delegation's letter of credentials, or their photo, is there."""
    unendorsed: bool | None = None
    """Only those who wait for a focal point's endorsement, or only those who do not; `None` where it does not matter."""


@dataclass(frozen=True, slots=True)
class Found:
    people: list[Registration]
    count: int
    next_after: UUID | None


def find_people(tx: Connection, sought: Sought, conference: Conference, now: datetime, *, with_protected_names: bool) -> Found:
    """A page of them, who registered first first, and how many there are; never the erased. `now` is the true time.

    Who may not read protected names finds the protected by function alone.
    """
    d = delegates.c
    wanted = _wanted(sought, now, with_protected_names)
    if sought.lacking is not None:
        wanted = and_(wanted, lacks(sought.lacking, conference))
    count = tx.execute(select(func.count()).select_from(delegates).where(wanted)).scalar_one()
    page = wanted if sought.after is None else and_(wanted, d.delegate_id > sought.after)
    ids = select(d.delegate_id).where(page).order_by(d.delegate_id).limit(PAGE)  # found in an index: contents are long
    contents = tx.execute(select(d.content).where(d.delegate_id.in_(ids)).order_by(d.delegate_id)).scalars()
    people = [Registration.model_validate_json(content) for content in contents]
    return Found(people, count, people[-1].delegate_id if len(people) == PAGE else None)


def next_awaiting(tx: Connection, after: UUID, now: datetime, *, corrected: bool = False) -> UUID | None:
    """Who waits next for a decision that may be taken, or of whom a correction does; else who has waited longest."""
    for asked in _NEXT_CORRECTED if corrected else _NEXT_AWAITING:
        found = tx.execute(asked, {"after": after, "now": now}).scalars().all()
        if found:
            return min(found)
    return None


def lacks(what: Lacking, conference: Conference) -> ColumnElement[bool]:
    """Whether they wait for a decision, and first for their delegation's letter of credentials, or for their photo."""
    d = delegates.c
    awaiting = d.status.in_([each.value for each in AWAITING])
    if what == "photo":
        shown = d.category.in_([each.slug for each in conference.categories if each.photo])
        return and_(awaiting, shown, d.protected.is_(False), d.delegate_id.not_in(photos.there))
    by_kind = [
        and_(d.category == category.slug, d.delegation.in_([each.code for each in conference.delegations if each.kind == kind]))
        for category in conference.categories
        for kind in category.letter_from
    ]
    return and_(awaiting, or_(false(), *by_kind), d.delegation.not_in(letters.there))


def _unendorsed(now: datetime | BindParameter[datetime]) -> ColumnElement[bool]:
    """Whether the desk must wait for a focal point."""
    d = delegates.c
    in_time = or_(d.endorse_until.is_(None), d.endorse_until > now)
    waits = and_(func.coalesce(d.endorsement, "") == "waiting", d.status == Status.SUBMITTED.value)
    return and_(waits, in_time, d.delegation.in_(select(focal_points.c.delegation)))


def _wanted(sought: Sought, now: datetime, with_protected_names: bool) -> ColumnElement[bool]:
    d = delegates.c
    statuses = [each.value for each in sought.statuses if each is not Status.ERASED]
    wanted: ColumnElement[bool] = d.status.in_(statuses) if statuses else d.status != Status.ERASED.value
    if sought.corrected:
        wanted = d.delegate_id.in_(corrections.waiting)
    elif sought.unendorsed is not None:
        wanted = and_(wanted, _unendorsed(now) if sought.unendorsed else not_(_unendorsed(now)))
    if sought.category:
        wanted = and_(wanted, d.category == sought.category)
    if sought.delegation:
        wanted = and_(wanted, d.delegation == sought.delegation)
    return wanted if not sought.text else and_(wanted, says(sought.text, with_protected_names=with_protected_names))


def says(text: str, *, with_protected_names: bool) -> ColumnElement[bool]:
    """Each word of `text` is in their name, function or address; of the protected in the function, unless names may be read."""
    d = delegates.c
    words = [] if NUL in text else searched(text).split()
    said: list[ColumnElement[bool]] = []
    for word in words:
        by_name = d.searched_name.contains(word, autoescape=True)
        if not with_protected_names:
            by_name = and_(by_name, d.protected.is_(False))
        said.append(or_(d.searched_function.contains(word, autoescape=True), by_name))
    return and_(*said) if said else false()


def _next(*waits: ColumnElement[bool]) -> tuple[CompoundSelect[UUID], ...]:
    """The first of each who waits: after somebody, and where nobody does, before them."""
    d = delegates.c
    after = bindparam("after", type_=d.delegate_id.type)
    return tuple(
        union_all(
            *(select(select(d.delegate_id).where(each, later).order_by(d.delegate_id).limit(1).subquery()) for each in waits)
        )
        for later in (d.delegate_id > after, d.delegate_id < after)
    )


_NOW = bindparam("now", type_=delegates.c.endorse_until.type)
# Each status by itself is read from its index in order.
_NEXT_AWAITING = _next(*(and_(delegates.c.status == each.value, not_(_unendorsed(_NOW))) for each in AWAITING))
_NEXT_CORRECTED = _next(delegates.c.delegate_id.in_(corrections.waiting))
