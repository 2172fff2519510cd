"""The rules of registration: who may be registered, what a decision or a withdrawal does, who gets the last place.

Pure: a rule takes the request, the conference and the `Register` as it stands, and returns the next revision or
raises `Refused` with every fault at once. It changes nothing; `Register.apply` does.
"""

from collections.abc import Iterable
from datetime import date, datetime
from uuid import UUID

from registration import checks
from registration.amendment import Amendment
from registration.delegate import Registration, released
from registration.fields import field_faults
from registration.moving import brought
from registration.needs import endorsement_in, goes_without, need_faults, needs_of, status_at_first
from registration.programme import waiting
from registration.register import Register
from shared.conference import Conference
from shared.events import ENDED, Enrolment, EnrolmentState, RegistrationSubmitted, Status
from shared.said import FieldFault, Said, say

RELEASED_BY_DELEGATE = "left"
NEVER_EMPTY = ("given_name", "family_name", "function", "email", "language", "time_zone")


class Refused(Exception):
    """A request that breaks rules; nothing is changed by it."""

    def __init__(self, faults: Iterable[FieldFault]) -> None:
        self.faults = list(faults)
        super().__init__(", ".join(fault.code for fault in self.faults))


class NotNow(Exception):
    """What is asked does not fit the state the delegate is in; `detail` says what would."""

    def __init__(self, code: str, detail: Said) -> None:
        super().__init__(code)
        self.code, self.detail = code, detail


_ENDED_AS = {Status.REFUSED: say("refused"), Status.WITHDRAWN: say("withdrawn"), Status.ERASED: say("erased")}
"""As a registration is said to be."""


def register(
    request: RegistrationSubmitted,
    conference: Conference,
    register: Register,
    delegate_id: UUID,
    now: datetime,
    at: datetime,
    photo: str | None = None,
    *,
    themselves: bool = False,
) -> Registration:
    """Register a person who is not known yet: accredited at once or submitted, as the category and what is missing say.

    `now` is the conference's time, for its rules; `at` the true time, for the record; `photo` the SHA-256 of their portrait;
    `themselves` whether they come by a form.
    """
    category = conference.category.get(request.category)
    delegation = conference.delegation.get(request.delegation)
    faults = [*checks.party_faults(request, category, delegation)]
    if category is None or delegation is None:
        raise Refused([*faults, *checks.person_faults(request.person, None, conference, request.protected)])
    faults += checks.person_faults(request.person, category, conference, request.protected)
    faults += checks.category_faults(category, conference, request.protected, request.pass_days)
    faults += field_faults(request.fields, category.slug, conference)
    faults += checks.photo_faults(category) if photo is not None else []
    faults += checks.duplicate_faults(request.person, delegation.code, register, None)
    endorsement = endorsement_in(category, None, at, themselves=themselves)
    if endorsement is None:
        faults += checks.quota_faults(conference, delegation, category, register)
    for index, session_id in enumerate(request.sessions):
        faults += checks.enrolment_faults(session_id, category.slug, register, now, f"/sessions/{index}")
    if len(set(request.sessions)) != len(request.sessions):
        faults.append(FieldFault("/sessions", "repeated", say("A session is named twice.")))
    if faults:
        raise Refused(faults)
    registered = Registration(
        delegate_id=delegate_id,
        revision=1,
        status=Status.SUBMITTED,
        category=category.slug,
        pass_type=category.pass_type,
        pass_days=sorted(set(request.pass_days)),
        delegation=delegation.code,
        person=request.person,
        protected=request.protected,
        enrolments=[
            waiting.place(register.sessions[each], category.slug, register, at, endorsed=endorsement is None)
            for each in request.sessions
        ],
        fields=request.fields,
        photo=photo,
        endorsement=endorsement,
        late=(closes := conference.closes(category)) is not None and now >= closes,
        submitted_at=at,
        changed_at=at,
    )
    return registered.model_copy(update={"status": status_at_first(registered, conference, register.letters)})


