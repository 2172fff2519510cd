"""One decision on many people: each as the API or the desk would decide on them alone, and all of them or none."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Literal, get_args
from uuid import UUID

from pydantic import Field

from registration import service
from registration.callers.caller import Caller
from registration.decisions import correcting, deciding
from registration.decisions.reasons import Reason
from shared.events import Line, Request, Slug
from shared.said import FieldFault, say

Outcome = Literal[deciding.Verdict, correcting.Verdict]
MOST = 500
"""People decided on together."""


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

    decision: Outcome
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

    def use_cases(self, caller: Caller) -> Sequence[service.UseCase]:
        """The decision on each, in their order."""
        reason = Reason(self.reason, self.reason_code, self.note)
        return [use_case(each.delegate_id, self.decision, reason, each.seen, caller) for each in self.delegates]


def use_case(delegate_id: UUID, decision: Outcome, reason: Reason, seen: int | None, caller: Caller) -> service.UseCase:
    """The decision on one. `seen` is the revision at which they were looked at; of a correction, its number."""
    if decision == "accept" or decision == "decline":
        corrected = service.CorrectionDecision(decision=decision, reason=reason.words, number=seen)
        return service.DecideCorrection(delegate_id, corrected, caller)
    given = {"reason": reason.words, "reason_code": reason.code, "note": reason.note}
    return service.Decide(delegate_id, service.Decision(decision=decision, revision=seen, **given), caller)


def _of_corrections(decision: str) -> bool:
    return decision in get_args(correcting.Verdict)
