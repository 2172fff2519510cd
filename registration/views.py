"""How delegates and sessions are shown as JSON. A protected name only to whom may read it."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Annotated, Literal, NotRequired
from uuid import UUID

from pydantic import Field, JsonValue
from typing_extensions import TypedDict

from registration.amendment import Correction, CorrectionState
from registration.delegate import Registration, printed_name
from registration.needs import Need
from shared.events import (
    Email,
    EnrolmentState,
    Language,
    PrintState,
    SessionChanged,
    SessionStatus,
    Slug,
    Status,
    TextByLanguage,
)

NEVER_SHOWN = ("/person/birth_date", "/person/document_number")


class EnrolmentView(TypedDict):
    session_id: Slug
    state: EnrolmentState
    cause: Slug | None


DryRun = Annotated[bool, Field(description="`true`: nothing was stored. Only the answer of a dry run has this")]


class ProposedView(TypedDict):
    """The newest correction of somebody accredited that needed a decision: until it is accepted, nothing has changed."""

    number: int
    state: CorrectionState
    parts: list[str]
    """Where it corrects, as JSON Pointers."""
    reason: str | None
    """Why it was declined."""
    proposed_at: datetime
    changed_at: datetime
    change: NotRequired[dict[str, JsonValue]]
    """What it says there, while it waits: no birth date and document number, and of the protected only to whom may know."""


class DelegateDecided(TypedDict):
    """What whoever asked for a change is told: ids and states, nothing personal."""

    delegate_id: UUID
    revision: int
    status: Status
    status_reason: str | None
    """Why, in words that the person is told."""
    reason_code: NotRequired[Slug | None]
    """Which of the conference's reasons it was refused for."""
    category: Slug
    delegation: Slug
    enrolments: list[EnrolmentView]
    clashes: NotRequired[list[list[Slug]]]
    """Pairs of sessions held or waited for that are at the same time; only where there are any."""
    proposed: NotRequired[ProposedView]
    """Only where something was ever proposed."""
    needs: NotRequired[list[Need]]
    """What must come before anybody is accredited; only where there is anything."""
    changed_at: datetime
    dry_run: NotRequired[DryRun]


class DecidedOnMany(TypedDict):
    """What became of each of those who were decided on together."""

    delegates: list[DelegateDecided]
    """In the order in which they were named."""
    dry_run: NotRequired[DryRun]


class DelegateReplaced(TypedDict):
    """Who gave up a place, and who has it now."""

    withdrawn: DelegateDecided
    registered: DelegateDecided
    dry_run: NotRequired[DryRun]


class DelegateErased(TypedDict):
    """An erased delegate, the first time and ever after."""

    delegate_id: UUID
    status: Literal[Status.ERASED]
    dry_run: NotRequired[DryRun]


class PersonView(TypedDict):
    """A person. To whom may not read a protected name: the function for the name, and no e-mail address."""

    printed_name: str
    given_name: str | None
    family_name: str | None
    function: str
    email: Email | None
    language: Language
    time_zone: str


class DelegateView(DelegateDecided):
    """A delegate to a reader with a key. Birth date and document number are not shown at all."""

    pass_type: Slug
    pass_days: list[date]
    protected: bool
    person: PersonView
    photo: Annotated[str | None, Field(description="SHA-256 of the portrait at `/delegates/{id}/photo`")]
    badge: PrintState | None
    submitted_at: datetime
    late: bool
    """Whether it came after its category's `closes_at`."""
    note: NotRequired[str | None]
    """What the accreditation desk noted for the file; only to its own keys."""


class OrganiserView(TypedDict):
    code: Slug
    names: TextByLanguage


class SessionView(TypedDict):
    """A session's entry, and how many are enrolled."""

    session_id: Slug
    revision: int
    status: SessionStatus
    title: TextByLanguage
    room: TextByLanguage
    starts_at: datetime
    ends_at: datetime
    audience: list[Slug]
    capacity: int | None
    reserved: dict[Slug, int]
    waiting_list: bool
    organisers: list[OrganiserView]
    changed_at: datetime
    enrolled: int
    told: NotRequired[int]
    """Of a change, also of one only tried: how many people see it in their language, and are told of it."""
    dry_run: NotRequired[DryRun]