def amend(
    current: Registration,
    change: Amendment,
    conference: Conference,
    register: Register,
    now: datetime,
    *,
    photo: str | None = None,
    themselves: bool = False,
) -> Registration:
    """Correct what a registration says; returns `current` itself where nothing would change.

    Who waits for a decision and comes into a category that needs none is accredited. `themselves` is whether a form asks,
    `photo` the SHA-256 of another portrait, which a category whose badge shows none leaves aside.
    """
    _must_go_on(current)
    assert current.person is not None
    person = current.person if change.person is None else change.person.applied_to(current.person)
    protected = current.protected if change.protected is None else change.protected
    days = current.pass_days if change.pass_days is None else sorted(set(change.pass_days))
    category = conference.category.get(change.category or current.category)
    if category is None:
        raise Refused([checks.unknown_category(change.category or current.category, "/category")])
    answers = {slug: answer for slug, answer in {**current.fields, **(change.fields or {})}.items() if answer is not None}
    faults = [
        FieldFault(f"/person/{name}", "required", say("This field cannot be emptied."))
        for name in NEVER_EMPTY
        if getattr(person, name) is None
    ]
    if not faults:
        faults += checks.person_faults(person, category, conference, protected)
        faults += checks.duplicate_faults(person, current.delegation, register, current.delegate_id)
    faults += checks.category_faults(category, conference, protected, days)
    if change.fields is not None or category.slug != current.category:
        faults += field_faults(answers, category.slug, conference)
    moved = category.slug != current.category
    changed = {"person": person, "protected": protected, "pass_days": days, "fields": answers}
    changed |= {} if photo is None or not category.photo else {"photo": photo}
    changed |= brought(current, category, register, now, themselves=themselves)
    needed = needs_of(wanted := current.model_copy(update=changed), conference, register.letters)
    if moved:
        faults += checks.move_faults(conference, category, register, current, wanted)
    if current.status is Status.ACCREDITED:  # nobody loses that by what was missing before
        before = [] if moved else needs_of(current, conference, register.letters)
        faults += need_faults(each for each in needed if each not in before)
    if faults:
        raise Refused(faults)
    if needed:
        changed["status"] = Status.SUBMITTED if wanted.lacks_endorsement else current.status
    amended = current.revised(now, **changed)
    return amended if amended is current else _with_what_came(amended, conference, register)


def give_photo(current: Registration, photo: str, conference: Conference, register: Register, now: datetime) -> Registration:
    """Let this be their portrait, by its SHA-256; a badge that shows another is replaced."""
    _must_go_on(current)
    if faults := list(checks.photo_faults(conference.category[current.category])):
        raise Refused(faults)
    given = current.revised(now, photo=photo)
    return given if given is current else _with_what_came(given, conference, register)


def _must_go_on(current: Registration) -> None:
    if current.status in ENDED:
        ended = say("This registration is {status}; register the person anew.", status=_ENDED_AS[current.status])
        raise NotNow("registration-ended", ended)


def _with_what_came(changed: Registration, conference: Conference, register: Register) -> Registration:
    """Something else than what a proposal was made on; and perhaps the last thing that was missing."""
    return changed.model_copy(update={"proposed": None, "status": status_at_first(changed, conference, register.letters)})


def accredit(current: Registration, conference: Conference, register: Register, now: datetime) -> Registration:
    """Accredit: from submitted or under review, or a refusal taken back, while the quota has room. `now` is the true time."""
    if current.status is Status.ACCREDITED:
        return current
    if current.status in (Status.WITHDRAWN, Status.ERASED):
        ended = say("This registration is {status}; it cannot be accredited.", status=_ENDED_AS[current.status])
        raise NotNow("registration-ended", ended)
    decidable = _without_endorsement(current, register, now)
    if needed := needs_of(decidable, conference, register.letters):
        raise Refused(need_faults(needed))
    _find_place(current, conference, register)
    endorsement = decidable.endorsement
    return current.revised(now, status=Status.ACCREDITED, status_reason=None, reason_code=None, endorsement=endorsement)


def _without_endorsement(current: Registration, register: Register, at: datetime) -> Registration:
    """As the desk decides on it: where it may go without an endorsement, none is waited for any more."""
    without = goes_without(current, has_focal_point=current.delegation in register.with_focal_point, at=at)
    return current.model_copy(update={"endorsement": None}) if without else current


def _find_place(current: Registration, conference: Conference, register: Register) -> None:
    if not current.holds_place:
        delegation, category = conference.delegation[current.delegation], conference.category[current.category]
        if faults := list(checks.quota_faults(conference, delegation, category, register)):
            raise Refused(faults)


