"""Invented people for the example conference: names in the script of their country, functions in their language."""

import unicodedata
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import yaml
from babel.core import get_global
from pydantic import BaseModel, ConfigDict, TypeAdapter

from registration.delegate import person_keys
from shared.conference import Category, Conference, Delegation
from shared.events import Language, PersonSubmitted

# One in so many has a name long enough to try a badge's layout.
LONG_NAME_EVERY = 40

# So many names are tried for a person whom nobody in the delegation is called like, then longer ones, and so on.
NAMES_TRIED = 10

_WITHOUT_STROKE = str.maketrans("øłđðı", "olddi")

_AS_TEXT: type[Any] = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


class Tradition(BaseModel):
    """How people are named in some States, and the languages in which they are written to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    territories: list[str]
    languages: list[Language]
    women: list[str]
    men: list[str]
    families: list[str]
    families_of_women: list[str] = []
    second_women: list[str] = []
    """What follows the given name, such as a patronymic."""
    second_men: list[str] = []
    printed: str | None = None
    """The order of a printed name where it is not given name, then family name."""


class Naming(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    traditions: dict[str, Tradition]
    time_zones: dict[str, str]
    """The capital's time zone, where a territory has several."""


Functions = dict[str, dict[Language, list[str | tuple[str, str]]]]
"""By category and language; a pair is for men and for women."""


class Name(NamedTuple):
    given: str
    family: str


class People:
    """Invents people whom registration takes for nobody it knows, nor for each other."""

    def __init__(self, conference: Conference, rnd: Random) -> None:
        self._conference = conference
        self._rnd = rnd
        self._known: set[str] = set()
        self._readers = [each for each in naming().traditions.values() if set(each.languages) & set(conference.title)]

    def next(self, delegation: Delegation, category: Category, number: int, protected: bool) -> PersonSubmitted:
        """Invent the person with this number, which makes their e-mail address and document theirs alone."""
        more_names = int(self._rnd.randrange(LONG_NAME_EVERY) == 0)
        tried = 0
        while True:
            person = self._invent(delegation, category, number, protected, more_names + tried // NAMES_TRIED)
            # Registration tells namesakes apart by their dates of birth; a list that is full of them looks made up.
            keys = person_keys(person.model_copy(update={"birth_date": None}), delegation.code)
            if self._known.isdisjoint(keys):
                self._known.update(keys)
                return person
            tried += 1

    def _invent(
        self, delegation: Delegation, category: Category, number: int, protected: bool, more_names: int
    ) -> PersonSubmitted:
        rnd, needs = self._rnd, set(category.required)
        tradition = self._tradition(delegation.territory)
        woman = rnd.random() < 0.5
        name = _name(tradition, woman, more_names, rnd)
        printed = tradition.printed or ("{given} {family}" if "printed_name" in needs else None)
        language = self._language(tradition)
        return PersonSubmitted(
            given_name=name.given,
            family_name=name.family,
            printed_name=printed and printed.format(given=name.given, family=name.family),
            function=_function(category.slug, language, woman, rnd),
            email=_address(name, delegation, number, protected),
            language=language,
            time_zone=self._time_zone(delegation.territory),
            birth_date=self._birth_date() if "birth_date" in needs or rnd.random() < 0.3 else None,
            document_number=f"{delegation.territory or 'UN'}-{number:06d}" if "document_number" in needs else None,
        )

    def _tradition(self, territory: str | None) -> Tradition:
        """The territory's own; for an organisation's staff, anyone's who reads one of the conference's languages."""
        own = _by_territory().get(territory or "")
        return own or self._rnd.choices(self._readers, [len(each.territories) for each in self._readers])[0]

    def _language(self, tradition: Tradition) -> Language:
        """One that the conference itself is titled in."""
        spoken: list[Language] = [language for language in tradition.languages if language in self._conference.title]
        return self._rnd.choice(spoken or list(self._conference.title))

    def _time_zone(self, territory: str | None) -> str:
        """A third of the people live where the conference is: permanent missions, staff at headquarters."""
        if territory is None or self._rnd.random() < 1 / 3:
            return self._conference.time_zone
        return naming().time_zones.get(territory) or _zones().get(territory, self._conference.time_zone)

    def _birth_date(self) -> date:
        """Between 24 and 70 years before the opening."""
        return self._conference.opens_on - timedelta(days=self._rnd.randrange(24 * 365, 70 * 365))


def _name(tradition: Tradition, woman: bool, more_names: int, rnd: Random) -> Name:
    given_names = tradition.women if woman else tradition.men
    second_names = tradition.second_women if woman else tradition.second_men
    families = tradition.families_of_women if woman and tradition.families_of_women else tradition.families
    given = rnd.sample(given_names, min(1 + more_names, len(given_names)))
    if second_names and rnd.random() < 0.6:
        given.append(rnd.choice(second_names))
    return Name(" ".join(given), "-".join(rnd.sample(families, 2 if more_names else 1)))


def _function(category: str, language: Language, woman: bool, rnd: Random) -> str:
    function = rnd.choice(functions().get(category, functions()["other"])[language])
    return function if isinstance(function, str) else function[woman]


def _address(name: Name, delegation: Delegation, number: int, protected: bool) -> str:
    """A protected person's address does not tell the name that everything else keeps back."""
    mailbox = "liaison" if protected else _in_ascii(name.family) or "delegate"
    return f"{mailbox}.{number:05d}@{delegation.code[:63].rstrip('-')}.example"


def _in_ascii(name: str) -> str:
    decomposed = unicodedata.normalize("NFKD", name.lower().translate(_WITHOUT_STROKE))
    return "".join(character for character in decomposed if character.isascii() and character.isalpha())[:40]


@cache
def naming() -> Naming:
    return Naming.model_validate(_read("names.yaml"))


@cache
def functions() -> Functions:
    return TypeAdapter(Functions).validate_python(_read("functions.yaml"))


@cache
def _by_territory() -> dict[str, Tradition]:
    return {territory: tradition for tradition in naming().traditions.values() for territory in tradition.territories}


@cache
def _zones() -> dict[str, str]:
    """A time zone of each territory; which one, where there are several, is for `Naming.time_zones` to say."""
    return {territory: zone for zone, territory in sorted(get_global("zone_territories").items())}


def _read(name: str) -> Any:
    return yaml.load(Path(__file__).with_name(name).read_text(encoding="utf-8"), Loader=_AS_TEXT)
