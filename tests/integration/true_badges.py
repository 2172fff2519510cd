"""What must be true of badges and their sheets: each breach in words."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from uuid import UUID

from shared.events import BadgeContent, BadgeJob, DelegateRegistered, PrintState, Status, in_language
from tests.integration.evidence import Evidence
from tests.integration.histories import History, newest


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


def wrong_badges(found: Evidence, registrations: History[DelegateRegistered]) -> Iterator[str]:
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


def said_by_badging(found: Evidence) -> Iterator[str]:
    """Badging's own word against what the topics and the printers' trays say."""
    valid = {job.serial for job in valid_jobs(found).values()}
    printed = {sheet.serial for sheet in found.sheets}
    issued = {job.serial for job in found.jobs}
    yield from _differs("valid", {each["serial"] for each in found.badges if each["state"] == "valid"}, valid)
    yield from _differs("issued", {each["serial"] for each in found.badges}, issued)
    yield from _differs("to destroy", {each["serial"] for each in found.badges if each["to_destroy"]}, printed - valid)
    flagged = {each["serial"] for each in found.badges if each["possible_second_sheet"]}
    for serial in sorted({sheet.serial for sheet in found.sheets if sheet.number > 1} - flagged):
        yield f"badging does not flag {serial}, of which a second sheet lies there"


def _differs(what: str, said: set[str], true: set[str]) -> Iterator[str]:
    for serial in sorted(said - true):
        yield f"badging lists {serial} as {what}, which it is not"
    for serial in sorted(true - said):
        yield f"badging does not list {serial} as {what}, which it is"


def wrong_sheets(found: Evidence) -> Iterator[str]:
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
