"""What can be wrong with a request: each check gives every fault it finds, and where. Pure, as `registration.model`."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID
from zoneinfo import available_timezones

from registration.delegate import person_keys, printed_fields
from registration.register import Register
from shared.conference import Category, Conference, Delegation
from shared.events import PersonSubmitted, RegistrationSubmitted, SessionStatus
from shared.letters import not_shown

TIME_ZONES = frozenset(available_timezones())


class Fault(NamedTuple):
    """One thing wrong with a request: where (a JSON Pointer into its body), a stable code, and a sentence for people."""

    pointer: str
    code: str
    detail: str


def party_faults(request: RegistrationSubmitted, category: Category | None, delegation: Delegation | None) -> Iterator[Fault]:
    if category is None:
        yield Fault("/category", "unknown-category", f"There is no category {request.category!r}; see `GET /conference`.")
    if delegation is None:
        yield Fault(
            "/delegation", "unknown-delegation", f"There is no delegation {request.delegation!r}; see `GET /conference`."
        )
    if category is not None and delegation is not None and delegation.kind not in category.open_to:
        detail = f"A delegation of kind {delegation.kind} does not register people of category {category.slug}."
        yield Fault("/category", "category-not-open", detail)


def person_faults(person: PersonSubmitted, category: Category | None, protected: bool) -> Iterator[Fault]:
    """What is wrong with a person by themselves."""
    if person.time_zone not in TIME_ZONES:
        yield Fault("/person/time_zone", "unknown-time-zone", "Not a time zone of the IANA database, such as Europe/Paris.")
    for name in category.required if category else []:
        if not getattr(person, name):
            yield Fault(f"/person/{name}", "required", "This category needs this field.")
    for name in printed_fields(person, protected):
        if letters := not_shown(getattr(person, name)):
            listed = ", ".join(f"{each} (U+{ord(each):04X})" for each in letters)
            yield Fault(f"/person/{name}", "not-printable", f"No badge can show {listed}. {_INSTEAD[name]}")


_INSTEAD = {
    "printed_name": "Give the name in another script.",
    "given_name": "Give the whole name in another script as `printed_name`.",
    "family_name": "Give the whole name in another script as `printed_name`.",
    "function": "Give the function in another script.",
}


def category_faults(category: Category, conference: Conference, protected: bool, days: list[date]) -> Iterator[Fault]:
    if protected and not category.may_be_protected:
        yield Fault("/protected", "not-protected", f"People of category {category.slug} are not registered as protected.")
    if conference.pass_type[category.pass_type].for_named_days:
        if not days:
            yield Fault("/pass_days", "required", "This category's pass is valid on named days; name them.")
        elif outside := [day for day in days if day not in conference.days]:
            detail = f"{outside[0]} is not a day of the conference's week ({conference.days[0]} to {conference.days[-1]})."
            yield Fault("/pass_days", "outside-conference", detail)
    elif days:
        yield Fault("/pass_days", "not-for-days", "This category's pass is valid on all days; leave this out.")


def duplicate_faults(person: PersonSubmitted, delegation: str, register: Register, own_id: UUID | None) -> Iterator[Fault]:
    known = {register.known_person(key) for key in person_keys(person, delegation)} - {None, own_id}
    if known:
        yield Fault("/person", "known-person", "This person is registered already; amend that registration instead.")


def quota_faults(conference: Conference, delegation: Delegation, category: Category, register: Register) -> Iterator[Fault]:
    quota, held = conference.quota(delegation), register.held(delegation.code)
    if held >= quota:
        yield Fault("/delegation", "quota-full", f"This delegation has registered {held} of the {quota} people it may.")
    of_category = conference.quota_of_category(delegation, category.slug)
    held_in_category = register.held(delegation.code, category.slug)
    if of_category is not None and held_in_category >= of_category:
        detail = (
            f"This delegation has registered {held_in_category} of the {of_category} people of category {category.slug} it may."
        )
        yield Fault("/category", "category-quota-full", detail)


def enrolment_faults(session_id: str, category: str, register: Register, now: datetime, where: str) -> Iterator[Fault]:
    session = register.session(session_id)
    if session is None:
        yield Fault(where, "unknown-session", f"There is no session {session_id!r}; see `GET /sessions`.")
        return
    if session.status is SessionStatus.CANCELLED:
        yield Fault(where, "session-cancelled", f"Session {session_id} is cancelled.")
    if session.ends_at <= now:
        yield Fault(where, "session-over", f"Session {session_id} is over.")
    if category not in session.audience:
        yield Fault(where, "not-in-audience", f"Session {session_id} is not open to category {category}.")
    if session.capacity is not None and register.enrolled(session_id) >= session.capacity:
        yield Fault(where, "session-full", f"All {session.capacity} places of session {session_id} are taken.")
