"""The checker: what clients were told, against what lies in topics, databases, trays and mailboxes after all has healed.

Each invariant has a name; a verdict lists, under each, how it is broken. What a crash may leave twice, the same mail or
the same sheet, breaks nothing and is counted apart.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from shared.events import DelegateRegistered, EnrolmentState, SessionChanged
from tests.faults.history import SESSION_KINDS, Asked, History, Kind, Told
from tests.faults.post_office import NEVER_TAKEN
from tests.integration.evidence import Evidence
from tests.integration.histories import histories
from tests.integration.invariants import BURIED, LOST, NOT_INVENTED, STORED
from tests.integration.truth import breaches

Fact = DelegateRegistered | SessionChanged
Place = tuple[str, int, int]
"""Topic, partition and offset."""


@dataclass
class Verdict:
    broken: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """By invariant, its breaches; one that holds has none."""
    counted: dict[str, int] = field(default_factory=dict[str, int])

    @property
    def holds(self) -> bool:
        return not any(self.broken.values())


def verdict(history: History, found: Evidence, stored: Mapping[str, tuple[int, str]], poison: Mapping[Place, int]) -> Verdict:
    """`stored` is what registration's database holds, as (revision, status) by delegate.

    `poison` are the places of events that nobody can read, and how many services read there.
    """
    registrations, sessions = histories(found.registrations), histories(found.sessions)
    broken = breaches(found, undeliverable=lambda address: address.startswith(NEVER_TAKEN))
    facts: dict[str, Sequence[Fact]] = {**registrations, **sessions}
    by_address = {each[0].person.email: key for key, each in registrations.items() if each[0].person is not None}
    asked = _by_subject(history, by_address)
    broken[LOST] = [*_lost(asked, facts), *_never_there(history, by_address)]
    broken[NOT_INVENTED] = [*_invented(asked, facts), *_refused_and_done(asked, facts)]
    broken[STORED] = list(_differs(stored, registrations))
    broken[BURIED] = list(_wrongly_buried(found, poison))
    return Verdict(broken, _counted(history, found))


def _by_subject(history: History, by_address: Mapping[str, str]) -> dict[str, list[Asked]]:
    """What was asked for of each delegate and session; of a registration only where it is known to whom it led."""
    asked: defaultdict[str, list[Asked]] = defaultdict(list)
    for each in history.asked:
        subject = each.subject
        if each.kind is Kind.REGISTER:
            subject = each.delegate_id or by_address.get(each.mark, "")
        if subject:
            asked[subject].append(each)
    return asked


def _never_there(history: History, by_address: Mapping[str, str]) -> Iterator[str]:
    for each in history.of(Kind.REGISTER):
        if each.told is Told.ACCEPTED and by_address.get(each.mark) != each.delegate_id:
            yield f"registration {each.number} was accepted as {each.delegate_id}, of whom no event tells"
        if each.told is Told.REFUSED and each.mark in by_address:
            yield f"registration {each.number} was refused ({each.status}) and took effect as {by_address[each.mark]}"


def _lost(asked: Mapping[str, Sequence[Asked]], facts: Mapping[str, Sequence[Fact]]) -> Iterator[str]:
    for subject, requests in asked.items():
        revisions = {fact.revision: fact for fact in facts.get(subject, [])}
        for each in requests:
            if each.told is not Told.ACCEPTED or each.revision is None:
                continue
            fact = revisions.get(each.revision)
            if fact is None:
                yield f"{each.kind} {each.number} of {subject} was accepted as revision {each.revision}, which never came"
            elif not _is_in_effect(each, fact):
                yield f"{each.kind} {each.number} of {subject} is not in its revision {each.revision}"


def _invented(asked: Mapping[str, Sequence[Asked]], facts: Mapping[str, Sequence[Fact]]) -> Iterator[str]:
    """Revisions that nobody asked for. A session's first is the conference's own; who waits for a place may get it."""
    for subject, revisions in facts.items():
        before = {fact.revision + 1: fact for fact in revisions}
        requests = asked.get(subject, [])
        claimed = Counter(each.revision for each in requests if each.told is Told.ACCEPTED)
        unsure = [each for each in requests if each.told is Told.UNKNOWN]
        for revision, number in claimed.items():
            if number > 1:
                yield f"{number} changes of {subject} were accepted as its one revision {revision}"
        for fact in revisions:
            if claimed[fact.revision] or (isinstance(fact, SessionChanged) and fact.revision == 1):
                continue
            if _came_off_a_waiting_list(before.get(fact.revision), fact):
                continue
            author = next((each for each in unsure if _is_in_effect(each, fact)), None)
            if author is None:
                yield f"revision {fact.revision} of {subject} was asked for by nobody"
            else:
                unsure.remove(author)


def _came_off_a_waiting_list(before: Fact | None, fact: Fact) -> bool:
    """Whether nothing else has changed."""
    if not isinstance(before, DelegateRegistered) or not isinstance(fact, DelegateRegistered):
        return False
    one_up = {"revision": fact.revision, "changed_at": fact.changed_at, "enrolments": fact.enrolments}
    changed = [(was, now) for was, now in zip(before.enrolments, fact.enrolments, strict=False) if was != now]
    places = [(was.session_id == now.session_id, was.state, now.state) for was, now in changed]
    return before.model_copy(update=one_up) == fact and set(places) == {(True, EnrolmentState.WAITING, EnrolmentState.ENROLLED)}


def _refused_and_done(asked: Mapping[str, Sequence[Asked]], facts: Mapping[str, Sequence[Fact]]) -> Iterator[str]:
    """Changes that can be told from every other, were refused and took effect."""
    for subject, requests in asked.items():
        for each in requests:
            refused = each.told is Told.REFUSED and each.kind in (Kind.AMEND, Kind.MOVE)
            if refused and any(_is_in_effect(each, fact) for fact in facts.get(subject, [])):
                yield f"{each.kind} {each.number} of {subject} was refused ({each.status}) and took effect"


def _is_in_effect(asked: Asked, fact: Fact) -> bool:
    if isinstance(fact, SessionChanged):
        said = {
            Kind.MOVE: fact.room.get("en"),
            Kind.RESIZE: str(fact.capacity),
            Kind.CANCEL: fact.status.value,
            Kind.REINSTATE: fact.status.value,
        }
        return asked.kind in SESSION_KINDS and said[asked.kind] == asked.mark
    person = fact.person
    held = {each.session_id for each in fact.enrolments if each.state is not EnrolmentState.RELEASED}
    match asked.kind:
        case Kind.REGISTER:
            return fact.revision == 1 and person is not None and person.email == asked.mark
        case Kind.AMEND:
            return person is not None and person.function == asked.mark
        case Kind.ENDORSE:
            return fact.revision > 1 and fact.status.value == asked.mark
        case Kind.ACCREDIT | Kind.REFUSE | Kind.WITHDRAW:
            return fact.status.value == asked.mark
        case Kind.ENROL:
            return asked.mark in held
        case _:
            return asked.kind is Kind.LEAVE and asked.mark not in held


def _differs(stored: Mapping[str, tuple[int, str]], registrations: Mapping[str, Sequence[DelegateRegistered]]) -> Iterator[str]:
    told = {key: (each[-1].revision, each[-1].status.value) for key, each in registrations.items()}
    for key in stored.keys() | told.keys():
        if stored.get(key) != told.get(key):
            yield f"delegate {key} is {stored.get(key)} in the database and {told.get(key)} in the topic"


def _wrongly_buried(found: Evidence, poison: Mapping[Place, int]) -> Iterator[str]:
    buried = Counter((each.event_topic, each.partition, each.offset) for each in set(found.dead_letters))
    for place in buried.keys() - poison.keys():
        yield f"the event at {place} is a dead letter, and could be read"
    for place, readers in poison.items():
        if buried[place] != readers:
            yield f"the event at {place}, which nobody can read, is a dead letter of {buried[place]} services, not of {readers}"


def _counted(history: History, found: Evidence) -> dict[str, int]:
    """What the report tells in numbers; repeats are what a crash may leave."""
    return {
        "changes accepted": history.counted(Told.ACCEPTED),
        "changes refused": history.counted(Told.REFUSED),
        "changes whose outcome was never told": history.counted(Told.UNKNOWN),
        "requests repeated": sum(each.attempts - 1 for each in history.asked),
        "delegates": len({each.key for each in found.registrations}),
        "badges issued": len({each.serial for each in found.jobs}),
        "mails": len({each.message_id for each in found.mails}),
        "records sent twice and dropped by readers": _repeated((each.key, each.revision) for each in found.registrations)
        + _repeated((each.key, each.revision) for each in found.sessions),
        "mails sent twice under one Message-ID": _repeated(each.message_id for each in found.mails),
        "sheets printed twice under one serial": _repeated(each.serial for each in found.sheets),
        "dead letters": len(found.dead_letters),
    }


def _repeated(things: Iterable[object]) -> int:
    return sum(number - 1 for number in Counter(things).values())
