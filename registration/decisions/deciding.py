"""Decisions on a registration: at once, or, where a category asks for two, proposed by one and confirmed by another. Pure."""

from datetime import datetime
from typing import Literal

from registration import checks, model
from registration.audit.entries import Actor
from registration.decisions.reasons import Reason, code_faults
from registration.delegate import Proposed, Registration
from registration.register import Register
from shared.conference import Conference

Verdict = Literal["accredit", "refuse", "review"]
_NOT_GIVEN = Reason()


def decide(
    current: Registration,
    verdict: Verdict,
    reason: Reason,
    by: Actor,
    conference: Conference,
    register: Register,
    now: datetime,
) -> Registration:
    """The next revision: decided, or proposed; `current` itself where nothing is left to decide. `now` is the true time.

    A proposal is confirmed by the same decision of another account; another decision takes its place.
    """
    if faults := [*checks.reason_faults(reason.words, current), *code_faults(reason.code, conference)]:
        raise model.Refused(faults)
    if verdict == "review":
        return _noted(current, model.review(current, conference, register, now), reason, now)
    proposed = current.proposed if current.proposed is not None and current.proposed.decision == verdict else None
    reason = reason.or_as_proposed(proposed)
    if verdict == "accredit":
        decided = model.accredit(current, conference, register, now)
    else:
        decided = model.refuse(current, reason.told_to(current, conference), now, reason.code)
    decided = _noted(current, decided, reason, now)
    if decided is current:
        return current
    if conference.category[current.category].decided_by_two and not confirms(by, proposed):
        return _proposed(current, proposed_by(by, verdict, reason), now)
    return decided.model_copy(update={"proposed": None})


def _noted(current: Registration, decided: Registration, reason: Reason, now: datetime) -> Registration:
    """With the note of this decision in place of the one before; a note alone is added to what was decided already."""
    if decided is current:
        return current if reason.note is None else current.revised(now, note=reason.note)
    return decided.model_copy(update={"note": reason.note})


def _proposed(current: Registration, proposed: Proposed, now: datetime) -> Registration:
    """Kept until another confirms it, in place of any before; nobody confirms by proposing the same again."""
    held = current.proposed
    if held is not None and (held.decision, held.by) == (proposed.decision, proposed.by):
        return current
    return current.revised(now, proposed=proposed)


def proposed_by(
    by: Actor, decision: Literal["accredit", "refuse", "accept", "decline"], reason: Reason = _NOT_GIVEN
) -> Proposed:
    return Proposed(
        decision=decision,
        reason=reason.words,
        reason_code=reason.code,
        note=reason.note,
        by=by.text,
        signs_in_at=by.signs_in_at,
        person=by.person,
    )


def confirms(by: Actor, proposed: Proposed | None) -> bool:
    """Whether it is another person's yes. A key may propose, and never confirm: it may be in the hands of whoever proposed."""
    return proposed is not None and by.kind == "account" and _another(by, proposed)


def _another(by: Actor, proposed: Proposed) -> bool:
    """Whoever holds two accounts, or an account and a key, is one person where both addresses are known and the same.

    An account with a password and one at the provider may be one person's, unless both addresses are known and differ.
    """
    if by.text == proposed.by:
        return False
    if by.person and proposed.person:
        return by.person != proposed.person
    return not proposed.by.startswith("account ") or by.signs_in_at == proposed.signs_in_at
