"""The contract: every event that crosses a service boundary, in one place.

Two facts (`DelegateRegistered`, `SessionChanged`) carry the full state of one key at a revision; two requests
(`RegistrationSubmitted`, `SessionChangeRequested`) ask registration to make such a fact; `BadgeJob` and `BadgeStatus`
are what badging and the badge printers say to each other. Times are UTC instants, ids of people and badges are
UUIDv7, ids of sessions, delegations and categories are slugs, languages are BCP 47.

Facts are read tolerantly (unknown fields are ignored, so that a field can be added); requests are read strictly
(an unknown field is a fault, so that a misspelt one is never silently dropped).
"""

import unicodedata
from collections.abc import Mapping
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError, PydanticKnownError

Language = Literal["ar", "zh", "en", "fr", "ru", "es"]
LANGUAGES: tuple[Language, ...] = ("ar", "zh", "en", "fr", "ru", "es")
"""The six official languages, in the order in which their English names are sorted."""

MAX_EVENT_BYTES = 256 * 1024
"""The largest single event or JSON request that is taken in, and the largest Kafka record."""

MAX_BATCH_BYTES = 4 * 1024 * 1024
MAX_BATCH_EVENTS = 500
MAX_POSTED_PHOTO_BYTES = 160 * 1024
"""The largest picture that a request to register may carry: in Base64 it leaves the request room for all else."""


MAX_LINE = 160
"""The most characters of a name or title."""


def _plain_text(value: str) -> str:
    """Refuse what a name or title never needs and what can hide another text: control and format characters, line ends.

    The zero-width joiner and non-joiner stay: Persian and Indic names are spelt with them.
    """
    if value.isascii() and value.isprintable() and not value.isspace():
        return value
    if not value.isprintable():
        for character in value:
            if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") and character not in "\u200c\u200d":
                unwanted = {"character": f"U+{ord(character):04X}"}
                raise PydanticCustomError("control_character", "must not contain the control character {character}", unwanted)
    if not any(unicodedata.category(character)[0] in "LNPS" for character in value):
        raise PydanticCustomError("nothing_to_see", "must contain something to see")
    composed = unicodedata.normalize("NFC", value)
    if len(composed) > MAX_LINE:  # a few characters become two or three when they are composed
        raise PydanticKnownError("string_too_long", {"max_length": MAX_LINE})
    return composed


def _in_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise PydanticCustomError("time_out_of_range", "must be a time of the years 1 to 9999 in UTC") from None


SLUG = r"^[a-z0-9]+(-[a-z0-9]+)*$"
EMAIL = r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$"

