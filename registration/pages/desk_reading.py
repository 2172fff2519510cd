"""What the desk's pages read: each page all of it in one turn at the database, as it stood at one moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from registration import queries, store
from registration.decisions.correcting import Correction
from registration.delegate import Registration
from registration.delegations.focal_points import FocalPoint, focal_points_of, having_focal_point
from registration.letters.letter import Letter
from registration.needs import Without, goes_without
from registration.staff.search import next_awaiting
from shared.events import PrintState


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of people beside their registrations, by person, and by delegation the letters that are there."""

    corrections: Mapping[UUID, Correction]
    badges: Mapping[UUID, PrintState]
    letters: Mapping[str, Letter]
    without: Mapping[UUID, Without | None]
    """Why the desk may decide on those who wait to be endorsed, if it may."""


@dataclass(frozen=True, slots=True)
class PersonRead:
    """One person, whole."""

    registration: Registration
    standing: Standing
    entries: Sequence[str]
    """Of the audit trail, about them, the first first."""
    focal_points: Sequence[FocalPoint]
    """Of their delegation."""
    next_id: UUID | None
    """Who is to be decided on after them."""

    @property
    def correction(self) -> Correction | None:
        return self.standing.corrections.get(self.registration.delegate_id)

    @property
    def without(self) -> Without | None:
        return self.standing.without.get(self.registration.delegate_id)


def standing_of(tx: Connection, people: Sequence[Registration], at: datetime) -> Standing:
    """`at` is the true time."""
    ids = [each.delegate_id for each in people]
    waiting = [each for each in people if each.lacks_endorsement]
    known = having_focal_point(tx, {each.delegation for each in waiting})
    return Standing(
        corrections=store.corrections.of(tx, ids),
        badges=queries.badge_states(tx, ids),
        letters=store.letters.of(tx, {each.delegation for each in people}),
        without={each.delegate_id: goes_without(each, has_focal_point=each.delegation in known, at=at) for each in waiting},
    )


def read_person(tx: Connection, delegate_id: UUID, at: datetime) -> PersonRead | None:
    """`None` where there is nobody of that id, or nothing left of them. `at` is the true time."""
    found = queries.find_delegate(tx, delegate_id)
    if found is None or found.person is None:
        return None
    standing = standing_of(tx, [found], at)
    correction = standing.corrections.get(delegate_id)
    return PersonRead(
        registration=found,
        standing=standing,
        entries=store.trail.about(tx, delegate_id),
        focal_points=[each for _, each in focal_points_of(tx, found.delegation)],
        next_id=next_awaiting(tx, delegate_id, at, corrected=correction is not None and correction.waits),
    )
