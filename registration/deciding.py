"""Decisions on a registration: at once, or, where a category asks for two, proposed by one and confirmed by another. Pure."""

from datetime import datetime
from typing import Literal

from registration import checks, model
from registration.audit import Actor
from registration.delegate import Proposed, Registration
from registration.register import Register
from shared.conference import Conference

Verdict = Literal["accredit", "refuse", "review"]


def decide(
    current: Registration,
    verdict: Verdict,
    reason: str | None,
    by: Actor,
    conference: Conference,
    register: Register,
    now: datetime,
) -> Registration:
    """The next revision: decided, or proposed; `current` itself where nothing is left to decide. `now` is the true time.

    A proposal is confirmed by the same decision of another account; another decision takes its place.
    """
    if verdict == "review":
        return model.review(current, conference, register, now)
    if faults := list(checks.reason_faults(reason, current)):
        raise model.Refused(faults)
    proposed = current.proposed if current.proposed is not None and current.proposed.decision == verdict else None
    if proposed is not None and reason is None:
        reason = proposed.reason
    if verdict == "accredit":
        decided = model.accredit(current, conference, register, now)
    else:
        decided = model.refuse(current, reason, now)
    if decided is current:
        return current
    if conference.category[current.category].decided_by_two and not confirms(by, proposed):
        return _proposed(current, proposed_by(by, verdict, reason), now)
    return decided.model_copy(update={"proposed": None})


def _proposed(current: Registration, proposed: Proposed, now: datetime) -> Registration:
    """Kept until another confirms it, in place of any before; nobody confirms by proposing the same again."""
    held = current.proposed
    if held is not None and (held.decision, held.by) == (proposed.decision, proposed.by):
        return current
    return current.revised(now, proposed=proposed)


def proposed_by(by: Actor, decision: Literal["accredit", "refuse", "accept", "decline"], reason: str | None = None) -> Proposed:
    return Proposed(decision=decision, reason=reason, by=by.text, signs_in_at=by.signs_in_at, person=by.person)


def confirms(by: Actor, proposed: Proposed | None) -> bool:
    """Whether it is another person's yes. A key may propose, and never confirm: it may be in the hands of whoever proposed."""
    return proposed is not None and by.kind == "account" and _another(by, proposed)


def _another(by: Actor, proposed: Proposed) -> bool:
    """An account with a password and one at the provider may be one person's, unless both addresses are known and differ."""
    if by.text == proposed.by or not proposed.by.startswith("account "):
        return by.text != proposed.by
    if by.person and proposed.person:
        return by.person != proposed.person
    return by.signs_in_at == proposed.signs_in_at
