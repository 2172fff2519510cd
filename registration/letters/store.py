"""Where letters of credentials are kept, beside the registrations."""

from collections.abc import Collection, Iterable

from sqlalchemy import Column, Connection, Integer, LargeBinary, MetaData, Select, String, Table, Text, select

from registration.letters.letter import Letter, LetterChange
from shared.database import UtcDateTime
from shared.rows import among, upsert


class Letters:
    def __init__(self, metadata: MetaData) -> None:
        self._table = Table(
            "letters",
            metadata,
            Column("delegation", String(64), primary_key=True),
            Column("sha256", String(64), nullable=False),
            Column("media_type", String(32), nullable=False),
            Column("size", Integer, nullable=False),
            Column("pages", Integer, nullable=False),
            Column("given_at", UtcDateTime(), nullable=False),
            Column("given_by", Text, nullable=False, comment="the kind of actor and the name"),
            Column("content", LargeBinary, nullable=False),
        )
        c = self._table.c
        self._of = select(*(c[name] for name in Letter._fields)).where(among(c.delegation, "codes"))

    @property
    def there(self) -> Select[str]:
        """The delegations whose letter is there, to be asked within another question."""
        return select(self._table.c.delegation)

    def of(self, tx: Connection, delegations: Collection[str]) -> dict[str, Letter]:
        """Each of their letters that is there, by delegation."""
        if not delegations:
            return {}
        return {row.delegation: Letter(*row) for row in tx.execute(self._of, {"codes": list(delegations)})}

    def find(self, tx: Connection, delegation: str) -> tuple[Letter, bytes] | None:
        """The letter and its file."""
        letter = self.of(tx, [delegation]).get(delegation)
        content = tx.execute(select(self._table.c.content).where(self._table.c.delegation == delegation)).scalar()
        return None if letter is None or content is None else (letter, bytes(content))

    def keep(self, tx: Connection, changes: Iterable[LetterChange]) -> None:
        """Keep what each delegation's letter came to."""
        for change in {each.delegation: each for each in changes}.values():
            letter, file = change.letter, change.file
            if letter is None or file is None:
                tx.execute(self._table.delete().where(self._table.c.delegation == change.delegation))
            else:
                upsert(tx, self._table, [{**letter._asdict(), "content": file.content}])
