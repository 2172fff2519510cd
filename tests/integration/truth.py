"""What must be true of everything the system left behind, however often it was killed: each breach in words.

It is derived from the topics alone. What a service says of itself is compared with that, never taken for it.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import tzinfo
from itertools import pairwise
from typing import NamedTuple, TypeVar
from uuid import UUID

from shared.events import (
    BadgeContent,
    BadgeJob,
    DelegateRegistered,
    EnrolmentState,
    PrintState,
    SessionChanged,
    SessionStatus,
    Status,
    in_language,
)
from tests.integration.evidence import Evidence, Mail

Revised = TypeVar("Revised", DelegateRegistered, SessionChanged)
History = dict[str, list[Revised]]


class Wording(NamedTuple):
    """The words by which a notice is understood, in one language."""

    registration: str
    changes: str
    sessions: str
    function: str
    leads: dict[str, Status]


WORDINGS = {
    "en": Wording(
        "Your registration",
        "What has changed",
        "Your sessions",
        "Function",
        {
            "Your registration has been received.": Status.SUBMITTED,
            "You are registered and accredited.": Status.ACCREDITED,
            "We regret that your registration could not be accepted.": Status.REFUSED,
            "Your registration has been withdrawn.": Status.WITHDRAWN,
        },
    ),
    "fr": Wording(
        "Votre inscription",
        "Ce qui change",
        "Vos séances",
        "Fonction",
        {
            "Votre inscription a bien été reçue.": Status.SUBMITTED,
            "Votre inscription est confirmée et votre accréditation accordée.": Status.ACCREDITED,
            "Nous avons le regret de vous informer": Status.REFUSED,
            "Votre inscription a été retirée.": Status.WITHDRAWN,
        },
    ),
}


def violations(found: Evidence, *, repeats: bool) -> list[str]:
    """Every breach. With `repeats`, which a crash may leave, the same thing may be there again, never another one."""
    registrations, sessions = histories(found.registrations), histories(found.sessions)
    checks = [
        _in_order(found),
        _gaps(registrations),
        _gaps(sessions),
        _badges(found, registrations),
        _said_by_badging(found),
        _sheets(found),
        _ambiguous(found.mails),
        _notices(found, registrations, sessions),
        _buried(found),
    ]
    if not repeats:
        checks.append(_repeats(found))
    return [breach for check in checks for breach in check]


def histories(facts: Iterable[Revised]) -> History[Revised]:
    """Each key's revisions, as they first came."""
    found: defaultdict[str, list[Revised]] = defaultdict(list)
    for fact in facts:
        if not found[fact.key] or fact.revision > found[fact.key][-1].revision:
            found[fact.key].append(fact)
    return dict(found)


def newest(facts: Iterable[Revised]) -> dict[str, Revised]:
    return {key: revisions[-1] for key, revisions in histories(facts).items()}


def jobs_by_delegate(found: Evidence) -> dict[UUID, list[BadgeJob]]:
    """Each delegate's jobs as they first came."""
    jobs: defaultdict[UUID, dict[UUID, BadgeJob]] = defaultdict(dict)
    for job in found.jobs:
        jobs[job.delegate_id].setdefault(job.job_id, job)
    return {delegate_id: list(each.values()) for delegate_id, each in jobs.items()}


def valid_jobs(found: Evidence) -> dict[UUID, BadgeJob]:
    """By delegate, the one job whose serial is valid: of who is accredited, the newest."""
    jobs, registrations = jobs_by_delegate(found), newest(found.registrations)
    return {
        registration.delegate_id: jobs[registration.delegate_id][-1]
        for registration in registrations.values()
        if registration.status is Status.ACCREDITED and registration.delegate_id in jobs
    }


# --- facts --------------------------------------------------------------------------------------------------------


def _in_order(found: Evidence) -> Iterator[str]:
    for facts in (found.registrations, found.sessions):
        known: dict[tuple[str, int], DelegateRegistered | SessionChanged] = {}
        for fact in facts:
            if known.setdefault((fact.key, fact.revision), fact) != fact:
                yield f"revision {fact.revision} of {fact.event_type} {fact.key} has two contents"


