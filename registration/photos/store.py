"""Where portraits are kept, and pictures while their portrait is chosen: beside the registrations, erased with them."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Connection, Index, Integer, LargeBinary, MetaData, Select, String, Table, Uuid, select

from registration.amendment import Correction
from registration.delegate import Registration
from registration.photos.portraits import Picture
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
        self._proposed = Table(
            "proposed_portraits",
            metadata,
            Column("delegate_id", Uuid, primary_key=True),
            Column("sha256", String(64), nullable=False),
            Column("jpeg", LargeBinary, nullable=False),
            comment="of corrections, while they wait",
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

    @property
    def there(self) -> Select[UUID]:
        """The delegates whose portrait is there, to be asked within another question."""
        return select(self._portraits.c.delegate_id)

    def of(self, tx: Connection, delegate_ids: Collection[UUID]) -> dict[str, bytes]:
        """The portraits of these delegates, by their SHA-256."""
        return _of(tx, self._portraits, delegate_ids)

    def proposed(self, tx: Connection, delegate_ids: Collection[UUID]) -> dict[str, bytes]:
        """Those that corrections of these delegates propose, likewise."""
        return _of(tx, self._proposed, delegate_ids)

    def store(self, tx: Connection, given: Mapping[str, bytes], changed: Iterable[Registration]) -> None:
        """Keep the portraits that were given to the changed registrations; the pictures they were chosen from go."""
        new = [each for each in changed if each.photo is not None and each.photo in given]
        if new:
            rows = [{"delegate_id": each.delegate_id, "sha256": each.photo, "jpeg": given[str(each.photo)]} for each in new]
            upsert(tx, self._portraits, rows)
            self._forget_pictures(tx, [each.delegate_id for each in new])

    def propose(self, tx: Connection, given: Mapping[str, bytes], corrections: Iterable[Correction]) -> None:
        """Keep the portraits that corrections propose while they wait, and no longer; the pictures they were chosen from go."""
        newest = {each.delegate_id: each for each in corrections}
        if not newest:
            return
        ended = [each.delegate_id for each in newest.values() if each.photo is None]
        tx.execute(self._proposed.delete().where(self._proposed.c.delegate_id.in_(ended)))
        rows = [
            {"delegate_id": each.delegate_id, "sha256": each.photo, "jpeg": given[each.photo]}
            for each in newest.values()
            if each.photo is not None
        ]
        if rows:
            upsert(tx, self._proposed, rows)
            self._forget_pictures(tx, [row["delegate_id"] for row in rows])

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
        for table in (self._portraits, self._proposed, self._pictures):
            tx.execute(table.delete().where(table.c.delegate_id.in_(delegate_ids)))

    def _forget_pictures(self, tx: Connection, delegate_ids: Collection[Any]) -> None:
        tx.execute(self._pictures.delete().where(self._pictures.c.delegate_id.in_(delegate_ids)))


def _of(tx: Connection, table: Table, delegate_ids: Collection[UUID]) -> dict[str, bytes]:
    if not delegate_ids:
        return {}
    found = tx.execute(select(table.c.sha256, table.c.jpeg).where(table.c.delegate_id.in_(delegate_ids)))
    return {sha256: bytes(jpeg) for sha256, jpeg in found}
