"""What must be true of everything the system left behind, however often it was killed: each breach in words.

It is derived from the topics alone. What a service says of itself is compared with that, never taken for it.
"""

from collections import Counter
from collections.abc import Callable, Iterator

from shared.events import DelegateRegistered, SessionChanged
from tests.integration.evidence import Evidence
from tests.integration.histories import History, Revised, histories
from tests.integration.invariants import BADGES, BURIED, ONE_ID, ORDER, SHEETS, TRUTH
from tests.integration.true_badges import said_by_badging, wrong_badges, wrong_sheets
from tests.integration.true_notices import ambiguous_mails, wrong_notices


def violations(found: Evidence, *, repeats: bool) -> list[str]:
    """Every breach. With `repeats`, which a crash may leave, the same thing may be there again, never another one."""
    named = breaches(found) | {BURIED: list(_buried(found))}
    if not repeats:
        named["nothing is there twice"] = list(_repeats(found))
    return [breach for breaches in named.values() for breach in breaches]


def breaches(found: Evidence, *, undeliverable: Callable[[str], bool] = lambda _: False) -> dict[str, list[str]]:
    """By invariant, how it is broken. Who has an `undeliverable` address cannot be told, and is not missed."""
    registrations, sessions = histories(found.registrations), histories(found.sessions)
    deliverable = {
        key: revisions
        for key, revisions in registrations.items()
        if not any(each.person is not None and undeliverable(each.person.email) for each in revisions)
    }
    return {
        ORDER: [*_in_order(found), *_gaps(registrations), *_gaps(sessions)],
        BADGES: [*wrong_badges(found, registrations), *said_by_badging(found)],
        SHEETS: list(wrong_sheets(found)),
        ONE_ID: list(ambiguous_mails(found.mails)),
        TRUTH: list(wrong_notices(found, deliverable, sessions)),
    }


def _in_order(found: Evidence) -> Iterator[str]:
    for facts in (found.registrations, found.sessions):
        known: dict[tuple[str, int], DelegateRegistered | SessionChanged] = {}
        for fact in facts:
            if known.setdefault((fact.key, fact.revision), fact) != fact:
                yield f"revision {fact.revision} of {fact.event_type} {fact.key} has two contents"


def _gaps(histories: History[Revised]) -> Iterator[str]:
    for key, facts in histories.items():
        if [fact.revision for fact in facts] != list(range(1, len(facts) + 1)):
            yield f"{facts[0].event_type} {key} came with the revisions {[fact.revision for fact in facts]}"


def _buried(found: Evidence) -> Iterator[str]:
    for topic, number in Counter(each.topic for each in found.dead_letters).items():
        yield f"{number} dead letters lie in {topic}"


def _repeats(found: Evidence) -> Iterator[str]:
    for what, things in {
        "record of delegate-registered": [(each.key, each.revision) for each in found.registrations],
        "record of session-changed": [(each.key, each.revision) for each in found.sessions],
        "job": [each.job_id for each in found.jobs],
        "report": [(each.job_id, each.state) for each in found.reports],
        "sheet": [each.serial for each in found.sheets],
        "mail": [each.message_id for each in found.mails],
    }.items():
        for thing, number in Counter(things).items():
            if number > 1:
                yield f"{what} {thing} is there {number} times, and nothing had gone wrong"