def _gaps(histories: History[Revised]) -> Iterator[str]:
    for key, facts in histories.items():
        if [fact.revision for fact in facts] != list(range(1, len(facts) + 1)):
            yield f"{facts[0].event_type} {key} came with the revisions {[fact.revision for fact in facts]}"


def _buried(found: Evidence) -> Iterator[str]:
    for topic, number in Counter(found.dead_letters).items():
        yield f"{number} dead letters lie in {topic}"


def _repeats(found: Evidence) -> Iterator[str]:
    for what, things in {
        "record of delegate-registered": [(each.key, each.revision) for each in found.registrations],
        "record of session-changed": [(each.key, each.revision) for each in found.sessions],
        "job": [each.job_id for each in found.jobs],
        "report": [(each.job_id, each.state) for each in found.reports],
        "sheet": [each.serial for each in found.sheets],
        "mail": [each.message_id for each in found.mails],
    }.items():
        for thing, number in Counter(things).items():
            if number > 1:
                yield f"{what} {thing} is there {number} times, and nothing had gone wrong"


# --- badges -------------------------------------------------------------------------------------------------------


def _badges(found: Evidence, registrations: History[DelegateRegistered]) -> Iterator[str]:
    jobs, valid = jobs_by_delegate(found), valid_jobs(found)
    for key, revisions in registrations.items():
        job = valid.get(UUID(key))
        if revisions[-1].status is not Status.ACCREDITED:
            continue
        if job is None:
            yield f"delegate {key} is accredited and has no badge"
        elif wrong := _misprinted(job.content, revisions[-1], found):
            yield f"badge {job.serial} of delegate {key} does not say what the registration says: {', '.join(wrong)}"
    for delegate_id, issued in jobs.items():
        if str(delegate_id) in registrations:
            yield from _unchained(issued, registrations[str(delegate_id)])
        else:
            yield f"badge {issued[0].serial} is of a delegate who is not registered"
    for serial, number in Counter(job.serial for issued in jobs.values() for job in issued).items():
        if number > 1:
            yield f"{number} badges have the serial {serial}"


def _misprinted(content: BadgeContent, registration: DelegateRegistered, found: Evidence) -> list[str]:
    person, conference = registration.person, found.conference
    assert person is not None
    language = person.language
    category = conference.category[registration.category]
    due = {
        "name": person.function if registration.protected else person.printed_name,
        "function": person.function,
        "delegation": in_language(registration.delegation.names, language),
        "category": in_language(category.names, language),
        "pass_type": in_language(conference.pass_type[registration.pass_type].names, language),
        "pass_days": registration.pass_days,
        "language": language,
    }
    wrong = [field for field, value in due.items() if getattr(content, field) != value]
    zones = [conference.zone[slug].code for slug in category.zones]
    return wrong + ([] if [zone.code for zone in content.zones] == zones else ["zones"])


def _unchained(jobs: Sequence[BadgeJob], registrations: Sequence[DelegateRegistered]) -> Iterator[str]:
    """Where the one before was not voided for the next: two would be valid."""
    if jobs[0].supersedes is not None:
        yield f"badge {jobs[0].serial} replaces one that never came"
    may_begin_anew = any(each.status is not Status.ACCREDITED for each in registrations)
    for before, job in pairwise(jobs):
        begins_anew = job.supersedes is None and job.reason == "reinstated" and may_begin_anew
        if job.supersedes != before.badge_id and not begins_anew:
            yield f"badge {job.serial} was issued beside {before.serial}, which it does not replace"
        elif job.content == before.content and not begins_anew:
            yield f"badge {job.serial} says the same as {before.serial}, which it replaces"


