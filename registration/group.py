"""One group of requests, decided in one transaction: the heart of registration. Blocks; runs in the database's thread."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from registration import store
from registration.answers import Idempotency, KeptAnswers
from registration.checks import Fault
from registration.delegate import Registration, fact_of
from registration.model import NotNow, Refused
from registration.reach import load
from registration.register import Register
from registration.service import Answer, Desk, Erased, NotFound, NotYours, UseCase
from shared.conference import Conference
from shared.events import DelegateRegistered, Fact, SessionChanged, Status
from shared.inbox import Journal
from shared.problems import FieldFault, Problem, invalid_body
from shared.settings import KafkaSettings
from shared.topics import DELEGATE_REGISTERED, SESSION_CHANGED
from shared.tracing import trace_id


@dataclass(frozen=True, slots=True)
class Part:
    """One use case of a submission; `under` is where its body stands in the request's, as a JSON Pointer."""

    use_case: UseCase
    idempotency: Idempotency | None = None
    under: str = ""


@dataclass(frozen=True, slots=True)
class Submission:
    """What one HTTP request asks for: one use case, or a batch that is taken whole or not at all."""

    parts: Sequence[Part]
    traceparent: str
    dry_run: bool = False

    @property
    def names(self) -> set[str]:
        return {part.idempotency.name for part in self.parts if part.idempotency is not None}


Outcome = list[Answer] | Exception
_DECIDED = (Problem, Refused, NotNow, NotFound, Erased, NotYours)


def decide(tx: Connection, group: Sequence[Submission], desk: Desk, kafka: KafkaSettings) -> tuple[list[Outcome], Journal]:
    """Load what the group touches, decide its submissions one after another, store what was decided with its events.

    Returns an outcome for each submission and what to log after the commit.
    """
    kept = KeptAnswers.load(tx, sorted({name for submission in group for name in submission.names}))
    register = load(tx, [part.use_case.touches() for submission in group for part in submission.parts])
    outcomes: list[Outcome] = []
    traces: list[str] = []
    for submission in group:
        outcomes.append(_decided(submission, desk, register, kept))
        traces += [submission.traceparent] * (len(register.changes) - len(traces))
    kept.store(tx)  # before what wipes answers
    store.store(tx, register)
    return outcomes, publish(tx, register.changes, traces, desk.conference, kafka)


def publish(
    tx: Connection,
    changes: Sequence[Registration | SessionChanged],
    traces: Sequence[str],
    conference: Conference,
    kafka: KafkaSettings,
) -> Journal:
    """Write the event of every change to the outbox; returns the log lines that tell of them."""
    facts: list[Fact] = [fact_of(each, conference) if isinstance(each, Registration) else each for each in changes]
    topics = [SESSION_CHANGED if isinstance(each, SessionChanged) else DELEGATE_REGISTERED for each in changes]
    messages = [(kafka.topic(topic), fact, trace) for topic, fact, trace in zip(topics, facts, traces, strict=True)]
    event_ids = store.outbox.publish(tx, messages)
    if erased := [each.key for each in facts if isinstance(each, DelegateRegistered) and each.status is Status.ERASED]:
        store.outbox.drop_older(tx, kafka.topic(DELEGATE_REGISTERED), erased)
    return [_line(change, event_id, trace) for change, event_id, trace in zip(changes, event_ids, traces, strict=True)]


def _line(change: Registration | SessionChanged, event_id: str, traceparent: str) -> tuple[str, dict[str, object]]:
    told: dict[str, object] = {"event_id": event_id, "trace_id": trace_id(traceparent), "revision": change.revision}
    if isinstance(change, SessionChanged):
        return "session_changed", {**told, "session_id": change.session_id, "status": change.status.value}
    return "delegate_registered", {**told, "delegate_id": str(change.delegate_id), "status": change.status.value}


def _decided(submission: Submission, desk: Desk, register: Register, kept: KeptAnswers) -> Outcome:
    apart = submission.dry_run or len(submission.parts) > 1
    applied_before = len(register.changes)
    here, kept_here = (register.fork(), kept.fork()) if apart else (register, kept)
    answered: list[Answer] = []
    problems: list[Problem] = []
    for part in submission.parts:
        try:
            answered.append(_answer(part, desk, here, kept_here))
        except _DECIDED as error:
            problems.append(_problem(error, part.under))
        except Exception as error:
            if len(register.changes) > applied_before:
                raise  # half of it is applied: the group is taken apart
            return error  # a fault of ours, and this submission's alone
    if problems:
        return _one_problem(problems)
    if apart and not submission.dry_run:
        register.adopt(here)
        kept.adopt(kept_here)
    return answered


def _answer(part: Part, desk: Desk, register: Register, kept: KeptAnswers) -> Answer:
    if part.idempotency is None:
        return part.use_case.decide(desk, register)
    answer = kept.find(part.idempotency)
    if answer is None:
        answer = part.use_case.decide(desk, register)
        kept.keep(part.idempotency, answer)
    return answer


def _problem(error: Exception, under: str) -> Problem:
    match error:
        case Problem():
            problem = error
        case Refused():
            return invalid_body([_field_fault(fault, under) for fault in error.faults])
        case NotNow():
            problem = Problem(409, error.code, "This does not fit the registration as it stands.", error.detail)
        case Erased():
            problem = gone()
        case NotYours():
            detail = "Its categories or delegations do not include the one named."
            problem = Problem(403, "not-of-this-key", "This key may not register that.", detail)
        case _:
            problem = Problem(
                404, "not-found", "There is no such delegate or session.", "None at least that this key may change."
            )
    problem.faults = [FieldFault(pointer=under, code=problem.code, detail=problem.detail or problem.title)] if under else []
    return problem


def gone() -> Problem:
    return Problem(410, "erased", "This delegate is erased.", "Nothing personal is kept. Register the person anew.")


def _field_fault(fault: Fault, under: str) -> FieldFault:
    return FieldFault(pointer=under + fault.pointer, code=fault.code, detail=fault.detail)


def _one_problem(problems: Sequence[Problem]) -> Problem:
    """A batch's faults in one answer, named by index; a single problem as it is."""
    return problems[0] if len(problems) == 1 else invalid_body([fault for problem in problems for fault in problem.faults])
