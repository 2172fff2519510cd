"""A delegation as its focal points see it: its people, their badges, its quota, and the order in which it lists them."""

from collections.abc import Mapping
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, select

from registration.amendment import Correction
from registration.delegate import Registration
from registration.delegations.focal_points import FocalPoint, focal_points_of
from registration.letters.letter import Letter
from registration.queries import badge_states
from registration.service import NotFound
from registration.store import corrections, delegates, delegation_order, letters, quota_places
from shared.events import PrintState, Status


class Standing(NamedTuple):
    """Where somebody stands in their delegation: its one head, or a rank, 1 being the highest; `None` is after all ranks."""

    head: bool = False
    rank: int | None = None


class DelegationState(NamedTuple):
    people: list[Registration]
    """All but the erased."""
    badges: Mapping[UUID, PrintState]
    order: Mapping[UUID, Standing]
    held: Mapping[str, int]
    """Quota places held, by category."""
    corrections: Mapping[UUID, Correction]
    """The newest of each person's."""
    letter: Letter | None
    focal_points: list[FocalPoint]

    def standing(self, delegate_id: UUID) -> Standing:
        return self.order.get(delegate_id, Standing())


def delegation_state(tx: Connection, code: str) -> DelegationState:
    d, o, q = delegates.c, delegation_order.c, quota_places.c
    contents = tx.execute(select(d.content).where(d.delegation == code, d.status != Status.ERASED.value)).scalars()
    people = [Registration.model_validate_json(each) for each in contents]
    order = tx.execute(select(o.delegate_id, o.head, o.rank).where(o.delegation == code))
    held = tx.execute(select(q.category, q.held).where(q.delegation == code)).all()
    ids = [each.delegate_id for each in people]
    return DelegationState(
        people,
        badge_states(tx, ids),
        {delegate_id: Standing(head, rank) for delegate_id, head, rank in order},
        dict(map(tuple, held)),
        corrections.of(tx, ids),
        letters.of(tx, [code]).get(code),
        [each for _, each in focal_points_of(tx, code)],
    )


def keep_order(tx: Connection, code: str, order: Mapping[UUID, Standing]) -> None:
    """Let this be the order of the delegation's people. Raises `NotFound` where one of them is not the delegation's."""
    d = delegates.c
    own = set(tx.execute(select(d.delegate_id).where(d.delegation == code)).scalars())
    if not order.keys() <= own:
        raise NotFound
    assert sum(each.head for each in order.values()) <= 1, "a delegation has one head"
    tx.execute(delegation_order.delete().where(delegation_order.c.delegation == code))
    rows = [
        {"delegate_id": delegate_id, "delegation": code, "head": each.head, "rank": each.rank}
        for delegate_id, each in order.items()
        if each != Standing()
    ]
    if rows:
        tx.execute(delegation_order.insert(), rows)
