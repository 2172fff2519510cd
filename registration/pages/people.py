"""People as the accreditation desk shows them: a line of a list, a person's page, what was decided. Pure."""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from markupsafe import Markup

from registration.amendment import Correction
from registration.audit.entries import reason_hash
from registration.delegate import Proposed, Registration, printed_name
from registration.needs import Need, Without, needs_of
from registration.pages.corrections import CorrectionShown, correction_shown
from registration.pages.language import PageLanguage
from registration.pages.marks import Mark, correction_mark, endorsement_mark, proposal_mark, standing_marks, written
from shared.conference import Conference
from shared.events import ENDED, EnrolmentState, PrintState, Status, told_reason


@dataclass(frozen=True, slots=True)
class EndorsementShown:
    """An endorsement that is waited for: `until` when, if not for ever, and why the desk may decide without, if it may."""

    until: str
    without: Without | None


@dataclass(frozen=True, slots=True)
class PersonShown:
    """One person in a list; `name` is the function where the reader may not know the name."""

    delegate_id: str
    revision: int
    name: str
    function: str
    delegation: str
    category: str
    status: str
    submitted_at: str
    protected: bool
    proposed: Proposed | None
    photo: str | None
    """The SHA-256 of their portrait, where the reader may see it."""
    asks_photo: bool
    needs: list[Need]
    """What must come before they can be accredited; nothing where they already are."""
    endorsement: EndorsementShown | None
    """Where the delegation's focal point has yet to endorse them."""
    correction: CorrectionShown | None
    corrected: bool
    """Whether a correction waits to be decided on."""
    marks: Markup


@dataclass(frozen=True, slots=True)
class Fact:
    """Something known of a person; `code` is shown left to right."""

    name: str
    value: str
    code: bool = False


@dataclass(frozen=True, slots=True)
class Past:
    """One entry of the audit trail; its reason where it is the registration's still."""

    action: str
    by: str
    kind: str
    at: str
    reason: str


def person_shown(
    registration: Registration,
    conference: Conference,
    language: PageLanguage,
    letters: Container[str],
    correction: Correction | None = None,
    *,
    with_protected_name: bool,
    badge: PrintState | None = None,
    without: Without | None = None,
) -> PersonShown:
    """`letters` are the delegations whose letter is there; `without` is why the desk may decide without an endorsement."""
    person = registration.person
    assert person is not None, "nothing is left to show of the erased"
    hidden = registration.protected and not with_protected_name
    full = f"{person.given_name} {person.family_name}" if registration.protected else printed_name(person)
    needs = [] if registration.status is Status.ACCREDITED else needs_of(registration, conference, letters)
    endorsement = _endorsement_shown(registration, without, conference, language)
    return PersonShown(
        delegate_id=str(registration.delegate_id),
        revision=registration.revision,
        name=person.function if hidden else full,
        function=person.function,
        delegation=language.plain(conference.delegation[registration.delegation].names),
        category=language.plain(conference.category[registration.category].names),
        status=registration.status.value,
        submitted_at=language.moment(registration.submitted_at, conference.zone_info),
        protected=registration.protected,
        proposed=registration.proposed,
        correction=correction and correction_shown(correction, registration, conference, language, whole=with_protected_name),
        corrected=correction is not None and correction.waits,
        photo=None if hidden else registration.photo,
        asks_photo=conference.category[registration.category].photo and not hidden,
        needs=needs,
        endorsement=endorsement,
        marks=written(
            [
                *standing_marks(registration.status, badge, needs, language),
                *([endorsement_mark(endorsement.without, language)] if endorsement else []),
                *([Mark(language.gettext("Protected identity"), "closed")] if registration.protected else []),
                *([correction_mark(correction.confirming, language)] if correction and correction.waits else []),
                *([proposal_mark(registration.proposed, language)] if registration.proposed else []),
            ]
        ),
    )


