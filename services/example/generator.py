"""Generates the delegates of a conference: invented people, whom every rule of registration accepts.

Deterministic: the same conference and seed give the same people in the same order, and asking for more adds to them,
so that a run can be repeated or continued without registering anybody twice. Nothing here knows the example's slugs;
any conference's folder will do.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import date
from heapq import heapify, heappop, heappush
from itertools import islice
from random import Random
from typing import NamedTuple

from services.example.people import People
from services.example.portraits import portrait
from shared.conference import Accreditation, Category, Conference, Delegation, SessionPlanned
from shared.events import Language, RegistrationSubmitted, Slug, Status

DELEGATES = 2_000
SEED = 2018

# Of those who may be registered as protected, one in so many is: about 3 % of the example.
PROTECTED_EVERY = 6

# The share of the people that the largest session with a limit draws: about 500 of the example's 2,000.
CROWD = 0.26

# How many sessions people ask for, as weights of 0 to 4.
WISHES = (2, 4, 5, 4, 2)

# How a session without a limit counts against one with so many places, when people choose.
UNLIMITED = 400

REFUSALS: dict[Language, str] = {
    "ar": "تعذّر التحقق من خطاب التفويض",
    "zh": "无法核实委派函",
    "en": "The letter of credentials could not be verified",
    "fr": "La lettre de créance n’a pas pu être vérifiée",
    "ru": "Не удалось проверить верительное письмо",
    "es": "No se ha podido verificar la carta credencial",
}


def delegates(conference: Conference, count: int = DELEGATES, seed: int = SEED) -> Iterator[RegistrationSubmitted]:
    """Generate `count` registrations; raises `ValueError` at once where the quotas allow fewer."""
    if count > (places := places_in(conference)):
        raise ValueError(f"the quotas of {conference.slug} allow {places} delegates, not {count}: ask for fewer or raise them")
    return islice(_everyone(conference, Random(seed)), count)


def places_in(conference: Conference) -> int:
    """How many delegates all quotas together allow."""
    return sum(
        min(conference.quota(delegation), sum(places for _, places in _shares(conference, delegation)))
        for delegation in conference.delegations
    )


def ends_as(index: int, category: Category) -> Status:
    """What the demonstration makes of the delegate at `index` (from 0): accredited, refused or withdrawn.

    Only people of a category by decision are refused; anybody may withdraw, those who were accredited at once too.
    """
    if index % 31 == 7:
        return Status.WITHDRAWN
    if index % 17 == 5 and category.accreditation is Accreditation.BY_DECISION:
        return Status.REFUSED
    return Status.ACCREDITED


def _everyone(conference: Conference, rnd: Random) -> Iterator[RegistrationSubmitted]:
    people, seats = People(conference, rnd), _Seats(conference)
    for index, (delegation, category) in enumerate(_places(conference, rnd)):
        protected = category.may_be_protected and rnd.randrange(PROTECTED_EVERY) == 0
        days = _pass_days(conference, category, rnd)
        yield RegistrationSubmitted(
            category=category.slug,
            delegation=delegation.code,
            person=people.next(delegation, category, index, protected),
            protected=protected,
            pass_days=days,
            sessions=seats.choose(category.slug, days or conference.days, rnd),
            photo=portrait(index) if category.photo and not protected else None,
        )


class _Urn(NamedTuple):
    """The places of one category in one delegation; those with the lowest `turn` are filled first."""

    turn: float
    number: int
    taken: int
    places: int
    delegation: Delegation
    category: Category


def _places(conference: Conference, rnd: Random) -> Iterator[tuple[Delegation, Category]]:
    """Yield every place that the quotas allow, spread so that all delegations fill evenly from the first to the last."""
    held = Counter[str]()
    shares = [
        (each, category, places) for each in conference.delegations for category, places in _shares(conference, each) if places
    ]
    urns = [
        _Urn(rnd.random() / places, number, 0, places, delegation, category)
        for number, (delegation, category, places) in enumerate(shares)
    ]
    heapify(urns)
    while urns:
        urn = heappop(urns)
        if held[urn.delegation.code] < conference.quota(urn.delegation):
            held[urn.delegation.code] += 1
            yield urn.delegation, urn.category
            if urn.taken + 1 < urn.places:
                heappush(urns, urn._replace(turn=urn.turn + 1 / urn.places, taken=urn.taken + 1))


def _shares(conference: Conference, delegation: Delegation) -> list[tuple[Category, int]]:
    """How many people of each category a delegation sends at most; categories without a limit share what others leave."""
    quota = conference.quota(delegation)
    limits = {
        category.slug: conference.quota_of_category(delegation, category.slug)
        for category in conference.categories
        if delegation.kind in category.open_to
    }
    unlimited = [slug for slug, limit in limits.items() if limit is None]
    rest = max(quota - sum(limit for limit in limits.values() if limit is not None), 0)
    shared = {slug: rest // len(unlimited) + (at < rest % len(unlimited)) for at, slug in enumerate(unlimited)}
    return [(conference.category[slug], shared[slug] if limit is None else limit) for slug, limit in limits.items()]


def _pass_days(conference: Conference, category: Category, rnd: Random) -> list[date]:
    """One to three days in a row, where the category's pass is for named days."""
    if not conference.pass_type[category.pass_type].for_named_days:
        return []
    first = rnd.randrange(len(conference.days))
    return conference.days[first : first + rnd.randint(1, 3)]


class _Seats:
    """The seats of each session that are still free: nobody generated is refused a place."""

    def __init__(self, conference: Conference) -> None:
        self._sessions = conference.sessions
        self._taken = Counter[str]()
        limited = [session for session in conference.sessions if session.capacity is not None]
        self._crowded = max(limited, key=lambda session: session.capacity or 0, default=None)

    def choose(self, category: str, days: list[date], rnd: Random) -> list[Slug]:
        """Take up to four seats, in no two sessions at once, on `days` and where `category` is in the audience."""
        wished = rnd.choices(range(len(WISHES)), WISHES)[0]
        open_to_them = [each for each in self._sessions if category in each.audience and each.starts_at.date() in days]
        choice = [each for each in open_to_them if each is not self._crowded]
        chosen: list[SessionPlanned] = []
        if self._crowded and len(choice) < len(open_to_them) and rnd.random() < CROWD:
            self._take(self._crowded, chosen)
        while choice and len(chosen) < wished:
            number = rnd.choices(range(len(choice)), [each.capacity or UNLIMITED for each in choice])[0]
            self._take(choice.pop(number), chosen)
        return [session.session_id for session in sorted(chosen, key=lambda session: session.starts_at)]

    def _take(self, session: SessionPlanned, chosen: list[SessionPlanned]) -> None:
        if session.capacity is not None and self._taken[session.session_id] >= session.capacity:
            return
        if any(session.starts_at < other.ends_at and other.starts_at < session.ends_at for other in chosen):
            return
        self._taken[session.session_id] += 1
        chosen.append(session)
