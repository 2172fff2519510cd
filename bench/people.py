"""The people who are posted: of the example conference, every one different and taken by every rule."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from services import example
from shared.conference import Accreditation, Conference
from shared.conference_folder import load
from shared.events import RegistrationSubmitted

CONFERENCE = Path("conferences/counter-terrorism-2018")


def conference() -> Conference:
    return load(CONFERENCE)


def bodies(people: Iterator[RegistrationSubmitted], count: int) -> list[str]:
    """The next `count` of `people`, as forms post them."""
    return [each.model_dump_json(exclude_none=True) for each in islice(people, count)]


def everybody(of: Conference) -> Iterator[RegistrationSubmitted]:
    return example.delegates(of, example.places_in(of))


def accredited_at_once(of: Conference) -> Iterator[RegistrationSubmitted]:
    """Those whose registration makes a badge without a decision."""
    return (each for each in everybody(of) if of.category[each.category].accreditation is Accreditation.AUTOMATIC)
