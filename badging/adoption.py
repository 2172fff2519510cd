"""Taking the log for done, after the database was lost: badges are as the badge queue has them, printed as printers said."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from badging import store
from badging.blanks import fingerprint
from badging.model import BadgeState
from badging.service import BadgeDesk
from shared.events import BadgeJob, BadgeStatus, DelegateRegistered, Fact, SessionChanged
from shared.inbox import Journal
from shared.settings import KafkaSettings
from shared.topics import BADGE_STATUS, DELEGATE_REGISTERED, SESSION_CHANGED, badge_queue
from shared.whole_log import WholeLog


def sources(kafka: KafkaSettings) -> dict[str, type[Fact]]:
    """The topics to read, and what is in them."""
    queues = {badge_queue(station, urgent=urgent): BadgeJob for station in kafka.stations for urgent in (False, True)}
    return {DELEGATE_REGISTERED: DelegateRegistered, SESSION_CHANGED: SessionChanged, BADGE_STATUS: BadgeStatus, **queues}


def adopt(tx: Connection, whole: WholeLog, desk: BadgeDesk) -> Journal:
    """Fill an empty database.

    Of a delegate's badges the newest job's is valid, and was issued for what it says; whoever should hold another by
    now, or none, is converged as ever. Who is in the queue and no longer in the log was erased.
    """
    registrations = whole.facts(DelegateRegistered)
    revisions = {each.fact.delegate_id: each.fact.revision for each in registrations}
    jobs = {each.fact.badge_id: each.fact for each in sorted(whole.facts(BadgeJob), key=lambda each: each.fact.requested_at)}
    store.issue(tx, _rows(jobs, revisions))
    gone = {str(job.delegate_id) for job in jobs.values() if job.delegate_id not in revisions}
    if erased := sorted(gone.union(whole.forgotten(DelegateRegistered))):
        desk.forget(tx, erased)
    reports = [each for each in whole.facts(BadgeStatus) if _is_of(each.fact, jobs)]
    desk.record(tx, reports)
    desk.keep_sessions(tx, whole.facts(SessionChanged))
    journal = desk.converge(tx, registrations)
    adopted = {"badges": len(jobs), "delegates": len(registrations), "reports": len(reports), "erased": len(erased)}
    return [("badges_adopted", adopted), *journal]


def _rows(jobs: Mapping[UUID, BadgeJob], revisions: Mapping[UUID, int]) -> list[dict[str, Any]]:
    """A row of each badge, by time; all of a delegate's but the last are void, for the reason of the next."""
    next_job: dict[UUID, BadgeJob] = {}
    rows: list[dict[str, Any]] = []
    for job in reversed(list(jobs.values())):
        after = next_job.get(job.delegate_id)
        next_job[job.delegate_id] = job
        rows.append(store.row_of(job, fingerprint(job.content), revisions.get(job.delegate_id, 1)) | _voided(after))
    return rows[::-1]


def _voided(after: BadgeJob | None) -> dict[str, str | datetime | None]:
    if after is None:
        return {"void_reason": None, "voided_at": None}
    return {"state": BadgeState.VOID.value, "void_reason": after.reason, "voided_at": after.requested_at}


def _is_of(status: BadgeStatus, jobs: Mapping[UUID, BadgeJob]) -> bool:
    job = jobs.get(status.badge_id)
    return job is not None and job.job_id == status.job_id
