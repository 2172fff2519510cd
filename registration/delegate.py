"""A delegate as registration holds them, what they are known by, and the event made of each revision. Pure."""

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import Literal, Self
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
    Photo,
    Slug,
    Status,
)
from shared.folding import NO_JOINERS, searched


class Proposed(BaseModel):
    """A decision that another must confirm, where a category's people are decided on by two.

    `accept` and `decline` are of a correction.
    """

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    decision: Literal["accredit", "refuse", "accept", "decline"]
    reason: str | None = None
    reason_code: str | None = None
    note: str | None = None
    by: str
    """The account, or the key, that proposed it."""
    signs_in_at: str | None = None
    person: str = ""
    """As `registration.audit.entries.Actor` has them."""


class Endorsement(BaseModel):
    """What came of asking a delegation's focal point whether somebody who registered themselves comes for it."""

    model_config = ConfigDict(frozen=True)

    state: Literal["waiting", "given"]
    since: datetime
    """The true time from when on it is so."""
    until: datetime | None = None
    """Until when the desk waits for it; `None` is for as long as a focal point is known."""

    @property
    def waits(self) -> bool:
        return self.state == "waiting"


class Registration(BaseModel):
    """A delegate as registration alone holds them: with birth date, document number and, of the protected, the name."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    delegate_id: UUID
    revision: int
    status: Status
    status_reason: str | None = None
    """Why, in words that the person is told: see `registration.decisions.reasons`."""
    reason_code: Slug | None = None
    note: str | None = None
    """What the desk noted for the file with its decision; it leaves registration in no event, and nobody else is told."""
    category: Slug
    pass_type: Slug
    pass_days: list[date] = []
    delegation: Slug
    person: PersonSubmitted | None
    """`None` of the erased alone."""
    protected: bool = False
    enrolments: list[Enrolment] = []
    fields: dict[Slug, str] = {}
    """Answers to what this conference asks beside; they leave registration in no event."""
    photo: str | None = None
    """The SHA-256 of their portrait, which is kept beside."""
    proposed: Proposed | None = None
    endorsement: Endorsement | None = None
    """Of those who need one; nothing once the desk has decided without. Whoever was declined waits for it still."""
    late: bool = False
    """Whether it came after its category's `closes_at`; it stays so whatever is amended."""
    submitted_at: datetime
    changed_at: datetime

    @property
    def holds_place(self) -> bool:
        """Whether this registration counts against its delegation's quota."""
        return self.status not in ENDED and not self.lacks_endorsement

    @property
    def lacks_endorsement(self) -> bool:
        return self.endorsement is not None and self.endorsement.waits

    @property
    def known_by(self) -> list[str]:
        """What the person is known by: nothing once withdrawn or erased, so that they may register anew."""
        if self.person is None or self.status is Status.WITHDRAWN:
            return []
        return person_keys(self.person, self.delegation)

    def revised(self, at: datetime, **changes: object) -> Self:
        """The next revision, with these changes; itself where nothing would change. `at` is the true time."""
        changed = self.model_copy(update=changes)
        if changed == self:
            return self
        return changed.model_copy(update={"revision": self.revision + 1, "changed_at": at})

    def takes_part_in(self, session_id: str) -> bool:
        """Whether a place in the session is held or waited for."""
        found = self.enrolment(session_id)
        return found is not None and found.state is not EnrolmentState.RELEASED

    def is_enrolled_in(self, session_id: str) -> bool:
        found = self.enrolment(session_id)
        return found is not None and found.state is EnrolmentState.ENROLLED

    def enrolment(self, session_id: str) -> Enrolment | None:
        return next((each for each in self.enrolments if each.session_id == session_id), None)


def released(enrolment: Enrolment, cause: str) -> Enrolment:
    """With its place given up, and why; itself where it was before."""
    if enrolment.state is EnrolmentState.RELEASED:
        return enrolment
    return Enrolment(session_id=enrolment.session_id, state=EnrolmentState.RELEASED, cause=cause)


def person_keys(person: PersonSubmitted, delegation: str) -> list[str]:
    """What a person is known by: name within the delegation, name with e-mail, document number. Hashed, never shown.

    Two people may share an e-mail address (a mission's) or a name (across delegations, or within one where they were not
    born on the same day), so neither alone decides.
    """
    name, born = f"{person.given_name} {person.family_name}", "" if person.birth_date is None else f"|{person.birth_date}"
    return list(_keys(name, person.email, person.document_number, delegation, born))


# One request asks for the keys of one person several times.
@lru_cache(maxsize=1024)
def _keys(full_name: str, email: str, document_number: str | None, delegation: str, born: str) -> tuple[str, ...]:
    name = _hash(_folded(full_name))
    # Both begin with the name's own hash: what is known of one name is stored side by side.
    known_by = [name + _hash(f"in delegation|{delegation}|{name}{born}"), name + _hash(f"and e-mail|{_folded(email)}|{name}")]
    if document_number:
        known_by.append(_hash("document") + _hash(_folded(document_number)))
    return tuple(known_by)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def shows_photo(registration: Registration, conference: Conference) -> bool:
    """Whether a badge shows their portrait now, and so whether it leaves registration."""
    category = conference.category[registration.category]
    return category.photo and not registration.protected and registration.status is Status.ACCREDITED


def fact_of(registration: Registration, conference: Conference, portraits: Mapping[str, bytes] = {}) -> DelegateRegistered:
    """The `delegate-registered` event of this revision: what its readers need and no more.

    `portraits` are those that are to be published, by their SHA-256.
    """
    photo = registration.photo if shows_photo(registration, conference) else None
    return DelegateRegistered(
        delegate_id=registration.delegate_id,
        revision=registration.revision,
        status=registration.status,
        status_reason=registration.status_reason,
        reason_code=registration.reason_code,
        reason_texts=conference.reason_texts(registration.reason_code),
        conference=conference.slug,
        category=registration.category,
        pass_type=registration.pass_type,
        pass_days=registration.pass_days,
        delegation=conference.party[registration.delegation],
        person=_public_person(registration),
        protected=registration.protected,
        enrolments=registration.enrolments,
        photo=None if photo is None else Photo(sha256=photo, jpeg=portraits[photo]),
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


def searched_name(person: PersonSubmitted) -> str:
    """What those who may read the name find the person by."""
    return searched(" ".join([person.given_name, person.family_name, person.printed_name or "", person.email]))


def names_person(text: str, person: PersonSubmitted) -> bool:
    """Whether the whole given, family or printed name of the person stands in `text`, in whatever case and accents."""
    said = f" {_words(text)} "
    names = (person.given_name, person.family_name, person.printed_name or "")
    return any(f" {name} " in said for name in map(_words, names) if name)


def _words(text: str) -> str:
    return " ".join(re.findall(r"\w+", _folded(text)))


def printed_fields(person: PersonSubmitted, protected: bool) -> list[str]:
    """The fields whose text the badge shows."""
    if protected:
        return ["function"]
    return [*(["printed_name"] if person.printed_name else ["given_name", "family_name"]), "function"]


def _folded(text: str) -> str:
    """Case, accents, spacing and joiners do not make another person."""
    if text.isascii():
        return " ".join(text.lower().split())
    decomposed = unicodedata.normalize("NFKD", text.casefold().translate(NO_JOINERS))
    return " ".join("".join(character for character in decomposed if not unicodedata.combining(character)).split())
