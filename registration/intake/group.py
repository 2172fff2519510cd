"""One group of requests, decided in one transaction: the heart of registration. Blocks; runs in the database's thread."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy import Connection

from registration import store
from registration.amendment import Correction, CorrectionState
from registration.audit.entries import Actor, Entry, correction_decided, decision
from registration.delegate import Registration, fact_of, shows_photo
from registration.intake.answers import Idempotency, KeptAnswers
from registration.intake.reach import load
from registration.letters.letter import LetterChange
from registration.model import NotNow, Refused
from registration.photos.asking import to_be_asked
from registration.register import Change, Register
from registration.service import Answer, Desk, Erased, NotFound, NotYours, UseCase
from shared.clock import utc_now
from shared.conference import Conference
from shared.events import DelegateRegistered, Fact, SessionChanged, Status
from shared.inbox import Journal
from shared.problems import Problem, invalid_body
from shared.said import FieldFault, say
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
    known = dict(register.delegates)
    outcomes: list[Outcome] = []
    traces: list[str] = []
    actors: list[Actor] = []
    for submission in group:
        outcomes.append(_decided(submission, desk, register, kept, actors))
        traces += [submission.traceparent] * (len(register.changes) - len(traces))
    portraits = _shown(tx, register, desk.conference)
    kept.store(tx)  # before what wipes answers
    store.store(tx, register)
    store.photo_mails.note(tx, to_be_asked(register.changes, actors, desk.conference), utc_now())
    journal = publish(tx, register.changes, traces, desk.conference, kafka, portraits)
    if overtaken := _names_overtaken(known, register.changes):
        store.outbox.drop_older(tx, kafka.topic(DELEGATE_REGISTERED), overtaken)
    store.trail.append(tx, list(_decisions(known, register.changes, actors)))
    return outcomes, journal


def _shown(tx: Connection, register: Register, conference: Conference) -> Mapping[str, bytes]:
    """The portraits that the events of all changes carry, also of those that a later change of the group replaces."""
    changed = [each for each in register.changes if isinstance(each, Registration) and shows_photo(each, conference)]
    kept = [each.delegate_id for each in changed if each.photo is not None and each.photo not in register.portraits]
    return {**store.photos.of(tx, kept), **register.portraits}


def _names_overtaken(known: Mapping[UUID, Registration], changes: Sequence[Change]) -> set[str]:
    """Whose revisions, should they wait still, may hold a name that is not to be told any more."""
    current, found = dict(known), set[str]()
    for change in changes:
        if isinstance(change, Registration):
            before = current.get(change.delegate_id)
            if change.status is Status.ERASED or (change.protected and before is not None and not before.protected):
                found.add(str(change.delegate_id))
            current[change.delegate_id] = change
    return found


def _decisions(known: dict[UUID, Registration], changes: Sequence[Change], actors: Sequence[Actor]) -> Iterator[Entry]:
    """What the audit trail keeps of the changes, one after another; `known` is what was before them."""
    accepted = {
        (each.delegate_id, each.revision)
        for each in changes
        if isinstance(each, Correction) and each.state is CorrectionState.ACCEPTED
    }
    for change, by in zip(changes, actors, strict=True):
        found: Entry | None = None
        if isinstance(change, LetterChange):
            found = change
        elif isinstance(change, Correction):
            found = correction_decided(change, known[change.delegate_id].status, by)
        elif isinstance(change, Registration):
            if (change.delegate_id, change.revision) not in accepted:  # else the accepted correction tells of it
                found = decision(known.get(change.delegate_id), change, by)
            known[change.delegate_id] = change
        if found is not None:
            yield found


def publish(
    tx: Connection,
    changes: Sequence[Change],
    traces: Sequence[str],
    conference: Conference,
    kafka: KafkaSettings,
    portraits: Mapping[str, bytes] = {},
) -> Journal:
    """Write the event of every change to the outbox; returns the log lines that tell of them.

    A correction has none: what it says is no fact until it is accepted; a letter leaves registration nowhere.
    """
    facts: list[tuple[Fact, str]] = []
    for change, trace in zip(changes, traces, strict=True):
        if not isinstance(change, Correction | LetterChange):
            facts.append((fact_of(change, conference, portraits) if isinstance(change, Registration) else change, trace))
    messages = [(kafka.topic(_TOPICS[type(fact)]), fact, trace) for fact, trace in facts]
    event_ids = iter(store.outbox.publish(tx, messages))
    return [
        _told(change, trace) if isinstance(change, Correction | LetterChange) else _line(change, next(event_ids), trace)
        for change, trace in zip(changes, traces, strict=True)
    ]


_TOPICS: dict[type[Fact], str] = {DelegateRegistered: DELEGATE_REGISTERED, SessionChanged: SESSION_CHANGED}


def _told(change: Correction | LetterChange, traceparent: str) -> tuple[str, dict[str, object]]:
    told: dict[str, object] = {"trace_id": trace_id(traceparent)}
    if isinstance(change, LetterChange):
        return "letter_changed", {**told, "delegation": change.delegation, "action": change.action}
    told |= {"number": change.number, "delegate_id": str(change.delegate_id), "state": change.state.value}
    return "correction_changed", told


def _line(change: Registration | SessionChanged, event_id: str, traceparent: str) -> tuple[str, dict[str, object]]:
    told: dict[str, object] = {"event_id": event_id, "trace_id": trace_id(traceparent), "revision": change.revision}
    if isinstance(change, SessionChanged):
        return "session_changed", {**told, "session_id": change.session_id, "status": change.status.value}
    return "delegate_registered", {**told, "delegate_id": str(change.delegate_id), "status": change.status.value}


def _decided(submission: Submission, desk: Desk, register: Register, kept: KeptAnswers, actors: list[Actor]) -> Outcome:
    """Decide one submission; `actors` gets who asked for each change that it makes."""
    apart = submission.dry_run or len(submission.parts) > 1
    applied_before = len(register.changes)
    here, kept_here = (register.fork(), kept.fork()) if apart else (register, kept)
    answered: list[Answer] = []
    problems: list[Problem] = []
    asked_by: list[Actor] = []
    for part in submission.parts:
        try:
            answered.append(_answer(part, desk, here, kept_here))
            asked_by += [part.use_case.caller.actor] * (len(here.changes) - applied_before - len(asked_by))
        except _DECIDED as error:
            problems.append(_problem(error, part.under))
        except Exception as error:
            if len(register.changes) > applied_before:
                raise  # half of it is applied: the group is taken apart
            return error  # a fault of ours, and this submission's alone
    if problems:
        return _one_problem(problems)
    if submission.dry_run:
        return answered
    if apart:
        register.adopt(here)
        kept.adopt(kept_here)
    actors += asked_by
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
            return invalid_body([replace(fault, pointer=under + fault.pointer) for fault in error.faults])
        case NotNow():
            problem = Problem(409, error.code, say("This does not fit how it stands now."), error.detail)
        case Erased():
            problem = gone()
        case NotYours():
            detail = say("Its categories or delegations do not include the one named.")
            problem = Problem(403, "not-of-this-key", say("This key may not register that."), detail)
        case _:
            detail = say("None at least that this key may change.")
            problem = Problem(404, "not-found", say("There is no such delegate or session."), detail)
    problem.faults = [FieldFault(under, problem.code, problem.detail or problem.title)] if under else []
    return problem


def gone() -> Problem:
    return Problem(410, "erased", say("This delegate is erased."), say("Nothing personal is kept. Register the person anew."))


def _one_problem(problems: Sequence[Problem]) -> Problem:
    """A batch's faults in one answer, named by index; a single problem as it is."""
    return problems[0] if len(problems) == 1 else invalid_body([fault for problem in problems for fault in problem.faults])
