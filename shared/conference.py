"""What a conference is made of: the vocabulary of its data folder, as immutable models without any I/O.

A conference is a folder of YAML files, read once at start by `shared.conference_folder`. Rules in each service's
`model.py` take these types, never the files.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, Literal, LiteralString, Self, cast
from zoneinfo import ZoneInfo

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    NaiveDatetime,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from shared.conference_references import Fault, faults_between
from shared.events import Colour, Instant, Language, Line, Party, Slug, TextByLanguage

Prose = Annotated[str, StringConstraints(min_length=1, max_length=4000, strip_whitespace=True)]


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
    """Whether its badge shows a photo, without which nobody but the protected is accredited."""
    decided_by_two: bool = False
    """Whether a decision is only proposed until another staff account confirms it."""
    required: list[PersonField] = []
    """Optional fields of a person that this category must give."""
    may_be_protected: bool = False
    self_registration: bool = False
    """Whether its people register themselves on the public form."""
    needs_endorsement: bool = False
    """Whether whoever came by a form waits for their delegation's focal point before the desk decides."""
    endorsed_within: Annotated[int, Field(ge=1)] | None = None
    """Days after which the desk may decide without that; where left out, only if no focal point is known."""
    open_to: list[Slug]
    """The kinds of delegation that may register people of this category."""
    letter_from: list[Slug] = []
    """The kinds of delegation whose letter of credentials must be there before anybody of this category is accredited."""
    closes_at: NaiveDatetime | None = None
    """Local time at the venue, without offset: whoever registers later is taken, and marked late."""

    @model_validator(mode="after")
    def _waits_for_something(self) -> Self:
        if self.endorsed_within is not None and not self.needs_endorsement:
            raise ValueError(f'category "{self.slug}": give `endorsed_within` only where `needs_endorsement` is true')
        return self

    @model_validator(mode="after")
    def _letter_from_who_registers(self) -> Self:
        if others := sorted({*self.letter_from} - {*self.open_to}):
            named = ", ".join(others)
            raise ValueError(f'category "{self.slug}": `letter_from` names {named}, and `open_to` does not: name it there too')
        return self


FieldKind = Literal["text", "date", "choice", "yes-no"]


class FieldOption(Part):
    slug: Slug
    names: TextByLanguage


class FormField(Part):
    """Something that this conference asks beside what every registration says. Its answers never leave registration."""

    slug: Slug
    label: TextByLanguage
    hint: TextByLanguage | None = None
    kind: FieldKind = "text"
    options: list[FieldOption] = []
    """What may be chosen, of a `choice`."""
    required: bool = False
    categories: list[Slug] = []
    """Whom it is asked of; all, where none is named."""

    @model_validator(mode="after")
    def _options_where_chosen(self) -> Self:
        if (self.kind == "choice") != bool(self.options):
            raise ValueError(f'field "{self.slug}": name `options` where `kind` is choice, and only there')
        return self


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
    """In the folder a State may leave its names out: they are then CLDR's names of its `territory`."""
    territory: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] | None = None
    """The ISO 3166-1 code of the State it is, or of the State where it has its seat."""
    quota: Annotated[int, Field(ge=1)] | None = None


class RefusalReason(Part):
    """A reason that refusals are told with: its code for programs and files, the sentence that people read."""

    code: Slug
    texts: TextByLanguage


class Room(Part):
    slug: Slug
    names: TextByLanguage
    capacity: Annotated[int, Field(ge=1)]


class SessionPlanned(Part):
    """A session as the folder plans it; what changes while the conference runs travels in events."""

    session_id: Slug
    title: TextByLanguage
    room: Slug
    starts_at: NaiveDatetime
    """Local time at the venue, without offset."""
    ends_at: NaiveDatetime
    audience: list[Slug]
    capacity: Annotated[int, Field(ge=0)] | None = None
    reserved: dict[Slug, Annotated[int, Field(ge=0)]] = {}
    """Places kept for the people of a category, by category."""
    waiting_list: bool = False
    """Whether who finds no place waits for one; otherwise they are refused."""
    organisers: list[Slug] = []
    webcast: bool = False

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Self:
        if self.ends_at <= self.starts_at:
            raise ValueError(
                f'session "{self.session_id}" ends at {self.ends_at:%Y-%m-%d %H:%M}, not after its start at '
                f"{self.starts_at:%Y-%m-%d %H:%M}: correct one of the two"
            )
        return self


class WorkingGroup(Part):
    """A thematic group of the compact; its members are delegations."""

    slug: Slug
    names: TextByLanguage
    members: list[Slug]


class Question(Part):
    """One question of the conference's practical notice and its answer, each by language."""

    question: TextByLanguage
    answer: Annotated[dict[Language, Prose], Field(min_length=1)]


