"""Who may register and amend whom: staff by role, external forms by their key, focal points by their delegations."""

import asyncio
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from registration.audit.entries import Actor
from registration.callers.form_keys import CACHED_SECONDS, FormKey, KnownForm, find_form
from registration.callers.forms import FormLimits, only_registers
from registration.callers.signatures import signed_id
from registration.delegations.focal_points import SignedIn
from registration.staff.accounts import StaffAccount
from shared.clock import utc_now
from shared.database import Database
from shared.keys import Role, StaffKey, StaffKeys, bearer, forbidden, key_hash, key_unknown


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever sent a request: a staff member, a form, or a focal point who signed in."""

    scope: str
    """What idempotency keys are unique within."""
    staff: StaffKey | StaffAccount | None = None
    form: FormKey | None = None
    focal_point: SignedIn | None = None
    signing_secret: str | None = field(default=None, repr=False)
    """By which all that it sends must be signed."""
    message_id: str | None = None
    """Of what was signed: it is the idempotency key."""

    def may_register(self, category: str, delegation: str) -> bool:
        if self.focal_point is not None:
            return delegation in self.focal_point.delegations
        if self.form is None:
            return self.staff is not None and self.staff.role is Role.ACCREDITATION
        return (self.form.categories is None or category in self.form.categories) and (
            self.form.delegations is None or delegation in self.form.delegations
        )

    def may_give_letter(self, delegation: str) -> bool:
        """Whether they may give the delegation's letter of credentials, and open it: it may name the protected."""
        if self.focal_point is not None:
            return delegation in self.focal_point.delegations
        return self.staff is not None and self.staff.role is Role.ACCREDITATION

    def may_read(self, category: str, delegation: str) -> bool:
        return self.staff is not None or self.may_register(category, delegation)

    @property
    def actor(self) -> Actor:
        """Who this is to the audit trail."""
        if self.focal_point is not None:  # by delegations and a hash: the trail names no person
            delegations = "+".join(sorted(self.focal_point.delegations))
            return Actor("focal-point", f"{delegations} {key_hash(self.focal_point.email)[:12]}")
        match self.staff, self.form:
            case StaffAccount(name=name, issuer=issuer, email=email), _:
                return Actor("account", name, issuer or "", key_hash(email) if email else "")
            case StaffKey(name=name, email=email), _:
                return Actor("staff-key", name, person=key_hash(email) if email else "")
            case _, FormKey(name=name):
                return Actor("form", name)
            case _:
                raise AssertionError(self.scope)

    @property
    def tests(self) -> bool:
        """Whether nothing that it asks for is to be done."""
        return self.form is not None and self.form.test

    def proved(self, headers: Mapping[str, str], body: bytes) -> Self:
        """The caller, once `body` is known to be theirs; raises 401 where it must be signed and is not."""
        if self.signing_secret is None:
            return self
        message_id = signed_id(headers, body, self.signing_secret, utc_now().timestamp())
        return replace(self, message_id=message_id)

    @property
    def may_change_programme(self) -> bool:
        return self.staff is not None and self.staff.role is Role.PROGRAMME

    @property
    def may_read_notes(self) -> bool:
        """What the accreditation desk notes for the file."""
        return self.staff is not None and self.staff.role is Role.ACCREDITATION

    @property
    def may_read_protected_names(self) -> bool:
        """Of those whom they may read at all."""
        if self.focal_point is not None:
            return True
        return self.staff is not None and self.staff.role is Role.ACCREDITATION


class Callers:
    """Finds the caller of a request by its key."""

    def __init__(self, database: Database, staff_keys: StaffKeys) -> None:
        self._database = database
        self._staff_keys = staff_keys
        self._seen: dict[str, tuple[float, KnownForm]] = {}
        self.limits = FormLimits(database)
        self._reading = asyncio.Lock()

    async def require(
        self, headers: Mapping[str, str], *, staff: Collection[Role] = (), forms: bool = False, registers: bool = False
    ) -> Caller:
        """The caller, who has yet to prove a body that is signed; `registers` is what every form may.

        Raises 401 where the key is not known, 403 where it is none of those that are let in, 429 where it is used too often.
        """
        hashed = key_hash(bearer(headers.get("authorization")))
        found = self._staff_keys.find_by_hash(hashed)
        if found is not None:
            if found.role not in staff:
                raise forbidden(found.name, _needed(staff, forms))
            return Caller(scope=f"staff {hashed}", staff=found)
        known = await self._form(hashed)
        if known is None:
            raise key_unknown()
        if not forms:
            raise forbidden(known.form.name, _needed(staff, forms))
        caller = Caller(scope=f"form {hashed}", form=known.form, signing_secret=known.signing_secret)
        self.limits.admit(caller.scope, known.form, headers.get("origin"))
        if known.form.only_registers and not registers:
            raise only_registers()
        return caller

    async def _form(self, hashed: str) -> KnownForm | None:
        if (known := self._seen_lately(hashed)) is not None:
            return known
        async with self._reading:
            if (known := self._seen_lately(hashed)) is not None:  # by whoever came with it at the same time
                return known
            found = await self._database.read(lambda tx: find_form(tx, hashed))
        if found is not None:
            self._seen[hashed] = (time.monotonic(), found)
        return found

    def _seen_lately(self, hashed: str) -> KnownForm | None:
        seen_at, known = self._seen.get(hashed, (-CACHED_SECONDS, None))
        return known if time.monotonic() - seen_at < CACHED_SECONDS else None


def _needed(staff: Collection[Role], forms: bool) -> str:
    return ", ".join([*sorted(staff), *(["form"] if forms else [])])
