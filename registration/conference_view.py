"""How the conference is shown as JSON: to anyone, without a key."""

from datetime import date
from typing import Annotated

from pydantic import BaseModel, ConfigDict, NaiveDatetime, WithJsonSchema

from shared.conference import Accreditation, FormField, PersonField, Question, RefusalReason, WorkingGroup
from shared.events import Slug, TextByLanguage


class CategoryView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    slug: Slug
    names: TextByLanguage
    accreditation: Accreditation
    pass_type: Slug
    required: list[PersonField]
    may_be_protected: bool
    self_registration: bool
    needs_endorsement: bool
    """Whether whoever comes by a form waits for their delegation's focal point before the accreditation desk decides."""
    endorsed_within: int | None
    """Days after which the desk may decide without."""
    photo: bool
    """Whether its badge shows a photo, without which nobody but the protected is accredited."""
    open_to: list[Slug]
    letter_from: list[Slug]
    """The kinds of delegation whose letter of credentials must be there before anybody is accredited."""
    closes_at: Annotated[NaiveDatetime, WithJsonSchema({"type": "string"})] | None
    """Local time at the venue, without offset: whoever registers later is taken, and marked late."""


class DelegationView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    code: Slug
    kind: Slug
    names: TextByLanguage


class ConferenceView(BaseModel):
    """The conference as anyone may read it: its notice, its days, and what a form needs to offer."""

    model_config = ConfigDict(from_attributes=True)

    slug: Slug
    title: TextByLanguage
    venue: TextByLanguage
    time_zone: str
    opens_on: date
    closes_on: date
    contact: str
    badge_collection: TextByLanguage | None
    """Where and when badges are collected."""
    notice: list[Question]
    categories: list[CategoryView]
    delegations: list[DelegationView]
    working_groups: list[WorkingGroup]
    refusal_reasons: list[RefusalReason]
    """What a refusal may be told with by its code."""
    fields: list[FormField]
    """What is asked beside what every registration says."""