Slug = Annotated[str, StringConstraints(pattern=SLUG, max_length=64)]
Line = Annotated[str, StringConstraints(min_length=1, max_length=MAX_LINE, strip_whitespace=True), AfterValidator(_plain_text)]
Colour = Annotated[str, StringConstraints(pattern=r"^#[0-9a-f]{6}$")]
Instant = Annotated[AwareDatetime, AfterValidator(_in_utc)]
Email = Annotated[str, StringConstraints(max_length=254, strip_whitespace=True, pattern=EMAIL)]
TimeZone = Annotated[str, StringConstraints(max_length=64)]
DocumentNumber = Annotated[Line, Field(max_length=40)]
PassDays = Annotated[list[date], Field(max_length=31)]
TextByLanguage = Annotated[dict[Language, Line], Field(min_length=1)]
PostedPhoto = Annotated[
    bytes,
    Field(max_length=MAX_POSTED_PHOTO_BYTES),
    WithJsonSchema({"type": "string", "contentEncoding": "base64", "maxLength": -(-MAX_POSTED_PHOTO_BYTES // 3) * 4}),
]


def in_language(text: Mapping[Language, str], language: Language) -> str:
    """Return `text` in `language`, else in English, else in whichever language it has first."""
    return text.get(language) or text.get("en") or next(iter(text.values()))


def told_reason(words: str | None, sentence: Mapping[Language, str] | None, language: Language) -> str | None:
    """Why somebody was refused, to a reader of `language`: the sentence of the reason's code, then words, as they were written.

    Words that are that sentence, in whatever language, are not said twice.
    """
    if sentence is None:
        return words
    added = None if words in sentence.values() else words
    return " ".join(filter(None, [in_language(sentence, language), added]))


class Fact(BaseModel):
    """State that is published: immutable, and read tolerantly."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,
        ser_json_bytes="base64",
        val_json_bytes="base64",
        use_attribute_docstrings=True,
    )
    event_type: ClassVar[str]
    major: ClassVar[int] = 1

    @property
    def key(self) -> str:
        """The Kafka record key: events of one key take effect in order."""
        raise NotImplementedError


class Request(BaseModel):
    """What is asked of registration: read strictly."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        ser_json_bytes="base64",
        val_json_bytes="base64",
        use_attribute_docstrings=True,
    )
    event_type: ClassVar[str]
    major: ClassVar[int] = 1


# --- delegate-registered ------------------------------------------------------------------------------------------


class Status(StrEnum):
    """Where a registration stands. Only `ACCREDITED` holds a badge; the last three have ended."""

    SUBMITTED = "submitted"
    UNDER_REVIEW = "under-review"
    ACCREDITED = "accredited"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    ERASED = "erased"


ENDED = frozenset({Status.REFUSED, Status.WITHDRAWN, Status.ERASED})
"""Statuses in which a delegate holds no quota place and no enrolment."""


class EnrolmentState(StrEnum):
    ENROLLED = "enrolled"
    WAITING = "waiting"
    RELEASED = "released"


class Enrolment(Fact):
    """A delegate's place in one session; who loses a place is `released` with its cause, never just missing."""

    session_id: Slug
    state: EnrolmentState
    cause: Slug | None = None
    since: Instant | None = None
    """Since when they wait, where the state is `waiting`: whoever waited first has the next place."""


class Party(Fact):
    """A delegation or an organiser: its code and its names by language."""

    code: Slug
    names: TextByLanguage


class Person(Fact):
    """The delegate as others may know them.

    Of a protected delegate `printed_name` is the function, and given and family name are absent.
    """

    printed_name: Line
    given_name: Line | None = None
    family_name: Line | None = None
    function: Line
    email: Email
    language: Language
    time_zone: str


class Photo(Fact):
    """A JPEG of at most 48 KiB, only where the category prints one."""

    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    jpeg: Annotated[bytes, Field(max_length=48 * 1024)]


class DelegateRegistered(Fact):
    """A delegate's full registration at a revision: first registration, amendment, decision, withdrawal alike."""

    event_type: ClassVar[str] = "delegate-registered"

    delegate_id: UUID
    revision: Annotated[int, Field(ge=1)]
    status: Status
    status_reason: Line | None = None
    """Why, in words: those of whoever decided, else the sentence of `reason_code` in the person's language."""
    reason_code: Slug | None = None
    """Which of the conference's reasons it was refused for, where it was for one of them."""
    reason_texts: TextByLanguage | None = None
    """The sentence of `reason_code`, by language."""
    conference: Slug
    category: Slug
    pass_type: Slug
    pass_days: list[date] = []
    delegation: Party
    person: Person | None = None
    """Absent only where `status` is `erased`."""
    protected: bool = False
    enrolments: list[Enrolment] = []
    photo: Photo | None = None
    changed_at: Instant

    @property
    def key(self) -> str:
        return str(self.delegate_id)


# --- session-changed ----------------------------------------------------------------------------------------------


class SessionStatus(StrEnum):
    SCHEDULED = "scheduled"
    CANCELLED = "cancelled"


class SessionChanged(Fact):
    """A session's full programme entry at a revision."""

    event_type: ClassVar[str] = "session-changed"

    session_id: Slug
    revision: Annotated[int, Field(ge=1)]
    status: SessionStatus = SessionStatus.SCHEDULED
    title: TextByLanguage
    room: TextByLanguage
    starts_at: Instant
    ends_at: Instant
    audience: list[Slug]
    """The categories whose people may enrol and enter."""
    capacity: Annotated[int, Field(ge=0)] | None = None
    """How many may be enrolled; `None` is without limit."""
    reserved: dict[Slug, Annotated[int, Field(ge=0)]] = {}
    """Places kept for the people of a category, by category."""
    waiting_list: bool = False
    """Whether who finds no place waits for one; otherwise they are refused."""
    organisers: list[Party] = []
    changed_at: Instant

    @property
    def key(self) -> str:
        return self.session_id


# --- badge-queue and badge-status ---------------------------------------------------------------------------------


class Zone(Fact):
    """An area a badge lets its holder into: the letter printed and its name in the badge's language."""

    code: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{1,3}$")]
    name: Line


class BadgeContent(Fact):
    """Everything printed on a badge but its serial and credential, already in the badge's language."""

    conference: Line
    venue_and_dates: Line
    name: Line
    function: Line
    delegation: Line
    category: Line
    colour: Colour
    pass_type: Line
    pass_days: list[date] = []
    zones: list[Zone]
    language: Language
    photo: Photo | None = None


class Priority(StrEnum):
    NORMAL = "normal"
    URGENT = "urgent"


class BadgeJob(Fact):
    """One sheet to print. A badge has one id, one serial and one job for life; a reprint is a new badge."""

    event_type: ClassVar[str] = "badge-queue"

    job_id: UUID
    badge_id: UUID
    serial: Annotated[str, StringConstraints(pattern=r"^[0-9A-Z-]{4,32}$")]
    delegate_id: UUID
    supersedes: UUID | None = None
    station: Slug
    priority: Priority = Priority.NORMAL
    layout: Slug
    content: BadgeContent
    credential: Annotated[str, StringConstraints(min_length=8, max_length=512)]
    """The text of the QR code."""
    reason: Slug
    """Why this badge was issued: `first`, `changed`, `lost`, `damaged`, ..."""
    requested_at: Instant

    @property
    def key(self) -> str:
        return str(self.delegate_id)


class PrintState(StrEnum):
    ACCEPTED = "accepted"
    PRINTED = "printed"
    FAILED = "failed"


class BadgeStatus(Fact):
    """What a printer reports of one job. `failed` says the job can never be printed, and why in `cause`."""

    event_type: ClassVar[str] = "badge-status"

    job_id: UUID
    badge_id: UUID
    delegate_id: UUID
    printer: Line
    state: PrintState
    cause: Line | None = None
    at: Instant

    @property
    def key(self) -> str:
        return str(self.delegate_id)


# --- requests -----------------------------------------------------------------------------------------------------


class PersonSubmitted(Request):
    """A person as a form gives them. `printed_name` is made of given and family name where it is left out."""

    given_name: Line
    family_name: Line
    printed_name: Line | None = None
    function: Line
    email: Email
    language: Language
    time_zone: TimeZone = "UTC"
    birth_date: date | None = None
    document_number: DocumentNumber | None = None


class RegistrationSubmitted(Request):
    """A form's request to register one person. It only registers: a known person is a fault."""

    event_type: ClassVar[str] = "registration-submitted"

    category: Slug
    delegation: Slug
    person: PersonSubmitted
    protected: bool = False
    pass_days: PassDays = []
    sessions: Annotated[list[Slug], Field(max_length=60)] = []
    """Sessions to be enrolled in."""
    fields: Annotated[dict[Slug, Line], Field(max_length=60)] = {}
    """Answers to what this conference asks beside: text, a date as 2018-06-28, the slug of what is chosen, or `yes` or `no`."""
    photo: PostedPhoto | None = None
    """A JPEG, PNG or WebP picture in Base64, where the category's badge shows one. Its middle is made the portrait, by the
    badge's proportion of 7 to 9. A larger picture is sent afterwards: `PUT /delegates/{id}/photo`."""


class SessionChange(Request):
    """What the programme desk changes of a session; what is left out stays. Also the body of `PATCH /sessions/{id}`."""

    status: SessionStatus | None = None
    title: TextByLanguage | None = None
    room: TextByLanguage | None = None
    starts_at: Instant | None = None
    ends_at: Instant | None = None
    audience: list[Slug] | None = None
    capacity: Annotated[int, Field(ge=0, le=100_000)] | None = None
    reserved: dict[Slug, Annotated[int, Field(ge=0, le=100_000)]] | None = None
    waiting_list: bool | None = None
    revision: int | None = None
    """Change only the entry as it was at this revision."""


class SessionChangeRequested(SessionChange):
    """The programme desk's request to change one session."""

    event_type: ClassVar[str] = "session-change-requested"

    session_id: Slug


class ProgrammeChange(Request):
    """Changes of several sessions that are made together or not at all, such as two rooms swapped: `PATCH /sessions`."""

    changes: Annotated[list[SessionChangeRequested], Field(min_length=1, max_length=200)]


FACTS: tuple[type[Fact], ...] = (DelegateRegistered, SessionChanged, BadgeJob, BadgeStatus)
REQUESTS: tuple[type[Request], ...] = (RegistrationSubmitted, SessionChangeRequested)
