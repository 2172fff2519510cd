"""The form by which a focal point adds, amends or replaces one of their delegation's people. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from registration.amendment import Amendment, Correction
from registration.delegate import Registration
from registration.pages.form import PublicForm, Question
from registration.pages.options import NONE, Options
from shared.conference import Category, Delegation

YES, NO = "yes", "no"
_ASKED_FIRST = "/person/email"
"""Whether the identity is protected is asked before this question, after name and function."""


@dataclass(frozen=True, slots=True)
class NominationForm(PublicForm):
    """The questions of the public form: the delegation is known, and protection is offered where the category allows it."""

    delegation: Delegation = field(kw_only=True)
    decided: bool = False
    """Whether what is corrected of the person waits for the accreditation desk."""
    moves_from: Category | None = None
    """The category that the person is in, where they are to come into another."""
    person: Registration | None = None
    """Who is amended."""
    asks_sessions: bool = True
    wished: Sequence[str] = ()
    """Sessions that are chosen beforehand: those of whoever is replaced."""

    def request(self) -> dict[str, Any]:
        request = {**PublicForm.request(self), "delegation": self.delegation.code}
        if "protected" in request:
            request["protected"] = request["protected"] == YES
        return request

    def amendment(self) -> dict[str, Any]:
        """The answers as what they amend: what was emptied is taken back."""
        change: dict[str, Any] = {}
        for question in self._asked():
            given = self._given(question)
            place, _, name = question.name.rpartition("/")
            within: dict[str, Any] = change.setdefault(place, {}) if place else change
            if question.pointer == "/protected":
                within[name] = YES in given
            else:
                within[name] = given if question.kind == "checks" else given[0] if given else None
        return change

    @property
    def others(self) -> list[Category]:
        """The other categories that the person may come into."""
        own = self.category if self.moves_from is None else self.moves_from
        return [each for each in self.conference.categories if self.delegation.kind in each.open_to and each is not own]

    def _sessions(self) -> Options:
        return PublicForm._sessions(self) if self.asks_sessions else NONE

    def _asked(self) -> Iterator[Question]:
        gettext = self.language.gettext
        for question in PublicForm._asked(self):
            if question.pointer == "/delegation":
                continue
            if question.pointer == _ASKED_FIRST and self.category.may_be_protected:
                hint = gettext(
                    "The badge then shows the function, and nobody but you and the accreditation desk sees the name."
                )
                yield Question("/protected", gettext("Protected identity"), "yes-no", False, hint, given=[NO])
            if question.pointer != "/sessions":
                yield question
            else:
                offered = {each.value for each in question.options}
                yield replace(question, given=[each for each in self.wished if each in offered])


def answers_of(registration: Registration, correction: Correction | None) -> Mapping[str, list[str]]:
    """What a registration says, and is to say once what waits is accepted, as answers to the form."""
    change = Amendment() if correction is None else correction.change
    person = registration.person
    assert person is not None, "the erased are not amended"
    if change.person is not None:
        person = change.person.applied_to(person)
    answers = {f"person/{name}": [_written(value)] for name, value in person if value is not None}
    own = {**registration.fields, **(change.fields or {})}
    answers |= {f"fields/{slug}": [answer] for slug, answer in own.items() if answer is not None}
    protected = registration.protected if change.protected is None else change.protected
    answers["protected"] = [YES if protected else NO]
    answers["pass_days"] = [each.isoformat() for each in change.pass_days or registration.pass_days]
    return answers


def _written(value: object) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)