class DelegatePage(TypedDict):
    delegates: list[DelegateView]
    next_after: UUID | None
    """Where there may be more: the `after` of the next page."""


class ProgrammeView(TypedDict):
    sessions: list[SessionView]


class EventResult(TypedDict):
    source: str
    id: str
    status: int
    """What the event alone would have been answered with."""
    answer: DelegateDecided | SessionView


class ProgrammeChanged(TypedDict):
    sessions: list[SessionView]
    """In the order of the changes."""
    dry_run: NotRequired[DryRun]


class BatchResult(TypedDict):
    results: list[EventResult]
    """In the order of the batch."""
    dry_run: NotRequired[DryRun]


def delegate_decided(
    registration: Registration,
    clashes: Iterable[tuple[str, str]] = (),
    correction: Correction | None = None,
    needs: Iterable[Need] = (),
) -> DelegateDecided:
    decided: DelegateDecided = {
        "delegate_id": registration.delegate_id,
        "revision": registration.revision,
        "status": registration.status,
        "status_reason": registration.status_reason,
        "reason_code": registration.reason_code,
        "category": registration.category,
        "delegation": registration.delegation,
        "enrolments": [
            {"session_id": each.session_id, "state": each.state, "cause": each.cause} for each in registration.enrolments
        ],
        "changed_at": registration.changed_at,
    }
    if found := [list(each) for each in clashes]:
        decided["clashes"] = found
    if correction is not None:
        decided["proposed"] = proposed_view(correction)
    if needed := list(needs):
        decided["needs"] = needed
    return decided


def proposed_view(correction: Correction) -> ProposedView:
    return {
        "number": correction.number,
        "state": correction.state,
        "parts": correction.parts,
        "reason": correction.reason,
        "proposed_at": correction.proposed_at,
        "changed_at": correction.changed_at,
    }


def delegate_erased(delegate_id: UUID) -> DelegateErased:
    return {"delegate_id": delegate_id, "status": Status.ERASED}


def delegate_view(
    registration: Registration,
    *,
    with_protected_name: bool,
    badge: PrintState | None,
    correction: Correction | None = None,
    needs: Iterable[Need] = (),
    with_note: bool = False,
) -> DelegateView:
    person = registration.person
    assert person is not None, "nothing is left to show of the erased"
    hidden = registration.protected and not with_protected_name
    decided = delegate_decided(registration, (), correction, needs)
    if "proposed" in decided and correction is not None and correction.waits:
        unseen = registration.protected or correction.change.protected
        if with_protected_name or not unseen:
            shown = {pointer: value for pointer, value in correction.values.items() if pointer not in NEVER_SHOWN}
            decided["proposed"]["change"] = shown
    if hidden and "proposed" in decided:
        decided["proposed"]["reason"] = None
    view: DelegateView = {
        **decided,
        "status_reason": None if hidden else decided["status_reason"],
        "pass_type": registration.pass_type,
        "pass_days": registration.pass_days,
        "protected": registration.protected,
        "person": {
            "printed_name": person.function if registration.protected else printed_name(person),
            "given_name": None if hidden else person.given_name,
            "family_name": None if hidden else person.family_name,
            "function": person.function,
            "email": None if hidden else person.email,
            "language": person.language,
            "time_zone": person.time_zone,
        },
        "photo": None if hidden else registration.photo,
        "badge": badge,
        "submitted_at": registration.submitted_at,
        "late": registration.late,
    }
    if with_note:
        view["note"] = registration.note
    return view


def session_view(session: SessionChanged, enrolled: int) -> SessionView:
    return {
        "session_id": session.session_id,
        "revision": session.revision,
        "status": session.status,
        "title": session.title,
        "room": session.room,
        "starts_at": session.starts_at,
        "ends_at": session.ends_at,
        "audience": session.audience,
        "capacity": session.capacity,
        "reserved": session.reserved,
        "waiting_list": session.waiting_list,
        "organisers": [{"code": each.code, "names": each.names} for each in session.organisers],
        "changed_at": session.changed_at,
        "enrolled": enrolled,
    }