def _said_by_badging(found: Evidence) -> Iterator[str]:
    """Badging's own word against what the topics and the printers' trays say."""
    valid = {job.serial for job in valid_jobs(found).values()}
    printed = {sheet.serial for sheet in found.sheets}
    issued = {job.serial for job in found.jobs}
    yield from _differs("valid", {each["serial"] for each in found.badges if each["state"] == "valid"}, valid)
    yield from _differs("issued", {each["serial"] for each in found.badges}, issued)
    yield from _differs("to destroy", {each["serial"] for each in found.badges if each["to_destroy"]}, printed - valid)


def _differs(what: str, said: set[str], true: set[str]) -> Iterator[str]:
    for serial in sorted(said - true):
        yield f"badging lists {serial} as {what}, which it is not"
    for serial in sorted(true - said):
        yield f"badging does not list {serial} as {what}, which it is"


# --- sheets -------------------------------------------------------------------------------------------------------


def _sheets(found: Evidence) -> Iterator[str]:
    sheets = Counter(sheet.serial for sheet in found.sheets)
    jobs = {job.job_id: job for job in found.jobs}
    reports = {(each.job_id, each.printer, each.at) for each in found.reports if each.state is PrintState.PRINTED}
    reported = Counter(job_id for job_id, _, _ in reports)
    for serial in sheets.keys() - {job.serial for job in jobs.values()}:
        yield f"sheet {serial} belongs to no job"
    for job in jobs.values():
        if not sheets[job.serial]:
            yield f"job {job.job_id} has no sheet"
        if not reported[job.job_id]:
            yield f"job {job.job_id} was never reported as printed"
        elif reported[job.job_id] > sheets[job.serial]:
            yield f"job {job.job_id} was reported as printed more often than it was"
    for report in found.reports:
        if report.state is PrintState.FAILED:
            yield f"job {report.job_id} failed: {report.cause}"
        if report.job_id not in jobs:
            yield f"a report is of job {report.job_id}, which never was"


# --- notices ------------------------------------------------------------------------------------------------------


def mails_by_delegate(mails: Iterable[Mail]) -> dict[UUID, list[Mail]]:
    """Each delegate's mails in the order of their numbers, a repeated one once."""
    by_number: defaultdict[UUID, dict[int, Mail]] = defaultdict(dict)
    for mail in mails:
        by_number[mail.delegate_id].setdefault(mail.number, mail)
    return {delegate_id: [each[number] for number in sorted(each)] for delegate_id, each in by_number.items()}


def _notices(found: Evidence, registrations: History[DelegateRegistered], sessions: History[SessionChanged]) -> Iterator[str]:
    programme = {key: revisions[-1] for key, revisions in sessions.items()}
    mails = mails_by_delegate(found.mails)
    for delegate_id in mails.keys() - {UUID(key) for key in registrations}:
        yield f"{len(mails[delegate_id])} mails are to {delegate_id}, who is not registered"
    for key, revisions in registrations.items():
        told = mails.get(UUID(key), [])
        if not told:
            yield f"delegate {key} was told nothing"
            continue
        if [mail.number for mail in told] != list(range(1, len(told) + 1)):
            yield f"delegate {key} was sent the notices {[mail.number for mail in told]}"
        addresses = {each.person.email for each in revisions if each.person is not None}
        for mail in told:
            if mail.to not in addresses:
                yield f"notice {mail.number} of delegate {key} went to somebody else's address"
        if len(told) > (most := _changes(revisions, sessions)):
            yield f"delegate {key} was sent {len(told)} notices of {most} changes at most"
        for wrong in _untrue(told, revisions[-1], programme, found.conference.zone_info):
            yield f"delegate {key} was told last what is not so: {wrong}"


def _ambiguous(mails: Sequence[Mail]) -> Iterator[str]:
    contents: defaultdict[str, set[bytes]] = defaultdict(set)
    ids: defaultdict[tuple[UUID, int], set[str]] = defaultdict(set)
    for mail in mails:
        contents[mail.message_id].add(mail.content)
        ids[mail.delegate_id, mail.number].add(mail.message_id)
    for message_id, mailed in contents.items():
        if len(mailed) > 1:
            yield f"{len(mailed)} different mails have the Message-ID {message_id}"
    for (delegate_id, number), message_ids in ids.items():
        if len(message_ids) > 1:
            yield f"notice {number} of delegate {delegate_id} has the Message-IDs {sorted(message_ids)}"


