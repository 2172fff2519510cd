"""A correction as pages show it: what it corrects, what stands and what is proposed side by side, what became of it. Pure."""

from dataclasses import dataclass
from datetime import date
from typing import cast

from pydantic import JsonValue

from registration.amendment import PHOTO, Correction
from registration.delegate import Proposed, Registration
from registration.pages.language import PageLanguage
from shared.conference import Conference


@dataclass(frozen=True, slots=True)
class PartShown:
    """One thing that is corrected; `code` is shown left to right."""

    name: str
    now: str
    proposed: str
    code: bool
    photo: bool
    """Whether it is a photo that the reader may see, at the person's own addresses."""


@dataclass(frozen=True, slots=True)
class CorrectionShown:
    number: int
    state: str
    parts: list[PartShown]
    """Without what it says, where it waits no more or the reader may not know."""
    names: str
    by: str
    at: str
    reason: str
    confirming: Proposed | None

    @property
    def waits(self) -> bool:
        return self.state == "waiting"


def correction_shown(
    correction: Correction, registration: Registration, conference: Conference, language: PageLanguage, *, whole: bool
) -> CorrectionShown:
    """`whole` is whether the reader may know the names of the protected, and documents."""
    hidden = not whole and (registration.protected or correction.change.protected or False)
    standing = registration.model_dump(mode="json", include={"person", "protected", "pass_days", "category", "fields"})
    written = _Written(conference, language)
    parts = [
        PartShown(
            written.name(pointer),
            "" if hidden or not correction.waits else written.value(pointer, _at(standing, pointer)),
            "" if hidden else written.value(pointer, correction.values.get(pointer)),
            pointer in ("/person/email", "/person/document_number"),
            photo=pointer == PHOTO and correction.waits and not hidden,
        )
        for pointer in correction.parts
    ]
    return CorrectionShown(
        number=correction.number,
        state=correction.state.value,
        parts=parts,
        names=language.listed(each.name for each in parts),
        by=correction.by,
        at=language.moment(correction.changed_at, conference.zone_info),
        reason=correction.reason or "" if whole or not registration.protected else "",
        confirming=correction.confirming,
    )


class _Written:
    """What corrections name and say, in words."""

    def __init__(self, conference: Conference, language: PageLanguage) -> None:
        self._conference, self._language = conference, language
        self._fields = {f"/fields/{each.slug}": each for each in conference.fields}
        gettext = language.gettext
        self._names = {
            "/category": gettext("Category"),
            "/protected": gettext("Protected identity"),
            PHOTO: gettext("Photo for the badge"),
            "/pass_days": gettext("Days of the pass"),
            "/person/given_name": gettext("Given name"),
            "/person/family_name": gettext("Family name"),
            "/person/printed_name": gettext("Name on the badge"),
            "/person/function": gettext("Function"),
            "/person/email": gettext("E-mail address"),
            "/person/language": gettext("Language of our messages"),
            "/person/time_zone": gettext("Time zone"),
            "/person/birth_date": gettext("Date of birth"),
            "/person/document_number": gettext("Passport or identity card number"),
        }

    def name(self, pointer: str) -> str:
        field = self._fields.get(pointer)
        return self._names.get(pointer, pointer) if field is None else self._language.plain(field.label)

    def value(self, pointer: str, value: JsonValue) -> str:
        if value in (None, [], ""):
            return "–"
        language = self._language
        match pointer:
            case "/category":
                return language.plain(self._conference.category[str(value)].names)
            case "/protected":
                return language.gettext("Yes") if value else language.gettext("No")
            case "/pass_days":
                return language.listed(language.day(date.fromisoformat(str(each))) for each in cast(list[JsonValue], value))
            case "/person/birth_date":
                return language.day(date.fromisoformat(str(value)))
            case _:
                options = {each.slug: each.names for each in self._fields[pointer].options} if pointer in self._fields else {}
                return language.plain(options[str(value)]) if str(value) in options else str(value)


def _at(document: JsonValue, pointer: str) -> JsonValue:
    for name in pointer[1:].split("/"):
        document = document.get(name) if isinstance(document, dict) else None
    return document
