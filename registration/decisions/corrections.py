"""The table of corrections of the accredited: of each delegate the newest, with what it says while it waits."""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import Column, Connection, Index, MetaData, Select, String, Table, Text, Uuid, func, select

from registration.amendment import Correction, CorrectionState
from shared.rows import among, upsert

_WAITING = CorrectionState.WAITING.value


class Corrections:
    def __init__(self, metadata: MetaData) -> None:
        self._table = Table(
            "corrections",
            metadata,
            Column("delegate_id", Uuid, primary_key=True),
            Column("state", String(16), nullable=False),
            Column("content", Text, nullable=False),
            Index("corrections_by_state", "state"),
        )
        c = self._table.c
        self._of = select(c.content).where(among(c.delegate_id, "ids"))

    @property
    def waiting(self) -> Select[UUID]:
        """The ids of those of whom a correction waits, to be asked within another question."""
        return select(self._table.c.delegate_id).where(self._table.c.state == _WAITING)

    def of(self, tx: Connection, delegate_ids: Collection[UUID]) -> dict[UUID, Correction]:
        """The newest correction of each of them, where there was one."""
        if not delegate_ids:
            return {}
        found = tx.execute(self._of, {"ids": list(delegate_ids)}).scalars()
        return {each.delegate_id: each for each in map(Correction.model_validate_json, found)}

    def count_waiting(self, tx: Connection) -> int:
        return tx.execute(select(func.count()).select_from(self._table).where(self._table.c.state == _WAITING)).scalar_one()

    def keep(self, tx: Connection, corrections: Sequence[Correction]) -> None:
        """Keep each in place of the one before."""
        rows = [
            {"delegate_id": each.delegate_id, "state": each.state.value, "content": each.model_dump_json()}
            for each in {each.delegate_id: each for each in corrections}.values()
        ]
        if rows:
            upsert(tx, self._table, rows)

    def forget(self, tx: Connection, delegate_ids: Collection[UUID]) -> None:
        tx.execute(self._table.delete().where(self._table.c.delegate_id.in_(delegate_ids)))
