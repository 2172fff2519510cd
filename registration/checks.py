"""What can be wrong with a request: each check gives every fault it finds, and where. Pure, as `registration.model`."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import cast
from uuid import UUID
from zoneinfo import available_timezones

from registration.delegate import Registration, names_person, person_keys, printed_fields
from registration.programme.waiting import has_room
from registration.register import Register
from shared.conference import Category, Conference, Delegation
from shared.events import PersonSubmitted, RegistrationSubmitted, SessionStatus
from shared.letters import not_shown
from shared.said import FieldFault, Said, say
from shared.spelling import name_faults

TIME_ZONES = frozenset(available_timezones())
EARLIEST_BIRTH = date(1900, 1, 1)
NAMES = ("given_name", "family_name", "printed_name", "function")
"""What people know a person by; of the protected the function is the name."""


def unknown_party_faults(asked: object, conference: Conference) -> Iterator[FieldFault]:
    """Of a request that cannot be read as a registration: the category or delegation it names that the conference has not."""
    named = cast(Mapping[str, object], asked) if isinstance(asked, Mapping) else dict[str, object]()
    category, delegation = named.get("category"), named.get("delegation")
    if isinstance(category, str) and category not in conference.category:
        yield unknown_category(category, "/category")
    if isinstance(delegation, str) and delegation not in conference.delegation:
        yield _unknown_delegation(delegation)


def party_faults(
    request: RegistrationSubmitted, category: Category | None, delegation: Delegation | None
) -> Iterator[FieldFault]:
    if category is None:
        yield unknown_category(request.category, "/category")
    if delegation is None:
        yield _unknown_delegation(request.delegation)
    if category is not None and delegation is not None and delegation.kind not in category.open_to:
        yield _not_open(delegation, category)


def _not_open(delegation: Delegation, category: Category) -> FieldFault:
    detail = say(
        "A delegation of kind {kind} does not register people of category {category}.",
        kind=delegation.kind,
        category=category.slug,
    )
    return FieldFault("/category", "category-not-open", detail)


def _unknown_delegation(delegation: str) -> FieldFault:
    detail = say("There is no delegation '{delegation}'; see `GET /conference`.", delegation=delegation)
    return FieldFault("/delegation", "unknown-delegation", detail)


def unknown_category(category: str, where: str) -> FieldFault:
    detail = say("There is no category '{category}'; see `GET /conference`.", category=category)
    return FieldFault(where, "unknown-category", detail)


def person_faults(
    person: PersonSubmitted, category: Category | None, conference: Conference, protected: bool
) -> Iterator[FieldFault]:
    """What is wrong with a person by themselves."""
    if person.birth_date and not EARLIEST_BIRTH <= person.birth_date <= conference.opens_on:
        yield FieldFault("/person/birth_date", "impossible", say("This date of birth is not possible."))
    if person.time_zone not in TIME_ZONES:
        detail = say("Not a time zone of the IANA database, such as {example}.", example="Europe/Paris")
        yield FieldFault("/person/time_zone", "unknown-time-zone", detail)
    for name in category.required if category else []:
        if not getattr(person, name):
            yield FieldFault(f"/person/{name}", "required", say("This category needs this field."))
    for name in NAMES:
        if given := getattr(person, name):
            yield from name_faults(given, f"/person/{name}")
    for name in printed_fields(person, protected):
        if letters := not_shown(getattr(person, name)):
            listed = ", ".join(f"{each} (U+{ord(each):04X})" for each in letters)
            yield FieldFault(f"/person/{name}", "not-printable", _not_printable(name, listed))
    if protected and names_person(person.function, person):
        detail = say("Of a protected identity the function stands for the name: it must not hold the name.")
        yield FieldFault("/person/function", "names-protected", detail)


def _not_printable(field: str, letters: str) -> Said:
    match field:
        case "function":
            return say("No badge can show {letters}. Give the function in another script.", letters=letters)
        case "printed_name":
            return say("No badge can show {letters}. Give the name in another script.", letters=letters)
        case _:
            return say("No badge can show {letters}. Give the whole name in another script as `printed_name`.", letters=letters)


def reason_faults(reason: str | None, registration: Registration) -> Iterator[FieldFault]:
    """What is wrong with the reason of a decision, which is told in events and mails."""
    if reason and registration.protected and registration.person and names_person(reason, registration.person):
        detail = say("This identity is protected: the reason must not hold the name.")
        yield FieldFault("/reason", "names-protected", detail)


def category_faults(category: Category, conference: Conference, protected: bool, days: list[date]) -> Iterator[FieldFault]:
    if protected and not category.may_be_protected:
        detail = say("People of category {category} are not registered as protected.", category=category.slug)
        yield FieldFault("/protected", "not-protected", detail)
    if conference.pass_type[category.pass_type].for_named_days:
        if not days:
            yield FieldFault("/pass_days", "required", say("This category's pass is valid on named days; name them."))
        elif outside := [day for day in days if day not in conference.days]:
            detail = say(
                "{day} is not a day of the conference's week ({first} to {last}).",
                day=outside[0],
                first=conference.days[0],
                last=conference.days[-1],
            )
            yield FieldFault("/pass_days", "outside-conference", detail)
    elif days:
        yield FieldFault("/pass_days", "not-for-days", say("This category's pass is valid on all days; leave this out."))


def photo_faults(category: Category) -> Iterator[FieldFault]:
    """What is wrong with giving somebody of `category` a photo."""
    if not category.photo:
        detail = say("No badge of category {category} shows a photo; leave it out.", category=category.slug)
        yield FieldFault("/photo", "photo-not-shown", detail)


def duplicate_faults(person: PersonSubmitted, delegation: str, register: Register, own_id: UUID | None) -> Iterator[FieldFault]:
    known = {register.known_person(key) for key in person_keys(person, delegation)} - {None, own_id}
    if known:
        detail = say("This person is registered already; amend that registration instead.")
        yield FieldFault("/person", "known-person", detail)


def quota_faults(
    conference: Conference, delegation: Delegation, category: Category, register: Register
) -> Iterator[FieldFault]:
    quota, held = conference.quota(delegation), register.held(delegation.code)
    if held >= quota:
        detail = say("This delegation has registered {held} of the {quota} people it may.", held=held, quota=quota)
        yield FieldFault("/delegation", "quota-full", detail)
    yield from _category_quota_faults(conference, delegation, category, register)


def _category_quota_faults(
    conference: Conference, delegation: Delegation, category: Category, register: Register
) -> Iterator[FieldFault]:
    of_category = conference.quota_of_category(delegation, category.slug)
    held_in_category = register.held(delegation.code, category.slug)
    if of_category is not None and held_in_category >= of_category:
        detail = say(
            "This delegation has registered {held} of the {quota} people of category {category} it may.",
            held=held_in_category,
            quota=of_category,
            category=category.slug,
        )
        yield FieldFault("/category", "category-quota-full", detail)


def move_faults(
    conference: Conference, category: Category, register: Register, before: Registration, after: Registration
) -> Iterator[FieldFault]:
    """What is wrong with somebody coming into `category` from another; what they hold already they need not find."""
    delegation = conference.delegation[before.delegation]
    if delegation.kind not in category.open_to:
        yield _not_open(delegation, category)
    if before.holds_place and after.holds_place:
        yield from _category_quota_faults(conference, delegation, category, register)
    elif after.holds_place:
        yield from quota_faults(conference, delegation, category, register)


def enrolment_faults(session_id: str, category: str, register: Register, now: datetime, where: str) -> Iterator[FieldFault]:
    session = register.session(session_id)
    if session is None:
        detail = say("There is no session '{session}'; see `GET /sessions`.", session=session_id)
        yield FieldFault(where, "unknown-session", detail)
        return
    if session.status is SessionStatus.CANCELLED:
        yield FieldFault(where, "session-cancelled", say("Session {session} is cancelled.", session=session_id))
    if session.ends_at <= now:
        yield FieldFault(where, "session-over", say("Session {session} is over.", session=session_id))
    if category not in session.audience:
        detail = say("Session {session} is not open to category {category}.", session=session_id, category=category)
        yield FieldFault(where, "not-in-audience", detail)
    if not session.waiting_list and not has_room(session, category, register):
        detail = say("All {count} places of session {session} are taken.", count=session.capacity, session=session_id)
        yield FieldFault(where, "session-full", detail)
