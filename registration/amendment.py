"""What is asked to be corrected of a registration, and a correction that waits for a decision while the registration stands."""

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Self, cast
from uuid import UUID

from pydantic import BaseModel, ConfigDict, JsonValue

from registration.delegate import Proposed, Registration
from shared.events import (
    DocumentNumber,
    Email,
    Language,
    Line,
    PassDays,
    PersonSubmitted,
    Request,
    Slug,
    Status,
    TimeZone,
)

PHOTO = "/photo"
"""Where a correction names a photo, by its SHA-256. No amendment has one: it is given by itself."""


class PersonAmended(Request):
    """What is amended of a person; what is left out stays. `null` empties a field that may be left out."""

    given_name: Line | None = None
    family_name: Line | None = None
    printed_name: Line | None = None
    function: Line | None = None
    email: Email | None = None
    language: Language | None = None
    time_zone: TimeZone | None = None
    birth_date: date | None = None
    document_number: DocumentNumber | None = None

    def applied_to(self, person: PersonSubmitted) -> PersonSubmitted:
        return person.model_copy(update={name: getattr(self, name) for name in self.model_fields_set})


class Amendment(Request):
    """The body of `PATCH /delegates/{id}`. The delegation is not amended: withdraw and register anew."""

    person: PersonAmended | None = None
    protected: bool | None = None
    pass_days: PassDays | None = None
    category: Slug | None = None
    """Another of the categories that the delegation may register. Sessions that are not open to it are left."""
    fields: dict[Slug, Line | None] | None = None
    """Answers to what this conference asks beside: those named are replaced, `null` takes one back."""

    @property
    def parts(self) -> dict[str, JsonValue]:
        """What is amended, as JSON, by its pointer."""
        parts: dict[str, JsonValue] = {}
        for name, value in self.model_dump(mode="json", exclude_unset=True).items():
            if isinstance(value, dict):
                within = cast(dict[str, JsonValue], value)
                parts |= {f"/{name}/{each}": amended for each, amended in within.items()}
            elif value is not None:
                parts[f"/{name}"] = value
        return parts

    @classmethod
    def of(cls, parts: Mapping[str, JsonValue]) -> Self:
        """The amendment of these parts, of which a photo is none."""
        amendment: dict[str, Any] = {}
        for pointer, value in parts.items():
            if pointer == PHOTO:
                continue
            *within, name = pointer[1:].split("/")
            place: dict[str, Any] = amendment.setdefault(within[0], {}) if within else amendment
            place[name] = value
        return cls.model_validate(amendment)


class CorrectionState(StrEnum):
    WAITING = "waiting"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    TAKEN_BACK = "taken-back"
    """By whoever corrected it back to what stands."""
    ENDED = "ended"
    """The registration was refused, withdrawn or replaced before anybody decided."""


class Correction(BaseModel):
    """What an accredited registration is to say once the accreditation desk accepts it; until then it says what it says.

    Of each delegate the newest alone is kept; once it waits no more, only where it corrected, not what.
    """

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    delegate_id: UUID
    number: int
    """1, 2, 3 of a delegate: a newer one takes the place of the one before."""
    state: CorrectionState = CorrectionState.WAITING
    parts: list[str]
    """Where it corrects, as JSON Pointers."""
    values: dict[str, JsonValue] = {}
    """What it says there."""
    by: str
    """Who proposed it: the kind of actor and the name."""
    confirming: Proposed | None = None
    """What one has decided, where two decide."""
    reason: str | None = None
    """Why it was declined."""
    revision: int
    """The delegate's, when this last changed."""
    proposed_at: datetime
    changed_at: datetime

    @property
    def change(self) -> Amendment:
        return Amendment.of(self.values)

    @property
    def photo(self) -> str | None:
        """The SHA-256 of the portrait that is proposed, while it waits."""
        return cast(str | None, self.values.get(PHOTO))

    @property
    def waits(self) -> bool:
        return self.state is CorrectionState.WAITING

    def after(self, registration: Registration) -> Self | None:
        """The correction as the registration's next revision ends it; `None` where it goes on as it is."""
        if not self.waits or registration.status is Status.ACCREDITED:
            return None
        return self.closed(CorrectionState.ENDED, registration.changed_at, revision=registration.revision)

    def closed(self, state: CorrectionState, at: datetime, reason: str | None = None, revision: int | None = None) -> Self:
        """Waiting no more, and without what it said."""
        update: dict[str, Any] = {"state": state, "values": {}, "confirming": None, "reason": reason, "changed_at": at}
        return self.model_copy(update={**update, "revision": self.revision if revision is None else revision})