class Conference(Part):
    """The whole conference, cross-checked: every slug that one part names exists in another, none is given twice.

    Its `ValidationError` holds every fault, each at its own place, those between the parts too.
    """

    slug: Slug
    title: TextByLanguage
    short_title: TextByLanguage
    venue: TextByLanguage
    time_zone: str
    opens_on: date
    closes_on: date
    now: Instant | None = None
    """The example's own date, a week before its opening: the default of `CONFERENCE_NOW`."""
    contact: Line
    badge_collection: TextByLanguage | None = None
    """Where and when badges are collected, as a sentence to the delegate."""
    zones: list[ZoneOfVenue]
    pass_types: list[PassType]
    categories: list[Category]
    delegation_kinds: list[DelegationKind]
    delegations: list[Delegation]
    rooms: list[Room]
    sessions: list[SessionPlanned]
    working_groups: list[WorkingGroup] = []
    fields: list[FormField] = []
    refusal_reasons: list[RefusalReason] = []
    """What a refusal may be told with by a code, in the order in which the desk lists them."""
    notice: list[Question] = []
    digest: str = ""
    """SHA-256 of the folder's files: two processes that log the same digest run the same conference."""

    @model_validator(mode="wrap")
    @classmethod
    def _cross_checked(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        between = [_as_error(fault) for fault in faults_between(data)]
        try:
            conference = handler(data)
        except ValidationError as invalid:
            within = [
                _as_error(Fault(error["loc"], error["msg"], error["type"], error["input"]))
                for error in invalid.errors(include_url=False)
            ]
            raise ValidationError.from_exception_data(cls.__name__, within + between) from invalid
        if between:
            raise ValidationError.from_exception_data(cls.__name__, between)
        return conference

    @model_validator(mode="after")
    def _fits(self) -> Self:
        faults = [
            _as_error(
                Fault(
                    ("sessions", number, "capacity"),
                    f'session "{session.session_id}" takes {session.capacity} people, room "{session.room}" holds '
                    f"{self.room[session.room].capacity}: lower the one or choose another room",
                )
            )
            for number, session in enumerate(self.sessions)
            if session.capacity is not None
            and session.room in self.room
            and session.capacity > self.room[session.room].capacity
        ]
        if self.closes_on < self.opens_on:
            faults.append(
                _as_error(Fault(("closes_on",), "the conference closes before it opens: correct one of the two dates"))
            )
        if faults:
            raise ValidationError.from_exception_data(type(self).__name__, faults)
        return self

    @cached_property
    def category(self) -> Mapping[str, Category]:
        return {category.slug: category for category in self.categories}

    @cached_property
    def delegation(self) -> Mapping[str, Delegation]:
        return {delegation.code: delegation for delegation in self.delegations}

    @cached_property
    def party(self) -> Mapping[str, Party]:
        """The delegations as events name them."""
        return {delegation.code: Party(code=delegation.code, names=delegation.names) for delegation in self.delegations}

    @cached_property
    def refusal_reason(self) -> Mapping[str, RefusalReason]:
        return {reason.code: reason for reason in self.refusal_reasons}

    def reason_texts(self, code: str | None) -> TextByLanguage | None:
        """The sentence of a reason by its code; `None` where there is no code, or it is listed no more."""
        reason = None if code is None else self.refusal_reason.get(code)
        return None if reason is None else reason.texts

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

    def fields_of(self, category: str) -> list[FormField]:
        """What is asked of this category beside what every registration says."""
        return [each for each in self.fields if not each.categories or category in each.categories]

    @cached_property
    def zone_info(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    @cached_property
    def days(self) -> list[date]:
        """Every day on which there may be something to enter: the conference's own and those of all its sessions."""
        first = min([self.opens_on, *(session.starts_at.date() for session in self.sessions)])
        last = max([self.closes_on, *(session.ends_at.date() for session in self.sessions)])
        return [first + timedelta(days=after) for after in range((last - first).days + 1)]

    def instant(self, local: datetime) -> datetime:
        """Return local time at the venue, without offset, as an instant in UTC."""
        return local.replace(tzinfo=self.zone_info).astimezone(UTC)

    def closes(self, category: Category) -> datetime | None:
        """From when on a registration of `category` is late, in UTC; `None` where none is."""
        return None if category.closes_at is None else self.instant(category.closes_at)

    def needs_letter(self, category: str, delegation: str) -> bool:
        """Whether the people of `category` in `delegation` wait for its letter of credentials."""
        return self.delegation[delegation].kind in self.category[category].letter_from

    def quota(self, delegation: Delegation) -> int:
        """How many people `delegation` may register in all."""
        return delegation.quota if delegation.quota is not None else self.kind[delegation.kind].quota

    def quota_of_category(self, delegation: Delegation, category: str) -> int | None:
        """How many of `category` it may register, or `None` where only the whole quota limits."""
        return self.kind[delegation.kind].quota_by_category.get(category)


def _as_error(fault: Fault) -> InitErrorDetails:
    kind = PydanticCustomError(cast(LiteralString, fault.kind), "{message}", {"message": fault.message})
    return InitErrorDetails(type=kind, loc=fault.loc, input=fault.found)
