"""The people who are posted: of the example conference, every one different and taken by every rule."""

import shutil
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from services.example import generator
from shared.conference import Accreditation, Conference
from shared.conference_folder import load
from shared.events import RegistrationSubmitted

CONFERENCE = Path("conferences/counter-terrorism-2018")


def conference() -> Conference:
    return load(CONFERENCE)


def without_photos(into: Path) -> Path:
    """The same conference, with badges that show no photo: to read one takes longer than all else of a registration."""
    shutil.copytree(CONFERENCE, into)
    categories = into / "categories.yaml"
    lines = categories.read_text(encoding="utf-8").splitlines(keepends=True)
    categories.write_text("".join(each for each in lines if each.strip() != "photo: true"), encoding="utf-8")
    return into


def bodies(people: Iterator[RegistrationSubmitted], count: int) -> list[str]:
    """The next `count` of `people`, as forms post them."""
    return [each.model_dump_json(exclude_none=True) for each in islice(people, count)]


def everybody(of: Conference) -> Iterator[RegistrationSubmitted]:
    """Without their photos, which take longer to read than all else of a registration."""
    return (each.model_copy(update={"photo": None}) for each in _with_photos(of))


def accredited_at_once(of: Conference) -> Iterator[RegistrationSubmitted]:
    """Those whose registration makes a badge without a decision."""
    return (each for each in _with_photos(of) if of.category[each.category].accreditation is Accreditation.AUTOMATIC)


def _with_photos(of: Conference) -> Iterator[RegistrationSubmitted]:
    return generator.delegates(of, generator.places_in(of))
