"""The use cases of deciding: on a registration, on a correction, or one decision on many, on all of them or none."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, get_args
from uuid import UUID

from pydantic import Field

from registration.callers.caller import Caller
from registration.decisions import correcting, deciding
from registration.decisions.reasons import Reason
from registration.intake.reach import Touched
from registration.register import Register
from registration.service import Answer, Desk, UseCase, applied, applied_correction, changed_meanwhile, delegate_of
from shared.clock import utc_now
from shared.events import Line, Request, Slug
from shared.said import FieldFault, say

AnyVerdict = Literal[deciding.Verdict, correcting.Verdict]
MOST = 500
"""People decided on together."""


class Decision(Request):
    """The body of `POST /delegates/{id}/decision`. A refusal is told with its reason."""

    decision: deciding.Verdict
    """`review` says that the decision is being prepared."""
    reason: Line | None = None
    """In words that the person is told as they are, beside those of `reason_code` or in their place."""
    reason_code: Slug | None = None
    """One of the conference's `refusal_reasons`, which the person is told in their language."""
    note: Line | None = None
    """For the file: nobody but the accreditation desk is told."""
    revision: int | None = None
    """Decide only on the registration as it was at this revision."""

    @property
    def given(self) -> Reason:
        return Reason(self.reason, self.reason_code, self.note)


@dataclass(frozen=True, slots=True)
class Decide:
    """Accredit, refuse with a reason, or take under review; or propose it, where two must decide."""

    delegate_id: UUID
    decision: Decision
    caller: Caller

    def touches(self) -> Touched:
        return Touched(delegates=[self.delegate_id], frees=True, decides=True)

    def decide(self, desk: Desk, register: Register) -> Answer:
        current, asked = delegate_of(register, self.delegate_id, None), self.decision
        if asked.revision is not None and asked.revision != current.revision:
            raise changed_meanwhile()
        by = self.caller.actor
        decided = deciding.decide(current, asked.decision, asked.given, by, desk.conference, register, utc_now())
        return applied(register, current, decided)


class CorrectionDecision(Request):
    """The body of `POST /delegates/{id}/correction/decision`. A refusal is told with its reason."""

    decision: correcting.Verdict
    reason: Line | None = None
    number: int | None = None
    """Decide only on the correction of this number."""


@dataclass(frozen=True, slots=True)
class DecideCorrection:
    """Accept what is proposed to be corrected, or decline it; or say so, where two must decide."""

    delegate_id: UUID
    decision: CorrectionDecision
    caller: Caller

    def touches(self) -> Touched:
        return Touched(delegates=[self.delegate_id], frees=True)

    def decide(self, desk: Desk, register: Register) -> Answer:
        current, asked = delegate_of(register, self.delegate_id, None), self.decision
        correction = register.corrections.get(self.delegate_id)
        if asked.number is not None and (correction is None or asked.number != correction.number):
            raise changed_meanwhile()
        by, at = self.caller.actor, utc_now()
        corrected = correcting.decide(current, correction, asked.decision, asked.reason, by, desk.conference, register, at)
        return applied_correction(register, current, corrected)


class DecidedOn(Request):
    """Whom is decided on, and as they were when they were looked at."""

    delegate_id: UUID
    revision: int | None = None
    """Decide only on the registration as it was at this revision."""
    number: int | None = None
    """Of a correction: decide only on the correction of this number."""

    @property
    def seen(self) -> int | None:
        return self.revision if self.number is None else self.number


class DecisionOnMany(Request):
    """The body of `POST /decisions`: one decision on each of these people. A refusal is told with its reason.

    `accept` and `decline` are of the correction that waits of each; the others are of their registrations.
    """

    decision: AnyVerdict
    reason: Line | None = None
    reason_code: Slug | None = None
    """One of the conference's `refusal_reasons`, which each is told in their language."""
    note: Line | None = None
    """For the file of each: nobody but the accreditation desk is told."""
    delegates: Annotated[list[DecidedOn], Field(min_length=1, max_length=MOST)]

    @property
    def faults(self) -> Iterator[FieldFault]:
        """What is wrong with it before anybody is looked at."""
        if _of_corrections(self.decision):
            for name in {"reason_code", "note"} & self.model_fields_set:
                yield FieldFault(f"/{name}", "not-of-this-decision", say("A correction is declined with a `reason` alone."))
        before, seen_by = set[UUID](), ("revision" if _of_corrections(self.decision) else "number")
        for index, each in enumerate(self.delegates):
            if each.delegate_id in before:
                yield FieldFault(f"/delegates/{index}", "repeated", say("A delegate is named twice."))
            before.add(each.delegate_id)
            if getattr(each, seen_by) is not None:
                detail = say("A correction is decided on by its `number`, a registration by its `revision`.")
                yield FieldFault(f"/delegates/{index}/{seen_by}", "not-of-this-decision", detail)

    def use_cases(self, caller: Caller) -> Sequence[UseCase]:
        """The decision on each, in their order."""
        reason = Reason(self.reason, self.reason_code, self.note)
        return [use_case(each.delegate_id, self.decision, reason, each.seen, caller) for each in self.delegates]


def use_case(delegate_id: UUID, decision: AnyVerdict, reason: Reason, seen: int | None, caller: Caller) -> UseCase:
    """The decision on one. `seen` is the revision at which they were looked at; of a correction, its number."""
    if decision == "accept" or decision == "decline":
        corrected = CorrectionDecision(decision=decision, reason=reason.words, number=seen)
        return DecideCorrection(delegate_id, corrected, caller)
    given = {"reason": reason.words, "reason_code": reason.code, "note": reason.note}
    return Decide(delegate_id, Decision(decision=decision, revision=seen, **given), caller)


def _of_corrections(decision: str) -> bool:
    return decision in get_args(correcting.Verdict)