def refuse(current: Registration, reason: str | None, now: datetime, code: str | None = None) -> Registration:
    """Refuse, or take an accreditation back, telling why; every place is released in the same revision.

    `code` is the conference's for the reason, where it has one. It needs no endorsement, and none is waited for afterwards.
    """
    if reason is None:
        raise Refused([FieldFault("/reason", "required", say("A refusal is told with its reason."))])
    if current.status in (Status.WITHDRAWN, Status.ERASED):
        ended = say("This registration is {status}; it cannot be refused.", status=_ENDED_AS[current.status])
        raise NotNow("registration-ended", ended)
    return current.revised(
        now,
        status=Status.REFUSED,
        status_reason=reason,
        reason_code=code,
        enrolments=_all_released(current, "refused"),
        endorsement=None if current.lacks_endorsement else current.endorsement,
    )


def review(current: Registration, conference: Conference, register: Register, now: datetime) -> Registration:
    """Say that the decision is being prepared. Idempotent. `now` is the true time."""
    if current.status is Status.UNDER_REVIEW:
        return current
    if current.status is not Status.SUBMITTED:
        raise NotNow("not-submitted", say("It is decided already: only who waits for a decision is taken under review."))
    decidable = _without_endorsement(current, register, now)
    if decidable.lacks_endorsement:
        raise Refused(need_faults(["endorsement"]))
    _find_place(current, conference, register)
    return current.revised(now, status=Status.UNDER_REVIEW, endorsement=decidable.endorsement)


def withdraw(current: Registration, now: datetime) -> Registration:
    """Withdraw: the quota place and every enrolment are released in the same revision. Idempotent."""
    if current.status is Status.WITHDRAWN:
        return current
    if current.status in ENDED:
        ended = say("This registration is {status}; it cannot be withdrawn.", status=_ENDED_AS[current.status])
        raise NotNow("registration-ended", ended)
    return current.revised(
        now,
        status=Status.WITHDRAWN,
        status_reason=None,
        reason_code=None,
        enrolments=_all_released(current, "withdrawn"),
        proposed=None,
    )


def erase(current: Registration, now: datetime) -> Registration:
    """Leave nothing personal, whatever the status: no person, no reason, no days, every place released. Idempotent."""
    if current.status is Status.ERASED:
        return current
    return current.revised(
        now,
        status=Status.ERASED,
        status_reason=None,
        reason_code=None,
        note=None,
        pass_days=list[date](),
        person=None,
        fields=dict[str, str](),
        protected=False,
        photo=None,
        proposed=None,
        endorsement=None,
        enrolments=_all_released(current, "erased"),
    )


def enrol(current: Registration, session_id: str, register: Register, now: datetime, at: datetime) -> Registration:
    """Give the delegate a place in a session that is open to them; where all are taken, one on its waiting list. Idempotent.

    `now` is the conference's time, `at` the true time.
    """
    if current.status in ENDED:
        ended = say("This registration is {status}; the person cannot be enrolled.", status=_ENDED_AS[current.status])
        raise NotNow("registration-ended", ended)
    if current.takes_part_in(session_id):
        return current
    if faults := list(checks.enrolment_faults(session_id, current.category, register, now, "session_id")):
        raise Refused(faults)
    endorsed = not current.lacks_endorsement
    place = waiting.place(register.sessions[session_id], current.category, register, at, endorsed=endorsed)
    return current.revised(at, enrolments=_replaced(current, place))


def release(current: Registration, session_id: str, cause: str, now: datetime) -> Registration:
    """Take the delegate's place in a session, saying why; returns `current` where there is none to take."""
    held = current.enrolment(session_id)
    if held is None or held.state is EnrolmentState.RELEASED:
        return current
    return current.revised(now, enrolments=_replaced(current, released(held, cause)))


def _replaced(current: Registration, enrolment: Enrolment) -> list[Enrolment]:
    others = [each for each in current.enrolments if each.session_id != enrolment.session_id]
    return [*others, enrolment]


def _all_released(current: Registration, cause: str) -> list[Enrolment]:
    return [released(each, cause) for each in current.enrolments]
