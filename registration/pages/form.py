"""The public form: its questions, made of the conference's data, and the request that its answers are. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cached_property, lru_cache
from typing import Any, Literal

from babel import Locale

from registration.pages.language import PageLanguage
from registration.pages.options import NONE, Option, Options
from registration.pages.programme import Entry, session_shown
from shared.conference import Category, Conference, FieldKind, FormField
from shared.events import LANGUAGES, SessionStatus
from shared.said import FieldFault, say

Kind = Literal["text", "email", "date", "datetime-local", "number", "select", "checks", "yes-no"]


@dataclass(frozen=True, slots=True)
class Question:
    """One question: `pointer` is where its answer stands in the request, `given` what was answered."""

    pointer: str
    label: str
    kind: Kind = "text"
    required: bool = True
    hint: str = ""
    autocomplete: str = ""
    options: Options = NONE
    given: Sequence[str] = ()
    faults: Sequence[str] = ()

    @property
    def name(self) -> str:
        return self.pointer[1:]

    @property
    def id(self) -> str:
        return self.name.replace("/", "-")

    @property
    def value(self) -> str:
        return self.given[0] if self.given else ""


@dataclass(frozen=True)
class PublicForm:
    """The form of one category in one language."""

    category: Category
    conference: Conference
    language: PageLanguage
    entries: Sequence[Entry]
    """The programme as it stands."""
    now: datetime
    """The conference's time."""
    answers: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    """What was posted, by the questions' names."""
    faults: Sequence[FieldFault] = ()
    delegations: Options = NONE
    """Those that the category is open to."""

    @property
    def questions(self) -> list[Question]:
        """Every question, with what was answered and what is wrong with it. No more is asked than the category needs."""
        return [
            replace(
                each,
                given=self.answers.get(each.name, each.given),
                faults=[fault.detail.in_language(self.language.code) for fault in self.faults if _is_of(fault, each)],
            )
            for each in self._questions
        ]

    @property
    def other_faults(self) -> list[str]:
        """What is wrong with none of the questions alone."""
        asked = self._questions
        return [
            each.detail.in_language(self.language.code)
            for each in self.faults
            if not any(_is_of(each, question) for question in asked)
        ]

    @property
    def unanswered(self) -> list[FieldFault]:
        """A fault for each question that must be answered and was not."""
        open_questions = [each for each in self._questions if each.required and not self._given(each)]
        return [FieldFault(each.pointer, "required", say("This field is required.")) for each in open_questions]

    @property
    def deadline(self) -> str:
        """Until when to register, where the category has a time."""
        closes = self.conference.closes(self.category)
        return "" if closes is None else self.language.moment(closes, self.conference.zone_info)

    @property
    def is_late(self) -> bool:
        closes = self.conference.closes(self.category)
        return closes is not None and self.now >= closes

    def request(self) -> dict[str, Any]:
        """The request that the answers are, as the API would be sent it: what was left empty is left out."""
        person: dict[str, Any] = {"time_zone": self.conference.time_zone}
        request: dict[str, Any] = {"category": self.category.slug, "person": person}
        for question in self._questions:
            given = self._given(question)
            if not given:
                continue
            place, _, name = question.name.rpartition("/")
            within: dict[str, Any] = request.setdefault(place, {}) if place else request
            within[name] = given if question.kind == "checks" else given[0]
        return request

    @cached_property
    def _questions(self) -> list[Question]:
        return list(self._asked())

    def _given(self, question: Question) -> list[str]:
        return [each for each in self.answers.get(question.name, ()) if each.strip()]

    def _asked(self) -> Iterator[Question]:
        gettext = self.language.gettext
        yield Question("/delegation", gettext("Organisation or delegation"), "select", options=self.delegations)
        yield Question("/person/given_name", gettext("Given name"), autocomplete="given-name")
        yield Question("/person/family_name", gettext("Family name"), autocomplete="family-name")
        yield Question(
            "/person/printed_name",
            gettext("Name on the badge"),
            required=False,
            hint=gettext("Only if the badge should show it otherwise: another order, another script."),
        )
        yield Question(
            "/person/function",
            gettext("Function"),
            hint=gettext("As the badge will show it."),
            autocomplete="organization-title",
        )
        yield Question("/person/email", gettext("E-mail address"), "email", autocomplete="email")
        yield Question(
            "/person/language",
            gettext("Language of our messages"),
            "select",
            options=_LANGUAGES,
            given=[self.language.code],
        )
        if "birth_date" in self.category.required:
            yield Question("/person/birth_date", gettext("Date of birth"), "date", autocomplete="bday")
        if "document_number" in self.category.required:
            yield Question("/person/document_number", gettext("Passport or identity card number"))
        if self.conference.pass_type[self.category.pass_type].for_named_days:
            days = _days(tuple(self.conference.days), self.language)
            yield Question("/pass_days", gettext("Days on which you come"), "checks", options=days)
        for each in self.conference.fields_of(self.category.slug):
            yield self._own(each)
        if sessions := self._sessions():
            hint = gettext("You can change this later.")
            yield Question("/sessions", gettext("Sessions you would like to attend"), "checks", False, hint, options=sessions)

    def _own(self, own: FormField) -> Question:
        """A question that the conference's data adds."""
        kinds: dict[FieldKind, Kind] = {"text": "text", "date": "date", "choice": "select", "yes-no": "yes-no"}
        options = Options(Option(each.slug, self.language.plain(each.names)) for each in own.options)
        hint = self.language.plain(own.hint) if own.hint else ""
        label = self.language.plain(own.label)
        return Question(f"/fields/{own.slug}", label, kinds[own.kind], own.required, hint, options=options)

    def _sessions(self) -> Options:
        """Those which the category may enter, which are to come, and in which there is a place."""
        offered: list[Option] = []
        for entry in self.entries:
            session, enrolled = entry
            full = session.capacity is not None and enrolled >= session.capacity
            held = session.status is SessionStatus.SCHEDULED and session.starts_at > self.now
            if held and not full and self.category.slug in session.audience:
                shown = session_shown(entry, self.conference, self.language)
                offered.append(Option(session.session_id, f"{shown.hours} · {shown.plain_title}", shown.day))
        return Options(offered)


_LANGUAGES = Options(Option(each, Locale.parse(each).get_display_name() or each) for each in LANGUAGES)


@lru_cache
def _days(days: tuple[date, ...], language: PageLanguage) -> Options:
    return Options(Option(each.isoformat(), language.day(each)) for each in days)


def _is_of(fault: FieldFault, question: Question) -> bool:
    return fault.pointer == question.pointer or fault.pointer.startswith(question.pointer + "/")
