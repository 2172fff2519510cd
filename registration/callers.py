"""Who may register and amend whom: staff by role, external forms by their key's categories and delegations."""

import asyncio
import time
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, select

from registration import store
from shared.database import Database
from shared.keys import Role, StaffKey, StaffKeys, bearer, forbidden, key_hash, key_unknown

CACHED_SECONDS = 10.0
"""How long a revoked form key may still be taken."""


@dataclass(frozen=True, slots=True)
class FormKey:
    """An external form's key; `None` is all."""

    name: str
    categories: frozenset[str] | None
    delegations: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever sent a request, as a staff member or as a form."""

    scope: str
    """What idempotency keys are unique within."""
    staff: StaffKey | None = None
    form: FormKey | None = None

    def may_register(self, category: str, delegation: str) -> bool:
        if self.form is None:
            return self.staff is not None and self.staff.role is Role.ACCREDITATION
        return (self.form.categories is None or category in self.form.categories) and (
            self.form.delegations is None or delegation in self.form.delegations
        )

    def may_read(self, category: str, delegation: str) -> bool:
        return self.staff is not None or self.may_register(category, delegation)

    @property
    def may_change_programme(self) -> bool:
        return self.staff is not None and self.staff.role is Role.PROGRAMME

    @property
    def may_read_protected_names(self) -> bool:
        return self.staff is not None and self.staff.role is Role.ACCREDITATION


class Callers:
    """Finds the caller of a request by its key."""

    def __init__(self, database: Database, staff_keys: StaffKeys) -> None:
        self._database = database
        self._staff_keys = staff_keys
        self._seen: dict[str, tuple[float, FormKey]] = {}
        self._reading = asyncio.Lock()

    async def require(self, authorization: str | None, *, staff: Collection[Role] = (), forms: bool = False) -> Caller:
        """The caller; raises 401 where the key is not known, 403 where it is of neither kind that is let in."""
        hashed = key_hash(bearer(authorization))
        found = self._staff_keys.find_by_hash(hashed)
        if found is not None:
            if found.role not in staff:
                raise forbidden(found.name, _needed(staff, forms))
            return Caller(scope=f"staff {hashed}", staff=found)
        form = await self._form(hashed)
        if form is None:
            raise key_unknown()
        if not forms:
            raise forbidden(form.name, _needed(staff, forms))
        return Caller(scope=f"form {hashed}", form=form)

    async def _form(self, hashed: str) -> FormKey | None:
        if (known := self._seen_lately(hashed)) is not None:
            return known
        async with self._reading:
            if (known := self._seen_lately(hashed)) is not None:  # by whoever came with it at the same time
                return known
            found = await self._database.read(lambda tx: find_form_key(tx, hashed))
        if found is not None:
            self._seen[hashed] = (time.monotonic(), found)
        return found

    def _seen_lately(self, hashed: str) -> FormKey | None:
        seen_at, form = self._seen.get(hashed, (-CACHED_SECONDS, None))
        return form if time.monotonic() - seen_at < CACHED_SECONDS else None


def find_form_key(tx: Connection, hashed: str) -> FormKey | None:
    k = store.form_keys.c
    row = tx.execute(select(k.name, k.categories, k.delegations).where(k.key_hash == hashed, k.revoked.is_(False))).first()
    return None if row is None else FormKey(row.name, _slugs(row.categories), _slugs(row.delegations))


def keep_form_key(tx: Connection, hashed: str, form: FormKey) -> None:
    """Keep a form's key, by its SHA-256. Raises `IntegrityError` where the name or key exists."""
    tx.execute(
        store.form_keys.insert().values(
            key_hash=hashed,
            name=form.name,
            categories=None if form.categories is None else sorted(form.categories),
            delegations=None if form.delegations is None else sorted(form.delegations),
            revoked=False,
        )
    )


def _slugs(listed: list[str] | None) -> frozenset[str] | None:
    return None if listed is None else frozenset(listed)


def _needed(staff: Collection[Role], forms: bool) -> str:
    return ", ".join([*sorted(staff), *(["form"] if forms else [])])
