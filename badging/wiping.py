"""What badging forgets of people, and what it hides: it holds their names only on the badges that it issued."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import Connection, select

from badging.store import badges
from shared.events import BadgeContent


def wipe(tx: Connection, delegate_ids: Collection[UUID]) -> None:
    """Remove from these delegates' badges everything that is personal, and what would open a gate."""
    if delegate_ids:
        wiped = badges.update().where(badges.c.delegate_id.in_(delegate_ids))
        tx.execute(wiped.values(content=None, credential=None, fingerprint=""))


def hide_names(tx: Connection, delegate_ids: Collection[UUID]) -> None:
    """Let badges that were issued to these delegates before they were protected say the function for the name, too."""
    if not delegate_ids:
        return
    b = badges.c
    issued = tx.execute(select(b.badge_id, b.content).where(b.delegate_id.in_(delegate_ids), b.content.is_not(None)))
    for badge_id, content in issued.all():
        said = BadgeContent.model_validate_json(content)
        hidden = said.model_copy(update={"name": said.function, "photo": None})
        if hidden != said:
            tx.execute(badges.update().where(b.badge_id == badge_id).values(content=hidden.model_dump_json()))


def detach(tx: Connection, delegate_ids: Collection[UUID]) -> None:
    """Leave these delegates' serials belonging to nobody: sheets of them may still turn up."""
    tx.execute(badges.update().where(badges.c.delegate_id.in_(delegate_ids)).values(delegate_id=None))
