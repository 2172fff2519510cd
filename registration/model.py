"""The rules of registration: who may be registered, what a decision or a withdrawal does, who gets the last place.

Pure: a rule takes the request, the conference and the `Register` as it stands, and returns the next revision or
raises `Refused` with every fault at once. It changes nothing; `Register.apply` does.
"""

from collections.abc import Iterable
from datetime import date, datetime
from uuid import UUID

from registration import checks
from registration.checks import Fault
from registration.delegate import Registration
from registration.register import Register
from shared.conference import Accreditation, Conference
from shared.events import (
    ENDED,
    DocumentNumber,
    Email,
    Enrolment,
    EnrolmentState,
    Language,
    Line,
    PassDays,
    PersonSubmitted,
    RegistrationSubmitted,
    Request,
    Status,
    TimeZone,
)

RELEASED_BY_DELEGATE = "left"
NEVER_EMPTY = ("given_name", "family_name", "function", "email", "language", "time_zone")


class Refused(Exception):
    """A request that breaks rules; nothing is changed by it."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = list(faults)
        super().__init__(", ".join(fault.code for fault in self.faults))


class NotNow(Exception):
    """What is asked does not fit the state the delegate is in; `detail` says what would."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(code)
        self.code, self.detail = code, detail


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
    """The body of `PATCH /delegates/{id}`. Category and delegation are not amended: withdraw and register anew."""

    person: PersonAmended | None = None
    protected: bool | None = None
    pass_days: PassDays | None = None


def register(
    request: RegistrationSubmitted, conference: Conference, register: Register, delegate_id: UUID, now: datetime, at: datetime
) -> Registration:
    """Register a person who is not known yet: accredited at once or submitted, as the category says.

    `now` is the conference's time, for its rules; `at` the true time, for the record.
    """
    category = conference.category.get(request.category)
    delegation = conference.delegation.get(request.delegation)
    faults = [*checks.party_faults(request, category, delegation)]
    if category is None or delegation is None:
        raise Refused([*faults, *checks.person_faults(request.person, None, request.protected)])
    faults += checks.person_faults(request.person, category, request.protected)
    faults += checks.category_faults(category, conference, request.protected, request.pass_days)
    faults += checks.duplicate_faults(request.person, delegation.code, register, None)
    faults += checks.quota_faults(conference, delegation, category, register)
    for index, session_id in enumerate(request.sessions):
        faults += checks.enrolment_faults(session_id, category.slug, register, now, f"/sessions/{index}")
    if len(set(request.sessions)) != len(request.sessions):
        faults.append(Fault("/sessions", "repeated", "A session is named twice."))
    if faults:
        raise Refused(faults)
    automatic = category.accreditation is Accreditation.AUTOMATIC
    return Registration(
        delegate_id=delegate_id,
        revision=1,
        status=Status.ACCREDITED if automatic else Status.SUBMITTED,
        category=category.slug,
        pass_type=category.pass_type,
        pass_days=sorted(set(request.pass_days)),
        delegation=delegation.code,
        person=request.person,
        protected=request.protected,
        enrolments=[Enrolment(session_id=each, state=EnrolmentState.ENROLLED) for each in request.sessions],
        submitted_at=at,
        changed_at=at,
    )


def amend(current: Registration, change: Amendment, conference: Conference, register: Register, now: datetime) -> Registration:
    """Correct what a registration says; returns `current` itself where nothing would change."""
    if current.person is None or current.status in ENDED:
        raise NotNow("registration-ended", f"This registration is {current.status.value}; register the person anew.")
    person = current.person if change.person is None else change.person.applied_to(current.person)
    protected = current.protected if change.protected is None else change.protected
    days = current.pass_days if change.pass_days is None else sorted(set(change.pass_days))
    category = conference.category[current.category]
    faults = [
        Fault(f"/person/{name}", "required", "This field cannot be emptied.")
        for name in NEVER_EMPTY
        if getattr(person, name) is None
    ]
    if not faults:
        faults += checks.person_faults(person, category, protected)
        faults += checks.duplicate_faults(person, current.delegation, register, current.delegate_id)
    faults += checks.category_faults(category, conference, protected, days)
    if faults:
        raise Refused(faults)
    return _next(current, now, person=person, protected=protected, pass_days=days)


