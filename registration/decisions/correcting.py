"""Corrections of the accredited: what takes effect at once, what waits for a decision, and what that decision does. Pure.

What waits changes nothing: the registration stays accredited as it is, and its badge valid, until the correction is accepted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast

from pydantic import JsonValue

from registration import checks, model
from registration.amendment import PHOTO, Amendment, Correction, CorrectionState
from registration.audit.entries import Actor
from registration.decisions.deciding import confirms, proposed_by
from registration.decisions.reasons import Reason
from registration.delegate import Registration
from registration.register import Register
from shared.conference import Accreditation, Category, Conference
from shared.events import Status
from shared.said import FieldFault, say

Verdict = Literal["accept", "decline"]

DECIDED_ON = frozenset(
    {
        "/protected",
        "/pass_days",
        PHOTO,
        *(
            f"/person/{name}"
            for name in ("given_name", "family_name", "printed_name", "function", "birth_date", "document_number")
        ),
    }
)
"""What an accreditation by decision was decided on, as JSON Pointers; and the category, where another is to be decided on."""


@dataclass(frozen=True, slots=True)
class Corrected:
    """What comes of an amendment: the registration as it stands from now on, and the correction that waits, if any."""

    registration: Registration
    correction: Correction | None


def correct(
    current: Registration,
    change: Amendment,
    by: Actor,
    conference: Conference,
    register: Register,
    now: datetime,
    *,
    decides: bool,
) -> Corrected:
    """Amend what needs no new decision, and propose the rest. `decides` is who may decide, alone where one is enough.

    What is proposed is added to what waits already and takes its place; corrected back to what stands, it is taken back.
    """
    held = register.corrections.get(current.delegate_id)
    before = held.values if held is not None and held.waits else {}
    needs = _needs_decision(current, change, before, conference, decides=decides)
    themselves = by.kind == "form"
    if not needs:
        return Corrected(model.amend(current, change, conference, register, now, themselves=themselves), held)
    asked = change.parts
    model.amend(current, Amendment.of({**before, **asked}), conference, register, now)  # refused now, not when it is decided
    amended = _amended_at_once(current, asked, needs, conference, register, now, themselves=themselves)
    values = _waiting({**before, **{pointer: asked[pointer] for pointer in needs}}, amended, conference)
    return _proposing(amended, held, values, by, now, decides=decides)


def give_photo(
    current: Registration, photo: str, by: Actor, conference: Conference, register: Register, now: datetime, *, decides: bool
) -> Corrected:
    """Let a portrait be theirs, by its SHA-256; who was accredited by decision keeps the one decided on, and it is proposed.

    `decides` is who may decide, alone where one is enough.
    """
    held = register.corrections.get(current.delegate_id)
    given = model.give_photo(current, photo, conference, register, now)  # refused now, not when it is decided
    alone = decides and not _by_two(current, Amendment(), conference)
    by_decision = conference.category[current.category].accreditation is Accreditation.BY_DECISION
    if current.status is not Status.ACCREDITED or not by_decision or alone:
        return Corrected(given, held)
    before = held.values if held is not None and held.waits else {}
    return _proposing(current, held, _waiting({**before, PHOTO: photo}, current, conference), by, now, decides=decides)


def _proposing(
    amended: Registration,
    held: Correction | None,
    values: Mapping[str, JsonValue],
    by: Actor,
    now: datetime,
    *,
    decides: bool,
) -> Corrected:
    """Have `values` wait in place of what waits; the same is nothing new, and nothing is what was taken back."""
    if values == (held.values if held is not None and held.waits else {}):
        return Corrected(amended, held)
    if not values:
        assert held is not None, "nothing was waiting that could be taken back"
        return Corrected(amended, held.closed(CorrectionState.TAKEN_BACK, now, revision=amended.revision))
    correction = Correction(
        delegate_id=amended.delegate_id,
        number=1 if held is None else held.number + 1,
        parts=sorted(values),
        values=dict(values),
        by=by.text,
        confirming=proposed_by(by, "accept") if decides else None,
        revision=amended.revision,
        proposed_at=now,
        changed_at=now,
    )
    return Corrected(amended, correction)


def _amended_at_once(
    current: Registration,
    asked: Mapping[str, JsonValue],
    needs: set[str],
    conference: Conference,
    register: Register,
    now: datetime,
    *,
    themselves: bool,
) -> Registration:
    """The registration with what needs no decision. To hide an identity waits for nobody, only to show one does."""
    at_once = {pointer: value for pointer, value in asked.items() if pointer not in needs}
    if asked.get("/protected") is True and "/category" not in needs:
        try:
            hidden = Amendment.of({**at_once, "/protected": True})
            return model.amend(current, hidden, conference, register, now, themselves=themselves)
        except model.Refused:
            pass  # it cannot be hidden as it stands, such as by a function that names it: it is, with what waits
    return model.amend(current, Amendment.of(at_once), conference, register, now, themselves=themselves)


def decide(
    current: Registration,
    correction: Correction | None,
    verdict: Verdict,
    reason: str | None,
    by: Actor,
    conference: Conference,
    register: Register,
    now: datetime,
) -> Corrected:
    """Accept what waits, or decline it, telling why. Where two decide, the first only says what another must confirm."""
    if correction is None or not correction.waits:
        raise model.NotNow("nothing-proposed", say("No correction of this registration waits for a decision."))
    first = correction.confirming if correction.confirming is not None and correction.confirming.decision == verdict else None
    reason = reason or (first.reason if first is not None else None)
    if verdict == "decline" and reason is None:
        raise model.Refused([FieldFault("/reason", "required", say("A refusal is told with its reason."))])
    if faults := list(checks.reason_faults(reason, current)):
        raise model.Refused(faults)
    amended = current
    if verdict == "accept":
        amended = model.amend(current, correction.change, conference, register, now, photo=correction.photo)
    if _by_two(current, correction.change, conference) and not confirms(by, first):
        proposed = proposed_by(by, verdict, Reason(reason))
        if first is not None and first.by == proposed.by:
            return Corrected(current, correction)
        return Corrected(current, correction.model_copy(update={"confirming": proposed, "changed_at": now}))
    state = CorrectionState.DECLINED if verdict == "decline" else CorrectionState.ACCEPTED
    return Corrected(amended, correction.closed(state, now, reason if verdict == "decline" else None, amended.revision))


def waits_for_decision(current: Registration, into: Category, conference: Conference) -> bool:
    """Whether what is decided on waits, where somebody of a delegation corrects it and leaves the person in `into`."""
    return bool(_needs_decision(current, Amendment(category=into.slug, protected=True), {}, conference, decides=False))


def _needs_decision(
    current: Registration, change: Amendment, waiting: Mapping[str, JsonValue], conference: Conference, *, decides: bool
) -> set[str]:
    """Of what is asked, what only a decision may change, as JSON Pointers; what waits for one already goes on waiting."""
    if current.status is not Status.ACCREDITED or (decides and not _by_two(current, change, conference)):
        return set()
    asked = change.parts
    into = _category(change.category, current, conference)
    if into.accreditation is Accreditation.AUTOMATIC:
        return waiting.keys() & asked.keys()
    if into.slug != current.category:
        return set(asked)  # what another category asks is given with it
    return set(asked) & (DECIDED_ON | waiting.keys())


def _waiting(values: Mapping[str, JsonValue], amended: Registration, conference: Conference) -> dict[str, JsonValue]:
    """Of what was asked, what is not so already; what came with another category goes with it."""
    wanted = {pointer: value for pointer, value in values.items() if value != _standing(amended, pointer)}
    if "/category" in wanted:
        return wanted
    if conference.category[amended.category].accreditation is Accreditation.AUTOMATIC:
        return {}
    return {pointer: value for pointer, value in wanted.items() if pointer in DECIDED_ON}


def _by_two(current: Registration, change: Amendment, conference: Conference) -> bool:
    return (
        conference.category[current.category].decided_by_two or _category(change.category, current, conference).decided_by_two
    )


def _category(slug: str | None, current: Registration, conference: Conference) -> Category:
    """The category that is come into; one that is not known is for `model.amend` to name."""
    return conference.category.get(slug or current.category) or conference.category[current.category]


def _standing(registration: Registration, pointer: str) -> object:
    """What a registration says there, as JSON."""
    first, *rest = pointer[1:].split("/")
    found: object = registration.model_dump(mode="json", include={first}).get(first)
    for name in rest:
        found = cast(dict[str, object], found).get(name) if isinstance(found, dict) else None
    return found
