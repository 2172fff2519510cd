"""A delegation's page: its people, its quota, what is left, and the order in which it lists its people. Pure."""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from markupsafe import Markup

from registration.delegate import Registration, printed_name
from registration.delegations.endorsing import is_declined
from registration.delegations.roster import DelegationState, Standing
from registration.needs import Need, needs_of
from registration.pages.corrections import CorrectionShown, correction_shown
from registration.pages.language import PageLanguage
from registration.pages.letters import LetterShown, letter_shown
from registration.pages.marks import Mark, standing_marks, written
from registration.pages.why import why
from shared.conference import Category, Conference, Delegation
from shared.events import Status

HIGHEST_RANK = 999


@dataclass(frozen=True, slots=True)
class PersonShown:
    """One of a delegation's people, to its focal point: with their name also where it is protected."""

    delegate_id: str
    revision: int
    name: str
    function: str
    category: Markup
    status: Status
    reason: str
    standing: Standing
    marks: Markup
    correction: CorrectionShown | None
    photo: str | None
    """The SHA-256 of their portrait."""
    asks_photo: bool
    needs: list[Need]
    """What must come before they can be accredited; nothing where they already are."""
    submitted_on: str
    declined: bool
    """Whether a focal point declined to endorse them, and may do so after all."""

    @property
    def takes_part(self) -> bool:
        return self.status not in (Status.WITHDRAWN, Status.REFUSED)

    @property
    def waits(self) -> bool:
        """Whether they registered themselves and wait to be endorsed."""
        return self.takes_part and "endorsement" in self.needs


class PlacesShown(NamedTuple):
    """What a delegation may register of one category; `quota` is `None` where only the whole quota limits."""

    category: Category
    name: Markup
    plain_name: str
    held: int
    quota: int | None
    left: int


@dataclass(frozen=True, slots=True)
class DelegationShown:
    code: str
    name: Markup
    plain_name: str
    held: int
    quota: int
    places: list[PlacesShown]
    waiting: list[PersonShown]
    """Who registered themselves and waits to be endorsed, the first first."""
    people: list[PersonShown]
    """Who takes part: the head, then by rank, then by name."""
    others: list[PersonShown]
    """Who was refused or withdrawn."""
    letter: LetterShown

    @property
    def left(self) -> int:
        return max(0, self.quota - self.held)


def delegation_shown(
    delegation: Delegation, state: DelegationState, conference: Conference, language: PageLanguage
) -> DelegationShown:
    held, quota = sum(state.held.values()), conference.quota(delegation)
    people = sorted((_person_shown(each, state, conference, language) for each in state.people), key=_listed_as)
    return DelegationShown(
        code=delegation.code,
        name=language.text(delegation.names),
        plain_name=language.plain(delegation.names),
        held=held,
        quota=quota,
        places=list(_places(delegation, state.held, max(0, quota - held), conference, language)),
        waiting=sorted((each for each in people if each.waits), key=lambda each: each.delegate_id),
        people=[each for each in people if each.takes_part and not each.waits],
        others=[each for each in people if not each.takes_part],
        letter=letter_shown(state.letter, delegation.code, state.focal_points, conference, language),
    )


def _places(
    delegation: Delegation, held: Mapping[str, int], left_in_all: int, conference: Conference, language: PageLanguage
) -> Iterable[PlacesShown]:
    for category in conference.categories:
        if delegation.kind not in category.open_to:
            continue
        quota, taken = conference.quota_of_category(delegation, category.slug), held.get(category.slug, 0)
        left = left_in_all if quota is None else max(0, min(left_in_all, quota - taken))
        yield PlacesShown(category, language.text(category.names), language.plain(category.names), taken, quota, left)


def _person_shown(
    registration: Registration, state: DelegationState, conference: Conference, language: PageLanguage
) -> PersonShown:
    person = registration.person
    assert person is not None, "the erased are not listed"
    correction = state.corrections.get(registration.delegate_id)
    letters = () if state.letter is None else (registration.delegation,)
    needs = [] if registration.status is Status.ACCREDITED else needs_of(registration, conference, letters)
    return PersonShown(
        delegate_id=str(registration.delegate_id),
        revision=registration.revision,
        name=printed_name(person),
        function=person.function,
        category=language.text(conference.category[registration.category].names),
        status=registration.status,
        reason=why(registration, conference, language.code) or "",
        standing=state.standing(registration.delegate_id),
        marks=written(_marks(registration, state, needs, conference, language)),
        correction=correction and correction_shown(correction, registration, conference, language, whole=True),
        photo=registration.photo,
        asks_photo=conference.category[registration.category].photo,
        needs=needs,
        submitted_on=language.moment(registration.submitted_at, conference.zone_info),
        declined=is_declined(registration),
    )


def _marks(
    registration: Registration, state: DelegationState, needs: list[Need], conference: Conference, language: PageLanguage
) -> Iterator[Mark]:
    gettext = language.gettext
    if state.standing(registration.delegate_id).head:
        yield Mark(gettext("Head of delegation"), "head")
    yield Mark(language.text(conference.category[registration.category].names))
    yield from standing_marks(registration.status, state.badges.get(registration.delegate_id), needs, language)
    if registration.late:
        yield Mark(gettext("Late"), "stopped")
    if registration.protected:
        yield Mark(gettext("Protected identity"))


def _listed_as(person: PersonShown) -> tuple[bool, int, str]:
    rank = person.standing.rank
    return (
        not person.standing.head,
        HIGHEST_RANK + 1 if rank is None else rank,
        unicodedata.normalize("NFKD", person.name.casefold()),
    )


def order_given(answers: Mapping[str, list[str]]) -> dict[UUID, Standing] | None:
    """The order that a form gives, by `head` and `rank/ID`, of which the empty are left out; `None` where it is not one."""
    order: dict[UUID, Standing] = {}
    try:
        for name, given in answers.items():
            if name.startswith("rank/"):
                order[UUID(name.removeprefix("rank/"))] = Standing(rank=int("".join(given)))
        if head := "".join(answers.get("head", [])):
            order[UUID(head)] = order.get(UUID(head), Standing())._replace(head=True)
    except ValueError:
        return None
    return order if all(each.rank is None or 1 <= each.rank <= HIGHEST_RANK for each in order.values()) else None
