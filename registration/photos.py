"""Where portraits are kept, and pictures while their portrait is chosen: beside the registrations, erased with them."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Column, Connection, Index, Integer, LargeBinary, MetaData, String, Table, Uuid, select

from registration.delegate import Registration
from registration.portraits import Picture
from shared.database import UtcDateTime
from shared.ids import new_id
from shared.rows import upsert

CHOSEN_WITHIN = timedelta(hours=24)
"""How long a picture is kept whose portrait is not chosen."""


class Photos:
    def __init__(self, metadata: MetaData) -> None:
        self._portraits = Table(
            "portraits",
            metadata,
            Column("delegate_id", Uuid, primary_key=True),
            Column("sha256", String(64), nullable=False),
            Column("jpeg", LargeBinary, nullable=False),
        )
        self._pictures = Table(
            "pictures",
            metadata,
            Column("picture_id", Uuid, primary_key=True),
            Column("delegate_id", Uuid, nullable=False),
            Column("jpeg", LargeBinary, nullable=False),
            Column("width", Integer, nullable=False),
            Column("height", Integer, nullable=False),
            Column("at", UtcDateTime(), nullable=False),
            Index("pictures_by_delegate", "delegate_id"),
            Index("pictures_by_age", "at"),
            comment="uploaded, and their portrait not chosen yet",
        )

    def of(self, tx: Connection, delegate_ids: Collection[UUID]) -> dict[str, bytes]:
        """The portraits of these delegates, by their SHA-256."""
        if not delegate_ids:
            return {}
        p = self._portraits.c
        found = tx.execute(select(p.sha256, p.jpeg).where(p.delegate_id.in_(delegate_ids)))
        return {sha256: bytes(jpeg) for sha256, jpeg in found}

    def store(self, tx: Connection, given: Mapping[str, bytes], changed: Iterable[Registration]) -> None:
        """Keep the portraits that were given to the changed registrations; the pictures they were chosen from go."""
        new = [each for each in changed if each.photo is not None and each.photo in given]
        if new:
            rows = [{"delegate_id": each.delegate_id, "sha256": each.photo, "jpeg": given[str(each.photo)]} for each in new]
            upsert(tx, self._portraits, rows)
            chosen = self._pictures.c.delegate_id.in_([each.delegate_id for each in new])
            tx.execute(self._pictures.delete().where(chosen))

    def take(self, tx: Connection, delegate_id: UUID, picture: Picture, now: datetime) -> UUID:
        """Keep a picture until its portrait is chosen, in place of one uploaded before; returns its id."""
        p = self._pictures.c
        tx.execute(self._pictures.delete().where((p.delegate_id == delegate_id) | (p.at < now - CHOSEN_WITHIN)))
        picture_id = new_id()
        row = {
            "picture_id": picture_id,
            "delegate_id": delegate_id,
            "jpeg": picture.jpeg,
            "width": picture.width,
            "height": picture.height,
            "at": now,
        }
        tx.execute(self._pictures.insert().values(row))
        return picture_id

    def picture(self, tx: Connection, delegate_id: UUID, picture_id: UUID) -> Picture | None:
        """The picture, where it was uploaded for this delegate."""
        p = self._pictures.c
        asked = select(p.jpeg, p.width, p.height).where(p.picture_id == picture_id, p.delegate_id == delegate_id)
        row = tx.execute(asked).first()
        return None if row is None else Picture(bytes(row.jpeg), row.width, row.height)

    def wipe(self, tx: Connection, delegate_ids: Collection[UUID]) -> None:
        for table in (self._portraits, self._pictures):
            tx.execute(table.delete().where(table.c.delegate_id.in_(delegate_ids)))
