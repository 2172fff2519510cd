"""What a conference is made of: the vocabulary of its data folder, as immutable models without any I/O.

A conference is a folder of YAML files, read once at start by `shared.conference_folder`. Rules in each service's
`model.py` take these types, never the files.
"""

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field

from shared.events import Colour, Language, Line, Slug, TextByLanguage


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Accreditation(StrEnum):
    """How the people of a category are accredited."""

    AUTOMATIC = "automatic"
    BY_DECISION = "by-decision"


class ZoneOfVenue(Part):
    """An area of the venue: the slug that categories name, the code printed on the badge, its names."""

    slug: Slug
    code: Annotated[str, Field(pattern=r"^[A-Z0-9]{1,3}$")]
    names: TextByLanguage


class PassType(Part):
    slug: Slug
    names: TextByLanguage
    for_named_days: bool = False
    """A temporary pass is valid on named days only, which a registration must then give."""


PersonField = Literal["birth_date", "document_number", "printed_name", "time_zone"]


class Category(Part):
    """A category of delegates: how they are accredited and what their badge shows and opens."""

    slug: Slug
    names: TextByLanguage
    accreditation: Accreditation
    pass_type: Slug
    colour: Colour
    zones: list[Slug]
    layout: Slug = "standard"
    photo: bool = False
    required: list[PersonField] = []
    """Optional fields of a person that this category must give."""
    may_be_protected: bool = False
    open_to: list[Slug]
    """The kinds of delegation that may register people of this category."""


class DelegationKind(Part):
    """A kind of delegation and the most people each one may register: in all, and by category."""

    slug: Slug
    names: TextByLanguage
    quota: Annotated[int, Field(ge=1)]
    quota_by_category: dict[Slug, Annotated[int, Field(ge=0)]] = {}


class Delegation(Part):
    """A State, organisation or entity that registers people. Its own quota, where given, wins over its kind's."""

    code: Slug
    kind: Slug
    names: TextByLanguage
    quota: Annotated[int, Field(ge=1)] | None = None


class Room(Part):
    slug: Slug
    names: TextByLanguage
    capacity: Annotated[int, Field(ge=1)]


class SessionPlanned(Part):
    """A session as the folder plans it; what changes while the conference runs travels in events."""

    session_id: Slug
    title: TextByLanguage
    room: Slug
    starts_at: datetime
    """Local time at the venue, without offset."""
    ends_at: datetime
    audience: list[Slug]
    capacity: Annotated[int, Field(ge=0)] | None = None
    organisers: list[Slug] = []
    webcast: bool = False


class WorkingGroup(Part):
    slug: Slug
    names: TextByLanguage
    members: list[Slug]


class Question(Part):
    """One question of the conference's practical notice and its answer, each by language."""

    question: dict[Language, str]
    answer: dict[Language, str]


class Conference(Part):
    """The whole conference, cross-checked: every slug that one part names exists in another."""

    slug: Slug
    title: TextByLanguage
    short_title: TextByLanguage
    venue: TextByLanguage
    time_zone: str
    opens_on: date
    closes_on: date
    now: datetime | None = None
    """The example's own date, a week before its opening: the default of `CONFERENCE_NOW`."""
    contact: Line
    zones: list[ZoneOfVenue]
    pass_types: list[PassType]
    categories: list[Category]
    delegation_kinds: list[DelegationKind]
    delegations: list[Delegation]
    rooms: list[Room]
    sessions: list[SessionPlanned]
    working_groups: list[WorkingGroup] = []
    notice: list[Question] = []
    digest: str = ""
    """SHA-256 of the folder's files: two processes that log the same digest run the same conference."""

    @cached_property
    def category(self) -> Mapping[str, Category]:
        return {category.slug: category for category in self.categories}

    @cached_property
    def delegation(self) -> Mapping[str, Delegation]:
        return {delegation.code: delegation for delegation in self.delegations}

    @cached_property
    def kind(self) -> Mapping[str, DelegationKind]:
        return {kind.slug: kind for kind in self.delegation_kinds}

    @cached_property
    def pass_type(self) -> Mapping[str, PassType]:
        return {pass_type.slug: pass_type for pass_type in self.pass_types}

    @cached_property
    def zone(self) -> Mapping[str, ZoneOfVenue]:
        return {zone.slug: zone for zone in self.zones}

    @cached_property
    def room(self) -> Mapping[str, Room]:
        return {room.slug: room for room in self.rooms}

    @cached_property
    def zone_info(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    def quota(self, delegation: Delegation) -> int:
        """How many people `delegation` may register in all."""
        return delegation.quota if delegation.quota is not None else self.kind[delegation.kind].quota

    def quota_of_category(self, delegation: Delegation, category: str) -> int | None:
        """How many of `category` it may register, or `None` where only the whole quota limits."""
        return self.kind[delegation.kind].quota_by_category.get(category)