def _endorsement_shown(
    registration: Registration, without: Without | None, conference: Conference, language: PageLanguage
) -> EndorsementShown | None:
    held = registration.endorsement
    if held is None or not held.waits or registration.status in (Status.WITHDRAWN, Status.ERASED):
        return None
    return EndorsementShown("" if held.until is None else language.moment(held.until, conference.zone_info), without)


def facts_of(registration: Registration, conference: Conference, language: PageLanguage, *, whole: bool) -> list[Fact]:
    """All that is known of a person, and of the protected no name or address unless `whole`; documents only then."""
    person, gettext = registration.person, language.gettext
    assert person is not None
    facts: list[Fact] = []
    if whole or not registration.protected:
        facts += [Fact(gettext("Given name"), person.given_name), Fact(gettext("Family name"), person.family_name)]
        facts += [Fact(gettext("Name on the badge"), person.printed_name)] if person.printed_name else []
        facts.append(Fact(gettext("E-mail address"), person.email, code=True))
    if whole and person.birth_date:
        facts.append(Fact(gettext("Date of birth"), language.day(person.birth_date)))
    if whole and person.document_number:
        facts.append(Fact(gettext("Passport or identity card number"), person.document_number, code=True))
    if registration.pass_days:
        facts.append(Fact(gettext("Days of the pass"), language.listed(map(language.day, registration.pass_days))))
    if whole:
        asked = {each.slug: each for each in conference.fields_of(registration.category)}
        for slug, answer in registration.fields.items():
            if (field := asked.get(slug)) is not None:
                options = {each.slug: language.plain(each.names) for each in field.options}
                facts.append(Fact(language.plain(field.label), options.get(answer, answer)))
    held = [each.session_id for each in registration.enrolments if each.state is not EnrolmentState.RELEASED]
    if held:
        titles = {each.session_id: language.plain(each.title) for each in conference.sessions}
        facts.append(Fact(gettext("Sessions"), language.listed(titles.get(each, each) for each in held)))
    return facts


def past_of(
    entries: Iterable[str],
    registration: Registration,
    correction: Correction | None,
    conference: Conference,
    language: PageLanguage,
    *,
    whole: bool,
) -> list[Past]:
    """What was decided, the newest first; of the protected with no reason unless `whole`."""
    told: Sequence[dict[str, Any]] = [orjson.loads(each) for each in entries]

    def reason(entry: Mapping[str, Any]) -> str:
        words = reasons.get(entry.get("reason_sha256", ""))
        return told_reason(words, conference.reason_texts(entry.get("reason_code")), language.code) or ""

    proposed = registration.proposed.reason if registration.proposed else None
    corrected = [] if correction is None else [correction.reason, correction.confirming and correction.confirming.reason]
    known = [registration.status_reason, proposed, *corrected] if whole or not registration.protected else []
    reasons = {reason_hash(registration.delegate_id, each): each for each in known if each}
    return [
        Past(
            action=each["action"],
            by=each["by"]["name"],
            kind=each["by"]["kind"],
            at=language.moment(datetime.fromisoformat(each["at"]), conference.zone_info),
            reason=reason(each),
        )
        for each in reversed(told)
    ]


def choices_for(
    registration: Registration, conference: Conference, letters: Container[str], without: Without | None
) -> list[str]:
    """What can be decided now, in the order of the buttons; `without` is why that may be without an endorsement."""
    if registration.status in (Status.WITHDRAWN, Status.ERASED):
        return []
    needs = set(needs_of(registration, conference, letters)) - ({"endorsement"} if without else set())
    return [
        *(["accredit"] if registration.status is not Status.ACCREDITED and not needs else []),
        *(["refuse"] if registration.status is not Status.REFUSED else []),
        *(["review"] if registration.status is Status.SUBMITTED and "endorsement" not in needs else []),
        *(["withdraw"] if registration.status not in ENDED else []),
    ]
