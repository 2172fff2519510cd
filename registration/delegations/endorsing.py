"""What a delegation's focal point says of whoever registered themselves: they come for it, or they do not. Pure.

Until then nobody takes a place of the delegation's quota; that there is one is judged when they are endorsed.
"""

from datetime import datetime

from registration import checks, model
from registration.decisions.reasons import Reason, code_faults
from registration.delegate import Endorsement, Registration
from registration.needs import status_at_first
from registration.register import Register
from shared.conference import Conference
from shared.events import ENDED, Status
from shared.said import say


def endorse(current: Registration, conference: Conference, register: Register, at: datetime) -> Registration:
    """Let the person take one of the delegation's places. Idempotent. Who was declined may be endorsed after all.

    Raises `NotNow` where the quota is full, or nothing is waited for. `at` is the true time.
    """
    if current.endorsement is not None and not current.endorsement.waits and current.status not in ENDED:
        return current
    _waits(current, also_declined=True)
    delegation, category = conference.delegation[current.delegation], conference.category[current.category]
    for fault in checks.quota_faults(conference, delegation, category, register):
        raise model.NotNow(fault.code, fault.detail)
    given = Endorsement(state="given", since=at)
    endorsed = current.revised(at, status=Status.SUBMITTED, status_reason=None, reason_code=None, endorsement=given)
    return endorsed.model_copy(update={"status": status_at_first(endorsed, conference, register.letters)})


def decline(current: Registration, reason: Reason, conference: Conference, at: datetime) -> Registration:
    """Say that the person does not come for the delegation: refused with the reason, which they are told. Idempotent.

    What one of two proposed at the desk is decided by that.
    """
    told = reason.told_to(current, conference)
    if is_declined(current) and (current.status_reason, current.reason_code) == (told, reason.code):
        return current
    _waits(current)
    if faults := [*checks.reason_faults(reason.words, current), *code_faults(reason.code, conference)]:
        raise model.Refused(faults)
    refused = model.refuse(current, told, at, reason.code)
    return refused.model_copy(update={"endorsement": current.endorsement, "proposed": None})


def is_declined(registration: Registration) -> bool:
    """Whether a focal point declined to endorse them; the desk's refusal leaves nothing to wait for."""
    return registration.status is Status.REFUSED and registration.lacks_endorsement


def _waits(current: Registration, *, also_declined: bool = False) -> None:
    """Raises `NotNow` where no endorsement is waited for."""
    if current.lacks_endorsement and (current.status is Status.SUBMITTED or (also_declined and is_declined(current))):
        return
    raise model.NotNow("nothing-to-endorse", say("This registration waits for no endorsement; see its status."))
