"""Facts as they followed each other, out of all the records that lie in a topic."""

from collections import defaultdict
from collections.abc import Iterable
from typing import TypeVar

from shared.events import DelegateRegistered, SessionChanged

Revised = TypeVar("Revised", DelegateRegistered, SessionChanged)
History = dict[str, list[Revised]]


def histories(facts: Iterable[Revised]) -> History[Revised]:
    """Each key's revisions, as they first came."""
    found: defaultdict[str, list[Revised]] = defaultdict(list)
    for fact in facts:
        if not found[fact.key] or fact.revision > found[fact.key][-1].revision:
            found[fact.key].append(fact)
    return dict(found)


def newest(facts: Iterable[Revised]) -> dict[str, Revised]:
    return {key: revisions[-1] for key, revisions in histories(facts).items()}