def accredit(current: Registration, conference: Conference, register: Register, now: datetime) -> Registration:
    """Accredit: from submitted or under review, or a refusal taken back while the quota has room."""
    if current.status is Status.ACCREDITED:
        return current
    if current.status in (Status.WITHDRAWN, Status.ERASED):
        raise NotNow("registration-ended", f"This registration is {current.status.value}; it cannot be accredited.")
    if not current.holds_place:
        delegation, category = conference.delegation[current.delegation], conference.category[current.category]
        if faults := list(checks.quota_faults(conference, delegation, category, register)):
            raise Refused(faults)
    return _next(current, now, status=Status.ACCREDITED, status_reason=None)


def refuse(current: Registration, reason: str | None, now: datetime) -> Registration:
    """Refuse, or take an accreditation back, telling why; every place is released in the same revision."""
    if reason is None:
        raise Refused([Fault("/reason", "required", "A refusal is told with its reason.")])
    if current.status in (Status.WITHDRAWN, Status.ERASED):
        raise NotNow("registration-ended", f"This registration is {current.status.value}; it cannot be refused.")
    return _next(current, now, status=Status.REFUSED, status_reason=reason, enrolments=_all_released(current, "refused"))


def withdraw(current: Registration, now: datetime) -> Registration:
    """Withdraw: the quota place and every enrolment are released in the same revision. Idempotent."""
    if current.status is Status.WITHDRAWN:
        return current
    if current.status in ENDED:
        raise NotNow("registration-ended", f"This registration is {current.status.value}; it cannot be withdrawn.")
    return _next(current, now, status=Status.WITHDRAWN, status_reason=None, enrolments=_all_released(current, "withdrawn"))


def erase(current: Registration, now: datetime) -> Registration:
    """Leave nothing personal, whatever the status: no person, no reason, no days, every place released. Idempotent."""
    if current.status is Status.ERASED:
        return current
    return _next(
        current,
        now,
        status=Status.ERASED,
        status_reason=None,
        pass_days=list[date](),
        person=None,
        protected=False,
        enrolments=_all_released(current, "erased"),
    )


def enrol(current: Registration, session_id: str, register: Register, now: datetime, at: datetime) -> Registration:
    """Give the delegate a place in a session, where the session's audience and capacity allow it. Idempotent.

    `now` is the conference's time, `at` the true time.
    """
    if current.status in ENDED:
        raise NotNow("registration-ended", f"This registration is {current.status.value}; it cannot be enrolled.")
    held = current.enrolment(session_id)
    if held is not None and held.state is EnrolmentState.ENROLLED:
        return current
    if faults := list(checks.enrolment_faults(session_id, current.category, register, now, "session_id")):
        raise Refused(faults)
    place = Enrolment(session_id=session_id, state=EnrolmentState.ENROLLED)
    return _next(current, at, enrolments=_replaced(current, place))


def release(current: Registration, session_id: str, cause: str, now: datetime) -> Registration:
    """Take the delegate's place in a session, saying why; returns `current` where there is none to take."""
    held = current.enrolment(session_id)
    if held is None or held.state is EnrolmentState.RELEASED:
        return current
    released = Enrolment(session_id=session_id, state=EnrolmentState.RELEASED, cause=cause)
    return _next(current, now, enrolments=_replaced(current, released))


def _next(current: Registration, now: datetime, **changes: object) -> Registration:
    changed = current.model_copy(update=changes)
    if changed == current:
        return current
    return changed.model_copy(update={"revision": current.revision + 1, "changed_at": now})


def _replaced(current: Registration, enrolment: Enrolment) -> list[Enrolment]:
    others = [each for each in current.enrolments if each.session_id != enrolment.session_id]
    return [*others, enrolment]


def _all_released(current: Registration, cause: str) -> list[Enrolment]:
    return [
        each
        if each.state is EnrolmentState.RELEASED
        else Enrolment(session_id=each.session_id, state=EnrolmentState.RELEASED, cause=cause)
        for each in current.enrolments
    ]
