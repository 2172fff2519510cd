"""External forms' keys: what one may, and where it is kept, by its SHA-256."""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, select

from registration import store

CACHED_SECONDS = 10.0
"""How long a revoked form key may still be taken, and its pages still be answered."""


@dataclass(frozen=True, slots=True)
class FormKey:
    """An external form's key; of categories and delegations, `None` is all."""

    name: str
    categories: frozenset[str] | None
    delegations: frozenset[str] | None
    rate: int | None = None
    """How often it may be used within an hour, by the memory of each process."""
    origins: frozenset[str] = frozenset()
    """Of the pages that may use it, where it is used in pages: then anybody can read it there."""
    test: bool = False
    """Whether it validates and changes nothing."""

    @property
    def only_registers(self) -> bool:
        """Whether it may neither read nor change who is registered: too many hold it."""
        return self.test or bool(self.origins)


@dataclass(frozen=True, slots=True)
class KnownForm:
    """A form's key and its secret, which only `Caller.proved` uses."""

    form: FormKey
    signing_secret: str | None = field(repr=False)


def find_form_key(tx: Connection, hashed: str) -> FormKey | None:
    known = find_form(tx, hashed)
    return None if known is None else known.form


def find_form(tx: Connection, hashed: str) -> KnownForm | None:
    k = store.form_keys.c
    row = tx.execute(select(store.form_keys).where(k.key_hash == hashed, k.revoked.is_(False))).first()
    return None if row is None else KnownForm(_form_key(row), row.signing_secret)


def all_form_keys(tx: Connection) -> list[tuple[FormKey, bool, bool]]:
    """Every form's key by name, whether it signs, and whether it is revoked."""
    rows = tx.execute(select(store.form_keys).order_by(store.form_keys.c.name))
    return [(_form_key(row), row.signing_secret is not None, row.revoked) for row in rows]


def keep_form_key(tx: Connection, hashed: str, form: FormKey, signing_secret: str | None = None) -> None:
    """Keep a form's key, by its SHA-256. Raises `IntegrityError` where the name or key exists."""
    tx.execute(
        store.form_keys.insert().values(
            key_hash=hashed,
            name=form.name,
            categories=None if form.categories is None else sorted(form.categories),
            delegations=None if form.delegations is None else sorted(form.delegations),
            revoked=False,
            rate=form.rate,
            origins=sorted(form.origins) or None,
            test=form.test,
            signing_secret=signing_secret,
        )
    )


def revoke_form_key(tx: Connection, name: str) -> bool:
    """Have a form's key taken no more, within `CACHED_SECONDS`. Idempotent; false where there is none of the name."""
    k = store.form_keys
    return bool(tx.execute(k.update().where(k.c.name == name).values(revoked=True, signing_secret=None)).rowcount)


def _form_key(row: Row[Any]) -> FormKey:
    categories, delegations = _slugs(row.categories), _slugs(row.delegations)
    return FormKey(row.name, categories, delegations, row.rate, frozenset(row.origins or ()), row.test)


def _slugs(listed: list[str] | None) -> frozenset[str] | None:
    return None if listed is None else frozenset(listed)


def origins_of_forms(tx: Connection) -> frozenset[str]:
    k = store.form_keys.c
    listed = tx.execute(select(k.origins).where(k.revoked.is_(False))).scalars()
    return frozenset(origin for origins in listed for origin in origins or ())