def _changes(revisions: Sequence[DelegateRegistered], sessions: History[SessionChanged]) -> int:
    """How often something a delegate may see has changed: they are never told more often."""
    own = {each.session_id for revision in revisions for each in revision.enrolments}
    of_sessions = sum(
        _visible(before) != _visible(after) for session_id in own for before, after in pairwise(sessions.get(session_id, []))
    )
    return len(revisions) + of_sessions


def _visible(session: SessionChanged) -> tuple[object, ...]:
    return session.status, session.title, session.room, session.starts_at, session.ends_at


def _untrue(
    told: Sequence[Mail], registration: DelegateRegistered, programme: Mapping[str, SessionChanged], zone: tzinfo
) -> Iterator[str]:
    """How what was told last, all notices taken together, differs from what is."""
    statuses = [status for mail in told if (status := _status_in(mail)) is not None]
    if statuses[-1:] != [registration.status]:
        yield f"the status is {registration.status}, not {statuses[-1] if statuses else 'untold'}"
    person = registration.person
    functions = [function for mail in told if (function := _function_in(mail)) is not None]
    if functions and person is not None and functions[-1] != person.function:
        yield "the function is another"
    own = [programme[each.session_id] for each in registration.enrolments if each.state is not EnrolmentState.RELEASED]
    yield from _misled(told[-1], [each for each in own if each.status is SessionStatus.SCHEDULED], zone)


def _status_in(mail: Mail) -> Status | None:
    return next((status for lead, status in WORDINGS[mail.language].leads.items() if lead in mail.text), None)


def _function_in(mail: Mail) -> str | None:
    """The function as the mail says it, in a confirmation or as a change."""
    wording = WORDINGS[mail.language]
    for line in mail.sections.get(wording.registration, []):
        label, _, value = line.partition(":")
        if label.strip() == wording.function:
            return value.strip()
    changes = mail.sections.get(wording.changes, [])
    if f"* {wording.function}" not in changes:
        return None
    _was, now = changes[changes.index(f"* {wording.function}") + 1 :][:2]
    return now.partition(":")[2].strip()


def _misled(mail: Mail, own: Sequence[SessionChanged], zone: tzinfo) -> Iterator[str]:
    """Where the programme in a mail is not the delegate's own as it is now."""
    due = {_in(mail, each.title): each for each in own}
    said = _programme(mail)
    for title in said.keys() - due.keys():
        yield f"it lists {title!r}"
    for title, session in due.items():
        if title not in said:
            yield f"it leaves out {session.session_id}"
        elif not _is_place_of(said[title], session, mail, zone):
            yield f"{session.session_id} is not {said[title]!r}"


def _in(mail: Mail, text: dict[str, str]) -> str:
    return text.get(mail.language) or text["en"]


def _programme(mail: Mail) -> dict[str, str]:
    """Title to place, as the mail lists the delegate's sessions."""
    lines = mail.sections.get(WORDINGS[mail.language].sessions, [])
    return {line[2:]: lines[at + 1].strip() for at, line in enumerate(lines) if line.startswith("* ")}


def _is_place_of(said: str, session: SessionChanged, mail: Mail, zone: tzinfo) -> bool:
    """Whether a place such as "Monday 25 June 2018, 10:00–11:00 (New York), Room A" is a session's."""
    starts_at, ends_at = (each.astimezone(zone) for each in (session.starts_at, session.ends_at))
    times = re.findall(r"\d{1,2}:\d{2}", said)
    day = re.search(r"\b(\d{1,2})\b.*?\b(\d{4})\b", said)
    return (
        times[:2] == [f"{each:%H:%M}" for each in (starts_at, ends_at)]
        and day is not None
        and (int(day[1]), int(day[2])) == (starts_at.day, starts_at.year)
        and said.endswith(f", {_in(mail, session.room)}")
    )
