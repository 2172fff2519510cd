"""A delegate as registration holds them, what they are known by, and the event made of each revision. Pure."""

import hashlib
import unicodedata
from datetime import date, datetime
from functools import lru_cache
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.conference import Conference
from shared.events import (
    ENDED,
    MAX_LINE,
    DelegateRegistered,
    Enrolment,
    EnrolmentState,
    Person,
    PersonSubmitted,
    Slug,
    Status,
)


class Registration(BaseModel):
    """A delegate as registration alone holds them: with birth date, document number and, of the protected, the name."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    delegate_id: UUID
    revision: int
    status: Status
    status_reason: str | None = None
    category: Slug
    pass_type: Slug
    pass_days: list[date] = []
    delegation: Slug
    person: PersonSubmitted | None
    """`None` of the erased alone."""
    protected: bool = False
    enrolments: list[Enrolment] = []
    submitted_at: datetime
    changed_at: datetime

    @property
    def holds_place(self) -> bool:
        """Whether this registration counts against its delegation's quota."""
        return self.status not in ENDED

    @property
    def known_by(self) -> list[str]:
        """What the person is known by: nothing once withdrawn or erased, so that they may register anew."""
        if self.person is None or self.status is Status.WITHDRAWN:
            return []
        return person_keys(self.person, self.delegation)

    def takes_part_in(self, session_id: str) -> bool:
        """Whether a place in the session is held or waited for."""
        found = self.enrolment(session_id)
        return found is not None and found.state is not EnrolmentState.RELEASED

    def is_enrolled_in(self, session_id: str) -> bool:
        found = self.enrolment(session_id)
        return found is not None and found.state is EnrolmentState.ENROLLED

    def enrolment(self, session_id: str) -> Enrolment | None:
        return next((each for each in self.enrolments if each.session_id == session_id), None)


def person_keys(person: PersonSubmitted, delegation: str) -> list[str]:
    """What a person is known by: name within the delegation, name with e-mail, document number. Hashed, never shown.

    Two people may share an e-mail address (a mission's) or a name (across delegations), so neither alone decides.
    """
    return list(_keys(f"{person.given_name} {person.family_name}", person.email, person.document_number, delegation))


# One request asks for the keys of one person several times.
@lru_cache(maxsize=1024)
def _keys(full_name: str, email: str, document_number: str | None, delegation: str) -> tuple[str, ...]:
    name = _hash(_folded(full_name))
    # Both begin with the name's own hash: what is known of one name is stored side by side.
    known_by = [name + _hash(f"in delegation|{delegation}|{name}"), name + _hash(f"and e-mail|{_folded(email)}|{name}")]
    if document_number:
        known_by.append(_hash("document") + _hash(_folded(document_number)))
    return tuple(known_by)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def fact_of(registration: Registration, conference: Conference) -> DelegateRegistered:
    """The `delegate-registered` event of this revision: what its readers need and no more."""
    return DelegateRegistered(
        delegate_id=registration.delegate_id,
        revision=registration.revision,
        status=registration.status,
        status_reason=registration.status_reason,
        conference=conference.slug,
        category=registration.category,
        pass_type=registration.pass_type,
        pass_days=registration.pass_days,
        delegation=conference.party[registration.delegation],
        person=_public_person(registration),
        protected=registration.protected,
        enrolments=registration.enrolments,
        changed_at=registration.changed_at,
    )


def _public_person(registration: Registration) -> Person | None:
    held, protected = registration.person, registration.protected
    if held is None:
        return None
    return Person(
        printed_name=held.function if protected else printed_name(held),
        given_name=None if protected else held.given_name,
        family_name=None if protected else held.family_name,
        function=held.function,
        email=held.email,
        language=held.language,
        time_zone=held.time_zone,
    )


def printed_name(person: PersonSubmitted) -> str:
    """The name as printed: as given, else given and family name, which together may be longer than a line."""
    return person.printed_name or f"{person.given_name} {person.family_name}"[:MAX_LINE].rstrip()


def printed_fields(person: PersonSubmitted, protected: bool) -> list[str]:
    """The fields whose text the badge shows."""
    if protected:
        return ["function"]
    return [*(["printed_name"] if person.printed_name else ["given_name", "family_name"]), "function"]


def _folded(text: str) -> str:
    """Case, accents and spacing do not make another person."""
    if text.isascii():
        return " ".join(text.lower().split())
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(character for character in decomposed if not unicodedata.combining(character)).split())
